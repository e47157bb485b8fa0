"""When two facts are the same fact: sealed texts are compared by what they say, everything else by its value."""

from dataclasses import fields, is_dataclass
from typing import Any

from shared.sealed import Sealed


def is_the_same(one: Any, other: Any) -> bool:
    """Whether two events (or parts of events) say the same; sealing a text twice gives different bytes of one text."""
    if isinstance(one, Sealed):
        return isinstance(other, Sealed) and one.says_the_same_as(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(is_the_same(*pair) for pair in zip(one, other, strict=True))
    if is_dataclass(one):
        return all(is_the_same(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))
    return bool(one == other)
