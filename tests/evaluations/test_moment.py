"""A talk about the file that can be evaluated (domain 3.5)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.evaluations.events import EvaluationMomentOpened
from services.evaluations.rules.moment import MOMENT, AboutMissing, open_file_moment
from shared.contracts.visits import LeaseEndedV1
from shared.refusals import OccurredInFuture, ReasonMissing, WrongState
from tests.evaluations.a_lease import LEASE, ALease, text
from tests.specification import given

DAY = date(2026, 2, 2)
OPENED = EvaluationMomentOpened(lease=LEASE, on=DAY, about=text("huurachterstal"), why=text("gesprek"))


def what(**changed: Any) -> dict[str, Any]:
    return {
        "lease": LEASE,
        "on": DAY,
        "about": text("huurachterstal"),
        "why": text("gesprek"),
        "case": ALease().file.case,
        "today": DAY,
        **changed,
    }


def test_a_moment_on_the_file_is_opened_once() -> None:
    given(MOMENT).when(open_file_moment, **what()).then(OPENED)
    given(MOMENT, OPENED).when(open_file_moment, **what()).then_nothing_happens()
    given(MOMENT, replace(OPENED, lease="L2")).when(open_file_moment, **what()).then_refused(WrongState)


@pytest.mark.parametrize("said", ["about", "why"])
def test_a_moment_in_other_words_is_another_moment(said: str) -> None:
    given(MOMENT, OPENED).when(open_file_moment, **what(**{said: text("iets anders")})).then_refused(WrongState)


def test_the_talk_was_held_and_is_told_of() -> None:
    given(MOMENT).when(open_file_moment, **what(today=date(2026, 2, 1))).then_refused(OccurredInFuture)
    given(MOMENT).when(open_file_moment, **what(about=None)).then_refused(AboutMissing)
    given(MOMENT).when(open_file_moment, **what(why=None)).then_refused(ReasonMissing)


def test_after_the_lease_there_is_none() -> None:
    ended = LeaseEndedV1(lease=LEASE, mode="mutual", ground="moved_on", ended_on=DAY)
    given(MOMENT).when(open_file_moment, **what(case=ALease().tell(ended, on=DAY).file.case)).then_refused(WrongState)
