"""What stands beside the count in every answer: what goes well, and what speaks for the renter since (domain 4.5)."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from services.evaluations.api.door import WORDING
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.weighing import ToWeigh, goes_well, to_weigh
from shared.clock import local_date
from shared.web import Caller


def today_at(known_at: datetime | None, by: Caller) -> date:
    """Return today; as known at an instant, the day that was today then: so a past answer never changes."""
    return by.today if known_at is None else min(local_date(known_at), by.today)


def beside_the_count(file: LeaseFile, grounds: Collection[str], *, on: date, language: str) -> Mapping[str, Any]:
    """Return the positive line of a lease, and what must be weighed about these findings, with a sentence each."""
    well = goes_well(file.case, file.evaluations, on=on)
    positive = {
        "evaluations": well.evaluations,
        "agreements": well.agreements,
        "commitments_kept": well.commitments_kept,
        "items_improved": well.items_improved,
        "findings_resolved": [{"id": one.id, "item": one.item} for one in well.findings_resolved],
    }
    weigh = [
        {**msgspec.to_builtins(one), "sentence": _sentence(one, language)}
        for one in to_weigh(file.case, grounds=grounds, on=on)
    ]
    told: dict[str, Any] = msgspec.to_builtins({"positive": positive, "to_weigh": weigh}, str_keys=True)
    return told


def _sentence(one: ToWeigh, language: str) -> str:
    return WORDING.say("weigh", one.code, language, {"item": one.item or "", "on": day(one.on)}) or one.code


def day(day: date) -> str:
    """Return a day as sentences say it."""
    return f"{day.day}/{day.month}/{day.year}"
