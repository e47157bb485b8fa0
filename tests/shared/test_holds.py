"""Nothing of a lease is erased while a hold, a contest or a claim is open (domain 11)."""

from datetime import date
from typing import Any

import pytest

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
)
from shared.holds import HOLDS, must_not_be_held
from shared.refusals import OnHold
from tests.contracts import example
from tests.specification import state_of

PLACED = HoldPlacedV1(lease="L1", hold="h1", why=example(HoldPlacedV1).why, by="dora")
LIFTED = HoldLiftedV1(lease="L1", hold="h1", why=None, by="dora")


def told(kind: type, **known: Any) -> Any:
    """Return a contract as evaluations would tell it, of whose fields only the named ones matter."""
    return type(example(kind))(**{**vars(example(kind)), "lease": "L1", **known})


CONTESTED = told(EvaluationContestedV1, evaluation="e1", lodged_on=date(2026, 4, 1))
LATE = told(LateContestAdmittedV1, evaluation="e1", lodged_on=date(2026, 4, 1))
CLAIMED = told(ClaimFiledV1, termination="t1")
CLOSED = told(TerminationClosedV1, termination="t1")


@pytest.mark.parametrize(
    "history",
    [
        (PLACED,),
        (CONTESTED,),
        (LATE,),
        (CONTESTED, told(EvaluationUpheldV1, evaluation="another")),
        (PLACED, CONTESTED, LIFTED),
    ],
)
def test_what_is_open_forbids_erasing(history: tuple[Any, ...]) -> None:
    with pytest.raises(OnHold):
        must_not_be_held(state_of(HOLDS, *history))


@pytest.mark.parametrize(
    "history",
    [
        (),
        (PLACED, LIFTED),
        (CONTESTED, told(EvaluationUpheldV1, evaluation="e1")),
        (CONTESTED, told(EvaluationAnnulledV1, evaluation="e1")),
        (LATE, told(EvaluationWithdrawnV1, evaluation="e1")),
    ],
)
def test_what_is_over_forbids_nothing(history: tuple[Any, ...]) -> None:
    must_not_be_held(state_of(HOLDS, *history))


@pytest.mark.parametrize("result", ["dissolved", "conditional"])
def test_a_claim_holds_as_long_as_its_file_is_open(result: str) -> None:
    judged = told(JudgmentGivenV1, termination="t1", result=result)
    with pytest.raises(OnHold):
        must_not_be_held(state_of(HOLDS, CLAIMED))
    with pytest.raises(OnHold):
        must_not_be_held(state_of(HOLDS, CLAIMED, judged))
    must_not_be_held(state_of(HOLDS, CLAIMED, judged, CLOSED))
    must_not_be_held(state_of(HOLDS, CLAIMED, told(JudgmentGivenV1, termination="t1", result="rejected")))
