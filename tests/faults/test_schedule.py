"""A schedule follows from its seed alone, and leaves no part unharmed."""

import pytest

from tests.faults.schedule import PARTS, drawn

ACTS = 116


@pytest.mark.parametrize("number", [1, 2])
def test_the_same_seed_and_run_are_the_same_faults(number: int) -> None:
    assert drawn(7, number, acts=ACTS) == drawn(7, number, acts=ACTS)
    assert str(drawn(7, number, acts=ACTS)) != str(drawn(8, number, acts=ACTS))


@pytest.mark.parametrize("seed", range(20))
def test_each_part_is_killed_and_every_second_run_loses_the_store(seed: int) -> None:
    for number, wiping in ((1, False), (2, True)):
        schedule = drawn(seed, number, acts=ACTS)
        kinds = {fault.what for fault in schedule.faults}
        assert schedule.wiping == wiping
        assert {fault.part for fault in schedule.faults if fault.what == "kill"} == set(PARTS)
        assert {"suspend", "tell again", "reset"} <= kinds
        assert ({"wipe", "delete", "shuffle"} <= kinds) == wiping
        assert all(2 <= fault.act <= ACTS for fault in schedule.faults)
        assert sum(len(schedule.before(act)) for act in range(ACTS + 1)) == len(schedule.faults)


def test_each_line_of_a_schedule_says_what_is_done_and_when() -> None:
    title, *lines = str(drawn(7, 2, acts=ACTS)).splitlines()
    assert title.startswith("seed 7, run 2 (the bus loses its store")
    assert len(lines) == len(drawn(7, 2, acts=ACTS).faults)
    assert any("for" in line and " s" in line for line in lines)
