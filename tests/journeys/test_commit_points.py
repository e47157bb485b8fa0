"""A crash at each place around a commit: of the writer, the relay, the inbox and the sender.

Every service ends itself with SIGKILL when it reaches its place for the so-many-th time; the supervisor starts it again
without that. Random kills do not find these places: each has its own run (architecture 2).
"""

from pathlib import Path

import pytest

from operate.platform import Platform
from operate.state import SERVICES
from tests.faults.invariants import violations
from tests.faults.play import a_platform, played
from tests.journeys import truth

pytestmark = pytest.mark.journey

CHAPTERS = 4  # up to the first evaluation that is communicated: every service reads, writes and tells
OTHERS = tuple(service for service in SERVICES if service != "notifications")


@pytest.mark.parametrize(
    ("place", "of_the_sender"),
    [
        ("before the append:9", None),
        ("after the append:9", None),  # before the answer
        ("before the publish:4", "before the send:2"),  # of the sender: begun, and nothing has left
        ("after the publish:4", "after the send:2"),  # before the cursor; of the sender: before what came of it is kept
        ("after the cursor:4", "after the outcome:2"),
        ("before the acknowledgement:6", None),  # after the commit
        ("after the acknowledgement:6", None),
    ],
)
def test_a_crash_at_a_commit_point_loses_and_doubles_nothing(
    place: str, of_the_sender: str | None, tmp_path: Path
) -> None:
    places = dict.fromkeys(SERVICES, place) | ({"notifications": of_the_sender} if of_the_sender else {})
    first = {service: {"HUURSPOOR_FAIL_POINT": where} for service, where in places.items()}
    with a_platform(tmp_path, first=first) as (platform, carrier):
        done = played(platform, carrier, chapters=CHAPTERS)
        crashed = [service for service in SERVICES if platform.components[service]["starts"] > 1]
        assert len(crashed) >= 3, f"only {crashed} came to the place"
        assert of_the_sender is None or "notifications" in crashed
        done.hand.killed = dict.fromkeys(crashed, 1)  # by their own hand
        assert violations(done, whole=False) == []
        assert done.story.standing()["count"] == 1
        unknown = of_the_sender in ("before the send:2", "after the send:2")
        assert bool(done.unknown_messages()) == unknown


def test_an_office_is_founded_once_although_the_answer_was_lost(tmp_path: Path) -> None:
    first = {"evaluations": {"HUURSPOOR_FAIL_POINT": "after the append:1"}}
    with Platform.start(tmp_path / "state", first=first, thrown_away=True) as platform:
        assert platform.components["evaluations"]["starts"] == 1
        platform.create_office("kantoor-zuid", name="Kantoor Zuid", director="dirk")
        assert platform.components["evaluations"]["starts"] == 2
        assert truth.asked(
            platform, "evaluations", "select count(*) from stored_events where topic = 'OfficeFounded'"
        ) == [(1,)]
