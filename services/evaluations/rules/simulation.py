"""What a draft policy would change for a lease, from today on (issue 5). Nothing is recorded."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from services.evaluations.events import PolicyAdopted
from services.evaluations.rules.counting import Counted, Excluded, Merged, Place, Standing
from services.evaluations.rules.lease_file import LeaseFile
from shared.decisions import Recorded

Change = Literal["would_cross", "would_fall_back", "count_changes", "threshold_changes", "places_change"]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """An evaluation whose place would be another."""

    id: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What would differ for one lease."""

    lease: str
    change: Change
    before: Standing
    after: Standing
    moved: tuple[Moved, ...]


def difference(file: LeaseFile, draft: PolicyAdopted, *, on: date, at: datetime) -> Difference | None:
    """Return what would differ on a day if ``draft`` were in force, None if nothing would."""
    told = Recorded(
        event=draft,
        id="draft",
        stream="policies/office",
        version=len(file.policies) + 1,
        occurred_on=on,
        recorded_at=at,
        taken_in_at=at,
        actor="SYS",
    )
    negatives = file.negatives(on=on)
    before = file.standing(on=on, negatives=negatives)
    after = replace(file, policies=(*file.policies, told)).standing(on=on, negatives=negatives)
    moved = tuple(
        Moved(id=place.id, before=_says(place), after=_says(now))
        for place in before.headline.places
        if (now := after.place_of(place.id)) is not None and _says(place) != _says(now)
    )
    change = _change(before, after, moved)
    return (
        None if change is None else Difference(lease=file.lease, change=change, before=before, after=after, moved=moved)
    )


def _change(before: Standing, after: Standing, moved: tuple[Moved, ...]) -> Change | None:
    if after.reached != before.reached:
        return "would_cross" if after.reached else "would_fall_back"
    if after.count != before.count:
        return "count_changes"
    if after.threshold != before.threshold:
        return "threshold_changes"
    return "places_change" if moved else None


def _says(place: Place) -> str:
    match place:
        case Counted():
            return "counted"
        case Merged() | Excluded():
            return place.reason
