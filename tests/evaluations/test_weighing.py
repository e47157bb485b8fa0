"""What people must see beside the count before they judge (domain 4.5, 4.6, P21; EC-09, EC-21)."""

from datetime import date
from typing import Any

from services.evaluations.events import EvaluationRecorded
from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.weighing import GoesWell, Mended, ToWeigh, WentWell, goes_well, to_weigh
from shared.contracts.visits import FollowUpRecordedV1, PartyLeftV1
from tests.evaluations.a_lease import FATMA, LEASE, ALease, text

VISIT, PAID, LEFT = date(2026, 1, 12), date(2026, 2, 2), date(2026, 3, 2)


def followed_up(lease: ALease, outcome: Any, *, on: date) -> ALease:
    seen = FollowUpRecordedV1(lease=LEASE, finding="a", item="BET-01", seen_on=on, outcome=outcome, seen_by=FATMA)
    return lease.tell(seen, on=on)


def arrears() -> ALease:
    return ALease().finding("a", "BET-01", VISIT)


def beside(lease: ALease, on: date) -> GoesWell:
    return goes_well(lease.file.case, lease.file.evaluations, on=on)


def test_ec_09_what_was_paid_since_must_be_weighed_from_the_day_it_was_seen() -> None:
    lease = followed_up(arrears(), "resolved", on=PAID)
    assert to_weigh(lease.file.case, grounds={"a"}, on=VISIT) == ()
    paid = ToWeigh(code="resolved_since", on=PAID, findings=("a",), item="BET-01")
    assert to_weigh(lease.file.case, grounds={"a"}, on=PAID) == (paid,)
    assert to_weigh(lease.file.case, grounds={"b"}, on=PAID) == ()


def test_what_was_last_seen_of_a_finding_holds() -> None:
    lease = followed_up(arrears(), "resolved", on=PAID)
    followed_up(lease, "partly", on=LEFT)
    assert [one.code for one in to_weigh(lease.file.case, grounds={"a"}, on=LEFT)] == ["partly_since"]
    assert beside(lease, LEFT).items_improved == (Mended(id="a", item="BET-01", outcome="partly", on=LEFT),)
    assert beside(lease, PAID).findings_resolved == (Mended(id="a", item="BET-01", outcome="resolved", on=PAID),)
    followed_up(lease, "not_kept", on=date(2026, 4, 6))
    assert to_weigh(lease.file.case, grounds={"a"}, on=date(2026, 4, 6)) == ()


def test_ec_21_who_left_since_the_facts_must_be_weighed_and_the_count_stays() -> None:
    lease = ALease().evaluation("E1", VISIT, communicated=date(2026, 1, 20)).finding("later", "ONH-02", LEFT)
    lease.tell(PartyLeftV1(lease=LEASE, party="p2", left_on=PAID, reason=text("scheiding")), on=PAID)
    left = ToWeigh(code="party_left", on=PAID, findings=("E1-f1",), party="p2")
    assert to_weigh(lease.file.case, grounds={"E1-f1", "later"}, on=LEFT) == (left,)
    assert to_weigh(lease.file.case, grounds={"later"}, on=LEFT) == ()
    assert lease.count(LEFT) == 1


def test_a_positive_evaluation_stands_in_the_positive_line_and_subtracts_nothing() -> None:
    lease = ALease().evaluation("E1", VISIT, communicated=date(2026, 1, 20)).evaluation("E2", PAID, decided=PAID)
    lease.record(EVALUATION, "E2", EvaluationRecorded(outcome="positive", reasons=None, by=FATMA), on=PAID)
    assert beside(lease, PAID).evaluations == (WentWell(id="E2", outcome="positive", moment_on=PAID),)
    assert beside(lease, VISIT).evaluations == ()
    assert lease.count(PAID) == 1
