"""The one clock: the only place of the platform that asks what time it is.

Business time (``recorded_at``, mandates, terms, the work of each day) comes from a ``Clock``. It is the system's
time, or that of a settable clock: a small file which all services of one platform read, that stands at an instant and
runs on at normal speed. Tokens and waiting follow the machine's own time, whatever the platform's clock says.
"""

import contextlib
import json
import os
import tempfile
import time as machine
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import ClassVar, Protocol
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")


class ClockGoesBackwards(ValueError):
    """A settable clock was to be set to an earlier time than it shows."""


class ClockUnreadable(ValueError):
    """The file of the settable clock is missing at the start, or does not hold an instant."""


class NoSuchLocalTime(ValueError):
    """That local time was skipped when summer time began."""


class Clock(Protocol):
    """What time it is, for everything that is recorded or becomes due."""

    @property
    def simulated(self) -> bool:
        """Whether this is a settable clock; every event recorded under one says so."""

    def now(self) -> datetime:
        """Return this moment; aware, UTC."""

    def today(self) -> date:
        """Return the local date of this moment in Europe/Brussels."""


class SystemClock:
    """The time of the machine."""

    simulated: ClassVar[bool] = False

    def now(self) -> datetime:
        """Return this moment; aware, UTC."""
        return machine_time()

    def today(self) -> date:
        """Return the local date of this moment in Europe/Brussels."""
        return local_date(self.now())


class SettableClock:
    """The time that a file tells: it stood at an instant when the file was written, and has run on since.

    Each question costs one ``stat``; the file is read again only when it was exchanged.

    :raises ClockUnreadable: when made, if there is no such file or it holds no instant. A file that vanishes later,
        or is spoiled, changes nothing: the clock runs on from what it last read.
    """

    simulated: ClassVar[bool] = True

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = _signature(file)
        self._at, self._since = _read(file)

    def now(self) -> datetime:
        """Return this moment; aware, UTC. Never earlier than where the file put it."""
        seen = _signature(self._file)
        if seen is not None and seen != self._seen:
            # The file is exchanged in one step: what cannot be read was not written by us.
            with contextlib.suppress(ClockUnreadable):
                self._at, self._since = _read(self._file)
            self._seen = seen
        return self._at + timedelta(seconds=max(0.0, machine.time() - self._since))

    def today(self) -> date:
        """Return the local date of this moment in Europe/Brussels."""
        return local_date(self.now())


def clock_of(file: Path | None) -> Clock:
    """Return the settable clock of ``file``, or the system's when there is none.

    :raises ClockUnreadable: a file was named and does not hold an instant.
    """
    return SystemClock() if file is None else SettableClock(file)


def set_clock(file: Path, *, to: datetime) -> None:
    """Put the settable clock of ``file`` at the instant ``to`` (aware), from where it runs on; make it if need be.

    The file is exchanged in one step, so that no reader ever sees half of it.

    :raises ClockGoesBackwards: the clock already shows a later time; nothing was changed.
    :raises ClockUnreadable: there is a file and it holds no instant.
    """
    at = to.astimezone(UTC)
    if file.exists():
        shown = SettableClock(file).now()
        if at < shown:
            raise ClockGoesBackwards(f"the clock already shows {shown.astimezone(BRUSSELS):%Y-%m-%dT%H:%M}")
    told = json.dumps({"at": at.isoformat(), "since": machine.time()})
    descriptor, written = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(told + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.chmod(written, 0o644)  # it is no secret, and services may run as other users
        os.replace(written, file)
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise


def local_date(at: datetime) -> date:
    """Return the date in Europe/Brussels of an instant (aware)."""
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone has no local date")
    return at.astimezone(BRUSSELS).date()


def local_instant(day: date, at: time) -> datetime:
    """Return the instant (UTC) at which clocks in Brussels show ``at`` on ``day``; of a doubled hour the first.

    :raises NoSuchLocalTime: summer time began and clocks skipped it.
    """
    shown = datetime.combine(day, at.replace(tzinfo=None))
    instant = shown.replace(tzinfo=BRUSSELS).astimezone(UTC)
    if instant.astimezone(BRUSSELS).replace(tzinfo=None) != shown:
        raise NoSuchLocalTime(f"{shown.isoformat()} does not exist in Brussels")
    return instant


def is_shown(day: date, at: time) -> bool:
    """Whether clocks in Brussels show ``at`` on ``day``: when summer time begins they skip an hour."""
    try:
        local_instant(day, at)
    except NoSuchLocalTime:
        return False
    return True


def in_json(at: datetime) -> str:
    """Return an instant (aware) as answers write it: in UTC, with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def machine_time() -> datetime:
    """Return the machine's own time (aware, UTC), which tokens and key caches follow under every clock."""
    return datetime.fromtimestamp(machine.time(), UTC)


def seconds_running() -> float:
    """Return seconds that only ever grow, to measure how long something takes."""
    return machine.monotonic()


def _signature(file: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(file: Path) -> tuple[datetime, float]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        at, since = datetime.fromisoformat(told["at"]), float(told["since"])
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise ClockUnreadable(f"no clock can be read from {file.name}") from why
    if at.tzinfo is None:
        raise ClockUnreadable(f"the instant in {file.name} has no time zone")
    return at.astimezone(UTC), since
