"""What a benchmark is made of: stretches of work, ours and its reference, and the check of what was acknowledged."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One stretch of work: how many a second, and what one of them took at the median and the 99th percentile (ms)."""

    rate: float
    p50: float
    p99: float

    @classmethod
    def of(cls, latencies: Sequence[float], seconds: float) -> "Run":
        """Return what ``latencies`` (seconds) of a stretch amount to."""
        ordered = sorted(latencies) or [0.0]
        at = [ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 for part in (0.5, 0.99)]
        return cls(len(latencies) / seconds, round(at[0], 3), round(at[1], 3))


Stretch = Callable[[float], Awaitable[Run]]


@dataclass(frozen=True)
class Cell:
    """A comparison: ours, its reference, and the check that nothing was measured that was not done."""

    name: str
    unit: str
    ours: Stretch
    against: Stretch
    check: Callable[[], Awaitable[None]]


class NotAsAcknowledged(Exception):
    """After a cell, the store does not hold what it had acknowledged; the measurement means nothing."""
