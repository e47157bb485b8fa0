"""Doors that every service has: health, metrics, documents, read log, dead letters, epochs, days of a test clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from shared import api_document, problems
from shared.bodies import Body, Day, Id, Line
from shared.callers import Caller
from shared.door import asks_for_facts
from shared.doors import DEFAULT_LIMIT, Cursor, Doors, Limit, may
from shared.reception import DeadLetters, json_response, reception_of
from shared.refusals import ReasonMissing


class Why(Body):
    """Why an operator does this; no personal data."""

    reason: Line | None = None


_MAY_REQUEUE = may("requeue_dead_letter", "operator")
_MAY_CLOSE = may("close_dead_letter", "operator")


async def _open_letter(request: Request, id: str) -> DeadLetters:
    """Return the dead letters, where one of this id is open. :raises Problem: there is none (404)."""
    letters = reception_of(request).dead_letters
    after: Sequence[Any] | None = None
    while letters is not None:
        items, after = await letters.listed(limit=200, after=after)
        if any(item["id"] == id for item in items):
            return letters
        if after is None:
            break
    raise problems.not_found()


async def _to_requeue(request: Request, id: str, by: Annotated[Caller, _MAY_REQUEUE]) -> DeadLetters:
    """Return the dead letters with the one that the path names: 404 comes before 422."""
    return await _open_letter(request, id)


async def _to_close(request: Request, id: str, by: Annotated[Caller, _MAY_CLOSE]) -> DeadLetters:
    """Return the dead letters with the one that the path names: 404 comes before 422."""
    return await _open_letter(request, id)


def _reason(body: Why) -> str:
    if body.reason is None or not body.reason.strip():
        raise ReasonMissing
    return body.reason


async def live() -> Any:
    """The process answers."""
    return {"live": True}


async def ready(request: Request) -> Any:
    """Whether everything that the service needs is there, and what is missing."""
    told = await reception_of(request).ready()
    return json_response(told, status=200 if told.get("ready") else 503)


async def metrics() -> Response:
    """Metrics for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def document(request: Request) -> Response:
    """This document."""
    return json_response(document_of(request.app))


async def docs(request: Request) -> Response:
    """This document for people."""
    return Response(
        api_document.page(document_of(request.app)),
        media_type="text/html",
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


async def read_log(
    request: Request,
    by: Annotated[Caller, may("read_log", "dpo", "auditor")],
    lease: Annotated[Id, Query()],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Who read what of a lease, oldest first."""
    web = reception_of(request)
    shape = ["read-log", by.office, lease]
    at, after = web.cursors.read(cursor, shape) if cursor is not None else ("0001-01-01T00:00:00+00:00", "")
    found = await web.store.rows(
        "select at, id, person, what from read_log where office = $1 and lease = $2 and (at, id) > ($3, $4)"
        " order by at, id limit $5",
        lease,
        datetime.fromisoformat(at),
        after,
        limit + 1,
        by=by,
    )
    page = found[:limit]
    more = [page[-1]["at"].isoformat(), page[-1]["id"]] if len(found) > limit else None
    items = [{"at": row["at"], "person": row["person"], "what": row["what"], "lease": lease} for row in page]
    return {"items": items, "next": web.cursors.make(more, shape) if more else None}


async def dead_letters(
    request: Request,
    by: Annotated[Caller, may("read_dead_letters", "operator")],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Messages that could not be handled, oldest first: reason and envelope, no content."""
    web = reception_of(request)
    after = web.cursors.read(cursor, ["dead-letters"]) if cursor is not None else None
    if web.dead_letters is None:
        return {"items": [], "next": None}
    items, more = await web.dead_letters.listed(limit=limit, after=after)
    return {"items": items, "next": web.cursors.make(more, ["dead-letters"]) if more else None}


async def requeue(
    id: str,
    body: Why,
    letters: Annotated[DeadLetters, Depends(_to_requeue)],
    by: Annotated[Caller, _MAY_REQUEUE],
) -> Any:
    """Handle a dead letter again. It may become one again: then its state is open, as before."""
    state = await letters.requeue(id, reason=_reason(body), operator=by.actor)
    if state is None:
        raise problems.not_found()
    return {"id": id, "state": state}


async def close(
    id: str, body: Why, letters: Annotated[DeadLetters, Depends(_to_close)], by: Annotated[Caller, _MAY_CLOSE]
) -> Any:
    """Give a dead letter up; those behind it go on without it."""
    if not await letters.close(id, reason=_reason(body), operator=by.actor):
        raise problems.not_found()
    return {"id": id, "state": "closed"}


async def epochs(request: Request, by: Annotated[Caller, may("read_epochs", "operator")]) -> Any:
    """The epochs of this service: what restores from backups made void, who confirmed it, and what waits."""
    found = reception_of(request).epochs
    if found is None:
        raise problems.not_found()
    return await found.told()


async def begin_epoch(request: Request, body: Why, by: Annotated[Caller, may("begin_epoch", "operator")]) -> Any:
    """Confirm after a restore that writing goes on from the older state; what was told after it is void."""
    found = reception_of(request).epochs
    if found is None:
        raise problems.not_found()
    return await found.confirm(reason=_reason(body), by=by.actor)


class Until(Body):
    """Up to which day."""

    day: Day


async def clock_day(request: Request, body: Until, by: Annotated[Caller, may("move_clock", "operator")]) -> Any:
    """Do the work of all days up to this one; what failed of it, by work, is tried again by itself."""
    run_days = reception_of(request).run_days
    assert run_days is not None
    return await run_days(body.day)


def system_doors(service: str, *, with_days: bool) -> Doors:
    """Return the doors that stand beside a service's own.

    :param with_days: also the one that does the work of days, for a settable clock.
    """
    doors = Doors(service)
    doors.without_token("/health/live")(live)
    doors.without_token("/health/ready")(ready)
    doors.without_token("/metrics", response_class=PlainTextResponse)(metrics)
    doors.without_token("/openapi.json")(document)
    doors.without_token("/docs", response_class=HTMLResponse)(docs)
    doors.get("/read-log")(read_log)
    doors.get("/dead-letters")(dead_letters)
    doors.post("/dead-letters/{id}/requeue")(requeue)
    doors.post("/dead-letters/{id}/close")(close)
    doors.get("/epochs")(epochs)
    doors.post("/epochs")(begin_epoch)
    if with_days:
        doors.post("/clock/day")(clock_day)
    return doors


def document_of(inside: FastAPI) -> dict[str, Any]:
    document = inside.openapi()
    _put_choices_in_order(document)
    parts = document.setdefault("components", {})
    for route in inside.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():  # of this route: on its path another one may make something new
                operation = document["paths"].get(route.path, {}).get(method.lower(), {})
                _make_exact(operation.get("requestBody"), route, parts.get("schemas", {}))
    parts.setdefault("schemas", {}).update(api_document.SCHEMAS)
    parts.setdefault("securitySchemes", {})["token"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return document


def _make_exact(body: dict[str, Any] | None, route: APIRoute, schemas: dict[str, Any]) -> None:
    """Say of a body what FastAPI leaves out: that it may be absent, that a form has no other fields."""
    if body is None:
        return
    form = body["content"].get("multipart/form-data", {}).get("schema", {}).get("$ref")
    if form is not None:
        schemas[form.rpartition("/")[2]]["additionalProperties"] = False
    elif not asks_for_facts(route):
        body["required"] = False


def _put_choices_in_order(part: Any) -> None:
    """Sort every list of choices: Python shares one ``Literal`` between equal sets, in the order of who came first."""
    if isinstance(part, dict):
        if isinstance(part.get("enum"), list):
            part["enum"].sort(key=str)
        for value in part.values():
            _put_choices_in_order(value)
    elif isinstance(part, list):
        for value in part:
            _put_choices_in_order(value)
