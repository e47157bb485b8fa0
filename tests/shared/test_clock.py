"""The one clock: business time from a file or the system, local dates in Brussels."""

import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from shared.clock import (
    BRUSSELS,
    ClockGoesBackwards,
    ClockUnreadable,
    NoSuchLocalTime,
    SettableClock,
    SystemClock,
    clock_of,
    in_json,
    local_date,
    local_instant,
    machine_time,
    seconds_running,
    set_clock,
)

MORNING = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
A_MOMENT = timedelta(seconds=5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    set_clock(tmp_path / "clock.json", to=MORNING)
    return tmp_path / "clock.json"


def test_without_a_file_the_clock_is_the_systems() -> None:
    clock = clock_of(None)
    assert isinstance(clock, SystemClock)
    assert not clock.simulated
    assert abs(clock.now() - machine_time()) < A_MOMENT
    assert clock.today() == local_date(clock.now())


def test_a_settable_clock_runs_on_from_where_it_was_put(file: Path) -> None:
    clock = clock_of(file)
    first = clock.now()
    assert clock.simulated
    assert MORNING <= first < MORNING + A_MOMENT
    assert clock.now() >= first
    assert clock.today() == date(2026, 1, 5)


def test_every_reader_follows_when_the_clock_is_moved(file: Path) -> None:
    clock, later = SettableClock(file), MORNING + timedelta(days=54)
    clock.now()
    set_clock(file, to=later)
    assert later <= clock.now() < later + A_MOMENT


def test_a_clock_never_goes_backwards(file: Path) -> None:
    clock = SettableClock(file)
    with pytest.raises(
        ClockGoesBackwards, match=f"the clock already shows {MORNING.astimezone(BRUSSELS):%Y-%m-%dT%H:%M}$"
    ):
        set_clock(file, to=MORNING - timedelta(seconds=1))
    assert clock.now() >= MORNING


def test_a_machine_set_back_does_not_put_the_clock_before_its_instant(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SettableClock(file)
    monkeypatch.setattr("shared.clock.machine.time", lambda: 0.0)
    assert clock.now() == MORNING


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": "2026-01-05T08:00:00", "since": 1}', '{"at": 5, "since": 1}'])
def test_a_file_without_an_instant_is_no_clock(tmp_path: Path, text: str) -> None:
    (tmp_path / "clock.json").write_text(text)
    with pytest.raises(ClockUnreadable):
        clock_of(tmp_path / "clock.json")


def test_a_missing_file_is_no_clock_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ClockUnreadable):
        clock_of(tmp_path / "clock.json")


def test_a_file_spoiled_or_gone_later_changes_nothing(file: Path) -> None:
    clock = SettableClock(file)
    file.write_text("spoiled")
    assert clock.now() >= MORNING
    file.unlink()
    assert MORNING <= clock.now() < MORNING + A_MOMENT


def test_moving_the_clock_leaves_nothing_lying_about(file: Path) -> None:
    set_clock(file, to=MORNING + timedelta(days=1))
    assert os.listdir(file.parent) == [file.name]


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 31, 21, 30, tzinfo=UTC), date(2026, 3, 31)),  # GV-08
        (datetime(2026, 3, 31, 22, 30, tzinfo=UTC), date(2026, 4, 1)),
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_a_local_date_is_that_of_brussels(at: datetime, day: date) -> None:
    assert local_date(at) == day


def test_a_time_without_a_zone_has_no_local_date() -> None:
    with pytest.raises(ValueError, match="time zone"):
        local_date(datetime(2026, 3, 31, 21, 30))  # noqa: DTZ001 - that is the point


def test_a_slot_keeps_its_instant_also_in_the_doubled_hour() -> None:
    assert local_instant(date(2026, 1, 5), time(8, 0)) == datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
    assert local_instant(date(2026, 10, 25), time(2, 30)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert local_instant(date(2026, 10, 25), time(3, 0)) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


def test_a_skipped_local_time_does_not_exist() -> None:
    with pytest.raises(NoSuchLocalTime):
        local_instant(date(2026, 3, 29), time(2, 30))


def test_an_instant_is_written_in_utc() -> None:
    assert in_json(datetime(2026, 3, 31, 23, 30, tzinfo=BRUSSELS)) == "2026-03-31T21:30:00Z"


def test_seconds_running_only_grow() -> None:
    assert seconds_running() <= seconds_running()
