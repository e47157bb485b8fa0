"""Reasons that several rules of evaluations give. Imported as a module: some share their name with an event."""

from shared.decisions import Refusal


class NoGround(Refusal):
    """A negative evaluation, or a termination, must rest on at least one ground that stands."""


class ReasonsNotOwn(Refusal):
    """The decider must give own reasons, in own words, not those of an earlier text."""


class LandlordCommitmentOpen(Refusal):
    """The office itself has an unmet commitment that touches a ground."""


class GateOpen(Refusal):
    """Gates of domain 10.1 are open; each is named."""


class GroundsDoubtful(Refusal):
    """Something the file rests on fell away and no person has confirmed the rest (domain 4.7)."""


class InvitedTooLate(Refusal):
    """The invitation came fewer days before the hearing than the policy asks."""
