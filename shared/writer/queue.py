"""Acts that wait to be decided, in the order in which they were asked, and where the outcome of each goes."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from shared.decisions import AnyStream
from shared.writer.acts import Change, Decided, OnRefusal, Read, Responsible


class Promised(Protocol):
    """Where the outcome of an act goes: a future, or a place among others."""

    def done(self) -> bool: ...
    def set_result(self, outcome: Decided, /) -> None: ...
    def set_exception(self, outcome: BaseException, /) -> None: ...


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


class Asked(msgspec.Struct, eq=False):
    """An act that waits for its outcome.

    :ivar version_of: of what version its caller speaks, given the state; None: of the stream's.
    :ivar new: held to be so: neither its key nor its message is looked for before, the keys of its rows say it.
    :ivar begins: its stream is held to have no event yet: the key of the first one says whether that is so.
    """

    office: str
    stream: AnyStream | None
    id: str
    decision: Callable[..., Iterable[Any]] | None
    by: Responsible
    reads: Mapping[str, Read]
    refused: OnRefusal | None
    answer: Callable[[Decided], bytes] | None
    rows: Sequence[Change]
    future: Promised
    version_of: Callable[[Any], int] | None = None
    new: bool = False
    begins: bool = False

    @property
    def supposes(self) -> bool:
        """Whether it is decided on something that the store may deny."""
        return self.new or self.begins

    def suppose_nothing(self) -> None:
        """Let everything be looked for before it is decided again."""
        self.new = self.begins = False

    def tell(self, outcome: Decided | BaseException) -> None:
        """Give the act its outcome, unless it has one or nobody waits for it any more."""
        if self.future.done():
            return
        if isinstance(outcome, BaseException):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Queue:
    """Acts that wait.

    :ivar room: how many may.
    :ivar arrived: set while there are any.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.arrived = asyncio.Event()
        self._waiting: deque[Asked] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room_for(self, number: int) -> bool:
        """Whether so many more may wait."""
        return len(self._waiting) + number <= self.room

    def put(self, asked: Asked) -> None:
        """Let an act wait behind the others."""
        self._waiting.append(asked)
        self.arrived.set()

    def take(self, most: int) -> list[Asked]:
        """Take the first acts out, at most so many; those for which nobody waits any more are left out."""
        taken: list[Asked] = []
        while self._waiting and len(taken) < most:
            asked = self._waiting.popleft()
            if not asked.future.done():
                taken.append(asked)
        if not self._waiting:
            self.arrived.clear()
        return taken
