"""The story of two offices, played over HTTP by people of different roles; demo and fault tests both play it.

Kantoor Noord counts: checklists, three negative evaluations, a review, a director's decision. Kantoor Midden is there:
an agreement that is kept, a good evaluation, and somebody who goes along. All people are invented.
"""

from collections.abc import Callable, Mapping

from operate.story.decision import the_decision, the_end, the_review
from operate.story.midden import presence
from operate.story.noord import a_lease_begins, a_second_time, a_third_time, an_agreement_is_broken, first_visit
from operate.story.offices import offices
from operate.story.telling import BEGINS, MIDDEN, NOORD, PEOPLE, Stage, Story, WentWrong

__all__ = [
    "BEGINS",
    "MIDDEN",
    "NOORD",
    "PEOPLE",
    "Stage",
    "Story",
    "WentWrong",
    "a_lease_begins",
    "an_agreement_is_broken",
    "play",
]

Chapter = Callable[[Story], None]

CHAPTERS: tuple[Chapter, ...] = (
    offices,
    a_lease_begins,
    first_visit,
    an_agreement_is_broken,
    a_second_time,
    presence,
    a_third_time,
    the_review,
    the_decision,
    the_end,
)


def play(story: Story, *, chapters: int | None = None, after: Mapping[Chapter, Chapter] | None = None) -> None:
    """Play it in the order of the days: all of it, or so many chapters from the beginning.

    :param after: what is played besides, after a chapter.
    """
    story.today = BEGINS[:10]
    story.stage.day(BEGINS)
    for chapter in CHAPTERS[:chapters]:
        chapter(story)
        if after is not None and chapter in after:
            after[chapter](story)
