"""What follows at once from a change of the file: doubt, restated counts, expiry, lapse (domain 4.3, 4.7)."""

from datetime import date
from typing import Any

from services.evaluations.events import (
    EvaluationCountRestated,
    EvaluationExpired,
    GroundsConfirmed,
    GroundsDoubtful,
    NoticePosted,
    ReviewDue,
    ReviewOpened,
    TerminationLapsed,
    TerminationNotPursued,
    ThresholdNoLongerMet,
    ThresholdReached,
)
from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.lease_file import Act, in_file, pass_the_day
from services.evaluations.rules.termination import TERMINATION
from shared.contracts.visits import LeaseEndedV1
from tests.evaluations.a_file import LASTING, SERIOUS, TODAY, a_lease, decided, proposed
from tests.evaluations.a_lease import LEASE, RITA, ALease, morning, text

POSTED = NoticePosted(posted_on=date(2026, 5, 22), method="registered_paper", communications=("c9",), tracking=())


def reviewed() -> ALease:
    """A lease whose threshold was reached, and whose review is open."""
    lease = a_lease()
    assert [type(event) for event in lease.follow(today=TODAY)] == [ThresholdReached, ReviewOpened]
    return lease


def noticed() -> ALease:
    """A lease under notice."""
    lease = reviewed()
    review = lease.file.open_review
    assert review is not None
    for event in (proposed(lease), decided(lease), POSTED):
        lease.record(TERMINATION, review, event, on=TODAY)
    return lease


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_ec_24_annulling_a_used_evaluation_under_notice_makes_the_grounds_doubtful() -> None:
    lease = noticed()
    follows = lease.follow(lambda it: it.annul("E2", date(2026, 6, 1)), today=date(2026, 6, 1))
    assert names(follows) == ["ThresholdNoLongerMet", "GroundsDoubtful", "GroundsDoubtful"]
    assert follows[1] == GroundsDoubtful(why="ground_invalid", evaluations=("E2",))
    assert follows[2] == GroundsDoubtful(why="count_below_threshold")
    assert lease.follow(today=date(2026, 6, 2)) == []  # and it is not raised again


def test_a_ground_that_turns_out_the_owners_makes_the_file_doubtful() -> None:
    lease = noticed()
    follows = lease.follow(
        lambda it: it.reattribute(SERIOUS, to="owner", on=date(2026, 6, 1), item="SCH-03"), today=date(2026, 6, 1)
    )
    assert follows == [GroundsDoubtful(why="ground_invalid", findings=(SERIOUS,))]


def test_a_contest_after_the_decision_makes_the_file_doubtful() -> None:
    lease = noticed()
    follows = lease.follow(lambda it: it.contest("E3", date(2026, 6, 1)), today=date(2026, 6, 1))
    assert names(follows) == ["ThresholdNoLongerMet", "GroundsDoubtful", "GroundsDoubtful"]


def test_validity_that_ends_after_the_notice_was_posted_makes_nothing_doubtful() -> None:
    lease = noticed()
    day = date(2028, 1, 20)
    follows = lease.follow(today=day, since=date(2028, 1, 19))
    assert names(follows) == ["EvaluationExpired", "ThresholdNoLongerMet"]


def test_validity_that_ends_before_it_is_posted_does() -> None:
    lease = reviewed()
    day = date(2028, 1, 20)
    follows = lease.follow(today=day, since=date(2028, 1, 19))
    assert names(follows) == ["EvaluationExpired", "ThresholdNoLongerMet", "GroundsDoubtful"]


def test_more_evaluations_above_the_threshold_open_nothing_new() -> None:
    lease = reviewed()
    follows = lease.follow(
        lambda it: it.evaluation("E4", date(2026, 6, 20), communicated=date(2026, 6, 25)), today=date(2026, 6, 25)
    )
    assert follows == []


def test_a_further_one_without_an_open_review_is_due_for_people_to_look_at() -> None:
    lease = reviewed()
    review = lease.file.open_review
    assert review is not None
    going_on = TerminationNotPursued(reasons=text("een kans"), measures=(), by=RITA)
    lease.record(TERMINATION, review, going_on, on=date(2026, 6, 1))
    assert lease.follow(today=date(2026, 6, 1)) == []
    follows = lease.follow(
        lambda it: it.evaluation("E4", date(2026, 6, 20), communicated=date(2026, 6, 25)), today=date(2026, 6, 25)
    )
    assert follows == [ReviewDue(lease=LEASE, evaluation="E4", count=4, threshold=3)]
    assert lease.follow(today=date(2026, 6, 26)) == []


def test_the_letter_is_restated_when_the_count_it_tells_has_changed() -> None:
    lease = ALease().evaluation("E1", date(2026, 1, 12), communicated=date(2026, 1, 20))
    lease.evaluation("E2", date(2026, 3, 10))  # decided: 0, 1 of 3, by the shared example
    first = lease.follow(today=date(2026, 3, 11))
    assert first == [EvaluationCountRestated(count_before=1, count_if_communicated=2, threshold=3)]
    assert lease.follow(today=date(2026, 3, 12)) == []
    follows = lease.follow(lambda it: it.annul("E1", date(2026, 3, 13)), today=date(2026, 3, 13))
    assert follows == [EvaluationCountRestated(count_before=0, count_if_communicated=1, threshold=3)]


def told_of(*, contest: int, cure: int, validity: int, informed: bool, later: dict[str, Any]) -> ALease:
    """A lease pinned on one policy, then another in force, of which the renter was told or not; E1 decided after."""
    lease = ALease(policy_version="P-2")
    given: dict[str, Any] = {"contest_days": contest, "cure_days": cure, "validity_months": validity}
    lease.policy(from_=date(2025, 1, 1), **given)
    lease.policy(from_=date(2025, 12, 1), **later)
    if informed:
        lease.inform("P-3", on=date(2025, 12, 15))
    return lease.evaluation("E1", date(2026, 1, 12))


def says(lease: ALease) -> tuple[int, int, int]:
    terms = lease.file.terms_of("E1", today=date(2026, 1, 13), at=morning(date(2026, 1, 13)))
    return terms.contest_days, terms.cure_days, terms.validity_months


STRICTER: dict[str, Any] = {"contest_days": 14, "cure_days": 14, "validity_months": 36}
MILDER: dict[str, Any] = {"contest_days": 60, "cure_days": 90, "validity_months": 6}


def test_the_letter_tells_the_terms_that_the_count_applies_and_never_shorter_ones_than_the_renter_knows() -> None:
    known: dict[str, Any] = {"contest": 30, "cure": 30, "validity": 24}
    assert says(told_of(**known, informed=False, later=STRICTER)) == (30, 30, 24)
    assert says(told_of(**known, informed=False, later=MILDER)) == (60, 90, 6)
    # Told of the stricter one before the facts: the shorter term to contest holds; the count tells of its first track.
    assert says(told_of(**known, informed=True, later=STRICTER)) == (14, 30, 24)


def test_a_further_one_is_newly_counted_only_on_the_track_that_is_told_of() -> None:
    lease = ALease(policy_version="P-2")
    lease.policy(from_=date(2025, 1, 1), threshold_n=4).policy(from_=date(2025, 12, 1), threshold_n=2)
    lease.evaluation("E1", date(2025, 12, 10), communicated=date(2025, 12, 11)).inform("P-3", on=date(2025, 12, 15))
    lease.evaluation("E2", date(2026, 2, 2), communicated=date(2026, 2, 3))
    lease.evaluation("E3", date(2026, 4, 6), communicated=date(2026, 4, 7))
    assert names(lease.follow(today=date(2026, 4, 7))) == ["ThresholdReached", "ReviewOpened"]
    review = lease.file.open_review
    assert review is not None
    going_on = TerminationNotPursued(reasons=text("een kans"), measures=(), by=RITA)
    lease.record(TERMINATION, review, going_on, on=date(2026, 5, 1))
    # The headline moves from track 1 to track 0, where E1 to E3 counted already: only the fourth is new.
    follows = lease.follow(
        lambda it: it.evaluation("E4", date(2026, 6, 20), communicated=date(2026, 6, 25)), today=date(2026, 6, 25)
    )
    assert follows == [ReviewDue(lease=LEASE, evaluation="E4", count=4, threshold=4)]


def test_an_evaluation_upheld_after_its_validity_expires_the_same_day() -> None:
    lease = ALease(start=date(2023, 1, 2)).evaluation("E1", date(2024, 3, 10), communicated=date(2024, 3, 18))
    lease.contest("E1", date(2024, 4, 1))
    assert lease.follow(today=date(2026, 3, 18)) == []
    follows = lease.follow(lambda it: it.uphold("E1", date(2026, 3, 20)), today=date(2026, 3, 20))
    assert follows == [EvaluationExpired()]


def test_ec_18_when_the_lease_ends_otherwise_files_lapse_and_nothing_is_counted_any_more() -> None:
    lease = reviewed()
    died = LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=date(2026, 6, 1))
    follows = lease.follow(lambda it: it.tell(died, on=date(2026, 6, 1)), today=date(2026, 6, 1))
    assert follows == [TerminationLapsed()]
    assert lease.follow(lambda it: it.annul("E2", date(2026, 6, 2)), today=date(2026, 6, 2)) == []


def test_a_lease_that_ends_by_this_notice_closes_with_its_file() -> None:
    lease = noticed()
    ended = LeaseEndedV1(lease=LEASE, mode="landlord_notice", ground="damage", ended_on=date(2026, 8, 31))
    assert lease.follow(lambda it: it.tell(ended, on=date(2026, 8, 31)), today=date(2026, 8, 31)) == []


def test_confirmed_grounds_are_doubted_again_when_another_falls() -> None:
    lease = noticed()
    review = lease.file.open_review
    assert review is not None
    lease.follow(lambda it: it.annul("E2", date(2026, 6, 1)), today=date(2026, 6, 1))
    confirmed = GroundsConfirmed(remaining_grounds=(SERIOUS, LASTING), reasons=text("blijft"), by=RITA, count=2)
    lease.record(TERMINATION, review, confirmed, on=date(2026, 6, 2))
    assert lease.follow(today=date(2026, 6, 2)) == []
    follows = lease.follow(lambda it: it.mistaken(LASTING, on=date(2026, 6, 3)), today=date(2026, 6, 3))
    assert follows == [GroundsDoubtful(why="ground_invalid", findings=(LASTING,))]


def test_a_ground_that_was_weighed_while_it_stood_is_doubted_when_it_falls_for_good() -> None:
    lease = noticed()
    review = lease.file.open_review
    assert review is not None
    lease.evaluation("E4", date(2026, 6, 20), communicated=date(2026, 6, 25))  # the threshold stays met without E3
    lease.follow(lambda it: it.contest("E3", date(2026, 7, 1)), today=date(2026, 7, 1))
    lease.follow(lambda it: it.uphold("E3", date(2026, 7, 2)), today=date(2026, 7, 2))
    lease.follow(lambda it: it.reattribute(LASTING, to="owner", on=date(2026, 7, 3)), today=date(2026, 7, 3))
    lease.follow(lambda it: it.reattribute(LASTING, to="renter", on=date(2026, 7, 4)), today=date(2026, 7, 4))
    confirmed = GroundsConfirmed(remaining_grounds=(SERIOUS, LASTING), reasons=text("staan weer"), by=RITA, count=4)
    lease.record(TERMINATION, review, confirmed, on=date(2026, 7, 6))
    assert lease.follow(today=date(2026, 7, 6)) == []
    follows = lease.follow(lambda it: it.annul("E3", date(2026, 7, 7)), today=date(2026, 7, 7))
    assert follows == [GroundsDoubtful(why="ground_invalid", evaluations=("E3",))]
    follows = lease.follow(lambda it: it.mistaken(LASTING, on=date(2026, 7, 8)), today=date(2026, 7, 8))
    assert follows == [GroundsDoubtful(why="ground_invalid", findings=(LASTING,))]


def test_what_follows_is_the_systems_own_and_stands_in_the_same_commit() -> None:
    lease = a_lease()
    act = Act(on=TODAY, today=TODAY, at=morning(TODAY), actor=RITA, new_review="T1")
    decide = in_file(lambda _state, _file: [], lease=LEASE, stream=EVALUATION, id="E3", act=act)
    events = decide(
        lease.file.evaluations["E3"],
        policies=lease.file.policies,
        checklists=lease.file.checklists,
        case=lease.file.case,
        evaluations=lease.file.evaluations,
        terminations={},
        crossing=lease.file.crossing,
    )
    assert [type(event.event) for event in events] == [ThresholdReached, ReviewOpened]
    assert all(event.follows for event in events)


def test_the_daily_tick_takes_the_count_of_the_day() -> None:
    lease = reviewed()
    lease.policy(from_=date(2026, 6, 1), threshold_n=4)
    act = Act(on=date(2026, 6, 1), today=date(2026, 6, 1), at=morning(date(2026, 6, 1)), actor="SYS", new_review="T9")
    events = pass_the_day(
        lease.file.crossing,
        act=act,
        since=date(2026, 5, 31),
        lease=LEASE,
        policies=lease.file.policies,
        checklists=lease.file.checklists,
        case=lease.file.case,
        evaluations=lease.file.evaluations,
        terminations=lease.file.terminations,
    )
    assert [type(event.event) for event in events] == [ThresholdNoLongerMet, GroundsDoubtful]
