"""What a restore from a backup means for messages: what may have left since the backup leaves no second time by itself.

A restore begins a new epoch (contract 4). The backup does not know what left after it was taken, and the days after it
are done again; so what waited then, and what those days bring, is ``unknown`` until a person settles it.
"""

from dataclasses import dataclass
from datetime import datetime

from services.notifications.events import CarryingEvent, RestoreNoticed
from shared.decisions import DatedStream, Recorded


@dataclass(frozen=True, kw_only=True)
class Carrying:
    """In which epoch messages are carried, and when the restore that began it was noticed."""

    epoch: int = 1
    noticed_at: datetime | None = None


def notice_restore(carrying: Carrying, *, epoch: int) -> list[CarryingEvent]:
    """Note that a restore began a new epoch."""
    return [RestoreNoticed(epoch=epoch)] if epoch > carrying.epoch else []


def evolve(_carrying: Carrying, recorded: Recorded[CarryingEvent]) -> Carrying:
    return Carrying(epoch=recorded.event.epoch, noticed_at=recorded.recorded_at)


CARRYING = DatedStream("carrying", initial=Carrying(), evolve=evolve, events=CarryingEvent)
