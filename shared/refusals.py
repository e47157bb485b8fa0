"""Reasons that rules of every service give."""

from typing import Any

from shared.decisions import NoAuthority, Refusal
from shared.sealed import is_the_same


class WrongState(Refusal):
    """The thing is not in a state in which this can be done (domain 3)."""


def has_begun(known: Any, begun: Any) -> bool:
    """Whether what would begin under an id, which a client may choose, has begun before in the same words.

    :param known: the event with which something began under this id; None where there is nothing.
    :param begun: the event with which it would begin now.
    :raises WrongState: the id stands for something else, or for the same in other words: these would be lost.
    """
    if known is None:
        return False
    if not is_the_same(known, begun):
        raise WrongState
    return True


class OccurredInFuture(Refusal):
    """The day of the fact lies after today (domain 0.3)."""


class ReasonMissing(Refusal):
    """The act asks for a reason and none was given."""


class DateOrder(Refusal):
    """The day given lies before a day it must follow."""


class Unknown(Refusal):
    """What is named is not known here."""


class NoProof(Refusal):
    """The act asks for a proof or reference and none was given."""


class OnHold(Refusal):
    """A hold, an open contest or an open claim forbids erasing anything of this lease (domain 11)."""


class SelfApproval(NoAuthority):
    """Four eyes: the person did the earlier step themself, or acts in the name of who did (domain 8)."""


class NoMandate(NoAuthority):
    """The act needs a mandate on record and the person has none (domain 8)."""


class MandateEnded(NoAuthority):
    """The person had a mandate for this act, and none is valid on both days (domain 8)."""
