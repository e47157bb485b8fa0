"""The supervisor: what ends comes back, and nothing stays behind."""

import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from operate import key_database, nats, postgres, supervisor
from operate.platform import NotRunning, Platform
from operate.postgres import Postgres, forget
from operate.state import PROJECT, SERVICES, State
from operate.supervisor import DidNotStart, Supervisor, is_running, ports_from

ALL = (*SERVICES, "bus-keeper", "postgres", "nats")
pytestmark = pytest.mark.journey


def huurspoor(*words: str | Path | int, **how: Any) -> "subprocess.Popen[bytes]":
    """Start a command of ours, as the launcher does once the environment is there."""
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.Popen([sys.executable, "-P", "-m", "operate", *map(str, words)], env=env, **how)


def until(holds: Callable[[], bool], *, seconds: float) -> None:
    """Wait until something holds; fail when it does not in time."""
    patience = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < patience, "it did not happen in time"
        time.sleep(0.02)


def all_of(platform: Platform) -> list[psutil.Process]:
    """Return every process of a platform, those of PostgreSQL included."""
    supervisor = psutil.Process(platform.status()["supervisor"])
    return [supervisor, *supervisor.children(recursive=True)]


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_called(process: psutil.Process, name: str) -> bool:
    try:
        return bool(process.name() == name)
    except psutil.NoSuchProcess:
        return False


def is_ready(platform: Platform) -> bool:
    try:
        return all(seen["ready"] for seen in platform.status()["components"].values())
    except NotRunning:
        return False


@pytest.mark.parametrize("name", ALL)
def test_a_killed_component_is_started_again_within_five_seconds(platform: Platform, name: str) -> None:
    until(lambda: is_ready(platform), seconds=60)
    before = platform.components[name]["pid"]
    os.kill(before, signal.SIGKILL)
    until(lambda: platform.components[name]["pid"] not in (None, before), seconds=5)
    until(lambda: is_ready(platform), seconds=60)


def test_killing_the_supervisor_leaves_nothing_behind(fresh_platform: Platform) -> None:
    processes = all_of(fresh_platform)
    assert len(processes) > len(ALL)
    os.kill(processes[0].pid, signal.SIGKILL)
    until(lambda: all(is_gone(process) for process in processes), seconds=60)


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_all_in_order(tmp_path: Path, asked: signal.Signals, code: int) -> None:
    state = State(tmp_path / "state")
    said = tmp_path / "stderr"
    with said.open("wb") as stderr:
        up = huurspoor("up", "--state", state.root, stdout=subprocess.PIPE, stderr=stderr)
    try:
        assert up.stdout is not None
        lines = [up.stdout.readline().decode() for _ in range(len(SERVICES) + 1)]
        assert lines[0].startswith("visits"), said.read_text()
        processes = all_of(Platform.at(state.root))
        up.send_signal(asked)
        assert up.wait(180) == code
        assert all(is_gone(process) for process in processes)
        assert not state.status.exists()
        assert "database system is shut down" in state.log("postgres").read_text()
    finally:
        up.kill()
        up.wait()
        forget(state)


def test_a_signal_during_the_start_stops_what_was_started(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    up = huurspoor("up", "--state", state.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert up.stderr is not None
        assert b"PostgreSQL is ready" in up.stderr.readline()
        processes = psutil.Process(up.pid).children(recursive=True)
        up.send_signal(signal.SIGTERM)
        assert up.wait(180) == 143
        assert all(is_gone(process) for process in processes)
    finally:
        up.kill()
        up.wait()
        forget(state)


@pytest.mark.parametrize("during", ["make_databases", "lay_out"])
def test_postgresql_may_end_while_the_platform_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    state = State(tmp_path / "state")
    place: Any = Postgres if during == "make_databases" else key_database
    work, killed = getattr(place, during), list[int]()

    def kill_first(*arguments: Any) -> Any:
        if not killed:
            killed.append(Platform(state).components["postgres"]["pid"])
            os.kill(killed[0], signal.SIGKILL)
        return work(*arguments)

    async def stop() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(place, during, kill_first)
    try:
        assert asyncio.run(Supervisor(state).run(when_ready=stop)) == 143
        assert len(killed) == 1
    finally:
        forget(state)


def test_what_ran_under_a_killed_supervisor_is_told_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, told = State(tmp_path), list[Any]()
    somebody = {"pid": 1, "url": "http://127.0.0.1:1", "log": "", "starts": 1}
    state.status.write_text(json.dumps({"supervisor": 1, "ready": True, "components": {"visits": somebody}}))

    def prepare(_state: State) -> None:
        told.append(json.loads(state.status.read_text()))
        raise RuntimeError("not today")

    monkeypatch.setattr(postgres, "prepare", prepare)
    monkeypatch.setattr(nats, "prepare", lambda _state: None)
    with pytest.raises(RuntimeError, match="not today"):
        asyncio.run(Supervisor(state).run())
    assert told == [{"supervisor": os.getpid(), "ready": False, "stopping": False, "components": {}}]


def test_what_cannot_be_told_leaves_nobody_to_be_taken_for_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``down`` would end whoever has that number now."""
    state, told = State(tmp_path), list[bool]()
    state.status.write_text(json.dumps({"supervisor": 1, "ready": True, "stopping": False, "components": {}}))
    state.status.with_suffix(".part").mkdir()  # as on a full disk, it cannot be written

    def prepare(_state: State) -> None:
        told.append(state.status.exists())
        raise RuntimeError("not today")

    monkeypatch.setattr(postgres, "prepare", prepare)
    monkeypatch.setattr(nats, "prepare", lambda _state: None)
    with pytest.raises(RuntimeError, match="not today"):
        asyncio.run(Supervisor(state).run())
    assert told == [False]


def test_who_asks_whether_a_platform_runs_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, waited = State(tmp_path), list[float]()
    assert not is_running(state)
    with (tmp_path / "lock").open("a") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert not is_running(state)

        def meanwhile(seconds: float) -> None:
            waited.append(seconds)
            fcntl.flock(asking, fcntl.LOCK_UN)  # has asked

        monkeypatch.setattr(supervisor, "machine", SimpleNamespace(monotonic=time.monotonic, sleep=meanwhile))
        with supervisor._held(state):
            assert is_running(state)
        assert waited


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_stopped_leaves_nothing_behind(tmp_path: Path, asked: signal.Signals, code: int) -> None:
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "operate", "demo"]
    demo = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        begun = psutil.Process(demo.pid)
        until(lambda: any(is_called(child, "nats-server") for child in begun.children(recursive=True)), seconds=120)
        processes = begun.children(recursive=True)
        demo.send_signal(asked)
        assert demo.wait(180) == code
        assert all(is_gone(process) for process in processes)
        assert list(tmp_path.iterdir()) == []
    finally:
        demo.kill()
        demo.wait()


def test_detached_on_a_port_of_choice_it_keeps_no_stream_and_a_second_up_finds_the_data(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    port = 19_400 + os.getpid() % 500
    at = ("--state", state.root)
    try:
        up = huurspoor("up", "--detach", "--port", port, "--clock", "2026-01-05T08:00", *at, stdout=subprocess.PIPE)
        said, _ = up.communicate(timeout=180)  # ends only once nobody holds our pipe open
        assert up.returncode == 0
        platform = Platform.at(state.root)
        addresses = {service: f"http://127.0.0.1:{port + number}" for number, service in enumerate(SERVICES)}
        assert platform.urls == addresses
        assert all(f"{url}/docs" in said.decode() for url in addresses.values())
        platform.create_office("kantoor-west", name="Kantoor West", director="dirk")
        positions = platform.settled()

        again = huurspoor("up", "--detach", *at, stderr=subprocess.PIPE)
        assert again.communicate(timeout=120)[1].startswith(b"huurspoor: a platform already runs")
        assert again.returncode == 1

        assert huurspoor("down", *at, stdout=subprocess.DEVNULL).wait(180) == 0
        with pytest.raises(NotRunning):
            Platform.at(state.root)
        assert huurspoor("down", *at, stderr=subprocess.DEVNULL).wait(120) == 1

        assert huurspoor("up", "--detach", *at, stdout=subprocess.DEVNULL).wait(180) == 0
        platform = Platform.at(state.root)
        found = platform.settled()
        assert all(found[service] >= position for service, position in positions.items())
        assert platform.status()["clock"] == "simulated"
    finally:
        huurspoor("down", *at, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL).wait(180)
        forget(state)


def test_status_is_what_the_contract_says(platform: Platform) -> None:
    until(lambda: is_ready(platform), seconds=60)
    told = subprocess.run(
        [sys.executable, "-P", "-m", "operate", "status", "--json", "--state", str(platform.state.root)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    status = json.loads(told.stdout)
    assert status["clock"] == "simulated"
    assert status["state"] == str(platform.state.root)
    assert set(status["components"]) == set(ALL)
    for seen in status["components"].values():
        assert psutil.pid_exists(seen["pid"])
        assert seen["ready"] is True
        assert Path(seen["log"]).exists()
    for secret in platform.state.secrets.iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600
        assert secret.read_text().strip() not in told.stdout.decode()


def test_an_earlier_time_is_refused_and_changes_nothing(platform: Platform) -> None:
    before = platform.state.clock.read_bytes()
    at = ("--state", platform.state.root)
    assert huurspoor("clock", "2020-01-01T00:00", *at, stderr=subprocess.DEVNULL).wait(180) == 2
    assert platform.state.clock.read_bytes() == before


def test_a_token_stands_alone_on_stdout(platform: Platform) -> None:
    words = ("token", "--office", "kantoor-noord", "--role", "counsellor", "--role", "coordinator", "--person", "anna")
    asked = huurspoor(*words, "--state", platform.state.root, stdout=subprocess.PIPE)
    said, _ = asked.communicate(timeout=120)
    assert asked.returncode == 0
    assert len(said.decode().strip().split(".")) == 3
    assert said.count(b"\n") == 1


def test_who_listens_on_a_port_already_is_not_taken_for_a_service_of_ours() -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        with pytest.raises(DidNotStart, match=f"port {port} cannot be used: Address already in use"):
            ports_from(port)
