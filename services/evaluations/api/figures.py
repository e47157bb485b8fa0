"""Figures per office and period that evaluations answers for: K-10 to K-13 (domain 12). Never per renter."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from statistics import median
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query

from services.evaluations import views
from services.evaluations.api.door import READERS, api
from services.evaluations.rules.lease_file import LeaseFile
from shared.problems import not_found
from shared.shares import FEWEST, is_shown, shown
from shared.web import Caller, Day, Store, WebStore, may

STAFF = (*READERS, "administration", "technical", "auditor", "dpo")
NUMBERS = {
    "K-10": ("dwellings",),
    "K-11": (),
    "K-12": ("threshold", "serious_facts"),
    "K-13": ("decided",),
}  # the further numbers of a figure that have a list of their own
NAMES = {
    "K-10": "judicial evictions",
    "K-11": "turn to good",
    "K-12": "review outcome",
    "K-13": "contests",
}
Since = Annotated[Day, Query(alias="from")]
Counted = Sequence[tuple[str, bool]]


@api.get("/kpis")
async def kpis(from_: Since, until: Day, by: Annotated[Caller, may("read_kpis", *STAFF)], store: Store) -> Any:
    """K-10 to K-13 of a period. Each names the list it was counted from; groups under five are not shown."""
    return {
        "from": from_,
        "until": until,
        "kpis": [
            await _evictions(store, from_, until, by),
            _figure("K-11", await _turned(store, until, by), from_, until),
            await _reviews(store, from_, until, by),
            await _contests(store, from_, until, by),
        ],
    }


async def _evictions(store: WebStore, since: date, until: date, by: Caller) -> Mapping[str, Any]:
    found = await views.evictions(store, since=since, until=until, by=by)
    dwellings = len(await views.running_leases(store, on=date(since.year, 1, 1), by=by))
    groups = ("arrears_only", "arrears_and_maintenance", "maintenance_only", "other")
    return {
        **_part("K-10", len(found), dwellings, since, until),
        "by_ground": {group: sum(1 for _, ground in found if ground == group) for group in groups}
        if is_shown(dwellings)
        else None,
    }


async def _turned(store: WebStore, until: date, by: Caller) -> Counted:
    """K-11: each lease that was once at a count of one or more, and whether it came to nought while it runs."""
    found = []
    async for file in views.files_with_evaluations(store, by=by):
        once = _once_counted(file, until)
        if once:
            runs = file.case.ended is None or file.case.ended.ended_on > until
            found.append((file.lease, runs and file.standing(on=until).count == 0))
    return found


def _once_counted(file: LeaseFile, until: date) -> bool:
    days = [one.communicated_on for one in file.evaluations.values() if one.communicated_on is not None]
    return any(
        file.policy_or_none(on=day) is not None and file.standing(on=day).count >= 1
        for day in sorted(days)
        if day <= until
    )


async def _reviews(store: WebStore, since: date, until: date, by: Caller) -> Mapping[str, Any]:
    found = await views.reviews_closed(store, since=since, until=until, by=by)
    figure = _figure("K-12", [(termination, goes_on) for termination, goes_on, _ in found], since, until)
    routes = {}
    for route in ("threshold", "serious_facts"):
        of_route = [goes_on for _, goes_on, by_route in found if by_route == route]
        routes[route] = shown(sum(of_route), len(of_route))
    return {**figure, "by_route": routes}


async def _contests(store: WebStore, since: date, until: date, by: Caller) -> Mapping[str, Any]:
    told = await views.communicated_in(store, since=since, until=until, by=by)
    decided = await views.contests_decided(store, since=since, until=until, by=by)
    days = [taken for _, _, taken in decided]
    return {
        **_figure("K-13", told, since, until),
        "annulled": shown(sum(annulled for _, annulled, _ in decided), len(decided)),
        "median_days_to_decision": median(days) if len(days) >= FEWEST else None,
    }


def _figure(kpi: str, counted: Counted, since: date, until: date) -> Mapping[str, Any]:
    return _part(kpi, sum(counts for _, counts in counted), len(counted), since, until)


def _part(kpi: str, part: int, whole: int, since: date, until: date) -> Mapping[str, Any]:
    asked = urlencode({"from": since, "until": until})
    return {
        "id": kpi,
        "name": NAMES[kpi],
        **shown(part, whole),
        "list": f"/kpis/{kpi}/list?{asked}",
        "lists": {number: f"/kpis/{kpi}/list?{asked}&number={number}" for number in NUMBERS[kpi]},
    }


_MAY_LIST = may("read_kpi_list", "coordinator", "director", "auditor")


async def _figure_named(kpi: str, by: Annotated[Caller, _MAY_LIST]) -> str:
    """Return the figure that a path names. It is looked up before the period is: 404 comes before 422."""
    if kpi not in NAMES:
        raise not_found()
    return kpi


@api.get("/kpis/{kpi}/list")
async def counted_from(
    kpi: Annotated[str, Depends(_figure_named)],
    from_: Since,
    until: Day,
    by: Annotated[Caller, _MAY_LIST],
    store: Store,
    number: Annotated[Literal["dwellings", "threshold", "serious_facts", "decided"] | None, Query()] = None,
) -> Any:
    """What a figure was counted from, and which of it counts.

    ``number`` names one of the further lists of a figure; without it, the list of the figure itself.
    """
    if number is not None and number not in NUMBERS[kpi]:
        return {"items": []}
    match kpi:
        case "K-10" if number is None:
            evicted = await views.evictions(store, since=from_, until=until, by=by)
            return {"items": [{"id": termination, "counts": True, "ground": ground} for termination, ground in evicted]}
        case "K-10":
            dwellings = await views.running_leases(store, on=date(from_.year, 1, 1), by=by)
            return _listed((lease, True) for lease in dwellings)
        case "K-11":
            return _listed(await _turned(store, until, by))
        case "K-12":
            closed = await views.reviews_closed(store, since=from_, until=until, by=by)
            return _listed((id, goes_on) for id, goes_on, route in closed if number in (None, route))
        case _ if number is None:
            return _listed(await views.communicated_in(store, since=from_, until=until, by=by))
        case _:
            decided = await views.contests_decided(store, since=from_, until=until, by=by)
            return {"items": [{"id": id, "counts": annulled, "days": days} for id, annulled, days in decided]}


def _listed(counted: Iterable[tuple[str, bool]]) -> Mapping[str, Any]:
    return {"items": [{"id": id, "counts": counts} for id, counts in counted]}
