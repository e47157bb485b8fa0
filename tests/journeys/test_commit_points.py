"""A crash at each place around a commit: of the writer, the relay and the inbox, in all four services at once.

Every service ends itself with SIGKILL when it reaches the place for the so-many-th time; the supervisor starts it again
without that. Random kills do not find these places: each has its own run (architecture 2).
"""

from pathlib import Path

import pytest

from operate.platform import Platform
from operate.state import SERVICES
from operate.story import BEGINS
from tests.journeys import truth
from tests.journeys.test_story import played

pytestmark = pytest.mark.journey

CHAPTERS = 4  # up to the first evaluation that is communicated: every service reads, writes and tells


@pytest.mark.parametrize(
    "place",
    [
        "before the append:9",
        "after the append:9",  # before the answer
        "after the publish:4",  # before the cursor
        "before the acknowledgement:6",  # after the commit
        "after the acknowledgement:6",
    ],
)
def test_a_crash_at_a_commit_point_loses_and_doubles_nothing(place: str, tmp_path: Path) -> None:
    first = {service: {"HUURSPOOR_FAIL_POINT": place} for service in SERVICES}
    with Platform.start(tmp_path / "state", clock=BEGINS, first=first, thrown_away=True) as platform:
        story = played(platform, chapters=CHAPTERS)
        crashed = [service for service in SERVICES if platform.components[service]["starts"] > 1]
        assert len(crashed) >= 3, f"only {crashed} came to the place"
        truth.every_acknowledged_act_is_there_once(platform, story.acts)
        truth.positions_are_gap_free(platform)
        truth.every_message_was_taken_once(platform)
        assert set(truth.letters_sent(platform).values()) == {1}
        standing = story.standing()
        assert standing["count"] == 1
