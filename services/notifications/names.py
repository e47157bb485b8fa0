"""Ids that follow from what a thing is about, so that the same cause twice gives the same thing."""

import uuid
from typing import Final

from services.notifications.events import TaskKind
from shared.contracts.notifications import Kind

_NAMES: Final = uuid.UUID("7f0f3a52-1f7d-5a0e-8f5a-6c1f2f0f9d31")


def task_named(kind: TaskKind, about: str) -> str:
    """Return the id of the task of a kind about a thing."""
    return str(uuid.uuid5(_NAMES, f"task {kind} {about}"))


def letter_named(kind: Kind, cause: str) -> str:
    """Return the id of the letter of a kind that a cause (a message, a day's work) asks for."""
    return str(uuid.uuid5(_NAMES, f"letter {kind} {cause}"))


def sending_named(communication: str, addressee: str) -> str:
    """Return the id of the sending of a communication to one addressee."""
    return str(uuid.uuid5(_NAMES, f"sending {communication} {addressee}"))
