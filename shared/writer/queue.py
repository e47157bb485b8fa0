"""Acts that wait to be decided, in the order in which they were asked, and where the outcome of each goes."""

import asyncio
from collections import deque

from shared.writer.acts import Act, Decided


class Together:
    """The outcomes of acts that were handed over at once.

    :ivar all: done when each has its own.
    """

    def __init__(self, number: int) -> None:
        self.outcomes: list[Decided | BaseException | None] = [None] * number
        self.left = number
        self.all: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Place:
    """The place of one outcome among those of others."""

    __slots__ = ("_number", "_together")

    def __init__(self, together: Together, number: int) -> None:
        self._together, self._number = together, number

    def done(self) -> bool:
        """Whether there is an outcome, or nobody waits for it any more."""
        return self._together.outcomes[self._number] is not None or self._together.all.done()

    def set_result(self, outcome: Decided | BaseException, /) -> None:
        """Put the outcome in its place."""
        together = self._together
        together.outcomes[self._number] = outcome
        together.left -= 1
        if not together.left and not together.all.done():
            together.all.set_result(None)

    set_exception = set_result


class Queue:
    """Acts that wait.

    :ivar room: how many may.
    :ivar arrived: set while there are any.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.arrived = asyncio.Event()
        self._waiting: deque[Act] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room_for(self, number: int) -> bool:
        """Whether so many more may wait."""
        return len(self._waiting) + number <= self.room

    def put(self, act: Act) -> None:
        """Let an act wait behind the others."""
        self._waiting.append(act)
        self.arrived.set()

    def take(self, most: int) -> list[Act]:
        """Take the first acts out, at most so many; those for which nobody waits any more are left out."""
        taken: list[Act] = []
        while self._waiting and len(taken) < most:
            act = self._waiting.popleft()
            if act.future is not None and not act.future.done():
                taken.append(act)
        if not self._waiting:
            self.arrived.clear()
        return taken
