"""Acts on an evaluation or termination that were refused: remembered, and without any effect (domain 0.3)."""

from services.evaluations.events import AttemptRefused
from shared.decisions import Refusal, Stream
from shared.sealed import Sealed

Attempts = tuple[AttemptRefused, ...]
NONE_YET: Attempts = ()


def note_attempt(
    refusal: Refusal, *, lease: str, act: str, about: str, words: Sealed | None = None
) -> list[AttemptRefused]:
    """Note that an act was refused, why, and what its refusal named. ``words`` are kept where they would be lost."""
    return [
        AttemptRefused(
            lease=lease,
            act=act,
            about=about,
            code=refusal.code(),
            named=tuple(named.code for named in refusal.named),
            words=words,
        )
    ]


def evolve(attempts: Attempts, event: AttemptRefused) -> Attempts:
    return (*attempts, event)


ATTEMPTS = Stream("attempts", initial=NONE_YET, evolve=evolve, events=AttemptRefused)
