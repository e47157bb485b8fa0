"""Reasons that more than one rule module of visits gives."""

from shared.decisions import NoAuthority, Refusal


class NotPermitted(NoAuthority):
    """The person's role, or their place in this lease, does not give the right to do this (domain 8)."""


class InterpreterIsMinor(Refusal):
    """Who interpreted is under 18; a child never interprets (domain 3.2)."""


class NotSeen(Refusal):
    """A follow-up needs a person who saw it."""


class RenterVoiceMissing(Refusal):
    """What the renter said, plans or sees in the way is not there (seed P13)."""
