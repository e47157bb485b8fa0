"""How far we have come with what a publisher told: which of its positions arrived, and which had their effect."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import prometheus_client

MESSAGES = prometheus_client.Counter(
    "huurspoor_inbox_messages", "Messages by what became of them", ["publisher", "outcome"]
)
PARKED = prometheus_client.Gauge("huurspoor_inbox_parked", "Messages that wait for another one", ["publisher"])


class Ranges:
    """A set of positions, held as ranges: all but a few are one range."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            self._add(first, last)

    def add(self, position: int) -> bool:
        """Put a position in; whether it was not there."""
        ranges = self._ranges
        if ranges and ranges[-1][1] == position - 1:  # what comes next, as nearly all do
            ranges[-1] = (ranges[-1][0], position)
            return True
        if position in self:
            return False
        self._add(position, position)
        return True

    def remove(self, position: int) -> None:
        """Take a position out."""
        for at, (first, last) in enumerate(self._ranges):
            if first <= position <= last:
                rest = ((first, position - 1), (position + 1, last))
                self._ranges[at : at + 1] = [(a, b) for a, b in rest if a <= b]
                return

    def __contains__(self, position: int) -> bool:
        if position > self.last:
            return False
        for first, last in reversed(self._ranges):
            if first <= position:
                return position <= last
        return False

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
    awaited: int = 0  # so many wait until something has had its effect

    def become(self, other: "Progress") -> None:
        """Take over what was read anew; whoever waits looks again."""
        self.known, self.done, self.counts = other.known, other.done, other.counts
        self.parked, self.dead = other.parked, other.dead
        self.moved.set()

    def arrived(self, position: int, event: str) -> None:
        """Note a message in whatever state."""
        if self.known.add(position):
            self.counts[event] += 1

    def must_come_again(self, position: int, event: str) -> None:
        """Note that a message is not here after all: whoever compares asks its publisher for it."""
        if position in self.known and position not in self.done:
            self.known.remove(position)
            self.counts[event] -= 1
        self.parked.discard(position)
        self.dead.discard(position)

    def settled(self, position: int, event: str) -> None:
        """Note a message that had its effect, or goes on without."""
        self.arrived(position, event)
        self.parked.discard(position)
        self.dead.discard(position)
        self.done.add(position)
        self.moved.set()


class Turns:
    """Lets those who are about the same thing go one after the other. Who is alone with it waits for nobody."""

    def __init__(self) -> None:
        self._waiting: dict[Any, deque[asyncio.Future[None]]] = {}

    def of(self, thing: Any) -> "_Turn":
        """Return a turn about a thing, for ``async with``."""
        return _Turn(self._waiting, thing)

    def claim(self, thing: Any) -> bool:
        """Take a turn about a thing if nobody has it; whether that is so. It must be given back."""
        if thing in self._waiting:
            return False
        self._waiting[thing] = deque()
        return True

    def give_back(self, thing: Any) -> None:
        """End a turn that was claimed."""
        _pass_on(self._waiting, thing)


class _Turn:
    __slots__ = ("_thing", "_waiting")

    def __init__(self, waiting: dict[Any, deque[asyncio.Future[None]]], thing: Any) -> None:
        self._waiting, self._thing = waiting, thing

    async def __aenter__(self) -> None:
        before = self._waiting.get(self._thing)
        if before is None:
            self._waiting[self._thing] = deque()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                _pass_on(self._waiting, self._thing)  # it was ours already
            raise

    async def __aexit__(self, *_: object) -> None:
        _pass_on(self._waiting, self._thing)


def _pass_on(all_waiting: dict[Any, deque[asyncio.Future[None]]], thing: Any) -> None:
    waiting = all_waiting[thing]
    while waiting:
        turn = waiting.popleft()
        if not turn.done():  # else whoever waited gave up
            turn.set_result(None)
            return
    del all_waiting[thing]
