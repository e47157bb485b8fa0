"""The number of overdue visits for Prometheus: of all offices together, by the one definition of overdue."""

import asyncio
from collections.abc import Iterable
from datetime import date
from typing import Any, Final, Protocol

import asyncpg
from prometheus_client import Gauge

from services.visits.rules.due import overdue
from services.visits.views.due import VISITS_DUE
from shared.clock import Clock
from shared.lost import LOST

EVERY_SECONDS: Final = 15
KINDS: Final = ("first_visit", "next_visit")
OVERDUE: Final = Gauge("huurspoor_visits_overdue", "Visits that are overdue today, of all offices", ["kind"])


class OfEveryOffice(Protocol):
    """Connections of the role that sees every office."""

    async def fetch(self, query: str) -> list[Any]:
        """Return the rows of a query."""


def count_overdue(due: Iterable[tuple[str, date, int]], *, on: date) -> dict[str, int]:
    """Return how many visits of each kind are overdue on a day, given how many are due on which."""
    counted = dict.fromkeys(KINDS, 0)
    for kind, due_on, number in due:
        counted[kind] += number if overdue(due_on, on=on) else 0
    return counted


async def look(clock: Clock, every_office: OfEveryOffice) -> None:
    """Let the gauge say what is so now."""
    rows = await every_office.fetch(VISITS_DUE)
    for kind, number in count_overdue(
        [(row["kind"], row["due_on"], row["number"]) for row in rows], on=clock.today()
    ).items():
        OVERDUE.labels(kind).set(number)


async def keep_looking(clock: Clock, every_office: OfEveryOffice) -> None:
    """Look every so often, until cancelled; while the store is away the gauge says nothing."""
    while True:
        try:
            await look(clock, every_office)
        except (*LOST, asyncpg.PostgresError):
            OVERDUE.clear()
        await asyncio.sleep(EVERY_SECONDS)
