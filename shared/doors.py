"""Declaring doors: who may, what is asked, and what is the same around every one of them."""

import inspect
import json
import re
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.params import Depends as DependsParam
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from shared import api_document, problems
from shared.acting import Acted, Overtaken, WebStore
from shared.asking import positions_asked
from shared.bodies import LARGEST, Body, DatedBody, Day, Line, is_uuid
from shared.callers import Caller
from shared.decisions import AnyStream, Refusal
from shared.door import MOST_PARAMETERS
from shared.problems import Fault, Problem
from shared.reading_rights import Clear
from shared.reception import ClockSkewOf, CounsellorOf, Reception, Shown, reception_of
from shared.straight import DoorRoute
from shared.tokens import ROLES
from shared.views import Resource

DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 200
_PATH_TEXT = re.compile("[\x21-\x7e]{1,200}")


async def _front(request: Request) -> WebStore:
    return reception_of(request).front


Store = Annotated[WebStore, Depends(_front)]
"""What a door's function decides with."""


def may(act: str, *roles: str, mandated: bool = False, of: AnyStream | None = None) -> Any:
    """Let in who has one of the roles; 403 for others, 404 where the path's thing does not exist for their office.

    :param act: the act's name, as mandates name it.
    :param mandated: whether the act also needs a mandate on record (marked † in domain 8).
    :param of: the kind of thing that the path names by ``{<kind>}`` or its first parameter.
    """
    allowed = frozenset(roles)
    assert allowed <= ROLES, f"unknown roles {sorted(allowed - ROLES)}"

    async def let_in(request: Request) -> Caller:
        web = reception_of(request)
        caller = await web.caller(request, act, mandated)
        if not allowed & caller.roles:
            raise problems.not_permitted()
        positions = positions_asked(request)
        if positions:
            await web.wait_for(positions, caller.office)
        await _check_path(request, web, caller, of)
        return caller

    let_in.__dict__.update(act=act, roles=sorted(allowed), mandated=mandated, of=of)
    return Depends(let_in)


async def _check_path(request: Request, web: Reception, caller: Caller, of: AnyStream | None) -> None:
    named = request.path_params
    if not all(isinstance(value, str) and _PATH_TEXT.fullmatch(value) for value in named.values()):
        raise problems.not_found()
    if of is None or not named:
        return
    id = _named_by(request, of)
    if not is_uuid(id) or (await web.store.found(of, id, by=caller)).version == 0:
        raise problems.not_found()


def _named_by(request: Request, of: AnyStream) -> str:
    """Return the id of the thing of a kind that the path names."""
    named = request.path_params
    return str(named.get(of.kind) or next(iter(named.values())))


class UnguardedDoor(TypeError):
    """A door was declared without ``may``: everybody with a token of any office would be let in."""


class Doors(APIRouter):
    """The doors of one service: an ``APIRouter`` whose functions may answer ``Acted``, plain JSON values or a response.

    :ivar readers: which roles read a collection, by its name. :ivar clear: of its fields that not all of them read.
    :ivar open_routes: paths that need no token. :ivar form_routes: paths that take a form instead of JSON.
    :ivar counsellor_of: answers who is the counsellor of a lease, for texts that only that person reads.
    """

    def __init__(self, service: str) -> None:
        super().__init__(redirect_slashes=False, route_class=DoorRoute)
        self.service = service
        self.readers: dict[str, frozenset[str]] = {}
        self.clear: dict[str, Clear] = {}
        self.open_routes: set[str] = set()
        self.form_routes: set[str] = set()
        self.counsellor_of: CounsellorOf | None = None
        self.clock_skew_of: ClockSkewOf | None = None

    def knows_counsellors_by(self, ask: CounsellorOf) -> CounsellorOf:
        """Register how this service knows the counsellor of a lease, who reads category F (a decorator)."""
        self.counsellor_of = ask
        return ask

    def knows_clock_skew_by(self, ask: ClockSkewOf) -> ClockSkewOf:
        """Register how many minutes a device's clock may differ before its dates are in doubt (a decorator)."""
        self.clock_skew_of = ask
        return ask

    def without_token(self, path: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a read that needs no token, because its address is the secret (a decorator)."""
        self.open_routes.add(path)
        return self.get(path, **options)

    def collection(self, resource: Resource, *, readers: Iterable[str], single: bool = True) -> None:
        """Declare ``GET /<collection>`` and ``GET /<collection>/{id}``. Auditors read every collection.

        :param single: False where the service declares the read of one thing itself.
        """
        allowed = frozenset(readers) | {"auditor"}
        self.readers[resource.collection] = allowed
        self.clear[resource.collection] = resource.clear
        self.add_api_route(f"/{resource.collection}", _list_of(resource, allowed), methods=["GET"])
        if single:
            one_path = f"/{resource.collection}/{{id}}"
            self.add_api_route(one_path, _one_of(resource, allowed), methods=["GET"], shows="Thing")

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Declare a door; what FastAPI's decorators call."""
        methods = options.get("methods") or ["GET"]
        command = "GET" not in methods
        options["methods"] = methods
        options["response_model"] = None
        options["summary"] = options.get("summary") or _summary(endpoint)
        options["operation_id"] = options.get("operation_id") or f"{endpoint.__name__}_{methods[0].lower()}"
        acts = typing.get_type_hints(endpoint).get("return") is Acted
        shows = options.pop("shows", None) or ("Acted" if acts else None)
        told = api_document.responses(shows=shows, command=command, status=options.get("status_code"))
        options["responses"] = {**told, **(options.get("responses") or {})}
        guard = _guard_of(endpoint)
        if not guard and path not in self.open_routes:
            raise UnguardedDoor(f"{methods[0]} {path} says neither who may, nor that it needs no token")
        extra = api_document.extra(
            command=command,
            makes=options.get("status_code") == 201,
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
    """Wrap a door's function: check parameters, answer repeated requests, turn what it returns into a response."""
    signature = inspect.signature(endpoint)
    hints = typing.get_type_hints(endpoint, include_extras=True)
    asked = [
        parameter.replace(annotation=hints.get(name, parameter.annotation))
        for name, parameter in signature.parameters.items()
    ]
    of: AnyStream | None = _guard_of(endpoint).get("of")
    has_form = any(_is_form(parameter) for parameter in asked)
    has_body = has_form or any(_is_body(parameter.annotation) for parameter in asked)
    # Such an act comes to one decision, and the writer looks at its key first: nobody need ask before (a fifth of a
    # command's time, measured).
    decides_once = command and not has_form and hints.get("return") is Acted
    # FastAPI hands a request to one parameter only: to the door's own, where it has one.
    own_request = next((parameter.name for parameter in asked if parameter.annotation is Request), None)
    added = []
    if own_request is None:
        added.append(inspect.Parameter("request_", inspect.Parameter.KEYWORD_ONLY, annotation=Request))
    if command and not has_body:
        # "No body" is a body of which nothing is asked; where a day may be told it is optional everywhere.
        added.append(
            inspect.Parameter("body_", inspect.Parameter.KEYWORD_ONLY, annotation=DatedBody, default=DatedBody())
        )

    @wraps(endpoint)
    async def behind(**given: Any) -> Response:
        request: Request = given[own_request] if own_request else given.pop("request_")
        web = reception_of(request)
        body = given.pop("body_", None) or next((value for value in given.values() if isinstance(value, Body)), None)
        name = next((name for name, value in given.items() if isinstance(value, Caller)), None)
        caller: Caller | None = given[name] if name else None
        _check_parameters(request)
        if has_form:
            await _check_form(request)
        if caller is not None and name is not None and command:
            caller = given[name] = await web.stamped(request, caller, body)
            # An operator has no office whose writer would look.
            earlier = None if decides_once and caller.office else await web.answered_before(caller)
            if earlier is not None:
                return await web.answer(earlier, caller)
        try:
            if caller is not None and caller.if_match is not None and of is not None and request.path_params:
                earlier = await web.answered_before(caller) if decides_once else None
                if earlier is not None:
                    return await web.answer(earlier, caller)
                # Before the function: it may refuse by itself, and that is said to nobody who saw another version.
                await web.front.must_be_as_seen(of, _named_by(request, of), by=caller)
            result = await endpoint(**given)
        except (Problem, Refusal):
            # What stood in the way may have come after the first request, which was answered then.
            earlier = await web.answered_before(caller) if decides_once and caller is not None else None
            if earlier is None:
                raise
            return await web.answer(earlier, caller)
        except Overtaken as overtaken:
            assert caller is not None
            present, etag, shown = overtaken.present, {}, None
            if present is not None:
                shown, etag = await web.shown(present, caller), {"ETag": f'"{present.version}"'}
            raise Problem(412, "changed-meanwhile", headers=etag, beside={"present": shown}) from None
        if command and caller is not None:
            await web.keep_answer(caller, result)
        elif caller is not None and caller.office:
            await web.front.note_read(caller, _leases_of(request, result), request.scope["route"].path.strip("/"))
        return await web.answer(result, caller, status=request.scope["route"].status_code or 200)

    behind.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in asked] + added,
        return_annotation=inspect.Signature.empty,
    )
    behind.__annotations__ = {}
    return behind


def _leases_of(request: Request, result: Any) -> list[str]:
    """Return the leases of whose files an answer shows something."""
    body = result.body if isinstance(result, Shown) else result
    name = "id" if re.fullmatch("/leases(/{[a-z]+})?", request.scope["route"].path) else "lease"
    found = [request.path_params.get("lease"), *(thing.get(name) for thing in _things_in(body))]
    return list(dict.fromkeys(lease for lease in found if isinstance(lease, str)))


def _things_in(body: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what an answer shows: the thing itself, and what it or a list holds as ``items``."""
    if isinstance(body, Mapping):
        yield body
        body = body.get("items", ())
    if isinstance(body, list | tuple):
        for one in body:
            yield from _things_in(one)


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


# -- parameters ----


def _check_parameters(request: Request) -> None:
    if not request.scope["query_string"]:
        return
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
    if positions_asked(request) is None:
        raise problems.invalid(Fault("position", pointer="after"))


async def _check_form(request: Request) -> None:
    known = {field.alias for field in request.scope["route"].dependant.body_params}
    given = (await request.form()).multi_items()
    names = [name for name, _ in given]
    if not known.issuperset(names) or len(set(names)) < len(names):
        raise problems.invalid(Fault("extra_forbidden"))
    for name, value in given:
        if value == "":  # FastAPI takes it for a field that was not sent
            raise problems.invalid(Fault("missing", pointer=f"/{name}"))


def _strict_number(given: Any) -> Any:
    if isinstance(given, str) and re.fullmatch("[1-9][0-9]{0,2}", given):
        return int(given)
    if isinstance(given, int):
        return given
    raise PydanticCustomError("int_parsing", "not a number")


def _strict_flag(given: Any) -> Any:
    if given in ("true", "false"):
        return given == "true"
    if given is None or isinstance(given, bool):
        return given
    raise PydanticCustomError("bool_type", "neither true nor false")


Flag = Annotated[bool, BeforeValidator(_strict_flag), WithJsonSchema({"type": "boolean"})]
"""Yes or no in a query or a form: ``true`` or ``false`` and nothing that might have meant one of them."""

Limit = Annotated[
    int,
    BeforeValidator(_strict_number),
    Query(ge=1, le=LARGEST_LIMIT),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT}),
]
Cursor = Annotated[str | None, Query(max_length=2000)]


# -- reading ----


def page_of(
    request: Request, shape: Sequence[str], items: Sequence[Any], limit: int, cursor: str | None
) -> dict[str, Any]:
    """Return a page of a list that is all at hand.

    :param shape: what the list is, with its office and filters: a cursor of one list serves no other.
    """
    cursors = reception_of(request).cursors
    begin = int(cursors.read(cursor, shape)[0]) if cursor is not None else 0
    more = cursors.make([begin + limit], shape) if len(items) > begin + limit else None
    return {"items": list(items[begin : begin + limit]), "next": more}


def _list_of(resource: Resource, readers: frozenset[str]) -> Callable[..., Awaitable[Any]]:
    table = resource.table.name

    async def listed(*, request: Request, by: Caller, limit: int, cursor: str | None, **filters: Any) -> Any:
        web = reception_of(request)
        asked = {name: value for name, value in filters.items() if value is not None}
        shape = [resource.collection, by.office, *(f"{name}={value}" for name, value in sorted(asked.items()))]
        after = int(web.cursors.read(cursor, shape)[0]) if cursor is not None else 0
        conditions = "".join(f' and "{name}" = ${number}' for number, name in enumerate(asked, start=4))
        hidden = resource.reserved_from(by.roles)
        for number, some in enumerate(hidden, start=4 + len(asked)):
            place = ",".join(some.field.split("."))
            conditions += f" and body #>> '{{{place}}}' is distinct from ${number}"
        found = await web.store.rows(
            f'select id, version, made, body from "{table}" where office = $1 and made > $2{conditions}'
            " order by made limit $3",
            after,
            limit + 1,
            *asked.values(),
            *(some.value for some in hidden),
            by=by,
        )
        page = found[:limit]
        items = [await web.shown(_read(row, resource), by) for row in page]
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
        web = reception_of(request)
        if not is_uuid(id):
            raise problems.not_found()
        found = await web.store.rows(
            f'select id, version, made, body from "{table}" where office = $1 and id = $2', id, by=by
        )
        if not found:
            raise problems.not_found()
        one = _read(found[0], resource)
        if resource.is_reserved_from(by.roles, one.body):
            raise problems.not_permitted()
        shown = await web.shown(one, by)
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
            return Annotated[Flag | None, Query()]
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
