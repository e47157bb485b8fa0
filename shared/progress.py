"""How far we have come with what a publisher told: which of its positions arrived, and which had their effect."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


class Ranges:
    """A set of positions, held as ranges: all but a few are one range."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            self._add(first, last)

    def add(self, position: int) -> None:
        """Put a position in."""
        self._add(position, position)

    def __contains__(self, position: int) -> bool:
        return any(first <= position <= last for first, last in reversed(self._ranges))

    @property
    def floor(self) -> int:
        """The last position up to which all from 1 are in; 0 when 1 is not."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 1 else 0

    @property
    def last(self) -> int:
        """The greatest position in it, 0 when it is empty."""
        return self._ranges[-1][1] if self._ranges else 0

    def gaps(self, up_to: int) -> list[tuple[int, int]]:
        """Return what is missing from 1 to ``up_to``, as ranges."""
        missing, next_one = [], 1
        for first, last in self._ranges:
            if first > up_to:
                break
            if first > next_one:
                missing.append((next_one, first - 1))
            next_one = max(next_one, last + 1)
        if next_one <= up_to:
            missing.append((next_one, up_to))
        return missing

    def _add(self, first: int, last: int) -> None:
        at = len(self._ranges)
        while at > 0 and self._ranges[at - 1][0] > first:
            at -= 1
        self._ranges.insert(at, (first, last))
        # Join with the neighbours that touch it.
        at = max(0, at - 1)
        while at + 1 < len(self._ranges):
            (a, b), (c, d) = self._ranges[at], self._ranges[at + 1]
            if c <= b + 1:
                self._ranges[at : at + 2] = [(a, max(b, d))]
            elif c > last + 1:
                break
            else:
                at += 1


@dataclass
class Progress:
    """What of a publisher has arrived here: in any state, and with its effect."""

    known: Ranges = field(default_factory=Ranges)
    done: Ranges = field(default_factory=Ranges)
    parked: set[int] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)  # of all that is known, by event name
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, other: "Progress") -> None:
        """Take over what was read anew; whoever waits looks again."""
        self.known, self.done, self.counts = other.known, other.done, other.counts
        self.parked, self.dead = other.parked, other.dead
        self.moved.set()

    def arrived(self, position: int, event: str) -> None:
        """Note a message in whatever state."""
        if position not in self.known:
            self.known.add(position)
            self.counts[event] += 1

    def settled(self, position: int, event: str) -> None:
        """Note a message that had its effect, or goes on without."""
        self.arrived(position, event)
        self.parked.discard(position)
        self.dead.discard(position)
        self.done.add(position)
        self.moved.set()
