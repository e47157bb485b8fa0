"""The HTTP doors of a service: what is the same in every API (contract 2).

A service declares ``Doors``, and functions that translate a body into a decision and hand it to the ``Store``. Everything
around it is here: who is asking and whether their role may, whether the thing exists for their office, the shape of bodies,
Idempotency-Key, If-Match and ETag, waiting for ``?after=``, problems, and the opening of sealed text for who may read it.

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

import asyncio
import base64
import hashlib
import hmac
import inspect
import json
import re
import secrets
import typing
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import wraps
from types import SimpleNamespace
from typing import Annotated, Any, Final, Protocol, cast

import asyncpg
import msgspec
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.params import Depends as DependsParam
from fastapi.params import Form
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from shared import api_document, problems
from shared.bodies import (
    LARGEST,
    Body,
    Channel,
    DatedBody,
    Day,
    Id,
    Instant,
    Line,
    Time,
    Words,
    is_uuid,
)
from shared.clock import Clock
from shared.decisions import AnyStream, NoAuthority, Person, Recorded, Refusal
from shared.door import MOST_PARAMETERS, Door, Entry
from shared.event_sourcing import (
    ChangedMeanwhile,
    Decided,
    EventStore,
    Found,
    KeyReused,
    Message,
    Missing,
    OnRefusal,
    Read,
    StoreBusy,
    every,
    one,
)
from shared.keys import OFFICE, Category, NationalNumberTyped, Seals
from shared.problems import Fault, NotYetKnown, Problem
from shared.reading_rights import opened, readable
from shared.refusals import OccurredInFuture
from shared.settings import Settings
from shared.tokens import ROLES, IssuerKeys, Tokens
from shared.views import Resource
from shared.wording import Wording

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

PUBLISHERS: Final = ("visits", "evaluations", "referrals", "notifications")
LONGEST_WAIT_SECONDS: Final = 5.0
CLOCK_SKEW: Final = timedelta(minutes=10)  # domain 6, clock_skew_minutes
DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 200
_KEY = re.compile(r"[\x20-\x7e]{1,200}")
_POSITION = re.compile(rf"({'|'.join(PUBLISHERS)}):(0|[1-9][0-9]{{0,17}})")
_ETAG = re.compile(r'"([0-9]{1,18})"')
_PATH_TEXT = re.compile("[\x21-\x7e]{1,200}")
# What says that the store or the keys are away, as opposed to something wrong with what was asked.
AWAY = (
    StoreBusy,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
)


# -- who is asking ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is asking, proven by their token: answers for the act in the store's eyes (``Responsible``).

    :ivar office: empty for an operator, who has none.
    :ivar today: the local date of the platform's clock. :ivar at: its moment, aware, UTC.
    :ivar person: for decisions that people alone may take; knows in whose name the person acts.
    """

    office: str
    person: Person
    name: str
    today: date
    at: datetime
    correlation_id: str
    act: str | None = None
    mandated: bool = False
    occurred_on: date | None = None
    device_time: datetime | None = None
    clock_suspect: bool = False
    source: str = "web"
    causation_id: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    once: str | None = None
    digest: bytes | None = None
    if_match: int | None = None
    message: Message | None = None
    seals: Seals = field(repr=False, compare=False)
    _deputy_of: Callable[[str | None, date, date], str | None] = field(
        default=lambda _act, _day, _today: None, repr=False, compare=False
    )

    @property
    def actor(self) -> str:
        """The person's id, as events store it."""
        return self.person.id

    @property
    def roles(self) -> frozenset[str]:
        """The roles in the token."""
        return self.person.roles

    @property
    def day(self) -> date:
        """The day of the fact: ``occurred_on`` where it was told, else today."""
        return self.occurred_on or self.today

    def on(self, day: date | None) -> "Caller":
        """Return the caller with the day of the fact; None is today. The store refuses a day after today."""
        person = replace(self.person, in_name_of=self._deputy_of(self.act, day or self.today, self.today))
        return replace(self, occurred_on=day, person=person)

    def under(self, *, policy: str | None = None, checklist: str | None = None) -> "Caller":
        """Return the caller with the versions of policy and checklist that the act rests on."""
        return replace(
            self,
            policy_version=policy or self.policy_version,
            checklist_version=checklist or self.checklist_version,
        )

    async def seal(self, category: Category, subject: str, /, **texts: str | None) -> SimpleNamespace:
        """Seal texts of one category about a lease, a party or ``OFFICE``; a missing or blank one becomes None.

        The names of the keyword arguments are the names of the fields of the event.
        """
        return SimpleNamespace(**await self.seals.seal_all(self.office, subject, category, texts))

    async def seal_one(self, category: Category, subject: str, field: str, text: str | None) -> Any:
        """Seal one text for the field of that name; None if it is missing or blank."""
        return await self.seals.seal(self.office, subject, category, field, text)


def may(act: str, *roles: str, mandated: bool = False, of: AnyStream | None = None) -> Any:
    """Let in who has one of the roles; answer 403 to others, and 404 where the path's thing does not exist for their office.

    :param act: the act's name, as mandates name it.
    :param mandated: whether the act also needs a mandate on record (marked † in domain 8).
    :param of: the kind of thing that the path names by ``{<kind>}`` or its first parameter.
    """
    allowed = frozenset(roles)
    assert allowed <= ROLES, f"unknown roles {sorted(allowed - ROLES)}"

    async def let_in(request: Request) -> Caller:
        web = _web(request)
        caller = await web.caller(request, act, mandated)
        if not allowed & caller.roles:
            raise problems.not_permitted()
        positions = _positions(request)
        if positions is not None:
            await web.wait_for(positions, caller.office)
        await _check_path(request, web, caller, of)
        return caller

    let_in.__dict__.update(act=act, roles=sorted(allowed), mandated=mandated)
    return Depends(let_in)


async def _check_path(request: Request, web: "Web", caller: Caller, of: AnyStream | None) -> None:
    named = request.path_params
    if not all(isinstance(value, str) and _PATH_TEXT.fullmatch(value) for value in named.values()):
        raise problems.not_found()
    if of is None or not named:
        return
    id = named.get(of.kind) or next(iter(named.values()))
    if not is_uuid(id) or (await web.store.found(of, id, by=caller)).version == 0:
        raise problems.not_found()


# -- the store behind the door ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Acted:
    """What an act came to: the thing as it is after it, and what was recorded. Sealed texts are opened when it is answered."""

    status: int
    body: Mapping[str, Any]
    version: int
    events: Sequence[Mapping[str, Any]] | None  # None: nothing was done, it was only read
    collection: str | None = None
    location: str | None = None
    replayed: bool = False

    def stored(self) -> bytes:
        """Return the answer as it is kept under an Idempotency-Key; texts stay sealed."""
        return msgspec.json.encode(
            {
                "status": self.status,
                "body": self.body,
                "version": self.version,
                "events": self.events,
                "collection": self.collection,
                "location": self.location,
            }
        )

    @classmethod
    def again(cls, stored: bytes) -> "Acted":
        """Return the answer that was kept, marked as given before."""
        return cls(**json.loads(stored), replayed=True)


Shows = Callable[[Decided], Mapping[str, Any]]


class WebStore:
    """The store for doors: decides, and answers with the resource after the act."""

    def __init__(self, store: EventStore, resources: Iterable[Resource]) -> None:
        self._store = store
        self._resources = {resource.stream.kind: resource for resource in resources}
        self.seals = store.seals

    async def decide(
        self,
        stream: AnyStream,
        id: str,
        decision: Callable[..., Iterable[Any]],
        *,
        by: Caller,
        reads: Mapping[str, Read] | None = None,
        refused: OnRefusal | None = None,
        shows: Shows | None = None,
    ) -> Acted:
        """Decide about a thing, and answer 200 with it as it is after the act.

        :param shows: the answer's body where it is not the resource of ``stream``; pure.
        """
        return await self._decide(stream, id, decision, by, reads, refused, shows, None)

    async def begin(
        self,
        stream: AnyStream,
        id: str | None,
        decision: Callable[..., Iterable[Any]],
        *,
        by: Caller,
        reads: Mapping[str, Read] | None = None,
        refused: OnRefusal | None = None,
        shows: Shows | None = None,
        location: str | None = None,
    ) -> Acted:
        """Decide about something new, and answer 201 with its ``Location``; 200 where it was so already.

        :param id: chosen by the client, else one is made.
        :param location: where it can be read, where that is not ``/<collection>/<id>``.
        """
        id = id or str(uuid.uuid4())
        resource = self._resources.get(stream.kind)
        place = location or (f"/{resource.collection}/{id}" if resource else f"/{stream.kind}s/{id}")
        return await self._decide(stream, id, decision, by, reads, refused, shows, place)

    async def _decide(
        self,
        stream: AnyStream,
        id: str,
        decision: Callable[..., Iterable[Any]],
        by: Caller,
        reads: Mapping[str, Read] | None,
        refused: OnRefusal | None,
        shows: Shows | None,
        location: str | None,
    ) -> Acted:
        def acted(decided: Decided) -> Acted:
            return self._acted(decided, shows, location)

        try:
            decided = await self._store.decide(
                stream,
                id,
                _not_in_the_future(decision, by),
                by=by,
                reads=reads or {},
                refused=refused,
                answer=lambda decided: acted(decided).stored(),
            )
        except ChangedMeanwhile as changed:
            present = Decided(id, stream, changed.state, changed.version)
            raise Overtaken(replace(self._acted(present, shows, None), events=None)) from None
        if decided.outcome == "replayed":
            if decided.answer is None:
                raise StoreBusy
            return Acted.again(decided.answer)
        return acted(decided)

    def _acted(self, decided: Decided, shows: Shows | None, location: str | None) -> Acted:
        assert decided.stream is not None
        resource = self._resources.get(decided.stream.kind)
        body: Mapping[str, Any] = {}
        if shows is not None:
            body = shows(decided)
        elif resource is not None:
            body = resource.show(decided.id, decided.state) or {}
        events = [_told(recorded) for recorded in decided.events]
        return Acted(
            status=201 if location and events else 200,
            body={"id": decided.id, **msgspec.to_builtins(body, str_keys=True)},
            version=decided.version,
            events=events,
            collection=resource.collection if resource else None,
            location=location if events else None,
        )

    async def state(self, stream: AnyStream, id: str, *, by: Caller) -> Any:
        """Return the state of a stream as it is now."""
        return await self._store.state(stream, id, by=by)

    async def found(self, stream: AnyStream, id: str, *, by: Caller) -> Found:
        """Return the state and version of a stream; version 0: there is none."""
        return await self._store.found(stream, id, by=by)

    async def known(self, stream: AnyStream, id: str, *, by: Caller) -> Any:
        """Return the state of another service's thing that a body names. :raises NotYetKnown: nothing of it has arrived."""
        found = await self._store.found(stream, id, by=by)
        if found.version == 0:
            raise NotYetKnown
        return found.state

    async def every(self, stream: AnyStream, lease: str, *, by: Caller) -> dict[str, Any]:
        """Return all streams of a kind that belong to a lease, from id to state."""
        return await self._store.every(stream, lease, by=by)

    async def history(self, stream: AnyStream, id: str, *, by: Caller) -> list[Any]:
        """Return what happened to a stream, each event with what was stored beside it."""
        return await self._store.history(stream, id, by=by)

    async def rows(self, sql: str, *values: Any, by: Caller) -> list[Any]:
        """Ask a view; the query names the office itself, as ``$1``."""
        return await self._store.rows(sql, *values, by=by)


class Overtaken(Exception):
    """The thing has changed since the caller saw it; ``present`` is how it is now."""

    def __init__(self, present: Acted) -> None:
        super().__init__("changed meanwhile")
        self.present = present


def _not_in_the_future(decision: Callable[..., Iterable[Any]], by: Caller) -> Callable[..., Iterable[Any]]:
    if by.occurred_on is None or by.occurred_on <= by.today:
        return decision

    def decided(state: Any, **facts: Any) -> Iterable[Any]:
        try:
            events = list(decision(state, **facts))
        except NoAuthority:
            raise  # what this person may not do at all goes before what nobody can do now
        except Refusal:
            raise OccurredInFuture from None
        if events:
            raise OccurredInFuture
        return events

    return decided


def _told(recorded: Recorded[Any]) -> dict[str, Any]:
    return {"id": recorded.id, "type": type(recorded.event).__name__, "position": recorded.position}


# -- declaring doors --------------------------------------------------------------------------------------------------


class Doors(APIRouter):
    """The doors of one service: an ``APIRouter`` whose functions may answer ``Acted``, plain JSON values or a response.

    :param counsellor_of: answers who is the counsellor of a lease, for texts that only that person reads.
    """

    def __init__(self, service: str) -> None:
        super().__init__(redirect_slashes=False)
        self.service = service
        self.readers: dict[str, frozenset[str]] = {}
        self.open_routes: set[str] = set()
        self.form_routes: set[str] = set()
        self.counsellor_of: Callable[[EventStore, Caller, str], Awaitable[str | None]] | None = None

    def knows_counsellors_by(
        self, ask: Callable[[EventStore, Caller, str], Awaitable[str | None]]
    ) -> Callable[[EventStore, Caller, str], Awaitable[str | None]]:
        """Register how this service knows the counsellor of a lease (a decorator): texts of category F open for that person."""
        self.counsellor_of = ask
        return ask

    def without_token(self, path: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a read that needs no token, because its address is the secret (a decorator)."""
        self.open_routes.add(path)
        return self.get(path, **options)

    def collection(self, resource: Resource, *, readers: Iterable[str]) -> None:
        """Declare ``GET /<collection>`` and ``GET /<collection>/{id}``. Auditors read every collection."""
        allowed = frozenset(readers) | {"auditor"}
        self.readers[resource.collection] = allowed
        self.add_api_route(f"/{resource.collection}", _list_of(resource, allowed), methods=["GET"])
        one_path = f"/{resource.collection}/{{id}}"
        self.add_api_route(one_path, _one_of(resource, allowed), methods=["GET"], resource=True)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Declare a door; what FastAPI's decorators call."""
        methods = options.get("methods") or ["GET"]
        command = "GET" not in methods
        options["methods"] = methods
        options["response_model"] = None
        options.setdefault("summary", _summary(endpoint))
        options.setdefault("operation_id", f"{endpoint.__name__}_{methods[0].lower()}")
        resource = options.pop("resource", False)
        told = api_document.responses(command=command, resource=resource, status=options.get("status_code"))
        options["responses"] = {**told, **(options.get("responses") or {})}
        guard = _guard_of(endpoint)
        extra = api_document.extra(
            command=command,
            without_token=path in self.open_routes,
            act=guard.get("act"),
            roles=tuple(guard.get("roles", ())),
            mandated=guard.get("mandated", False),
        )
        options["openapi_extra"] = {**extra, **(options.get("openapi_extra") or {})}
        hardened = _behind_the_door(endpoint, command)
        super().add_api_route(path, hardened, **options)
        route = self.routes[-1]
        assert isinstance(route, APIRoute)
        if route.body_field is not None and isinstance(route.body_field.field_info, Form):
            self.form_routes.add(path)


def _guard_of(endpoint: Callable[..., Any]) -> Mapping[str, Any]:
    """Return what ``may`` said of a door: its act and roles."""
    for hint in typing.get_type_hints(endpoint, include_extras=True).values():
        for mark in getattr(hint, "__metadata__", ()):
            if isinstance(mark, DependsParam) and hasattr(mark.dependency, "act"):
                return vars(mark.dependency)
    return {}


def _summary(endpoint: Callable[..., Any]) -> str:
    return (inspect.getdoc(endpoint) or endpoint.__name__.replace("_", " ").capitalize()).splitlines()[0].rstrip(".")


def _behind_the_door(endpoint: Callable[..., Any], command: bool) -> Callable[..., Awaitable[Response]]:
    """Wrap a door's function: check keys and parameters, answer repeated requests, turn what it returns into a response."""
    signature = inspect.signature(endpoint)
    hints = typing.get_type_hints(endpoint, include_extras=True)
    asked = [
        parameter.replace(annotation=hints.get(name, parameter.annotation))
        for name, parameter in signature.parameters.items()
    ]
    has_body = any(_is_body(parameter.annotation) or _is_form(parameter) for parameter in asked)
    added = [inspect.Parameter("request_", inspect.Parameter.KEYWORD_ONLY, annotation=Request)]
    if command and not has_body:
        # "No body" is a body of which nothing is asked; where a day may be told it is optional everywhere.
        added.append(
            inspect.Parameter("body_", inspect.Parameter.KEYWORD_ONLY, annotation=DatedBody, default=DatedBody())
        )

    @wraps(endpoint)
    async def behind(**given: Any) -> Response:
        request: Request = given.pop("request_")
        web = _web(request)
        body = given.pop("body_", None) or next((value for value in given.values() if isinstance(value, Body)), None)
        name = next((name for name, value in given.items() if isinstance(value, Caller)), None)
        caller: Caller | None = given[name] if name else None
        _check_parameters(request)
        if caller is not None and name is not None and command:
            caller = given[name] = await web.stamped(request, caller, body)
            earlier = await web.answered_before(caller)
            if earlier is not None:
                return await web.answer(earlier, caller)
        try:
            result = await endpoint(**given)
        except Overtaken as overtaken:
            assert caller is not None
            shown = await web.shown(overtaken.present, caller)
            etag = {"ETag": f'"{overtaken.present.version}"'}
            raise Problem(412, "changed-meanwhile", headers=etag, beside={"present": shown}) from None
        return await web.answer(result, caller, status=request.scope["route"].status_code or 200)

    behind.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in asked] + added,
        return_annotation=inspect.Signature.empty,
    )
    behind.__annotations__ = {}
    return behind


def _is_body(annotation: Any) -> bool:
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    options = typing.get_args(annotation) or (annotation,)
    return any(inspect.isclass(option) and issubclass(option, Body) for option in options)


def _is_form(parameter: inspect.Parameter) -> bool:
    marks = [parameter.default, *getattr(parameter.annotation, "__metadata__", ())]
    kinds = (parameter.annotation, *typing.get_args(parameter.annotation))
    return any(isinstance(mark, Form) for mark in marks) or any(
        getattr(kind, "__name__", "") == "UploadFile" for kind in kinds
    )


# -- parameters -------------------------------------------------------------------------------------------------------


def _positions(request: Request) -> list[tuple[str, int]] | None:
    """Return what ``?after=`` asks to wait for, None where one of them is no position (answered once all else is known)."""
    positions = []
    for given in request.query_params.getlist("after"):
        found = _POSITION.fullmatch(given)
        if found is None:
            return None
        positions.append((found[1], int(found[2])))
    return positions


def _check_parameters(request: Request) -> None:
    route = request.scope["route"]
    known = getattr(route, "known_parameters", None)
    if known is None:
        known = {"after"} | {parameter.alias for parameter in route.dependant.query_params}
        route.known_parameters = known
    given = request.query_params.multi_items()
    if len(given) > MOST_PARAMETERS:
        raise problems.invalid(Fault("too_many_parameters"))
    if any(name not in known for name, _ in given):
        raise problems.invalid(Fault("unknown_parameter"))
    if len({name for name, _ in given if name != "after"}) < sum(1 for name, _ in given if name != "after"):
        raise problems.invalid(Fault("too_many_parameters"))
    if _positions(request) is None:
        raise problems.invalid(Fault("position", pointer="after"))


def _once(request: Request, person: str) -> str | None:
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]) or not given[0].strip():
        raise problems.invalid(Fault("idempotency_key", pointer="Idempotency-Key"))
    return hashlib.sha256(f"{person}\0{given[0]}".encode()).hexdigest()


def _if_match(request: Request) -> int | None:
    """Return the version that the caller saw; -1, which no thing has, for what is no version of ours."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    found = _ETAG.fullmatch(given.strip())
    return int(found[1]) if found else -1


def _strict_number(given: Any) -> Any:
    if isinstance(given, str) and re.fullmatch("[1-9][0-9]{0,2}", given):
        return int(given)
    if isinstance(given, int):
        return given
    raise PydanticCustomError("int_parsing", "not a number")


Limit = Annotated[
    int,
    BeforeValidator(_strict_number),
    Query(ge=1, le=LARGEST_LIMIT),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT}),
]
Cursor = Annotated[str | None, Query(max_length=2000)]


# -- reading ----------------------------------------------------------------------------------------------------------


def _list_of(resource: Resource, readers: frozenset[str]) -> Callable[..., Awaitable[Any]]:
    table = resource.table.name

    async def listed(*, request: Request, by: Caller, limit: int, cursor: str | None, **filters: Any) -> Any:
        web = _web(request)
        asked = {name: value for name, value in filters.items() if value is not None}
        shape = [resource.collection, by.office, *(f"{name}={value}" for name, value in sorted(asked.items()))]
        after = int(web.cursors.read(cursor, shape)[0]) if cursor is not None else 0
        conditions = "".join(f' and "{name}" = ${number}' for number, name in enumerate(asked, start=4))
        found = await web.store.rows(
            f'select id, version, made, body from "{table}" where office = $1 and made > $2{conditions}'
            " order by made limit $3",
            after,
            limit + 1,
            *asked.values(),
            by=by,
        )
        page = found[:limit]
        items = [await web.shown(_read(row, resource), by) for row in page]
        await web.note_read(by, items, resource.collection)
        more = web.cursors.make([page[-1]["made"]], shape) if len(found) > limit else None
        return Shown({"items": items, "next": more})

    parameters = [
        ("request", Request, inspect.Parameter.empty),
        ("by", Annotated[Caller, may(f"list_{table}", *readers)], inspect.Parameter.empty),
        ("limit", Limit, DEFAULT_LIMIT),
        ("cursor", Cursor, None),
        *((name, _filter_type(kind), None) for name, kind in resource.filters.items()),
    ]
    return _named(listed, f"list_{table}", f"The {resource.collection} of the office, oldest first", parameters)


def _one_of(resource: Resource, readers: frozenset[str]) -> Callable[..., Awaitable[Any]]:
    table = resource.table.name

    async def read(*, request: Request, id: str, by: Caller) -> Any:
        web = _web(request)
        if not is_uuid(id):
            raise problems.not_found()
        found = await web.store.rows(
            f'select id, version, made, body from "{table}" where office = $1 and id = $2', id, by=by
        )
        if not found:
            raise problems.not_found()
        shown = await web.shown(_read(found[0], resource), by)
        await web.note_read(by, [shown], resource.collection)
        return Shown(shown, etag=found[0]["version"])

    parameters = [
        ("request", Request, inspect.Parameter.empty),
        ("id", str, inspect.Parameter.empty),
        ("by", Annotated[Caller, may(f"read_{table}", *readers)], inspect.Parameter.empty),
    ]
    return _named(read, f"read_{table}", f"One of the {resource.collection}", parameters)


def _named(
    function: Callable[..., Awaitable[Any]], name: str, meaning: str, parameters: Sequence[tuple[str, Any, Any]]
) -> Callable[..., Awaitable[Any]]:
    function.__name__, function.__doc__ = name, f"{meaning}."
    function.__annotations__ = {called: kind for called, kind, _ in parameters}
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(called, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for called, kind, default in parameters
        ]
    )
    return function


def _filter_type(sql: str) -> Any:
    match sql.split()[0].lower():
        case "date":
            return Annotated[Day | None, Query()]
        case "boolean" | "bool":
            return Annotated[bool | None, Query()]
        case "bigint" | "int" | "integer" | "smallint":
            return Annotated[int | None, Query(ge=-LARGEST, le=LARGEST)]
        case _:
            return Annotated[Line | None, Query(max_length=200)]


def _read(row: Any, resource: Resource) -> Acted:
    body = row["body"]
    held = json.loads(body) if isinstance(body, str) else body
    return Acted(
        status=200, body={"id": row["id"], **held}, version=row["version"], events=None, collection=resource.collection
    )


@dataclass(frozen=True)
class Shown:
    """An answer whose sealed texts have been opened already."""

    body: Any
    etag: int | None = None


class Cursors:
    """Marks the place in a list; nobody can make one up, or use it for another list."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret or secrets.token_bytes(32)

    def make(self, place: Sequence[Any], shape: Sequence[str]) -> str:
        """Return the mark of a place in the list that ``shape`` describes."""
        told = json.dumps(list(place), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._seal(told, shape) + told).decode().rstrip("=")

    def read(self, cursor: str, shape: Sequence[str]) -> list[Any]:
        """Return the place. :raises Problem: the cursor was not made here for this list (400)."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise problems.malformed() from None
        sealed, told = raw[:16], raw[16:]
        if not hmac.compare_digest(sealed, self._seal(told, shape)):
            raise problems.malformed()
        return cast("list[Any]", json.loads(told))

    def _seal(self, told: bytes, shape: Sequence[str]) -> bytes:
        return hmac.digest(self._secret, json.dumps(list(shape)).encode() + b"\0" + told, "sha256")[:16]


# -- one process ------------------------------------------------------------------------------------------------------


class Inbox(Protocol):
    """What the door asks of the inbox."""

    async def seen(self, publisher: str, position: int, *, office: str) -> None:
        """Return once everything meant for this service up to there has been taken in."""


class DeadLetters(Protocol):
    """What operators see of messages that could not be handled: reason and envelope, no content."""

    async def listed(
        self, *, limit: int, after: Sequence[Any] | None
    ) -> tuple[list[Mapping[str, Any]], Sequence[Any] | None]:
        """Return dead letters, oldest first, and the place after the last one where there are more."""

    async def requeue(self, id: str, *, reason: str, operator: str) -> bool:
        """Handle it again; False: there is no such open dead letter."""

    async def close(self, id: str, *, reason: str, operator: str) -> bool:
        """Let those behind it go on without it; False: there is no such open dead letter."""


Readiness = Callable[[], Awaitable[Mapping[str, Any]]]


class Described(Protocol):
    """What the web must know of a service."""

    name: str
    api: Doors
    resources: Sequence[Resource]
    authority: tuple[AnyStream, str] | None


@dataclass(kw_only=True)
class Web:
    """What the doors of one process share."""

    service: str
    doors: Doors
    store: EventStore
    front: WebStore
    seals: Seals
    clock: Clock
    cursors: Cursors
    authority: tuple[AnyStream, str] | None
    inbox: Inbox | None
    dead_letters: DeadLetters | None
    ready: Readiness
    run_days: Callable[[date], Awaitable[int]] | None

    async def caller(self, request: Request, act: str | None, mandated: bool) -> Caller:
        """Return who is asking."""
        entry: Entry = request.scope["huurspoor"]
        identity = entry.identity
        if identity is None:
            raise problems.not_authenticated()
        at = self.clock.now()
        return Caller(
            office=identity.office or "",
            person=Person(id=identity.person, roles=identity.roles),
            name=identity.name,
            today=self.clock.today(),
            at=at,
            correlation_id=entry.correlation_id,
            act=act,
            mandated=mandated,
            seals=self.seals,
        )

    async def stamped(self, request: Request, caller: Caller, body: Body | None) -> Caller:
        """Return the caller with what the request says beside its facts: key, version seen, day, device's time."""
        entry: Entry = request.scope["huurspoor"]
        device_time = getattr(body, "device_time", None)
        occurred_on = getattr(body, "occurred_on", None)
        if caller.office and self.authority is not None:
            register = await self.store.state(*self.authority, by=caller)
            caller = replace(caller, _deputy_of=_deputies(register, caller.actor))
        return replace(
            caller,
            once=_once(request, caller.actor),
            digest=entry.digest,
            if_match=_if_match(request),
            device_time=device_time,
            clock_suspect=device_time is not None and abs(device_time - caller.at) > CLOCK_SKEW,
        ).on(occurred_on)

    async def answered_before(self, caller: Caller) -> Acted | None:
        """Return the first answer of a repeated request. :raises KeyReused: its key belonged to another one."""
        if caller.once is None or not caller.office:
            return None
        found = await self.store.rows(
            "select digest, answer from once where office = $1 and key = $2", caller.once, by=caller
        )
        if not found:
            return None
        if found[0]["digest"] != caller.digest:
            raise KeyReused
        return Acted.again(found[0]["answer"])

    async def wait_for(self, positions: Sequence[tuple[str, int]], office: str) -> None:
        """Wait until all of that is taken in here. :raises Problem: 504 after five seconds."""
        if not positions:
            return
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                for publisher, position in positions:
                    await self._seen(publisher, position, office)
        except TimeoutError:
            raise Problem(504, "not-yet-seen", headers={"Retry-After": "1"}) from None

    async def _seen(self, publisher: str, position: int, office: str) -> None:
        if publisher == self.service:
            while self.store.writer.position < position:
                await asyncio.sleep(0.02)
        elif self.inbox is not None:
            await self.inbox.seen(publisher, position, office=office)

    async def answer(self, result: Any, caller: Caller | None, *, status: int = 200) -> Response:
        """Turn what a door's function returned into a response for this caller."""
        match result:
            case Response():
                return result
            case Shown():
                return _json(result.body, headers={} if result.etag is None else {"ETag": f'"{result.etag}"'})
            case Acted():
                assert caller is not None
                headers = {"ETag": f'"{result.version}"'}
                if result.location:
                    headers["Location"] = result.location
                if result.replayed:
                    headers["Idempotency-Replayed"] = "true"
                return _json(await self.shown(result, caller), status=result.status, headers=headers)
            case _:
                value = msgspec.to_builtins(result, str_keys=True)
                if caller is not None and caller.office:
                    value = await self._opened(value, caller)
                return _json(value, status=status)

    async def shown(self, acted: Acted, caller: Caller) -> dict[str, Any]:
        """Return the body of a thing for this caller: id, version, state and events always, the rest as they may read."""
        body = dict(acted.body)
        readers = self.doors.readers.get(acted.collection or "")
        if readers is not None and not readers & caller.roles:
            body = {name: body[name] for name in ("id", "state") if name in body}
            texts, withheld = body, []
        else:
            texts, withheld = await self._read_for(caller, body, acted.collection)
        shown = {**texts, "version": acted.version, "withheld": withheld}
        return shown if acted.events is None else {**shown, "events": list(acted.events)}

    async def _opened(self, value: Any, caller: Caller) -> Any:
        texts, withheld = await self._read_for(caller, value, None)
        return {**texts, "withheld": withheld} if isinstance(texts, dict) and withheld else texts

    async def _read_for(self, caller: Caller, body: Any, collection: str | None) -> tuple[Any, list[str]]:
        own = await self._is_own_lease(caller, body)
        return await opened(
            body,
            seals=self.seals,
            office=caller.office,
            categories=readable(caller.roles, collection),
            own_lease=own,
        )

    async def _is_own_lease(self, caller: Caller, body: Any) -> bool:
        ask, lease = self.doors.counsellor_of, body.get("lease") if isinstance(body, dict) else None
        if ask is None or not isinstance(lease, str) or "counsellor" not in caller.roles:
            return False
        return await ask(self.store, caller, lease) == caller.actor

    async def note_read(self, caller: Caller, items: Sequence[Mapping[str, Any]], what: str) -> None:
        """Log that somebody read of these leases; what cannot be logged is not shown."""
        leases = {
            lease: None
            for item in items
            if isinstance(lease := item.get("id") if what == "leases" else item.get("lease"), str)
        }
        if leases:
            await self.store.write(
                "insert into read_log (office, at, id, lease, person, what)"
                " select $1, $2, gen_random_uuid()::text, lease, $3, $4 from unnest($5::text[]) lease",
                self.clock.now(),
                caller.actor,
                what,
                list(leases),
                by=caller,
            )


def _deputies(register: Any, person: str) -> Callable[[str | None, date, date], str | None]:
    from shared.authority import mandate_for
    from shared.refusals import MandateEnded, NoMandate

    def deputy_of(act: str | None, day: date, today: date) -> str | None:
        if act is None:
            return None
        try:
            found = mandate_for(register, person=person, act=act, needed=False, on_days=(today, day))
        except (MandateEnded, NoMandate):
            return None
        return found.in_name_of if found is not None else None

    return deputy_of


def _json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(value), status_code=status, media_type="application/json", headers=dict(headers or {})
    )


def _web(request: Request) -> Web:
    return cast(Web, request.app.state.web)


async def _front(request: Request) -> WebStore:
    return _web(request).front


Store = Annotated[WebStore, Depends(_front)]
"""What a door's function decides with."""


def problem_of(error: BaseException) -> Problem | None:
    """Return the problem that answers an error, None for a bug."""
    match error:
        case Problem():
            return error
        case Refusal():
            return problems.refused(error)
        case Missing():
            return problems.not_found()
        case KeyReused():
            return Problem(422, "idempotency-key-reused")
        case NationalNumberTyped():
            return problems.invalid(Fault("national_number", pointer=f"/{error.field}"))
        case RequestValidationError():
            return problems.invalid(*problems.faults_of(error.errors()))
        case HTTPException() if error.status_code == 404:
            return problems.not_found()
        case HTTPException() if error.status_code == 400:
            return problems.malformed()
        case HTTPException() if error.status_code == 405:
            return Problem(405, "method-not-allowed", headers=dict(error.headers or {}))
        case _ if isinstance(error, AWAY):
            return problems.unavailable()
        case _:
            return None


class _Inside(FastAPI):
    """FastAPI without layers that answer errors by themselves: every one rises to the door."""

    def build_middleware_stack(self) -> ASGIApp:
        return AsyncExitStackMiddleware(self.router)


class Reason(Body):
    """Why an operator does this; no personal data."""

    reason: Line


def _system_doors(doors: Doors, *, with_days: bool) -> None:
    """Add the doors that every service has: health, metrics, documents, read log, dead letters, the settable clock's days."""
    for path in ("/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"):
        doors.open_routes.add(path)

    async def live() -> Any:
        """The process answers."""
        return {"live": True}

    async def ready(request: Request) -> Any:
        """Whether everything that the service needs is there, and what is missing."""
        told = await _web(request).ready()
        return _json(told, status=200 if told.get("ready") else 503)

    async def metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def document(request: Request) -> Response:
        """This document."""
        return _json(_document(request.app))

    async def docs(request: Request) -> Response:
        """This document for people."""
        return Response(
            api_document.page(_document(request.app)),
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
        web = _web(request)
        shape = ["read-log", by.office, lease]
        at, id = web.cursors.read(cursor, shape) if cursor is not None else ("0001-01-01T00:00:00+00:00", "")
        found = await web.store.rows(
            "select at, id, person, what from read_log where office = $1 and lease = $2 and (at, id) > ($3, $4)"
            " order by at, id limit $5",
            lease,
            datetime.fromisoformat(at),
            id,
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
        web = _web(request)
        if web.dead_letters is None:
            return {"items": [], "next": None}
        after = web.cursors.read(cursor, ["dead-letters"]) if cursor is not None else None
        items, more = await web.dead_letters.listed(limit=limit, after=after)
        return {"items": items, "next": web.cursors.make(more, ["dead-letters"]) if more else None}

    async def requeue(
        request: Request, id: str, body: Reason, by: Annotated[Caller, may("requeue_dead_letter", "operator")]
    ) -> Any:
        """Handle a dead letter again."""
        web = _web(request)
        if not is_uuid(id) or web.dead_letters is None:
            raise problems.not_found()
        if not await web.dead_letters.requeue(id, reason=body.reason, operator=by.actor):
            raise problems.not_found()
        return {"id": id, "state": "requeued"}

    async def close(
        request: Request, id: str, body: Reason, by: Annotated[Caller, may("close_dead_letter", "operator")]
    ) -> Any:
        """Give a dead letter up; those behind it go on without it."""
        web = _web(request)
        if not is_uuid(id) or web.dead_letters is None:
            raise problems.not_found()
        if not await web.dead_letters.close(id, reason=body.reason, operator=by.actor):
            raise problems.not_found()
        return {"id": id, "state": "closed"}

    class Until(Body):
        """Up to which day."""

        day: Day

    async def clock_day(request: Request, body: Until, by: Annotated[Caller, may("move_clock", "operator")]) -> Any:
        """Do the work of all days up to this one."""
        run_days = _web(request).run_days
        assert run_days is not None
        return {"position": await run_days(body.day)}

    doors.add_api_route("/health/live", live)
    doors.add_api_route("/health/ready", ready)
    doors.add_api_route("/metrics", metrics)
    doors.add_api_route("/openapi.json", document)
    doors.add_api_route("/docs", docs)
    doors.add_api_route("/read-log", read_log)
    doors.add_api_route("/dead-letters", dead_letters)
    doors.add_api_route("/dead-letters/{id}/requeue", requeue, methods=["POST"])
    doors.add_api_route("/dead-letters/{id}/close", close, methods=["POST"])
    if with_days:
        doors.add_api_route("/clock/day", clock_day, methods=["POST"])


def _document(inside: FastAPI) -> dict[str, Any]:
    document = inside.openapi()
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["token"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return document


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
    run_days: Callable[[date], Awaitable[int]] | None = None,
) -> ASGIApp:
    """Put a service behind its door.

    :param ready: answers ``{"ready": bool, "why": [...], ...}`` for ``GET /health/ready``.
    :param run_days: does the work of all days up to one, and answers the last position; only with a settable clock.
    """
    inside = _Inside(title=f"Huurspoor: {service.name}", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    doors = service.api
    _system_doors(doors, with_days=run_days is not None)
    inside.router.routes.extend(doors.routes)
    inside.state.web = Web(
        service=service.name,
        doors=doors,
        store=store,
        front=WebStore(store, service.resources),
        seals=seals,
        clock=clock,
        cursors=Cursors(settings.secret_for("cursors")),
        authority=service.authority,
        inbox=inbox,
        dead_letters=dead_letters,
        ready=ready,
        run_days=run_days,
    )
    keys = IssuerKeys(settings.jwks)
    return Door(
        inside,
        routes=doors.routes,
        tokens=Tokens(keys, issuer=settings.issuer, audience=settings.audience),
        wording=wording,
        open_routes=frozenset(doors.open_routes),
        form_routes=frozenset(doors.form_routes),
        answers=problem_of,
    )
