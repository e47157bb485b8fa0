"""A command whose platform ends under it ends soon, and says so; a stand-in answers for the services."""

import asyncio
import errno
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from operate import clockwork
from operate.platform import NotRunning, Platform, ask_to_stop, begin_clock, wait_until_ready
from operate.state import PROJECT, State
from operate.supervisor import AlreadyRunning, Component, DidNotStart, Supervisor
from shared.clock import BRUSSELS, SettableClock, local_date
from tests.operate.stand_in import AWAY, HANGS, SOUND, Answers, StandIn, stand_in

# Of which it may wait five for an answer that was under way. Who does not notice waits for a minute and more.
SECONDS_TO_END = 30.0
FOUNDED = {"events": [{"position": "evaluations:9"}]}
CLOCK = ("clock", "2026-01-08T09:00")
OFFICE = ("office", "create", "oost", "--name", "Oost", "--director", "rita")


@pytest.mark.parametrize("ends", [StandIn.was_killed, StandIn.was_stopped, StandIn.is_being_stopped])
@pytest.mark.parametrize(
    ("words", "answers", "waits_at"),
    [
        (CLOCK, {"/health/ready": AWAY}, "/health/ready"),
        (CLOCK, {"/health/ready": (200, SOUND), "/clock/day": HANGS}, "/clock/day"),
        (OFFICE, {"/offices": AWAY}, "/offices"),
        (OFFICE, {"/offices": (201, FOUNDED), "/health/ready": (200, SOUND)}, "/health/ready"),
    ],
    ids=["clock, before", "clock, a day", "office, not founded", "office, not known"],
)
def test_a_command_ends_soon_when_its_platform_has(
    tmp_path: Path, words: tuple[str, ...], answers: Answers, waits_at: str, ends: Callable[[StandIn], None]
) -> None:
    with stand_in(tmp_path, answers) as stands:
        command = [sys.executable, "-P", "-m", "operate", *words, "--state", str(tmp_path)]
        env = {**os.environ, "PYTHONPATH": str(PROJECT)}
        asking = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        try:
            stands.until_asked(waits_at)
            ends(stands)
            _, said = asking.communicate(timeout=SECONDS_TO_END)
        finally:
            asking.kill()
        assert (asking.returncode, said) == (1, f"huurspoor: the platform on {tmp_path} was stopped meanwhile\n")


def test_who_asks_a_platform_to_stop_that_is_being_stopped_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()

    def until_ended(*what: Any) -> Any:
        waits.set()
        return select.select(*what)

    monkeypatch.setattr("operate.platform.select", SimpleNamespace(select=until_ended))
    with stand_in(tmp_path, {}) as stands:
        stands.is_being_stopped()
        waiting = threading.Thread(target=Platform.at(tmp_path).stop)
        waiting.start()
        assert waits.wait(SECONDS_TO_END)
        waiting.join(0.3)
        assert waiting.is_alive()
        supervisor = psutil.Process(stands.supervisor)
        assert supervisor.status() != psutil.STATUS_ZOMBIE  # a second signal would hurry it
        stands.was_stopped()
        supervisor.kill()
        waiting.join(10)
        assert not waiting.is_alive()


def test_a_demo_ends_with_its_platform(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    with pytest.raises(NotRunning, match="was stopped meanwhile"):
        Platform(State(tmp_path), supervisor=ended).stay()


@pytest.mark.parametrize(
    ("code", "held", "said"),
    [
        (1, True, "a platform already runs on"),  # of two that were started at once
        (143, False, "was stopped before it was ready"),
        (1, False, "NATS is ready"),  # the last that it said
    ],
)
def test_who_starts_a_platform_in_vain_is_told_why(tmp_path: Path, code: int, held: bool, said: str) -> None:
    state = State(tmp_path)
    state.make()
    state.log("supervisor").write_text("NATS is ready\n")
    supervisor = subprocess.Popen(["sh", "-c", f"exit {code}"])
    supervisor.wait()
    with (tmp_path / "lock").open("a") as lock:
        if held:
            fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises((DidNotStart, AlreadyRunning), match=said):
            wait_until_ready(state, supervisor)


def test_a_platform_that_is_being_started_gets_no_other_clock(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-P", "-m", "operate", "up", "--clock", "2026-01-05T08:00", "--state", str(tmp_path)]
        env = {**os.environ, "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stderr) == (1, f"huurspoor: a platform already runs on {tmp_path}\n")
    assert not State(tmp_path).clock.exists()


@pytest.mark.parametrize("words", [("doctor",), ("status",), ("status", "--json")], ids=" ".join)
def test_a_platform_that_is_being_started_can_be_looked_at(tmp_path: Path, words: tuple[str, ...]) -> None:
    state = State(tmp_path)
    state.make()
    state.status.write_text(json.dumps({"supervisor": 1, "ready": False, "stopping": False, "components": {}}))
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-P", "-m", "operate", *words, "--state", str(tmp_path)]
        env = {**os.environ, "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    assert done.stderr == ""
    if words == ("doctor",):
        assert done.returncode == 1
        assert f"the platform on {tmp_path} is starting, or being stopped" in done.stdout


def test_two_who_move_the_clock_do_it_one_after_the_other(tmp_path: Path) -> None:
    state, began, go_on = State(tmp_path), threading.Event(), threading.Event()
    begin_clock(state, at=datetime(2026, 1, 5, 8, tzinfo=BRUSSELS))

    class Settled:
        """Services that have nothing to do, so that nothing fails; the first who asks is kept waiting."""

        def __init__(self) -> None:
            self.failed: dict[str, dict[str, int]] = {}

        def settle(self, *, until: float) -> dict[str, int]:
            asked.append(threading.current_thread().name)
            if not began.is_set():
                began.set()
                go_on.wait(30)
            return {}

        def do_day(self, day: date, *, until: float) -> dict[str, int]:
            return {}

    def move(to: datetime) -> None:
        clockwork.move(state, cast(clockwork.Services, Settled()), to=to)

    asked: list[str] = []
    first = threading.Thread(target=move, args=(datetime(2026, 1, 8, 9, tzinfo=BRUSSELS),), name="first")
    second = threading.Thread(target=move, args=(datetime(2026, 1, 9, 9, tzinfo=BRUSSELS),), name="second")
    first.start()
    began.wait(30)
    second.start()
    second.join(0.3)
    assert asked == ["first"]
    go_on.set()
    first.join(30)
    second.join(30)
    assert asked == ["first", "second"]
    assert local_date(SettableClock(state.clock).now()) == date(2026, 1, 9)


async def test_a_platform_that_is_told_to_stop_cuts_off_what_it_was_asked_to_do_when_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``up --clock`` on an older platform moves its clock, which may take long."""
    supervisor, began = Supervisor(State(tmp_path)), asyncio.Event()

    async def start() -> None:
        """Start nothing."""

    async def move() -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(supervisor, "_start", start)
    running = asyncio.create_task(supervisor.run(when_ready=move))
    await began.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, SECONDS_TO_END) == 143


async def test_what_cannot_be_said_keeps_no_component_from_coming_back(tmp_path: Path) -> None:
    """On a full disk the supervisor's log takes no line, and a pipe may have lost its reader."""

    def say(_sentence: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    state = State(tmp_path)
    state.make()
    supervisor = Supervisor(state, say=say)
    component = Component(
        name="nats",
        url="",
        command=["sleep", "300"],
        environment={"PATH": os.environ["PATH"]},
        log=state.log("nats"),
        stops_by=signal.SIGTERM,
        dies_by=signal.SIGKILL,
    )
    supervisor._add(component)
    try:
        before = await a_process_of(component)
        before.kill()
        async with asyncio.timeout(SECONDS_TO_END):
            while await a_process_of(component) is before:
                await asyncio.sleep(0.02)
    finally:
        await supervisor._stop()


async def a_process_of(component: Component) -> asyncio.subprocess.Process:
    async with asyncio.timeout(SECONDS_TO_END):
        while component.process is None:
            await asyncio.sleep(0.02)
    return component.process


LINGERS = """
import os, signal, sys, time
from pathlib import Path
from operate.state import State
from operate.supervisor import _held
state = State(Path(sys.argv[1]))
with _held(state):
    part = state.status.with_suffix(".part")  # in one step, as a supervisor does
    part.write_text('{"supervisor": %d, "ready": true, "stopping": false, "components": {}}' % os.getpid())
    part.replace(state.status)
    signal.sigwait({signal.SIGTERM})
time.sleep(0.5)
"""


def test_who_is_told_that_a_platform_stopped_finds_nothing_of_it(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.make()
    mask = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})"
    lingers = subprocess.Popen([sys.executable, "-P", "-c", mask + LINGERS, str(state.root)], cwd=PROJECT)
    deadline = time.monotonic() + 120
    while not state.status.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ask_to_stop(state)
    assert lingers.poll() == 0
