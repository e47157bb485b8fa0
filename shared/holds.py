"""What forbids erasing anything of a lease: a hold, an open contest, an open claim, as evaluations told (domain 11)."""

from dataclasses import dataclass, replace
from typing import assert_never

from shared.contracts.evaluations import (
    ClaimFiledV1,
    EvaluationAnnulledV1,
    EvaluationContestedV1,
    EvaluationUpheldV1,
    EvaluationWithdrawnV1,
    HoldLiftedV1,
    HoldPlacedV1,
    JudgmentGivenV1,
    LateContestAdmittedV1,
    TerminationClosedV1,
    TerminationLapsedV1,
    TerminationNotPursuedV1,
)
from shared.decisions import Stream
from shared.refusals import OnHold

HoldTold = (
    HoldPlacedV1
    | HoldLiftedV1
    | EvaluationContestedV1
    | LateContestAdmittedV1
    | EvaluationUpheldV1
    | EvaluationAnnulledV1
    | EvaluationWithdrawnV1
    | ClaimFiledV1
    | TerminationNotPursuedV1
    | JudgmentGivenV1
    | TerminationLapsedV1
    | TerminationClosedV1
)


@dataclass(frozen=True, kw_only=True)
class Holds:
    """The holds placed, the evaluations contested and the termination files with a claim, of one lease."""

    placed: frozenset[str] = frozenset()
    contested: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()

    @property
    def any(self) -> bool:
        """Whether something forbids erasing."""
        return bool(self.placed or self.contested or self.claimed)


def must_not_be_held(holds: Holds) -> None:
    """Let pass what may be erased.

    :raises OnHold: something forbids it.
    """
    if holds.any:
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
        case JudgmentGivenV1() if event.result != "rejected":
            return holds
        case TerminationNotPursuedV1() | JudgmentGivenV1() | TerminationLapsedV1() | TerminationClosedV1():
            return replace(holds, claimed=holds.claimed - {event.termination})
        case _:
            assert_never(event)


HOLDS = Stream("holds", initial=Holds(), evolve=evolve, events=HoldTold)
