"""Acts on letters that were refused: remembered for the file, and nothing else (domain 0.3)."""

from services.notifications.events import AttemptEvent, AttemptRefused
from shared.decisions import Refusal, Stream

Attempts = tuple[AttemptRefused, ...]
NONE_YET: Attempts = ()


def attempt_refused(no: Refusal, *, lease: str, act: str, communication: str) -> list[AttemptEvent]:
    """Remember that an act on a letter was refused, and why."""
    return [
        AttemptRefused(
            lease=lease,
            act=act,
            about=f"communication/{communication}",
            code=no.code(),
            named=tuple(named.code for named in no.named),
        )
    ]


def evolve(attempts: Attempts, event: AttemptEvent) -> Attempts:
    return (*attempts, event)


ATTEMPTS = Stream("attempts", initial=NONE_YET, evolve=evolve, events=AttemptEvent)
