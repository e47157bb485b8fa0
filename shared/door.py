"""The front door of every service, before any framework looks at a request: it keeps the order of answers.

401, 413, 415 and 400 are answered here, in this order, before a byte is interpreted further; what gets in is a proven
identity and a body that is JSON in the strict sense, its text in NFC. Role, existence, shape and rules come after
(``shared.web``). Whatever goes wrong inside, nothing but a problem with a correlation id gets out.
"""

import asyncio
import contextlib
import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import structlog
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Match

from shared import problems, strict_json
from shared.observability import REFUSED, UNDER_WAY, count_request, method_label, route_label
from shared.problems import Problem
from shared.serving import WHOLE
from shared.straight import DoorRoute
from shared.tokens import Identity, IssuerAway, NotAuthenticated, Tokens
from shared.wording import Wording, language_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY: Final = 256 * 1024
LARGEST_PHOTO: Final = 15 * 1024 * 1024
_AROUND_A_PHOTO: Final = 64 * 1024  # boundaries and other parts of the form
_THROWN_AWAY: Final = 64 * 1024 * 1024
_LINGER_SECONDS: Final = 3.0
_BODY_SECONDS: Final = 30.0
MOST_PARAMETERS: Final = 100

log = structlog.get_logger()
_in_order = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the door knows of a request that it let in.

    :ivar digest: hash over method, path and body, by which a repeated request is recognised.
    :ivar told: the value of its JSON body.
    """

    correlation_id: str
    language: str
    identity: Identity | None = None
    digest: bytes = b""
    told: Any = None


class TooLarge(Problem):
    """The body is larger than the door takes; ``more_comes``: the client is still sending it."""

    def __init__(self, *, more_comes: bool) -> None:
        super().__init__(413, "too-large", headers={"Connection": "close"})
        self.more_comes = more_comes


@dataclass
class _Sent:
    started: bool = False
    status: int = 0
    reason: str | None = field(default=None)


class Door:
    """Wraps the application of a service.

    :param open_routes: paths (templates) that need no token.
    :param form_routes: paths (templates) that take a multipart form instead of JSON.
    """

    def __init__(
        self,
        app: App,
        *,
        routes: Iterable[Any],
        tokens: Tokens,
        wording: Wording,
        open_routes: frozenset[str],
        form_routes: frozenset[str],
        answers: Callable[[BaseException], Problem | None],
    ) -> None:
        self._app, self._tokens, self._wording, self._answers = app, tokens, wording, answers
        self._routes = _by_shape(route for route in routes if isinstance(route, APIRoute))
        self._open, self._forms = open_routes, form_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            if scope["method"] == "HEAD":  # answered like GET; the server leaves out the content (RFC 9110, 9.3.2)
                scope = {**scope, "method": "GET"}
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, sent, correlation_id = perf_counter(), _Sent(), str(uuid.uuid4())
        headers = Headers(scope=scope)
        language = language_of(headers.get("accept-language"))
        route: APIRoute | None = None

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent.started, sent.status = True, message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-correlation-id", correlation_id.encode())]
                if not any(name.lower() == b"cache-control" for name, _ in message["headers"]):
                    message["headers"].append((b"cache-control", b"no-store"))
                message["headers"].append((b"x-content-type-options", b"nosniff"))
            await send(message)

        async def say(problem: Problem) -> None:
            sent.reason = problem.reason
            response = problems.answer(problem, wording=self._wording, language=language, correlation_id=correlation_id)
            if not (isinstance(problem, TooLarge) and problem.more_comes):
                await response(scope, receive, answered)
                return
            start = {"type": "http.response.start", "status": problem.status, "headers": response.raw_headers}
            await answered(start)
            await answered({"type": "http.response.body", "body": response.body, "more_body": True})
            await _throw_away(receive)
            await answered({"type": "http.response.body", "body": b"", "more_body": False})

        UNDER_WAY.inc()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        try:
            route, matched, allowed = self._match(scope)
            raw, let_in = await self._let_in(scope, receive, headers, route, allowed)
            entry = scope["huurspoor"] = Entry(correlation_id=correlation_id, language=language, **let_in)
            if isinstance(route, DoorRoute) and route.straight is not None:
                scope.update(matched, app=self._app)
                response = await route.straight(Request(scope, receive), entry.told)
                await response(scope, receive, answered)
            else:
                if raw is not None:
                    receive = _replayed(raw, receive)
                    if entry.told is not None:
                        _set_content_type(scope)
                await self._app(scope, receive, answered)
        except Problem as problem:
            if not sent.started:
                await say(problem)
        except ClientDisconnect:
            sent.reason = "client-gone"  # nobody is left to answer
        except Exception as error:
            found = self._answers(error) or Problem(500, "internal-error")
            if found.status == 500:
                log.error("request-failed", exc_info=error, route=route_label(route.path if route else None))
            elif found.status == 503:
                log.warning("store-or-issuer-away", exc_info=error)
            if sent.started:
                raise  # half an answer is out: only cutting it tells the client
            await say(found)
        finally:
            UNDER_WAY.dec()
            taken = perf_counter() - started
            method, label = method_label(scope["method"]), route_label(route.path if route else None)
            count_request(method, label, sent.status or 499, taken)
            if sent.reason is not None:
                REFUSED.labels(sent.reason).inc()
            log.info(
                "request", method=method, route=label, status=sent.status, ms=round(taken * 1000, 1), reason=sent.reason
            )

    def _match(self, scope: Scope) -> tuple[APIRoute | None, Scope, list[str]]:
        """Return the route, what it says of the request, and, where there is none, the methods of those so named."""
        allowed: list[str] = []
        if b"%2f" in scope.get("raw_path", b"").lower():  # it is part of a name, and of none of ours
            return None, {}, allowed
        for route in self._routes.get(scope["path"].count("/"), ()):
            matched, beside = route.matches(scope)
            if matched is Match.FULL:
                return route, beside, []
            if matched is Match.PARTIAL:
                methods = route.methods or set()
                allowed += sorted(methods | {"HEAD"} if "GET" in methods else methods)
        return None, {}, allowed

    async def _let_in(
        self, scope: Scope, receive: Receive, headers: Headers, route: APIRoute | None, allowed: list[str]
    ) -> tuple[bytes | None, dict[str, Any]]:
        """Return the bytes of a command's body (JSON with its names in order), and what the door knows of the request.

        :raises Problem: it is not let in.
        """
        if scope["method"] in ("TRACE", "CONNECT", "OPTIONS"):  # no CORS: no page of another origin is let in
            raise Problem(405, "method-not-allowed", headers={"Allow": ", ".join(allowed)})
        identity = None
        if route is None or route.path not in self._open:
            identity = await self._identity(headers)
        if route is None:
            raise (
                Problem(405, "method-not-allowed", headers={"Allow": ", ".join(allowed)})
                if allowed
                else problems.not_found()
            )
        raw, digest, told = None, b"", None
        if scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
            form = route.path in self._forms
            limit = LARGEST_PHOTO + _AROUND_A_PHOTO if form else LARGEST_BODY
            raw = await _whole_body(scope, receive, headers, limit)
            kind = _kind_of(headers)
            if form:
                digest = _digest_of_form(scope, headers, raw, kind)
            else:
                told = _json_body(route, raw, kind)
                raw = _in_order.encode(told).encode()
                digest = hashlib.sha256(f"{scope['method']} {scope['path']}\n".encode() + raw).digest()
        return raw, {"identity": identity, "digest": digest, "told": told}

    async def _identity(self, headers: Headers) -> Identity:
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token.strip():
            raise problems.not_authenticated()
        try:
            return await self._tokens.identity(token.strip())
        except NotAuthenticated:
            raise problems.not_authenticated() from None
        except IssuerAway:
            raise problems.unavailable() from None


async def _whole_body(scope: Scope, receive: Receive, headers: Headers, limit: int) -> bytes:
    """Return the body. :raises Problem: 413, as soon as it is known to be too large; nothing is kept of it."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
        raise TooLarge(more_comes=True)
    if WHOLE in scope.get("extensions", ()):
        return await _all_parts(receive, limit)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await _all_parts(receive, limit)
    except TimeoutError:
        raise Problem(408, "request-timeout", headers={"Connection": "close"}) from None


async def _all_parts(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(more_comes=message.get("more_body", False))
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _throw_away(receive: Receive) -> None:
    """Read on for a while after the answer: a client that is still sending would see a cut connection instead of it."""
    thrown = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            more = True
            while more and thrown < _THROWN_AWAY:
                message = await receive()
                thrown += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)


def _by_shape(routes: Iterable[APIRoute]) -> Mapping[int, Sequence[APIRoute]]:
    """Return the routes in their order, by the number of parts of their path: no part of ours spans two."""
    found: dict[int, list[APIRoute]] = {}
    for route in routes:
        found.setdefault(route.path.count("/"), []).append(route)
    return found


def _kind_of(headers: Headers) -> str:
    """Return the media type of a body. :raises Problem: it is said to be of two, or coded in some way."""
    given = headers.getlist("content-type")
    if len(given) > 1 or any(coding.lower() != "identity" for coding in headers.getlist("content-encoding")):
        raise Problem(415, "unsupported-media-type")
    return given[0].partition(";")[0].strip().lower() if given else ""


def _json_body(route: APIRoute, raw: bytes, kind: str) -> Any:
    if not raw and kind in ("", "application/json"):
        # An act without facts may come without a body; where facts are asked, JSON was announced and none came.
        if kind and asks_for_facts(route):
            raise problems.malformed()
        return {}
    if kind != "application/json":
        raise Problem(415, "unsupported-media-type")
    try:
        return strict_json.parse(raw)
    except strict_json.Malformed:
        raise problems.malformed() from None


def asks_for_facts(route: APIRoute) -> bool:
    """Whether a door's body has fields that must be there."""
    fields = getattr(route.body_field.field_info.annotation, "model_fields", {}) if route.body_field else {}
    return any(field.is_required() for field in fields.values())


def _digest_of_form(scope: Scope, headers: Headers, raw: bytes, kind: str) -> bytes:
    if kind != "multipart/form-data":
        raise Problem(415, "unsupported-media-type")
    boundary = headers.get("content-type", "").partition("boundary=")[2].partition(";")[0].strip().strip('"')
    if not boundary:
        raise problems.malformed()
    same = raw.replace(boundary.encode("latin-1", "ignore"), b"-")  # a repeated form has another boundary
    return hashlib.sha256(f"{scope['method']} {scope['path']}\n".encode() + same).digest()


def _set_content_type(scope: Scope) -> None:
    scope["headers"] = [
        *(
            (name, value)
            for name, value in scope["headers"]
            if name.lower() not in (b"content-type", b"content-length")
        ),
        (b"content-type", b"application/json"),
    ]


def _replayed(raw: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return again
