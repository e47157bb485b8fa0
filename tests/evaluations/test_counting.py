"""The counting rule by the numbers of the domain: W1 to W12 (4.8), GV-15, and the cases of 14.1 about the count."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from services.evaluations.events import ReviewOpened, ThresholdNoLongerMet, ThresholdReached
from services.evaluations.rules.counting import Counted, Excluded, Merged, answer
from shared.contracts.visits import FollowUpRecordedV1
from tests.evaluations.a_lease import FATMA, LEASE, START, ALease, morning


def d(text: str) -> date:
    return date.fromisoformat(text)


def w2(*, third: bool = True) -> ALease:
    """The evaluations of W2."""
    lease = ALease()
    lease.evaluation("E1", d("2026-01-12"), communicated=d("2026-01-20"))
    lease.evaluation("E2", d("2026-03-10"), communicated=d("2026-03-18"))
    return lease.evaluation("E3", d("2026-05-05"), communicated=d("2026-05-13")) if third else lease


def test_w1_two_breaches_seen_at_one_visit_are_one_evaluation() -> None:
    lease = ALease().finding("a", "ONH-02", d("2026-01-12")).finding("b", "AFV-01", d("2026-01-12"))
    lease.evaluation("E1", findings=("a", "b"), communicated=d("2026-01-20"))
    assert lease.count(d("2026-01-20")) == 1


def test_w2_three_evaluations_reach_the_threshold_on_the_day_of_the_third_letter() -> None:
    lease = w2()
    assert (lease.count(d("2026-05-12")), lease.standing(d("2026-05-12")).reached) == (2, False)
    assert (lease.count(d("2026-05-13")), lease.standing(d("2026-05-13")).reached) == (3, True)


def test_w3_facts_within_the_cure_period_merge() -> None:
    lease = w2(third=False).evaluation("E3", d("2026-03-20"), communicated=d("2026-03-30"))
    stood = lease.standing(d("2026-04-01"))
    assert stood.count == 2
    assert stood.place_of("E3") == Merged(id="E3", into="E2", reason="within_cure")


@pytest.mark.parametrize(("fact", "count"), [("2026-04-17", 2), ("2026-04-18", 3)])
def test_w4_the_last_day_of_the_cure_period_is_not_after_it(fact: str, count: int) -> None:
    lease = w2(third=False).evaluation("E3", d(fact), communicated=d("2026-04-30"))
    assert lease.count(d("2026-05-01")) == count


def test_w5_one_fact_after_the_cure_period_is_enough() -> None:
    lease = w2(third=False).evaluation("E3", d("2026-04-02"), d("2026-04-20"), communicated=d("2026-04-30"))
    assert lease.count(d("2026-05-01")) == 3


@pytest.mark.parametrize(("third", "count"), [("2026-03-17", 3), ("2026-03-18", 2)])
def test_w6_and_gv_15_an_evaluation_counts_through_the_day_before_its_validity_ends(third: str, count: int) -> None:
    lease = ALease(start=d("2023-01-02")).evaluation("E1", d("2024-03-10"), communicated=d("2024-03-18"))
    lease.evaluation("E2", d("2025-06-02"), communicated=d("2025-06-11"))
    lease.evaluation("E3", d("2026-03-09"), communicated=d(third))
    assert lease.count(d(third)) == count
    if count == 2:
        assert lease.standing(d(third)).place_of("E1") == Excluded(id="E1", reason="expired")


def test_w7_a_contest_takes_the_evaluation_out_until_it_is_decided() -> None:
    lease = w2().contest("E2", d("2026-04-10")).uphold("E2", d("2026-05-20"))
    days = ("2026-04-09", "2026-04-10", "2026-05-13", "2026-05-20")
    assert [lease.count(d(day)) for day in days] == [2, 1, 2, 3]


def test_w7_the_threshold_is_reached_on_the_day_the_contest_is_rejected() -> None:
    lease = w2(third=False).contest("E2", d("2026-04-10"))
    third = lease.follow(
        lambda it: it.evaluation("E3", d("2026-05-05"), communicated=d("2026-05-13")), today=d("2026-05-13")
    )
    assert third == []
    follows = lease.follow(lambda it: it.uphold("E2", d("2026-05-20")), today=d("2026-05-20"))
    assert [type(event) for event in follows] == [ThresholdReached, ReviewOpened]
    assert lease.told[-2].occurred_on == d("2026-05-20")


def test_w8_an_annulment_can_let_a_merged_one_stand_and_makes_the_file_doubtful() -> None:
    lease = w2(third=False)
    lease.evaluation("E3", d("2026-04-01"), communicated=d("2026-04-10"))
    lease.follow(lambda it: it.evaluation("E4", d("2026-06-01"), communicated=d("2026-06-09")), today=d("2026-06-10"))
    assert lease.count(d("2026-06-10")) == 3
    follows = lease.follow(lambda it: it.annul("E2", d("2026-06-15")), today=d("2026-06-15"))
    stood = lease.standing(d("2026-06-15"))
    assert stood.count == 3
    assert stood.place_of("E3") == Counted(id="E3")
    assert [type(event).__name__ for event in follows] == ["GroundsDoubtful"]
    assert follows[0].evaluations == ("E2",)


def w9(*, informed: bool, first: int = 4, later: int = 2) -> ALease:
    """Three evaluations, a policy change on 2026-06-01, and perhaps the renter informed of it on 07-01."""
    lease = ALease(start=d("2026-01-05"))
    lease.policy(from_=d("2025-06-01"), threshold_n=first)
    registered = lease.file.case.of_lease[0]
    pinned = replace(registered, event=replace(registered.event, policy_version="P-2"))
    lease.file = replace(lease.file, case=replace(lease.file.case, of_lease=(pinned, *lease.file.case.of_lease[1:])))
    lease.policy(from_=d("2026-06-01"), threshold_n=later)
    if informed:
        lease.inform("P-3", on=d("2026-07-01"))
    lease.evaluation("E1", d("2026-03-02"), communicated=d("2026-03-10"))
    lease.evaluation("E2", d("2026-08-03"), communicated=d("2026-08-12"))
    return lease.evaluation("E3", d("2026-11-02"), communicated=d("2026-11-10"))


def test_w9_a_stricter_policy_works_on_facts_after_the_renter_was_told() -> None:
    lease = w9(informed=True)
    august, november = lease.standing(d("2026-08-12")), lease.standing(d("2026-11-10"))
    assert [(track.count, track.threshold) for track in august.tracks] == [(2, 4), (1, 2)]
    assert not august.reached
    assert november.reached
    assert (november.headline.pin, november.count, november.threshold) == (1, 2, 2)
    assert not w9(informed=False).standing(d("2026-11-10")).reached


def test_w10_a_milder_policy_works_at_once() -> None:
    lease = w9(informed=False, first=2, later=2)
    assert lease.standing(d("2026-08-12")).reached
    lease = w9(informed=False, first=2, later=4)
    assert not lease.standing(d("2026-08-12")).reached


def test_w11_a_letter_typed_in_late_makes_no_crossing_in_the_past() -> None:
    lease = ALease(start=d("2023-01-02"))
    lease.evaluation("E1", d("2024-05-10"), communicated=d("2024-05-20"))
    lease.evaluation("E2", d("2025-02-20"), communicated=d("2025-03-03"))
    lease.evaluation("E3", d("2026-05-01"), decided=d("2026-05-04"))
    assert lease.follow(today=d("2026-05-21"))[0].__class__.__name__ == "EvaluationExpired"
    follows = lease.follow(
        lambda it: it.communicate("E3", d("2026-05-10"), at=morning(d("2026-06-10"))), today=d("2026-06-10")
    )
    assert ThresholdReached not in {type(event) for event in follows}
    assert lease.count(d("2026-06-10")) == 2
    assert lease.count(d("2026-05-10")) == 3  # what was true that day is still answered, and crosses nothing


def test_w12_two_visits_before_one_letter_day_count_once() -> None:
    lease = ALease(start=d("2026-01-05")).evaluation("E1", d("2026-03-02"), communicated=d("2026-03-10"))
    lease.evaluation("E2", d("2026-03-04"), communicated=d("2026-03-10"))
    assert lease.count(d("2026-03-10")) == 1


def test_ec_05_a_third_letter_on_the_day_the_first_expires_crosses_nothing() -> None:
    lease = ALease(start=d("2023-01-02")).evaluation("E1", d("2024-03-10"), communicated=d("2024-03-18"))
    lease.evaluation("E2", d("2025-06-02"), communicated=d("2025-06-11"))
    follows = lease.follow(
        lambda it: it.evaluation("E3", d("2026-03-09"), communicated=d("2026-03-18")), today=d("2026-03-18")
    )
    assert [type(event).__name__ for event in follows] == ["EvaluationExpired"]
    assert (lease.count(d("2026-03-18")), lease.standing(d("2026-03-18")).reached) == (2, False)


def test_ec_06_facts_ten_days_after_the_facts_before_merge() -> None:
    lease = w2(third=False).evaluation("E3", d("2026-03-20"), communicated=d("2026-03-30"))
    assert lease.standing(d("2026-03-30")).place_of("E3") == Merged(id="E3", into="E2", reason="within_cure")


def test_ec_20_a_new_lease_begins_at_nought() -> None:
    assert ALease(start=d("2026-06-01")).count(d("2026-06-02")) == 0


def test_an_imported_lease_counts_only_facts_after_the_renter_was_told() -> None:
    lease = ALease(start=d("2020-01-06"), informed_on=d("2026-02-01"))
    lease.evaluation("E1", d("2026-01-12"), communicated=d("2026-01-20"))
    lease.evaluation("E2", d("2026-03-10"), communicated=d("2026-03-18"))
    stood = lease.standing(d("2026-04-01"))
    assert stood.headline.counted == ("E2",)
    assert stood.place_of("E1") == Excluded(id="E1", reason="no_valid_ground")


def test_nobody_was_told_of_a_policy_before_it_was_adopted() -> None:
    lease = ALease().policy(from_=d("2026-06-01"), threshold_n=2).inform("P-2", on=d("2026-01-05"))
    lease.evaluation("E1", d("2026-03-02"), communicated=d("2026-03-10"))
    lease.evaluation("E2", d("2026-05-04"), communicated=d("2026-05-12"))
    assert [track.pin for track in lease.standing(d("2026-05-31")).tracks] == [0]
    stood = lease.standing(d("2026-06-10"))
    assert [(track.informed_on, track.count, track.threshold) for track in stood.tracks] == [
        (START, 2, 3),
        (d("2026-06-01"), 0, 2),
    ]


def test_told_again_of_the_same_policy_is_no_new_pin() -> None:
    lease = w2().inform("P-1", on=d("2026-04-01"))
    assert [track.pin for track in lease.standing(d("2026-05-13")).tracks] == [0]
    assert lease.count(d("2026-05-13")) == 3


def test_ec_07_a_stricter_policy_the_renter_was_not_told_of_changes_nothing() -> None:
    lease = w9(informed=False, first=4, later=2)
    assert lease.standing(d("2026-08-12")).threshold == 4


def test_ec_08_a_milder_policy_takes_the_threshold_back_and_leaves_the_review_open() -> None:
    lease = w2()
    lease.follow(today=d("2026-05-13"))
    lease.policy(from_=d("2026-06-01"), threshold_n=4)
    follows = lease.follow(today=d("2026-06-01"), since=d("2026-05-31"))
    assert [type(event).__name__ for event in follows] == ["ThresholdNoLongerMet", "GroundsDoubtful"]
    assert lease.file.open_review is not None


def test_ec_09_arrears_paid_later_still_count() -> None:
    lease = ALease().evaluation("E1", d("2026-01-12"), communicated=d("2026-01-20"), item="BET-01")
    lease.tell(
        FollowUpRecordedV1(
            lease=LEASE, finding="E1-f1", item="BET-01", seen_on=d("2026-02-02"), outcome="resolved", seen_by=FATMA
        ),
        on=d("2026-02-02"),
    )
    assert lease.count(d("2026-02-03")) == 1


def test_ec_10_a_finding_that_turns_out_the_owners_counts_no_more_from_that_day() -> None:
    lease = ALease().evaluation("E1", d("2026-01-12"), communicated=d("2026-01-20"), item="ONH-04")
    lease.reattribute("E1-f1", to="owner", on=d("2026-03-02"), item="ONH-04")
    assert (lease.count(d("2026-03-01")), lease.count(d("2026-03-02"))) == (1, 0)
    assert lease.standing(d("2026-03-02")).place_of("E1") == Excluded(id="E1", reason="no_valid_ground")


def test_ec_25_a_fact_on_the_day_of_the_letter_is_not_after_it() -> None:
    lease = w2(third=False).evaluation("E3", d("2026-03-18"), communicated=d("2026-03-30"))
    assert lease.standing(d("2026-04-01")).place_of("E3") == Merged(id="E3", into="E2", reason="within_cure")


def test_a_mistaken_finding_grounds_nothing() -> None:
    lease = ALease().evaluation("E1", d("2026-01-12"), communicated=d("2026-01-20"))
    assert lease.mistaken("E1-f1", on=d("2026-02-02")).count(d("2026-02-02")) == 0


def test_an_item_that_becomes_non_terminable_stops_counting_for_old_evaluations_too() -> None:
    lease = w2().not_terminable("ONH-02", from_=d("2026-05-20"))
    assert (lease.count(d("2026-05-19")), lease.count(d("2026-05-20"))) == (3, 0)


def test_a_ground_struck_by_a_contest_falls_away_on_the_day_of_the_decision() -> None:
    lease = w2().contest("E2", d("2026-04-10")).uphold("E2", d("2026-05-20"), struck=("E2-f1",))
    assert lease.standing(d("2026-05-20")).place_of("E2") == Excluded(id="E2", reason="no_valid_ground")


def test_a_second_letter_about_one_visit_counts_with_the_first_and_lengthens_nothing() -> None:
    lease = ALease().evaluation("E1", d("2026-01-12"), communicated=d("2026-01-20"), moment="v1")
    lease.evaluation("E2", d("2026-01-12"), communicated=d("2026-02-20"), moment="v1")
    stood = lease.standing(d("2026-03-01"))
    assert stood.headline.places == (Counted(id="E1"), Merged(id="E2", into="E1", reason="same_moment"))
    assert stood.headline.next_expiry == d("2028-01-20")
    lease.annul("E1", d("2026-03-02"))
    stood = lease.standing(d("2026-03-02"))
    assert stood.headline.counted == ("E2",)
    assert stood.headline.next_expiry == d("2028-01-20")


def test_a_contest_that_does_not_suspend_leaves_the_count() -> None:
    lease = ALease()
    lease.policy(from_=d("2015-06-01"), contest_suspends=False)
    registered = lease.file.case.of_lease[0]
    pinned = replace(registered, event=replace(registered.event, policy_version="P-2"))
    lease.file = replace(lease.file, case=replace(lease.file.case, of_lease=(pinned,)))
    lease.evaluation("E1", d("2026-01-12"), communicated=d("2026-01-20")).contest("E1", d("2026-01-25"))
    assert lease.count(d("2026-01-26")) == 1


def test_a_withdrawn_evaluation_is_in_the_answer_communicated_or_not() -> None:
    lease = ALease().evaluation("E1", d("2026-01-12")).withdraw("E1", d("2026-01-15"))
    assert lease.standing(d("2026-01-14")).place_of("E1") == Excluded(id="E1", reason="not_communicated")
    assert lease.standing(d("2026-01-15")).place_of("E1") == Excluded(id="E1", reason="withdrawn")


def test_the_answer_has_the_fixed_shape() -> None:
    lease = w2()
    lease.evaluation("E4", d("2026-05-20"), communicated=d("2026-05-30"))
    lease.evaluation("E0", d("2026-05-06"), decided=d("2026-05-08"))
    at = datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert answer(lease.standing(d("2026-06-01")), as_known_at=at, ledger_position=812) == {
        "lease": "L1",
        "on": "2026-06-01",
        "as_known_at": "2026-06-01T10:00:00Z",
        "count": 3,
        "threshold": 3,
        "reached": True,
        "track": 0,
        "tracks": [{"pin": 0, "informed_on": "2025-11-03", "count": 3, "threshold": 3, "reached": True}],
        "counted": ["E1", "E2", "E3"],
        "merged": [{"id": "E4", "into": "E3", "reason": "within_cure"}],
        "excluded": [{"id": "E0", "reason": "not_communicated"}],
        "next_expiry": "2028-01-20",
        "policy_version": "P-1",
        "ledger_position": 812,
        "note": "The count opens a review. A person decides.",
    }


def test_what_was_known_at_an_instant_is_answered_the_same_for_ever() -> None:
    lease = w2()
    at = morning(d("2026-05-13"), 12)
    known = answer(lease.standing(d("2026-05-13"), known_at=at), as_known_at=at, ledger_position=1)
    lease.annul("E2", d("2026-05-14"))
    lease.tell_of_mistake("E1-f1", on=d("2026-01-13"), at=morning(d("2026-05-15")))  # an old fact, learnt of later
    lease.policy(from_=d("2026-05-01"), at=morning(d("2026-05-16")), threshold_n=5)
    assert answer(lease.standing(d("2026-05-13"), known_at=at), as_known_at=at, ledger_position=1) == known
    assert known["count"] == 3
    assert lease.count(d("2026-05-13")) == 2  # E1 has no valid ground, as is known now; E2 was annulled later


def test_the_threshold_is_reached_once_and_again_after_a_fall() -> None:
    lease = w2()
    first = lease.follow(today=d("2026-05-13"))
    assert [type(event) for event in first] == [ThresholdReached, ReviewOpened]
    assert first[0].evaluations == ("E1", "E2", "E3")
    assert lease.follow(today=d("2026-05-14")) == []
    fall = lease.follow(lambda it: it.contest("E3", d("2026-05-20")), today=d("2026-05-20"))
    assert [type(event).__name__ for event in fall] == ["ThresholdNoLongerMet", "GroundsDoubtful"]
    again = lease.follow(lambda it: it.uphold("E3", d("2026-06-10")), today=d("2026-06-10"))
    assert [type(event) for event in again] == [ThresholdReached]  # linked to the review that is open
    assert again[0].termination == lease.file.open_review
    assert isinstance(fall[0], ThresholdNoLongerMet)
