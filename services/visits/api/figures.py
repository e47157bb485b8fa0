"""The figures of visits over HTTP (domain 12), each with the list it was counted from."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query

from services.visits.api.door import api
from services.visits.rules.figures import Figure, Period
from services.visits.views.figures import figures
from shared.problems import not_found
from shared.web import Caller, Day, Store, may

NAMED = ("K-01", "K-02", "K-03", "K-04", "K-05", "K-06", "K-09", "K-14", "K-16")
STAFF = ("counsellor", "coordinator", "director", "administration", "technical", "auditor", "dpo")
Since = Annotated[Day, Query(alias="from")]
MAY_LIST = may("read_kpi_list", "counsellor", "coordinator", "director", "auditor")


@api.get("/kpis")
async def read_kpis(from_: Since, until: Day, by: Annotated[Caller, may("read_kpis", *STAFF)], store: Store) -> Any:
    """The figures of a period, both ends included. Groups under five are not shown."""
    found = await figures(store, by=by, period=Period(since=from_, until=until))
    asked = urlencode({"from": from_, "until": until})
    return {"from": from_, "until": until, "kpis": [_shown(figure, asked) for figure in found]}


def _shown(figure: Figure, asked: str) -> Mapping[str, Any]:
    part, whole = figure.out_of or (figure.part, figure.whole)
    return {
        "id": figure.id,
        "name": figure.name,
        "numerator": None if figure.suppressed else part,
        "denominator": None if figure.suppressed else whole,
        "value": figure.share,
        "suppressed": figure.suppressed,
        **({} if figure.suppressed else dict(figure.beside)),
        "list": f"/kpis/{figure.id}/list?{asked}",
        "lists": {name: f"/kpis/{figure.id}/list?{asked}&number={name}" for name, _ in figure.lists},
    }


async def _named(kpi: str, by: Annotated[Caller, MAY_LIST]) -> str:
    """Return the figure that a path names. It is looked up before the period is: 404 comes before 422."""
    if kpi not in NAMED:
        raise not_found()
    return kpi


@api.get("/kpis/{kpi}/list")
async def read_kpi_list(
    kpi: Annotated[str, Depends(_named)],
    from_: Since,
    until: Day,
    by: Annotated[Caller, MAY_LIST],
    store: Store,
    number: Annotated[Literal["visits", "refused", "revised", "lapsed", "office"] | None, Query()] = None,
) -> Any:
    """What a figure was counted from: the ids of the whole, and whether each is in the part.

    ``number`` names one of the further lists of a figure; without it, the list of the figure itself.
    """
    found = await figures(store, by=by, period=Period(since=from_, until=until))
    figure = next(figure for figure in found if figure.id == kpi)
    counted = figure.counted if number is None else dict(figure.lists).get(number, ())
    return {"items": [{"id": id, "counts": counts} for id, counts in counted]}
