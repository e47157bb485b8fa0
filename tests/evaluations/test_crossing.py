"""Crossings over random days: noted once each, today, and nothing that follows is a decision (I-01, I-06)."""

from datetime import date, timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.evaluations import events as e
from services.evaluations.rules.crossing import STANDING
from tests.evaluations.a_lease import ALease

SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
FIRST = date(2026, 1, 5)
# I-01: what only a person records.
DECISIONS = (
    e.EvaluationDecidedNegative,
    e.EvaluationNotUpheld,
    e.EvaluationRecorded,
    e.EvaluationUpheld,
    e.EvaluationAnnulled,
    e.EvaluationWithdrawn,
    e.TerminationProposed,
    e.TerminationDecided,
    e.TerminationNotPursued,
    e.GroundsConfirmed,
    e.NoticeWithdrawn,
    e.NoticePosted,
)

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["evaluate", "evaluate", "evaluate", "contest", "uphold", "annul", "policy", "wait"]),
        st.integers(0, 4),
        st.integers(1, 60),
    ),
    min_size=3,
    max_size=14,
)


def walk(steps: list[tuple[str, int, int]]) -> list[tuple[date, Any]]:
    """Let things happen to a lease, day after day with its tick, and return what followed, each with its day."""
    lease = ALease(start=FIRST)
    told: list[tuple[date, Any]] = []
    today = FIRST + timedelta(days=10)
    for number, (what, which, later) in enumerate(steps):
        until = today + timedelta(days=later)
        while today < until:
            today += timedelta(days=1)
            told += [(today, event) for event in lease.follow(today=today, since=today - timedelta(days=1))]
        change = partial(do, what=what, which=which, number=number, today=today)
        told += [(today, event) for event in lease.follow(change, today=today)]
    return told


def do(lease: ALease, *, what: str, which: int, number: int, today: date) -> None:
    known = list(lease.file.evaluations.items())
    id, state = (known[which % len(known)][0], known[which % len(known)][1].state) if known else ("", "")
    match what:
        case "evaluate":
            lease.evaluation(f"E{number}", today, communicated=today)
        case "contest" if state in ("communicated", "final"):
            lease.contest(id, today)
        case "uphold" if state == "contested":
            lease.uphold(id, today)
        case "annul" if state in ("communicated", "final", "upheld"):
            lease.annul(id, today)
        case "policy":
            lease.policy(from_=today, threshold_n=2 + which % 4)


@SOME
@given(STEPS)
def test_i_06_between_two_crossings_lies_a_fall(steps: list[tuple[str, int, int]]) -> None:
    reached = False
    for _, event in walk(steps):
        if isinstance(event, e.ThresholdReached):
            assert not reached
            reached = True
        elif isinstance(event, e.ThresholdNoLongerMet):
            assert reached
            reached = False
        elif isinstance(event, e.ReviewDue):
            assert reached


@SOME
@given(STEPS)
def test_i_01_nothing_that_follows_by_itself_is_a_decision(steps: list[tuple[str, int, int]]) -> None:
    assert not [event for _, event in walk(steps) if isinstance(event, DECISIONS)]


def test_a_new_lease_has_crossed_nothing() -> None:
    assert (STANDING.initial.reached, STANDING.initial.crossings) == (False, 0)
