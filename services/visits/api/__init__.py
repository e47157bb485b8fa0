"""Visits over HTTP: translate, decide, answer. One module for each kind of thing; importing them opens their doors."""

from services.visits.api import agreements, contacts, figures, findings, imports, leases, parties, photos, visits
from services.visits.api.door import api

__all__ = ["agreements", "api", "contacts", "figures", "findings", "imports", "leases", "parties", "photos", "visits"]
