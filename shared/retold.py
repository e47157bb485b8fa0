"""Telling an event in the words of its public contract."""

from dataclasses import fields
from typing import Any, TypeVar, cast

C = TypeVar("C")


def retold(contract: type[C], event: Any, /, **beside: Any) -> C:
    """Return the contract: what it has in common with the event by name, and what is said beside.

    What the contract does not name is not told.
    """
    names = {field.name for field in fields(cast(Any, contract))}
    same = {field.name: getattr(event, field.name) for field in fields(event) if field.name in names}
    return contract(**{**same, **beside})
