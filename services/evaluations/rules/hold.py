"""A hold: while one is open, nothing of its lease is erased (domain 11)."""

from dataclasses import dataclass
from typing import assert_never

from services.evaluations.events import HoldEvent, HoldLifted, HoldPlaced
from shared.decisions import Person, Stream
from shared.refusals import ReasonMissing, WrongState, has_begun
from shared.sealed import Sealed


@dataclass(frozen=True, kw_only=True)
class Hold:
    """As much of a hold as the rules must know."""

    placed: HoldPlaced | None = None
    lifted: HoldLifted | None = None


def place_hold(hold: Hold, *, lease: str, why: Sealed | None, by: Person) -> list[HoldEvent]:
    """Place a hold on a lease.

    :raises ReasonMissing: no reason was given.
    :raises WrongState: the id belongs to another hold, to one with another reason, or to one lifted.
    """
    if why is None:
        raise ReasonMissing
    placed = HoldPlaced(lease=lease, why=why, by=by.id)
    if hold.lifted is not None:
        raise WrongState
    return [] if has_begun(hold.placed, placed) else [placed]


def lift_hold(hold: Hold, *, why: Sealed | None, by: Person) -> list[HoldEvent]:
    """Lift it.

    :raises ReasonMissing: no reason was given.
    """
    if hold.lifted is not None:
        return []
    if why is None:
        raise ReasonMissing
    return [HoldLifted(why=why, by=by.id)]


def evolve(hold: Hold, event: HoldEvent) -> Hold:
    match event:
        case HoldPlaced():
            return Hold(placed=event)
        case HoldLifted():
            return Hold(placed=hold.placed, lifted=event)
        case _:
            assert_never(event)


HOLD = Stream("hold", initial=Hold(), evolve=evolve, events=HoldEvent)
