"""A running platform, as who operates it sees it: its addresses, tokens, clock and offices."""

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time as machine
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from operate import clockwork, issuer
from operate.children import how_to_start, stop
from operate.door import Answer, Away, Door
from operate.postgres import answers, forget
from operate.state import PROJECT, SERVICES, State
from operate.supervisor import ASKED_TO_STOP, SECONDS_TO_READY, AlreadyRunning, DidNotStart, is_running
from shared.clock import BRUSSELS, SettableClock, local_date, machine_time, set_clock

SECONDS_TO_FOUND = 60.0  # an office, and again as long until all services know it
_SECONDS_TO_STOP = 60.0


class NotRunning(Exception):
    """No platform runs on that state folder."""


class Refused(Exception):
    """A service said no; the text is its sentence."""


@dataclass
class Platform:
    """The platform on one state folder, running now. As a context manager it is stopped at the end."""

    state: State
    supervisor: "subprocess.Popen[bytes] | None" = None
    thrown_away: bool = False

    @classmethod
    def start(
        cls,
        state: Path,
        *,
        clock: str | None = None,
        port: int | None = None,
        first: Mapping[str, Mapping[str, str]] | None = None,
        every: Mapping[str, Mapping[str, str]] | None = None,
        thrown_away: bool = False,
    ) -> Self:
        """Start a platform whose supervisor is a child of ours, and wait until it is ready. It dies with us.

        :param clock: the local time at which a settable clock begins, for a new state folder.
        :param first: settings for the first start of a service only, by its name.
        :param every: settings for every start of a service, by its name.
        :param thrown_away: leave no data behind at the end, wherever PostgreSQL's account made it lie.
        :raises DidNotStart: it did not become ready.
        :raises ValueError: ``clock`` is not a local time.
        """
        place = State(state.resolve())
        place.make()
        if clock is not None:
            begin_clock(place, at=clockwork.local_time(clock))
        words = [sys.executable, "-P", "-m", "operate.supervisor", "--state", str(place.root)]
        words += ["--port", str(port)] if port is not None else []
        words += ["--first", json.dumps(first)] if first else []
        words += ["--every", json.dumps(every)] if every else []
        env = {**os.environ, "PYTHONPATH": str(PROJECT)}
        with place.log("supervisor").open("ab") as log:
            options = how_to_start(log=log, env=env, dies_by=signal.SIGTERM, cwd=PROJECT)
            child = subprocess.Popen(words, **options)
        platform = cls(state=place, supervisor=child, thrown_away=thrown_away)
        try:
            wait_until_ready(place, child)
        except BaseException:
            platform.stop()
            raise
        return platform

    @classmethod
    def at(cls, state: Path) -> Self:
        """Return the platform that runs on a state folder. :raises NotRunning: there is none."""
        place = State(state.resolve())
        if not is_running(place) or not place.status.exists():
            raise NotRunning(f"no platform runs on {place.root}")
        return cls(state=place)

    @classmethod
    def ready_at(cls, state: Path) -> Self:
        """Return the platform on a state folder, all parts of it. :raises NotRunning: there is none, or not yet."""
        platform = cls.at(state)
        if not platform.all_there:
            raise NotRunning(f"the platform on {platform.state.root} is starting, or being stopped")
        return platform

    @property
    def all_there(self) -> bool:
        """Whether all parts of it were started, and it is not being stopped."""
        return bool(_told(self.state)["ready"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it in order, and wait until it has stopped."""
        if self.supervisor is not None:
            stop(self.supervisor, by=signal.SIGTERM, seconds=_SECONDS_TO_STOP)
        else:
            ask_to_stop(self.state)
        if self.thrown_away:
            forget(self.state)

    def stay(self) -> NoReturn:
        """Stay for as long as it runs, as a child of ours. :raises NotRunning: somebody stopped it, or it ended."""
        assert self.supervisor is not None
        self.supervisor.wait()
        raise self._stopped()

    @property
    def components(self) -> dict[str, dict[str, Any]]:
        """What the supervisor says of each component: pid, url, log, starts."""
        return dict(_told(self.state)["components"])

    @property
    def urls(self) -> dict[str, str]:
        """The address of each service."""
        components = self.components
        return {service: components[service]["url"] for service in SERVICES if service in components}

    def lasting(self) -> Callable[[], None]:
        """Return what tells whoever waits for something that the platform which runs now has ended.

        :raises NotRunning: also when it is called later: it ended, is being stopped, or another one was started since.
        """
        supervisor = _told(self.state)["supervisor"]

        def lasts() -> None:
            with contextlib.suppress(NotRunning):
                told = _told(self.state)
                if told["supervisor"] == supervisor and not told.get("stopping") and is_running(self.state):
                    return
            raise self._stopped()

        return lasts

    def now(self) -> datetime:
        """Return the platform's time (aware, UTC)."""
        return SettableClock(self.state.clock).now() if self.state.clock.exists() else machine_time()

    def today(self) -> date:
        """Return the platform's local date in Brussels."""
        return local_date(self.now())

    def token(
        self, *, office: str | None, roles: Sequence[str], person: str, name: str | None = None, minutes: int = 60
    ) -> str:
        """Return a token of the local issuer."""
        return issuer.token(self.state, office=office, roles=roles, person=person, name=name, minutes=minutes)

    def status(self) -> dict[str, Any]:
        """Return what ``status --json`` shows: each component, and whether it is ready."""
        components = self.components
        shown: dict[str, Any] = {}
        for name in (*SERVICES, "bus-keeper", "postgres", "nats"):
            if name in components:
                seen = dict(components[name])
                monitoring = seen.pop("monitoring", None)
                why = _why_not_ready(self.state, name, seen, components["nats"].get("monitoring") or monitoring)
                shown[name] = {**seen, "ready": not why, **({"why": why} if why else {})}
        simulated = self.state.clock.exists()
        return {
            "state": str(self.state.root),
            "clock": "simulated" if simulated else "system",
            "now": self.now().astimezone(BRUSSELS).isoformat(timespec="seconds"),
            "supervisor": _told(self.state)["supervisor"],
            "components": shown,
        }

    def settled(self, *, seconds: float = 60.0) -> dict[str, int]:
        """Wait until every outbox is empty and every inbox holds all that was published; return each one's position.

        :raises clockwork.NotSettled: something was still missing after ``seconds``.
        :raises NotRunning: the platform ended meanwhile.
        """
        with self._services() as services:
            return services.settle(until=machine.monotonic() + seconds)

    def move_clock(self, to: str | datetime, *, progress: clockwork.Progress = lambda _day: None) -> None:
        """Move the settable clock forward to a local time, day by day.

        :raises ValueError: not a local time, earlier than now, or the platform follows the system's clock.
        :raises clockwork.NotSettled: a service missed something for a minute.
        :raises clockwork.DayNotDone: it was moved there, but not all was done that the last day brings.
        :raises NotRunning: the platform ended meanwhile.
        """
        if not self.state.clock.exists():
            raise ValueError("this platform follows the system's clock; start a new one with --clock to try things out")
        instant = clockwork.local_time(to) if isinstance(to, str) else to.astimezone(UTC)
        with self._services() as services:
            clockwork.move(self.state, services, to=instant, progress=progress)

    def create_office(self, code: str, *, name: str, director: str, since: date | None = None) -> None:
        """Found an office, and wait until all services know it.

        :raises Refused: the platform does not take it: its code, or it exists already.
        :raises NotRunning: the platform ended meanwhile.
        """
        lasts, operator = self.lasting(), issuer.operator_token(self.state)
        doors = {service: Door(url, operator, patience=clockwork.PATIENCE) for service, url in self.urls.items()}
        body = {"code": code, "name": name, "director": director, "from": (since or self.today()).isoformat()}
        answer = _insist(doors["evaluations"], "/offices", body, lasts)
        if answer.status not in (200, 201):
            raise Refused(answer.sentence)
        _wait_until_known(doors, answer.body.get("events", ()), lasts)

    def _stopped(self) -> NotRunning:
        return NotRunning(f"the platform on {self.state.root} was stopped meanwhile")

    def _services(self) -> clockwork.Services:
        return clockwork.Services(self.urls, issuer.operator_token(self.state), self.lasting())


def begin_clock(state: State, *, at: datetime) -> None:
    """Begin a settable clock on a state folder on which nothing was recorded yet; one that is there is left alone.

    :raises ValueError: the folder holds what was recorded under the system's clock.
    """
    if state.clock.exists():
        return
    if (state.postgres / "PG_VERSION").exists():
        raise ValueError(f"{state.root} follows the system's clock; a settable clock needs a state folder of its own")
    state.make()
    set_clock(state.clock, to=at)


def wait_until_ready(state: State, supervisor: "subprocess.Popen[bytes]") -> None:
    """Wait until a supervisor says that all is ready.

    :raises DidNotStart: it ended, or took too long. :raises AlreadyRunning: because another one was first.
    """
    until = machine.monotonic() + SECONDS_TO_READY + 30
    while True:
        code = supervisor.poll()
        if code is not None and is_running(state):
            raise AlreadyRunning(f"a platform already runs on {state.root}")
        if code in ASKED_TO_STOP:
            raise DidNotStart(f"the platform on {state.root} was stopped before it was ready")
        if code is not None or machine.monotonic() > until:
            raise DidNotStart(_last_line(state.log("supervisor")))
        try:
            told = _told(state)
        except NotRunning:
            told = {}
        if told.get("supervisor") == supervisor.pid and told["ready"]:
            return
        machine.sleep(0.05)


def ask_to_stop(state: State) -> None:
    """Ask a supervisor that is nobody's child of ours to stop, and wait until it has.

    :raises NotRunning: there is none.
    :raises TimeoutError: it did not.
    """
    if not is_running(state):
        raise NotRunning(f"no platform runs on {state.root}")
    told = _told(state)
    number = int(told["supervisor"])
    try:
        supervisor = os.pidfd_open(number)
    except ProcessLookupError:
        raise NotRunning(f"no platform runs on {state.root}") from None
    try:
        if not told.get("stopping"):  # one that an older version started says nothing of it
            signal.pidfd_send_signal(supervisor, signal.SIGTERM)
        # Until its process is no more: it lets the state folder go a moment before.
        if not select.select([supervisor], [], [], _SECONDS_TO_STOP)[0]:
            raise TimeoutError(f"the supervisor (pid {number}) has not stopped after {_SECONDS_TO_STOP:.0f} s")
    finally:
        os.close(supervisor)


def _insist(door: Door, path: str, body: Mapping[str, Any], lasts: Callable[[], None]) -> Answer:
    """Do something once, asked again for up to a minute where the service does not answer, or not now.

    :raises Away: it never answered. :raises NotRunning: as ``lasts`` says.
    """
    key, until = str(uuid.uuid4()), machine.monotonic() + SECONDS_TO_FOUND
    while True:
        try:
            answer = door.post(path, body, key=key)
            if answer.status != 503 or machine.monotonic() > until:
                return answer
        except Away:
            if machine.monotonic() > until:
                raise
        lasts()
        machine.sleep(0.1)


def _wait_until_known(
    doors: Mapping[str, Door], events: Iterable[Mapping[str, Any]], lasts: Callable[[], None]
) -> None:
    positions = [int(str(event["position"]).rpartition(":")[2]) for event in events if event.get("position")]
    until = machine.monotonic() + SECONDS_TO_FOUND
    waiting = {service: door for service, door in doors.items() if service != "evaluations"} if positions else {}
    while waiting:
        for service, door in list(waiting.items()):
            try:
                health = door.get("/health/ready").body
            except Away:
                continue
            if clockwork.tells(health) and health["inbox"].get("evaluations", {}).get("seen", 0) >= max(positions):
                del waiting[service]
        if waiting:
            lasts()
        if machine.monotonic() > until:
            raise Refused(f"the office was founded, but {', '.join(waiting)} did not hear of it within a minute")
        machine.sleep(0.02)


def _told(state: State) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(state.status.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotRunning(f"no platform runs on {state.root}") from None
    return told


def _why_not_ready(state: State, name: str, seen: Mapping[str, Any], monitoring: str | None) -> list[str]:
    if seen["pid"] is None:
        return ["not running; it is being started again"]
    try:
        if name in SERVICES:
            answer = Door(seen["url"], patience=5).get("/health/ready")
            return [] if answer.status == 200 else list((answer.body or {}).get("why", [answer.sentence]))
        if name == "nats":
            answer = Door(str(monitoring), patience=5).get("/healthz?js-enabled-only=true")
            return [] if answer.status == 200 else [answer.sentence]
        if name == "postgres":
            return [] if asyncio.run(answers(state, int(seen["url"].rpartition(":")[2]))) else ["does not answer"]
        if name == "bus-keeper":
            streams = (Door(str(monitoring), patience=5).get("/jsz").body or {}).get("streams", 0)
            return [] if streams >= len(SERVICES) else [f"{streams} of {len(SERVICES)} streams are there"]
    except Away:
        return ["does not answer"]
    return []


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else f"the supervisor said nothing (log: {log})"
