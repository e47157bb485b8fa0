"""The whole story over HTTP: once in peace, and twice under faults drawn from a fixed seed (docs/faults.md)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from operate.story import MIDDEN
from tests.faults.invariants import violations
from tests.faults.play import Played, a_platform, played
from tests.faults.schedule import drawn
from tests.journeys import truth

pytestmark = pytest.mark.journey

SEED = 5  # any: `./huurspoor test --faults --seed N` plays others
CHAPTERS = 4


@pytest.fixture(scope="module")
def in_peace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with a_platform(tmp_path_factory.mktemp("peace")) as (platform, carrier):
        yield played(platform, carrier)


def test_the_story_ends_as_it_is_told(in_peace: Played) -> None:
    story = in_peace.story
    types = [str(entry["type"]) for entry in story.timeline()]
    assert types.count("ThresholdReached") == 1
    assert types.count("AgreementBreached") == 1
    assert types.count("EvaluationCommunicated") == 3
    assert [no.reason for no in story.refusals] == ["not-smart", "no-ground", "self-approval", "not-permitted"]
    standing = story.standing()
    assert standing["count"] == 3 and standing["reached"] is True
    assert {entry["type"] for entry in story.timeline(MIDDEN) if entry["service"] == "referrals"} == {"ReferralOffered"}


def test_no_decision_was_taken_by_the_system(in_peace: Played) -> None:
    story = in_peace.story
    decisions = [
        entry
        for entry in (*story.timeline(), *story.timeline(MIDDEN))
        if "Decided" in str(entry["type"]) or str(entry["type"]).endswith(("Upheld", "Annulled", "NotPursued"))
    ]
    assert len(decisions) == 4
    assert all(entry["actor"] != "SYS" for entry in decisions)


def test_the_same_story_comes_out_while_each_part_is_killed(in_peace: Played, tmp_path: Path) -> None:
    peace = truth.facts(in_peace.platform)
    schedule = drawn(SEED, 1, acts=len(in_peace.story.acts))
    print(schedule)
    with a_platform(tmp_path) as (platform, carrier):
        done = played(platform, carrier, schedule=schedule)
        assert len(done.hand.done) == len(schedule.faults)
        assert violations(done, peace=peace) == []


def test_nothing_is_lost_or_doubled_while_the_bus_loses_its_store(tmp_path: Path) -> None:
    schedule = drawn(SEED, 2, acts=36, every=3)
    print(schedule)
    with a_platform(tmp_path) as (platform, carrier):
        done = played(platform, carrier, schedule=schedule, chapters=CHAPTERS)
        assert done.wiped
        assert violations(done, whole=False) == []


def test_after_the_story_everything_is_there_once(in_peace: Played) -> None:
    assert violations(in_peace) == []
