"""PostgreSQL restored from an older backup: a person says that writing goes on, and nothing leaves twice (I3 I4)."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from operate.platform import Platform
from operate.postgres import forget
from operate.state import PROJECT, SERVICES
from operate.story import BEGINS, PEOPLE
from tests.faults import invariants
from tests.faults.house import soon
from tests.faults.play import a_message_more, played
from tests.journeys import truth
from tests.notifications.carriers import SECRET, Counted, gateway

pytestmark = pytest.mark.journey

CHAPTERS = 2
REASON = "The disk broke; this is the backup of the night."


@contextmanager
def a_place(folder: Path) -> Iterator[tuple[Any, Counted]]:
    """Yield how to start a platform on a state folder again and again, and the gateway that counts its messages."""
    with gateway() as carrier:
        secret = folder / "gateway.secret"
        secret.write_bytes(SECRET)
        of_gateway = {"HUURSPOOR_GATEWAY": carrier.address, "HUURSPOOR_GATEWAY_SECRET_FILE": str(secret)}
        platforms: list[Platform] = []

        def start() -> Platform:
            platforms.append(Platform.start(folder / "state", clock=BEGINS, every={"notifications": of_gateway}))
            return platforms[-1]

        try:
            yield start, carrier
        finally:
            platforms[-1].stop()
            forget(platforms[-1].state)


def copied(source: Path, target: Path) -> None:
    """Copy PostgreSQL's data, as it stands on the disk and with its owner."""
    if target.exists():
        shutil.rmtree(target)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def as_operator(platform: Platform, service: str) -> httpx.Client:
    """Return a client of a service in the name of who runs the platform."""
    token = platform.token(office=None, roles=["operator"], person="operator-1")
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=platform.urls[service], headers=headers, timeout=30)


def as_director(platform: Platform) -> httpx.Client:
    """Return a client of evaluations in the name of the story's director."""
    rita = PEOPLE["Rita"]
    token = platform.token(office=rita.office, roles=[rita.role], person=rita.id, name=rita.name)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=platform.urls["evaluations"], headers=headers, timeout=30)


MANDATE = {"person": "lena", "role": "coordinator", "acts": ["decide_contest"], "from": "2028-01-01"}


@pytest.mark.parametrize("wiped", [False, True], ids=["the bus holds more", "the bus was wiped too"])
def test_a_restored_platform_waits_for_a_person_and_then_goes_on(tmp_path: Path, wiped: bool) -> None:
    with a_place(tmp_path) as (start, carrier):
        platform = start()
        done = played(platform, carrier, chapters=CHAPTERS)
        carrier.plan += ["503"] * 10_000
        a_message_more(done.story)  # it waits for the gateway when the backup is taken
        platform.settled()
        kept = list(done.story.acts)
        platform.stop()
        data = platform.state.postgres.resolve()
        backup = data.with_name(f"{data.name}-backup")
        copied(data, backup)
        try:
            carrier.plan.clear()
            platform = start()
            soon(lambda: not waiting(platform), seconds=60)
            left = list(carrier.keys)
            with as_director(platform) as rita:
                for _ in range(3):
                    assert rita.post("/mandates", json=MANDATE).status_code == 201
            a_message_more(done.story)
            soon(lambda: not waiting(platform), seconds=60)
            before = platform.settled()
            platform.stop()
            copied(backup, data)
            if wiped:
                shutil.rmtree(platform.state.nats / "jetstream")
            platform = start()
            after_a_restore(platform, before)
            soon(lambda: not waiting(platform), seconds=60)
            done.client._last.clear()  # positions that are void now come for nobody
            assert len(carrier.keys) == len(left) + 1
            done.platform = platform
            invariants.no_message_left_twice(done)
            assert truth.asked(platform, "notifications", "select count(*) from sendings where state = 'unknown'") == [
                (1,)
            ]
            invariants.the_ledger_holds_each_entry_once(done)
            invariants.the_file_for_court_verifies(done)
            truth.positions_are_gap_free(platform)
            truth.every_acknowledged_act_is_there_once(platform, kept)
            truth.views_equal_their_rebuild(platform)
        finally:
            shutil.rmtree(backup, ignore_errors=True)


def waiting(platform: Platform) -> Any:
    """Return the messages that are on their way."""
    return truth.asked(platform, "notifications", "select id from sendings where state in ('queued', 'sending')")


def after_a_restore(platform: Platform, before: dict[str, int]) -> None:
    """See that nothing is written before a person said so, and that everything is read; confirm."""
    for service in SERVICES:
        health = httpx.get(f"{platform.urls[service]}/health/ready", timeout=10)
        assert health.status_code == 503
        assert any("shorter than witnessed" in why for why in health.json()["why"]), health.json()
        assert health.json()["waits"]["witnessed_position"] >= before[service]
    with as_director(platform) as rita:
        answer = rita.post("/mandates", json=MANDATE)
        assert answer.status_code == 503 and "retry-after" in answer.headers
        assert answer.json()["type"] == "/problems/temporarily-unavailable"
        assert answer.json()["errors"][0]["code"] == "SHORTER_THAN_WITNESSED"
        assert "wacht" in answer.json()["detail"]
        assert rita.get("/mandates").status_code == 200
        for path in ("/ledger", "/ledger/export", "/ledger/checkpoint"):
            assert rita.get(path).json()["waits"]["what"] == "shorter than witnessed"
        export = platform.state.root / "export.json"
        export.write_bytes(rita.get("/ledger/export").content)
        words = [sys.executable, "-P", "-m", "verifier", str(export)]
        verified = subprocess.run(words, cwd=PROJECT, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True)
        assert verified.returncode == 0 and "SHORTER THAN WITNESSED" in verified.stdout, verified.stdout
    for service in SERVICES:
        with as_operator(platform, service) as operator:
            assert operator.post("/epochs", json={}).status_code == 409
            told = operator.post("/epochs", json={"reason": REASON})
            assert told.status_code == 200 and told.json()["epoch"] == 2, told.text
            soon(lambda: operator.get("/health/ready").json()["waits"] is None, seconds=10)
            shown = operator.get("/epochs").json()
            assert shown["epoch"] == 2 and shown["waits"] is None
            assert shown["ended"][0]["confirmed_by"] == "operator-1" and shown["ended"][0]["reason"] == REASON
            assert operator.post("/epochs", json={"reason": REASON}).status_code == 409
    platform.settled()
    with as_director(platform) as rita:
        assert rita.post("/mandates", json=MANDATE).status_code == 201
        assert "waits" not in rita.get("/ledger").json()
    platform.settled()
