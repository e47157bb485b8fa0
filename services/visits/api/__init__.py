"""Visits over HTTP: translate, decide, answer. One module for each kind of thing; importing them opens their doors."""

from services.visits.api import agreements, contacts, findings, leases, visits
from services.visits.api.door import api

__all__ = ["agreements", "api", "contacts", "findings", "leases", "visits"]
