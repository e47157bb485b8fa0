"""Referrals over HTTP: translate, decide, answer. One module for each kind of thing; importing one opens its doors."""

from services.referrals.api import bridge_figures, figures, interpreters, ocmw, partners, protocols, referrals
from services.referrals.api.door import api

__all__ = ["api", "bridge_figures", "figures", "interpreters", "ocmw", "partners", "protocols", "referrals"]
