"""A talk about the file without a visit, that can be evaluated (domain 3.5)."""

from dataclasses import dataclass
from datetime import date

from services.evaluations.events import EvaluationMomentOpened
from services.evaluations.rules.case import Case
from shared.decisions import Refusal, Stream
from shared.refusals import OccurredInFuture, ReasonMissing, WrongState, has_begun
from shared.sealed import Sealed


class AboutMissing(Refusal):
    """It must be said what the talk was about."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """As much of a file moment as the rules must know."""

    opened: EvaluationMomentOpened | None = None


def open_file_moment(
    moment: Moment, *, lease: str, on: date, about: Sealed | None, why: Sealed | None, case: Case, today: date
) -> list[EvaluationMomentOpened]:
    """Open an evaluation moment on the file, on the day of the talk.

    :raises OccurredInFuture: the day lies after today.
    :raises AboutMissing: it is not said what it was about.
    :raises ReasonMissing: it is not said why.
    :raises WrongState: the lease has ended, or the id belongs to another moment, or to this one in other words.
    """
    if on > today:
        raise OccurredInFuture
    if about is None:
        raise AboutMissing
    if why is None:
        raise ReasonMissing
    opened = EvaluationMomentOpened(lease=lease, on=on, about=about, why=why)
    if has_begun(moment.opened, opened):
        return []
    if case.ended is not None:
        raise WrongState
    return [opened]


def evolve(moment: Moment, event: EvaluationMomentOpened) -> Moment:
    return Moment(opened=event)


MOMENT = Stream("moment", initial=Moment(), evolve=evolve, events=EvaluationMomentOpened)
