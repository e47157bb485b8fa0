"""The HTTP doors of a service: what is the same in every API (contract 2).

A service declares ``Doors``: functions that translate a body into a decision and hand it to the ``Store``. Around them,
the same for all: who is asking and whether their role may, whether the thing exists for their office, the shape of
bodies, Idempotency-Key, If-Match and ETag, ``?after=``, problems, and the opening of sealed text for who may read it.

.. code-block:: python

    api = Doors("lending")

    class LendTool(DatedBody):
        member: Line

    @api.post("/tools/{tool}/lend")
    async def lend_tool(
        tool: str, body: LendTool, by: Annotated[Caller, may("lend_tool", "clerk", of=TOOL)], store: Store
    ) -> Acted:
        return await store.decide(TOOL, tool, partial(lend, to=body.member, on=by.day), by=by)
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from shared import problems
from shared.acting import Acted, WebStore
from shared.bodies import Body, Channel, DatedBody, Day, Id, Instant, Line, Time, Words
from shared.callers import Caller
from shared.clock import Clock
from shared.codec import UnknownEvent
from shared.cursors import Cursors
from shared.decisions import AnyStream, Refusal
from shared.door import Door
from shared.doors import Doors, Store, may
from shared.event_sourcing import EventStore, KeyReused, OnRefusal, StoreBusy, every, one
from shared.keys import OFFICE, NationalNumberTyped, Seals
from shared.lost import WITHOUT_STATE, is_away
from shared.problems import Fault, NotYetKnown, Problem
from shared.reception import DeadLetters, Epochs, Inbox, Readiness, Reception
from shared.settings import Settings
from shared.system_doors import system_doors
from shared.tokens import IssuerKeys, Tokens
from shared.views import Resource
from shared.wording import Wording
from shared.writer.acts import WritingWaits

__all__ = [
    "OFFICE",
    "Acted",
    "Body",
    "Caller",
    "Channel",
    "DatedBody",
    "Day",
    "Doors",
    "Id",
    "Instant",
    "Line",
    "NotYetKnown",
    "OnRefusal",
    "Problem",
    "Store",
    "Time",
    "WebStore",
    "Words",
    "application",
    "every",
    "may",
    "one",
]

# What says that the store or the keys are away, as opposed to something wrong with what was asked.
AWAY = (
    StoreBusy,
    *WITHOUT_STATE,
    UnknownEvent,  # a newer release of this service has written, and this one stands by, or is being ended
)


class Described(Protocol):
    """What the web must know of a service."""

    @property
    def name(self) -> str: ...
    @property
    def api(self) -> Doors: ...
    @property
    def resources(self) -> Sequence[Resource]: ...
    @property
    def authority(self) -> tuple[AnyStream, str] | None: ...


def problem_of(error: BaseException) -> Problem | None:
    """Return the problem that answers an error, None for a bug."""
    match error:
        case Problem():
            return error
        case Refusal():
            return problems.refused(error)
        case KeyReused():
            return Problem(422, "idempotency-key-reused")
        case NationalNumberTyped():
            return problems.invalid(Fault("national_number", pointer=f"/{error.field}"))
        case WritingWaits():
            return problems.writing_waits(error.why)
        case RequestValidationError():
            return problems.invalid(*problems.faults_of(error.errors()))
        case HTTPException() if error.status_code == 404:
            return problems.not_found()
        case HTTPException() if error.status_code == 400:
            return problems.malformed()
        case HTTPException() if error.status_code == 405:
            return Problem(405, "method-not-allowed", headers=dict(error.headers or {}))
        case _ if isinstance(error, UnknownEvent) or is_away(error):
            return problems.unavailable()
        case _:
            return None


class _Inside(FastAPI):
    """FastAPI without layers that answer errors by themselves: every one rises to the door."""

    def build_middleware_stack(self) -> ASGIApp:
        return AsyncExitStackMiddleware(self.router)


def application(
    service: Described,
    store: EventStore,
    seals: Seals,
    settings: Settings,
    *,
    clock: Clock,
    wording: Wording,
    ready: Readiness,
    inbox: Inbox | None = None,
    dead_letters: DeadLetters | None = None,
    epochs: Epochs | None = None,
    run_days: Callable[[date], Awaitable[Mapping[str, Any]]] | None = None,
) -> ASGIApp:
    """Put a service behind its door.

    :param ready: answers ``{"ready": bool, "why": [...], ...}`` for ``GET /health/ready``.
    :param run_days: does the work of all days up to one, and answers the last position and what failed; only with a
        settable clock.
    """
    inside = _Inside(title=f"Huurspoor: {service.name}", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    # Beside the service's own, not into them: those are of the module, and one process may put them behind two doors.
    doors, beside = service.api, system_doors(service.name, with_days=run_days is not None)
    routes = [*doors.routes, *beside.routes]
    inside.router.routes.extend(routes)
    inside.state.reception = Reception(
        service=service.name,
        readers=doors.readers,
        clear=doors.clear,
        counsellor_of=doors.counsellor_of,
        clock_skew_of=doors.clock_skew_of,
        store=store,
        front=WebStore(store, service.resources),
        seals=seals,
        clock=clock,
        cursors=Cursors(settings.secret_for("cursors")),
        authority=service.authority,
        inbox=inbox,
        dead_letters=dead_letters,
        epochs=epochs,
        ready=ready,
        run_days=run_days,
    )
    keys = IssuerKeys(settings.jwks)
    return Door(
        inside,
        routes=routes,
        tokens=Tokens(keys, issuer=settings.issuer, audience=settings.audience),
        wording=wording,
        open_routes=frozenset(doors.open_routes | beside.open_routes),
        form_routes=frozenset(doors.form_routes),
        answers=problem_of,
    )
