"""The SMART gate (domain 3.4): each commitment is specific, measurable, acceptable, realistic, and has its day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from services.visits.events import Commitment, CommitmentBy, MeasureKind
from shared.decisions import Named, Refusal
from shared.refusals import Unknown
from shared.sealed import Sealed

ACTION_AT_LEAST = 10  # characters
AT_MOST_DAYS = 183  # from the proposal to the day it is due


class NotSmart(Refusal):
    """At least one commitment misses a letter; each is named once."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A commitment as it was written down, before it is known to be SMART: anything may be missing."""

    id: str
    by: str | None = None
    action: Sealed | None = None
    place: Sealed | None = None
    measure: str | None = None
    target: Sealed | None = None
    due_on: date | None = None
    needs: tuple[Sealed, ...] | None = None  # an empty list is an answer, None is not
    depends_on: tuple[str, ...] = ()
    agreed_by_renter: bool | None = None


def smart(wishes: Sequence[Wish], *, proposed_on: date, running: Mapping[str, date]) -> tuple[Commitment, ...]:
    """Return the commitments, all of them SMART.

    :param running: the commitments of the lease's running notes and the days they are due: one may depend on those.
    :raises NotSmart: naming S, M, A, R, T in this order, each at most once for a commitment.
    :raises Unknown: one depends on a commitment that is neither in this note nor in a running one.
    """
    due: dict[str, date | None] = {**running, **{wish.id: wish.due_on for wish in wishes}}
    if any(needed not in due for wish in wishes for needed in wish.depends_on):
        raise Unknown
    missing: list[Named] = []
    commitments: list[Commitment] = []
    for number, wish in enumerate(wishes):
        letters = _missing_letters(wish, proposed_on=proposed_on, due=due)
        missing += [Named(letter, f"/commitments/{number}/{part}", {"number": number + 1}) for letter, part in letters]
        commitment = None if letters else _commitment(wish)
        if commitment:
            commitments.append(commitment)
    if missing:
        raise NotSmart(*missing)
    return tuple(commitments)


def _missing_letters(wish: Wish, *, proposed_on: date, due: Mapping[str, date | None]) -> list[tuple[str, str]]:
    specific = {
        "by": wish.by in get_args(CommitmentBy),
        "action": wish.action is not None and wish.action.length >= ACTION_AT_LEAST,
        "place": wish.place is not None,
    }
    measurable = {"measure": wish.measure in get_args(MeasureKind) and wish.target is not None}
    acceptable = {"agreed_by_renter": wish.by != "renter" or wish.agreed_by_renter is True}
    realistic = {
        "needs": wish.needs is not None,
        "depends_on": not any(_later(due.get(needed), wish.due_on) for needed in wish.depends_on),
    }
    latest = proposed_on + timedelta(days=AT_MOST_DAYS)
    timely = {"due": wish.due_on is not None and proposed_on < wish.due_on <= latest}
    gate = {"S": specific, "M": measurable, "A": acceptable, "R": realistic, "T": timely}
    return [
        (letter, next(part for part, holds in parts.items() if not holds))
        for letter, parts in gate.items()
        if not all(parts.values())
    ]


def _later(needed: date | None, due_on: date | None) -> bool:
    return needed is not None and due_on is not None and needed > due_on


def _commitment(wish: Wish) -> Commitment | None:
    by = next((one for one in _BY if one == wish.by), None)
    measure = next((one for one in _MEASURES if one == wish.measure), None)
    if by is None or measure is None or wish.action is None or wish.place is None:
        return None
    if wish.target is None or wish.due_on is None:
        return None
    return Commitment(
        id=wish.id,
        by=by,
        action=wish.action,
        place=wish.place,
        measure=measure,
        target=wish.target,
        due_on=wish.due_on,
        needs=wish.needs or (),
        depends_on=wish.depends_on,
        agreed_by_renter=bool(wish.agreed_by_renter),
    )


_BY: tuple[CommitmentBy, ...] = get_args(CommitmentBy)
_MEASURES: tuple[MeasureKind, ...] = get_args(MeasureKind)
