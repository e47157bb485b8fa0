"""What forbids erasing anything of a lease: a hold, an open contest, an open claim, as evaluations told (domain 11)."""

from dataclasses import dataclass, replace
from typing import assert_never

from services.visits.rules.termination import Open
from shared.contracts.evaluations import (
    ClaimFiledV1,
    EvaluationAnnulledV1,
    EvaluationContestedV1,
    EvaluationUpheldV1,
    EvaluationWithdrawnV1,
    HoldLiftedV1,
    HoldPlacedV1,
    LateContestAdmittedV1,
)
from shared.decisions import Refusal, Stream

HoldTold = (
    HoldPlacedV1
    | HoldLiftedV1
    | EvaluationContestedV1
    | LateContestAdmittedV1
    | EvaluationUpheldV1
    | EvaluationAnnulledV1
    | EvaluationWithdrawnV1
    | ClaimFiledV1
)


@dataclass(frozen=True, kw_only=True)
class Holds:
    """The holds placed, the evaluations contested and the termination files with a claim, of one lease."""

    placed: frozenset[str] = frozenset()
    contested: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()


class OnHold(Refusal):
    """A hold, an open contest or an open claim forbids erasing anything of this lease."""


def must_not_be_held(holds: Holds, terminations: Open) -> None:
    """Let pass what may be erased.

    :param terminations: the termination files that are open: a claim is open as long as its file.
    :raises OnHold: something forbids it.
    """
    if holds.placed or holds.contested or holds.claimed & terminations:
        raise OnHold


def evolve(holds: Holds, event: HoldTold) -> Holds:
    match event:
        case HoldPlacedV1():
            return replace(holds, placed=holds.placed | {event.hold})
        case HoldLiftedV1():
            return replace(holds, placed=holds.placed - {event.hold})
        case EvaluationContestedV1() | LateContestAdmittedV1():
            return replace(holds, contested=holds.contested | {event.evaluation})
        case EvaluationUpheldV1() | EvaluationAnnulledV1() | EvaluationWithdrawnV1():
            return replace(holds, contested=holds.contested - {event.evaluation})
        case ClaimFiledV1():
            return replace(holds, claimed=holds.claimed | {event.termination})
        case _:
            assert_never(event)


HOLDS = Stream("holds", initial=Holds(), evolve=evolve, events=HoldTold)
