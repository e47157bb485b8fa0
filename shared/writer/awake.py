"""Staying awake while the database answers, where one answer is waited for after the other.

A core that goes to sleep for the length of a commit wakes up later than the answer comes: where cores are virtual that
costs a third of the time of a commit by itself (``docs/performance.md`` has the figures). So while acts follow one
another closely the event loop asks for the answer instead of being told: for a while, and only as long as nobody else
wants the core.
"""

import asyncio
import os
from time import perf_counter
from types import TracebackType

SECONDS_BETWEEN = 0.0005  # between an answer and the next question of those that follow one another
IN_A_ROW = 4  # questions; one act alone asks two
SECONDS_AWAKE = 0.002  # nearly every answer comes sooner
SECONDS_TO_COME_BACK = 0.00003  # who lets others go first and is away for longer had somebody to let go
SECONDS_OF_MODESTY = 0.003


class Awake:
    """``with awake:`` around awaiting an answer of the database; may be entered again meanwhile."""

    def __init__(self) -> None:
        self._waiting = 0
        self._answered = 0.0
        self._in_a_row = 0
        self._until = 0.0
        self._not_before = 0.0
        self._asking = False

    def __enter__(self) -> None:
        now = perf_counter()
        self._waiting += 1
        self._in_a_row = self._in_a_row + 1 if now - self._answered < SECONDS_BETWEEN else 0
        if self._in_a_row < IN_A_ROW or now < self._not_before:
            return
        self._until = now + SECONDS_AWAKE
        if not self._asking:
            self._asking = True
            asyncio.get_running_loop().call_soon(self._ask)

    def __exit__(
        self, _kind: type[BaseException] | None, _why: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._waiting -= 1
        self._answered = perf_counter()

    def _ask(self) -> None:
        """Let the loop look for answers without going to sleep, and come back here after that."""
        before = perf_counter()
        if not self._waiting or before > self._until:
            self._asking = False
            return
        os.sched_yield()
        if perf_counter() - before > SECONDS_TO_COME_BACK:
            self._asking, self._not_before = False, before + SECONDS_OF_MODESTY
        else:
            asyncio.get_running_loop().call_soon(self._ask)
