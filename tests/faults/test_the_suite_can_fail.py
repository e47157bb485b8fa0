"""Each of five mistakes, made on purpose in a test build, makes a run fail that holds without it (hardening 2)."""

import time as machine
from collections.abc import Callable
from pathlib import Path

import pytest

from operate import client
from operate import platform as platforms
from operate.state import PROJECT, SERVICES
from tests.faults.hand import Hand
from tests.faults.invariants import violations
from tests.faults.play import a_platform, played
from tests.faults.schedule import Fault

pytestmark = pytest.mark.journey

BUILD = Path(__file__).parent / "test_build"
CHAPTERS = 2  # until the lease has begun and word was sent
FETCH_SECONDS = 2.2
PATIENCE = 10.0  # with what a mistake lost for good; a sound run needs a moment
LEASE_BEGINS, WORD_IS_SENT = 7, 12  # before which acts


def without_losing_the_store(hand: Hand, act: int) -> None:
    """Let a consumer start over. Others than who crashes, for whom it would repair what was lost."""
    if act == WORD_IS_SENT:
        hand.do(Fault(act=act, after=0, what="reset", part="visits", reader="evaluations"))


def losing_the_store(hand: Hand, act: int) -> None:
    """Lose the store while referrals has not taken in yet what it held."""
    if act == LEASE_BEGINS:
        hand.stop("referrals")
        machine.sleep(FETCH_SECONDS)  # until then the bus still puts messages into its hand
    if act == WORD_IS_SENT:
        hand.do(Fault(act=act, after=0, what="wipe", part="nats"))


KEEPING, LOSING = without_losing_the_store, losing_the_store


@pytest.mark.parametrize(
    ("mistake", "plan", "seen_as"),
    [
        ("", KEEPING, None),
        ("", LOSING, None),
        ("no idempotency", KEEPING, "I8"),
        ("no inbox", KEEPING, "I2 I3"),
        ("no republishing", LOSING, "I3"),
        ("ack before commit", KEEPING, "I3"),
        ("message dropped on error", KEEPING, "I3"),
    ],
)
def test_a_mistake_makes_a_run_fail(
    mistake: str,
    plan: Callable[[Hand, int], None],
    seen_as: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if mistake:
        monkeypatch.setattr(client, "SECONDS_OF_PATIENCE", PATIENCE)
        monkeypatch.setattr(platforms, "SECONDS_TO_FOUND", PATIENCE)
    build = {"PYTHONPATH": f"{BUILD}:{PROJECT}", "HUURSPOOR_MISTAKE": mistake}
    every = {service: dict(build) for service in SERVICES}
    every["notifications"]["HUURSPOOR_HICCUP"] = "6"
    first = {"referrals": {"HUURSPOOR_FAIL_POINT": "before the append:5"}} if plan is KEEPING else {}
    with a_platform(tmp_path, first=first, every=every) as (platform, carrier):
        try:
            done = played(platform, carrier, between=plan, chapters=CHAPTERS, patience=PATIENCE)
        except Exception as why:
            found = [f"I3: the story came out otherwise: {type(why).__name__}: {why}"]
        else:
            done.hand.killed |= {"referrals": 1} if first else {}
            assert not first or platform.components["referrals"]["starts"] == 2, "it did not come to its fail point"
            assert done.hand.done, "nothing went wrong"
            found = violations(done, whole=False)
    print(found)
    if seen_as is None:
        assert found == []
    else:
        assert any(sentence.startswith(seen_as) for sentence in found), found
