"""What an answer rests on is enough to count it again, and nothing of it is superfluous (issue 5)."""

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.evaluations.rules.counting import answer
from services.evaluations.rules.provenance import bearing, counted_from, rests_on
from tests.evaluations.a_lease import ALease
from tests.evaluations.random_histories import History, day, histories, instant, told

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@FEW
@given(histories(), st.integers(20, 900))
def test_the_listed_events_are_sufficient_and_each_is_necessary(history: History, on: int) -> None:
    file = told(history)
    asked = day(on)
    found = rests_on(file, on=asked)
    shape = {"as_known_at": instant(950), "ledger_position": 1}
    whole = answer(file.standing(on=asked), **shape)  # type: ignore[arg-type]
    alone = counted_from(file, found.events, on=asked)
    assert alone is not None
    assert answer(alone, **shape) == whole  # type: ignore[arg-type]
    standing = file.standing(on=asked)
    for one in found.events:
        fewer = counted_from(file, [other for other in found.events if other is not one], on=asked)
        assert fewer is None or (fewer.tracks, fewer.policy_version) != (standing.tracks, standing.policy_version)
    assert set(map(id, found.events)) <= set(map(id, bearing(file)))


@FEW
@given(histories(), st.integers(20, 900))
def test_each_parameter_of_each_track_names_the_version_that_supplied_it(history: History, on: int) -> None:
    file = told(history)
    found = rests_on(file, on=day(on))
    standing = file.standing(on=day(on))
    by_version = {one.event.version: one.event for one in file.policies}
    given_: dict[tuple[int, str], object] = {}
    for policy in found.policies:
        for one in policy.supplied:
            assert getattr(by_version[policy.version], one.parameter) == one.value
            given_[(one.track, one.parameter)] = one.value
    assert len(given_) == 4 * len(standing.tracks)
    assert [policy.version for policy in found.policies if policy.in_force] == [standing.policy_version]


def test_a_lease_without_evaluations_rests_on_its_registration() -> None:
    found = rests_on(ALease().file, on=date(2026, 1, 1))
    assert [type(one.event).__name__ for one in found.events] == ["LeaseRegisteredV1"]
    assert found.checklists == ()
