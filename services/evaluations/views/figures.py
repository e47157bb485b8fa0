"""The figures: each query answers the list it is counted from, and which of it counts."""

from datetime import date
from typing import Any

from shared.views import Asked


async def evictions(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, str]]:
    """K-10: each eviction carried out in a period, as termination and group of grounds."""
    found = await store.rows(
        "select termination, ground from open_files where office = $1 and evicted_on between $2 and $3"
        " order by evicted_on, termination",
        since,
        until,
        by=by,
    )
    return [(row["termination"], row["ground"]) for row in found]


async def running_leases(store: Asked, *, on: date, by: Any) -> list[str]:
    """Return the leases that run on a day."""
    found = await store.rows(
        "select lease from leases_known where office = $1 and started_on <= $2"
        " and (ended_on is null or ended_on >= $2) order by lease",
        on,
        by=by,
    )
    return [row["lease"] for row in found]


async def reviews_closed(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, bool, str]]:
    """K-12: each review closed in a period, whether the lease goes on, and its route."""
    found = await store.rows(
        "select termination, goes_on, route from open_files where office = $1 and closed_on between $2 and $3"
        " order by closed_on, termination",
        since,
        until,
        by=by,
    )
    return [(row["termination"], row["goes_on"], row["route"]) for row in found]


async def communicated_in(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, bool]]:
    """K-13: each evaluation communicated in a period, and whether the renter contested it."""
    found = await store.rows(
        "select evaluation, lodged_on is not null as contested from followed"
        " where office = $1 and communicated_on between $2 and $3 order by communicated_on, evaluation",
        since,
        until,
        by=by,
    )
    return [(row["evaluation"], row["contested"]) for row in found]


async def contests_decided(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, bool, int]]:
    """K-13: each contest decided in a period, whether it annulled, and how many days after it was lodged."""
    found = await store.rows(
        "select evaluation, annulled, contest_decided_on - lodged_on as days from followed"
        " where office = $1 and contest_decided_on between $2 and $3 and lodged_on is not null"
        " order by contest_decided_on, evaluation",
        since,
        until,
        by=by,
    )
    return [(row["evaluation"], row["annulled"], row["days"]) for row in found]
