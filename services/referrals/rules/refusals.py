"""Reasons that several rules of referrals give."""

from shared.decisions import Refusal


class NoConsent(Refusal):
    """The renter has not agreed to this (domain 3.7)."""
