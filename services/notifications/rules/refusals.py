"""Reasons for which an act on a letter is refused (domain 3.8, 9)."""

from shared.decisions import NoAuthority, Refusal


class DutchMissing(Refusal):
    """The official text is Dutch; a translation never stands in its place (9.2)."""


class ContentMissing(Refusal):
    """Mandatory parts of the letter are missing; each is named (9.2)."""


class TranslationMissing(Refusal):
    """An addressee does not read Dutch, has no annex and did not waive one (9.2)."""


class NotBadNewsSender(NoAuthority):
    """Bad news is brought by whom the office's policy and the kind of letter name (P26, 3.8)."""


class ChannelNotAllowed(Refusal):
    """This kind of letter may not go this way (9.1)."""


class AddresseeMissing(Refusal):
    """Somebody who must get the letter on this day is not among its addressees (9.3)."""


class CarrierFileUnreadable(Refusal):
    """A column that the carrier's file must have is missing."""


class AddressUnchanged(Refusal):
    """It came back from this address; by the same way it would come back again (3.8)."""
