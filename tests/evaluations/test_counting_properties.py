"""The counting rule over random histories: a naive second implementation agrees, and the invariants of 13 hold."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from services.evaluations.rules.counting import Counted, Excluded, Merged, Standing, Track, answer
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.policy import POLICIES, drafted
from services.evaluations.rules.simulation import difference
from tests.evaluations.random_histories import (
    Evaluated,
    Fact,
    History,
    Policy,
    day,
    histories,
    instant,
    naive,
    recorded,
    told,
)

ENOUGH = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
SOME = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), database=None)
DAYS = st.one_of(st.integers(20, 900), st.integers(100, 450))
EVERYTHING = datetime(2100, 1, 1, tzinfo=UTC)
SEEN: Counter[str] = Counter()
TODAY_IS_LATE = 1000


def places_of(track: Track) -> dict[str, Any]:
    """Return the places in the words of the naive rule."""
    found: dict[str, Any] = {}
    for place in track.places:
        match place:
            case Counted():
                found[place.id] = "counted"
            case Merged():
                found[place.id] = (place.reason, place.into)
            case Excluded():
                found[place.id] = place.reason
    return found


def stood(file: LeaseFile, on: int, known: datetime | None = None) -> Standing:
    return file.standing(on=day(on), known_at=known)


@ENOUGH
@given(histories(), DAYS, st.one_of(st.none(), DAYS))
def test_a_naive_second_implementation_agrees(history: History, on: int, known: int | None) -> None:
    at = EVERYTHING if known is None else instant(known, 500)
    found = stood(told(history), on, None if known is None else at)
    expected = naive(history, day(on), at)
    assert [
        {"count": track.count, "threshold": track.threshold, "places": places_of(track)} for track in found.tracks
    ] == expected
    for track in found.tracks:
        SEEN.update(one if isinstance(one, str) else one[0] for one in places_of(track).values())
    SEEN["track above 0"] += len(found.tracks) > 1
    SEEN["reached"] += found.reached


def test_the_generator_reaches_every_place_and_reason() -> None:
    wanted = {
        "counted", "same_moment", "within_cure", "not_communicated", "contested", "annulled", "withdrawn",
        "no_valid_ground", "expired", "track above 0", "reached",
    }  # fmt: skip
    print("\nplaces reached:", dict(sorted(SEEN.items())))
    assert not SEEN or {name for name, number in SEEN.items() if number} >= wanted


@SOME
@given(histories(), DAYS)
def test_i_02_each_evaluation_has_one_place_and_the_count_is_at_most_the_moments(history: History, on: int) -> None:
    found = stood(told(history), on)
    for track in found.tracks:
        ids = [place.id for place in track.places]
        assert len(ids) == len(set(ids))
        moments = {
            one.moment
            for number, one in enumerate(history.evaluations)
            if f"E{number}" in ids and one.communicated is not None
        }
        assert 0 <= track.count <= len(moments)


@SOME
@given(histories(), DAYS)
def test_i_03_counted_units_are_spaced_and_share_no_moment(history: History, on: int) -> None:
    file = told(history)
    for track in stood(file, on).tracks:
        counted = [file.evaluations[id] for id in track.counted]
        assert len({one.moment for one in counted}) == len(counted)
        days = [one.communicated_on for one in counted if one.communicated_on is not None]
        assert days == sorted(days)
        for before, after in pairwise(counted):
            of_moment = [one for one in file.evaluations.values() if one.moment == after.moment]
            facts = [ground.occurred_on for one in of_moment for ground in one.grounds]
            assert before.communicated_on is not None
            assert any((fact - before.communicated_on).days > track.parameters.cure_days for fact in facts)


def weakened(history: History, which: int, how: str, on: int) -> History:
    """Return the history in which one evaluation is removed, annulled, contested, or has a ground struck, by a day."""
    if how == "removed":
        return replace(history, evaluations=history.evaluations[:which] + history.evaluations[which + 1 :])
    one = history.evaluations[which]
    known = max(step[1] for step in (one.communicated, one.corrected, one.contested) if step is not None)
    changed = {
        "annulled": replace(one, contested=None, upheld=None, annulled=(0, known)),
        "contested": replace(one, contested=(0, known), upheld=None, annulled=None),
        # Contested and upheld on one day long ago: nothing changes but the ground that was struck with it.
        "struck": replace(one, contested=one.contested or (0, known), upheld=(0, known), struck=(*one.struck, 0)),
    }[how]
    return replace(history, evaluations=(*history.evaluations[:which], changed, *history.evaluations[which + 1 :]))


@SOME
@given(histories(), DAYS, st.integers(0, 5), st.sampled_from(["annulled", "contested", "removed", "struck"]))
def test_i_04_taking_an_evaluation_or_a_ground_away_never_raises_the_count(
    history: History, on: int, which: int, how: str
) -> None:
    which %= len(history.evaluations)
    one = history.evaluations[which]
    assume(one.communicated is not None and (one.corrected is None or one.corrected[0] is not None))
    file = told(history)
    before = stood(file, on)
    places = {places_of(track).get(f"E{which}") for track in before.tracks}
    assume("expired" not in places)
    assume(how != "removed" or len(history.evaluations) > 1)
    # To strike a ground of what is contested settles the contest, and to contest what was annulled would bring it back.
    assume(how not in ("struck", "contested") or places.isdisjoint({"contested", "annulled"}))
    if how == "removed":
        after = LeaseFile(
            lease=file.lease,
            policies=file.policies,
            checklists=file.checklists,
            case=file.case,
            evaluations={id: one for id, one in file.evaluations.items() if id != f"E{which}"},
            terminations={},
        )
    else:
        after = told(weakened(history, which, how, on))
    for track, less in zip(before.tracks, stood(after, on).tracks, strict=True):
        assert less.count <= track.count


@SOME
@given(histories())
def test_i_05_time_alone_never_raises_the_count(history: History) -> None:
    file = told(history)
    for on in (TODAY_IS_LATE, TODAY_IS_LATE + 30, TODAY_IS_LATE + 200):
        today, tomorrow = stood(file, on), stood(file, on + 1)
        for track, later in zip(today.tracks, tomorrow.tracks, strict=True):
            assert later.count <= track.count


@SOME
@given(histories(), DAYS)
def test_i_05_a_milder_policy_never_raises(history: History, on: int) -> None:
    file = told(history)
    current = file.policy(on=day(on))
    milder = drafted(
        current,
        version="P-9",
        in_force_from=day(on),
        threshold_n=min(current.threshold_n + 1, 5),
        validity_months=6,
        cure_days=90,
        contest_suspends=True,
    )
    adopted = POLICIES.after(file.policies, recorded(milder, "policies/office", on=on, known=instant(on)))
    before, after = stood(file, on), stood(replace(file, policies=adopted), on)
    assert not after.reached or before.reached
    for track, less in zip(before.tracks, after.tracks, strict=True):
        assert less.count <= track.count
        assert less.threshold >= track.threshold


@SOME
@given(histories(), DAYS)
def test_i_05_a_stricter_policy_is_never_stricter_than_what_the_renter_was_told(history: History, on: int) -> None:
    file = told(history)
    current = file.policy(on=day(on))
    strict: dict[str, Any] = {"threshold_n": 2, "validity_months": 36, "cure_days": 14, "contest_suspends": False}
    stricter = drafted(current, version="P-9", in_force_from=day(on), **strict)
    adopted = POLICIES.after(file.policies, recorded(stricter, "policies/office", on=on, known=instant(on)))
    pinned = history.policies[0]
    parameters = stood(replace(file, policies=adopted), on).tracks[0].parameters
    assert parameters.threshold >= pinned.n
    assert parameters.validity_months <= pinned.validity
    assert parameters.cure_days >= pinned.cure
    assert parameters.contest_suspends or not pinned.suspends


@SOME
@given(histories(), DAYS)
def test_i_07_any_order_of_arrival_gives_the_same_count(history: History, on: int) -> None:
    one, other = stood(told(history), on), stood(told(history, shuffled=True), on)
    assert [(places_of(track), track.threshold) for track in one.tracks] == [
        (places_of(track), track.threshold) for track in other.tracks
    ]


@SOME
@given(histories(), histories(), DAYS, DAYS)
def test_an_answer_for_a_past_instant_never_changes(history: History, more: History, on: int, known: int) -> None:
    at = instant(known, 500)
    shape = {"as_known_at": at, "ledger_position": 1}
    whole = told(history)
    then = whole.as_known(at)
    assume(then.case.registered is not None)
    assert answer(whole.standing(on=day(on), known_at=at), **shape) == answer(then.standing(on=day(on)), **shape)  # type: ignore[arg-type]


@example(
    History(
        policies=(Policy(n=2, validity=6, cure=14, suspends=True),),
        informs=(),
        evaluations=(Evaluated(moment=0, facts=(Fact(on=10, item="ONH-02"),), decided=10, communicated=(12, 12)),),
    ),
    20,
)
@SOME
@given(histories(), DAYS)
def test_the_headline_is_the_lowest_reached_track_or_the_one_that_lacks_least(history: History, on: int) -> None:
    found = stood(told(history), on)
    reached = [track.pin for track in found.tracks if track.reached]
    if reached:
        assert found.headline.pin == min(reached)
    else:
        lacks = [(track.threshold - track.count, track.pin) for track in found.tracks]
        assert (found.headline.threshold - found.headline.count, found.headline.pin) == min(lacks)
    assert found.reached == bool(reached)


@SOME
@given(histories(), DAYS)
def test_a_draft_that_says_what_holds_already_changes_nothing(history: History, on: int) -> None:
    file = told(history)
    draft = replace(file.policy(on=day(on)), version="P-9", in_force_from=day(on))
    assert difference(file, draft, on=day(on), at=instant(on)) is None


@SOME
@given(histories(), DAYS)
def test_a_letter_that_arrives_adds_one_to_the_count_or_nothing(history: History, on: int) -> None:
    file = told(history)
    for id, evaluation in file.evaluations.items():
        if evaluation.state == "decided_negative":
            before, after, _ = file.says_of_count(id, today=day(on), at=instant(on))
            assert before <= after <= before + 1


def test_the_naive_rule_and_the_rule_share_no_code() -> None:
    import tests.evaluations.random_histories as module

    assert "counting" not in {name.rpartition(".")[2] for name in vars(module)}
    assert module.add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
