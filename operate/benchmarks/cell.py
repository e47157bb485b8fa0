"""What a benchmark is made of: stretches of work, ours and its reference, and the check of what was acknowledged."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
class Figure:
    """One number taken from each stretch of a cell: by default its rate.

    :ivar of: what is compared. :ivar less_is_better: a time; the ratio is the reference's over ours.
    """

    name: str
    unit: str
    of: Callable[[Run], float] = lambda run: run.rate
    less_is_better: bool = False

    def ratio(self, ours: Run, against: Run) -> float:
        """Return how we compare in one pair, turned so that larger is better.

        :raises NotAsAcknowledged: one side did nothing at all.
        """
        above, below = (against, ours) if self.less_is_better else (ours, against)
        if not (self.of(above) and self.of(below)):
            raise NotAsAcknowledged("one side did nothing at all")
        return self.of(above) / self.of(below)


async def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Cell:
    """A comparison: ours, its reference, and the check that nothing was measured that was not done.

    :ivar figures: what is read from its pairs, where that is not the one rate under the cell's own name.
    :ivar warmed_up: whether both sides run for a moment that does not count, before the first pair.
    :ivar beside: what is measured once besides, after the pairs and before the check; goes into the JSON as it is.
    """

    name: str
    unit: str
    ours: Stretch
    against: Stretch
    check: Callable[[], Awaitable[None]]
    figures: tuple[Figure, ...] = ()
    beside: Callable[[], Awaitable[Mapping[str, Any]]] = _nothing
    pairs: int = 5
    warmed_up: bool = True

    @property
    def told(self) -> tuple[Figure, ...]:
        """Return the figures that the cell gives."""
        return self.figures or (Figure(self.name, self.unit),)


class NotAsAcknowledged(Exception):
    """After a cell, the store does not hold what it had acknowledged; the measurement means nothing."""
