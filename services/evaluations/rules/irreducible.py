"""The fewest of some things that still say the same: none of them can be left out."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def irreducible(things: Sequence[T], holds: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return some of ``things``, in their order, for which ``holds`` is true, and is not without any one of them.

    ``holds`` must be true of all of them. Later ones are left out before earlier ones, many at a time where possible.
    """
    left = list(things)
    size = max(len(left) // 2, 1)
    while True:
        before = len(left)
        end = len(left)
        while end > 0:
            begin = max(end - size, 0)
            fewer = [*left[:begin], *left[end:]]
            if holds(fewer):
                left = fewer
            end = begin
        if size == 1 and len(left) == before:
            return left
        size = max(size // 2, 1)
