"""The figures of referrals over HTTP (domain 12), each with the list it was counted from."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query

from services.referrals import views
from services.referrals.api.door import GUIDES, STAFF, api
from shared.problems import not_found
from shared.shares import shown
from shared.web import Caller, Day, Store, may

NAMES = {"K-07": "warm share", "K-08": "referral lands"}

Since = Annotated[Day, Query(alias="from")]


@api.get("/kpis")
async def kpis(from_: Since, until: Day, by: Annotated[Caller, may("read_kpis", *STAFF)], store: Store) -> Any:
    """K-07 and K-08 of a period. Each names the list it was counted from; groups under five are not shown."""
    return {
        "from": from_,
        "until": until,
        "kpis": [_figure(kpi, await _counted(kpi, store, from_, until, by), from_, until) for kpi in NAMES],
    }


_MAY_LIST = may("read_kpi_list", *GUIDES)


async def _figure_named(kpi: str, by: Annotated[Caller, _MAY_LIST]) -> str:
    """Return the figure that a path names. It is looked up before the period is: 404 comes before 422."""
    if kpi not in NAMES:
        raise not_found()
    return kpi


@api.get("/kpis/{kpi}/referrals")
async def counted_from(
    kpi: Annotated[str, Depends(_figure_named)],
    from_: Since,
    until: Day,
    by: Annotated[Caller, _MAY_LIST],
    store: Store,
) -> Any:
    """The referrals that a figure was counted from, and which of them it counts."""
    counted = await _counted(kpi, store, from_, until, by)
    return {"items": [{"referral": referral, "counts": counts} for referral, counts in counted]}


async def _counted(kpi: str, store: Store, since: date, until: date, by: Caller) -> Sequence[tuple[str, bool]]:
    if kpi == "K-07":
        return await views.warm_share(store, since=since, until=until, by=by)
    return await views.landed(store, since=since, until=until, today=by.today, by=by)


def _figure(kpi: str, counted: Sequence[tuple[str, bool]], since: date, until: date) -> Mapping[str, Any]:
    return {
        "id": kpi,
        "name": NAMES[kpi],
        **shown(sum(counts for _, counts in counted), len(counted)),
        "list": f"/kpis/{kpi}/referrals?{urlencode({'from': since, 'until': until})}",
    }
