"""Another counsellor for a lease (domain 3.1, 8)."""

from datetime import date
from typing import Any

from services.visits.events import CounsellorAssigned, VisitHandedOver
from services.visits.rules.handover import change_counsellor
from services.visits.rules.lease import LEASE
from services.visits.rules.visit import VISIT
from shared.decisions import Elsewhere
from shared.refusals import MandateEnded, ReasonMissing, WrongState
from tests.specification import given
from tests.visits.examples import ANNOUNCED, MANDATES, PLANNED, RECORDED, REGISTERED, RUNNING, text, visit

LEAVES = date(2026, 6, 30)
WHY = text("Fatma verlaat het kantoor.")


def _change(**other: Any) -> dict[str, Any]:
    asked = {"counsellor": "mia", "from_": LEAVES, "reason": WHY, "today": LEAVES, "mandates": MANDATES}
    return {**asked, "visits": {}, **other}


CHANGED = CounsellorAssigned(counsellor="mia", assigned_from=LEAVES, previous="fatma", reason=WHY)


def test_ec_26_open_visits_move_along_and_none_is_dropped() -> None:
    visits = {
        "v1": visit(PLANNED, ANNOUNCED, RECORDED),
        "v2": visit(PLANNED),
        "v3": visit(PLANNED, ANNOUNCED),
    }
    moved = VisitHandedOver(counsellor="mia")
    given(LEASE, *RUNNING).when(change_counsellor, **_change(visits=visits)).then(
        CHANGED, Elsewhere(VISIT, "v2", moved), Elsewhere(VISIT, "v3", moved)
    )


def test_a_change_has_a_reason() -> None:
    given(LEASE, *RUNNING).when(change_counsellor, **_change(reason=None)).then_refused(ReasonMissing)


def test_the_same_counsellor_is_no_change() -> None:
    given(LEASE, *RUNNING).when(change_counsellor, **_change(counsellor="fatma")).then_nothing_happens()


def test_a_lease_that_does_not_run_is_not_handed_over() -> None:
    given(LEASE, REGISTERED).when(change_counsellor, **_change()).then_refused(WrongState)


def test_nobody_takes_over_whose_mandate_for_visits_ended() -> None:
    given(LEASE, *RUNNING).when(change_counsellor, **_change(counsellor="sofie", today=date(2026, 7, 1))).then_refused(
        MandateEnded
    )
