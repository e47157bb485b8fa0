"""The whole story over HTTP: once in peace, once while every part is killed and the bus loses its store."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from operate.client import Client, Done, Refused, Somebody
from operate.platform import Platform
from operate.story import BEGINS, MIDDEN, Story
from tests.journeys import truth

pytestmark = pytest.mark.journey


class Quiet:
    """A stage without an audience."""

    def chapter(self, title: str) -> None: ...
    def day(self, day: str) -> None: ...
    def step(self, who: Somebody, what: str, done: Done, shown: str, count: str | None) -> None: ...
    def refused(self, who: Somebody, what: str, no: Refused) -> None: ...
    def saw(self, what: str, lines: Sequence[str]) -> None: ...


def played(
    platform: Platform, between: Callable[[int], None] = lambda _number: None, *, chapters: int | None = None
) -> Story:
    """Play the story, or its first chapters, and return it once everybody has taken in everything."""
    story = Story(
        client=Client(
            urls=lambda: platform.urls,
            token=lambda who: platform.token(office=who.office, roles=[who.role], person=who.id, name=who.name),
        ),
        stage=Quiet(),
        move_clock=platform.move_clock,
        found_office=lambda code, name, director: platform.create_office(code, name=name, director=director),
        between=between,
    )
    story.play(chapters=chapters)
    platform.settled()
    return story


@pytest.fixture(scope="module")
def in_peace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, Story]]:
    with Platform.start(tmp_path_factory.mktemp("peace") / "state", clock=BEGINS) as platform:
        yield platform, played(platform)


def test_the_story_ends_as_it_is_told(in_peace: tuple[Platform, Story]) -> None:
    _, story = in_peace
    types = [str(entry["type"]) for entry in story.timeline()]
    assert types.count("ThresholdReached") == 1
    assert types.count("AgreementBreached") == 1
    assert types.count("EvaluationCommunicated") == 3
    assert [no.reason for no in story.refusals] == ["not-smart", "no-ground", "self-approval", "not-permitted"]
    standing = story.standing()
    assert standing["count"] == 3 and standing["reached"] is True
    assert {entry["type"] for entry in story.timeline(MIDDEN) if entry["service"] == "referrals"} == {"ReferralOffered"}


def test_no_decision_was_taken_by_the_system(in_peace: tuple[Platform, Story]) -> None:
    _, story = in_peace
    decisions = [
        entry
        for entry in (*story.timeline(), *story.timeline(MIDDEN))
        if "Decided" in str(entry["type"]) or str(entry["type"]).endswith(("Upheld", "Annulled", "NotPursued"))
    ]
    assert len(decisions) == 4
    assert all(entry["actor"] != "SYS" for entry in decisions)


def test_after_the_story_everything_is_there_once(in_peace: tuple[Platform, Story]) -> None:
    platform, story = in_peace
    everything_holds(platform, story)


def test_the_same_story_comes_out_while_each_part_is_killed_and_the_bus_loses_its_store(
    in_peace: tuple[Platform, Story], tmp_path: Path
) -> None:
    with Platform.start(tmp_path / "state", clock=BEGINS) as platform:

        def lose_the_store() -> None:
            shutil.rmtree(Path(platform.components["nats"]["store"]), ignore_errors=True)
            truth.kill(platform, "nats")

        faults: dict[int, Callable[[], None]] = {
            12: lambda: truth.kill(platform, "visits"),
            24: lambda: truth.kill(platform, "nats"),
            36: lambda: truth.kill(platform, "evaluations"),
            44: lambda: truth.kill(platform, "notifications"),
            52: lambda: truth.kill(platform, "bus-keeper"),
            60: lambda: truth.kill(platform, "referrals"),
            68: lambda: truth.kill(platform, "postgres"),
            80: lose_the_store,
        }
        done: set[int] = set()

        def between(number: int) -> None:
            if number in faults:
                faults[number]()
                done.add(number)

        story = played(platform, between)
        assert done == set(faults), "the story was too short for all faults"
        everything_holds(platform, story)
        assert truth.facts(platform) == truth.facts(in_peace[0])


def everything_holds(platform: Platform, story: Story) -> None:
    truth.every_acknowledged_act_is_there_once(platform, story.acts)
    truth.positions_are_gap_free(platform)
    truth.every_message_was_taken_once(platform)
    assert set(truth.letters_sent(platform).values()) == {1}
    truth.views_equal_their_rebuild(platform)
