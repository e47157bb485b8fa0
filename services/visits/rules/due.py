"""What overdue means: one definition, for the list of what is due, the lease list, the metric and the reminder."""

from datetime import date


def overdue(due_on: date | None, *, on: date) -> bool:
    """Whether something due through ``due_on``, included, is late on a day; what has no such day never is."""
    return due_on is not None and due_on < on
