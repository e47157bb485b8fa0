"""Bad input over HTTP (hardening 3), to be pointed at every door of a running service.

``attack`` reads the service's own OpenAPI document, sends what is wrong in every way to every door, and returns what
was answered otherwise than it must be: the status and the reason, never 500, no echo of what was sent.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

MARK = "Marka-Verhulsel-7719"  # an invented name that must come back in no answer and no log line
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


@dataclass(frozen=True)
class Bad:
    """One bad request, and what must be answered."""

    name: str
    status: int
    reason: str
    content: bytes | None = None
    headers: Mapping[str, str] | None = None
    query: str = ""
    chunked: bool = False


def unreadable() -> Iterator[Bad]:
    """Yield bodies that are not JSON in the strict sense: 400."""
    bodies = {
        "not JSON": MARK.encode(),
        "half": b'{"' + MARK.encode(),
        "not UTF-8": b'{"a": "\xff"}',
        "byte-order mark": b"\xef\xbb\xbf{}",
        "UTF-16": json.dumps({"a": MARK}).encode("utf-16"),
        "UTF-16 without mark": json.dumps({"a": MARK}).encode("utf-16-le"),
        "a name twice": f'{{"{MARK}": 1, "{MARK}": 2}}'.encode(),
        "NUL": b'{"a": "\x00"}',
        "NUL escaped": rb'{"a": "\u0000"}',
        "lone surrogate": rb'{"a": "\ud800"}',
        "nested 51 deep": b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}",
        "nested very deep": b"[" * 100_000,
        "integer of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
        "NaN": b'{"a": NaN}',
        "Infinity": b'{"a": -Infinity}',
        "1e999": b'{"a": 1e999}',
    }
    for name, content in bodies.items():
        yield Bad(name, 400, "malformed-request", content, {"Content-Type": "application/json"})


def misshapen() -> Iterator[Bad]:
    """Yield bodies that are JSON and that no door asks for: 422."""
    bodies: dict[str, Any] = {
        "an array": [MARK],
        "a string": MARK,
        "a number": 5,
        "null": None,
        "true": True,
        "an unknown field": {"unheard_of": MARK},
        "an unknown field named like a person": {MARK + " " + MARK: 1},
    }
    for name, body in bodies.items():
        yield Bad(name, 422, "invalid-request", json.dumps(body).encode(), {"Content-Type": "application/json"})


def wrong_media() -> Iterator[Bad]:
    """Yield bodies announced as something else: 415; and those that are too large: 413, whatever they are."""
    body = json.dumps({"a": MARK}).encode()
    for kind in ("", "text/plain", "application/xml", "application/x-www-form-urlencoded", "application/problem+json"):
        yield Bad(
            f"content type {kind or 'none'}",
            415,
            "unsupported-media-type",
            body,
            {"Content-Type": kind} if kind else {},
        )
    yield Bad(
        "compressed",
        415,
        "unsupported-media-type",
        body,
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    large = json.dumps({"a": "x" * 300_000}).encode()
    yield Bad("too large", 413, "too-large", large, {"Content-Type": "application/json"})
    yield Bad("too large, in pieces", 413, "too-large", large, {"Content-Type": "application/json"}, chunked=True)
    yield Bad("too large and of another type", 413, "too-large", large, {"Content-Type": "text/plain"})


def wrong_headers() -> Iterator[Bad]:
    """Yield keys that are none: 422 for whoever may do the act."""
    for name, key in {"300 long": "k" * 300, "empty": "", "not printable": "caf\u00e9"}.items():
        yield Bad(
            f"key {name}", 422, "invalid-request", b"{}", {"Content-Type": "application/json", "Idempotency-Key": key}
        )


def wrong_queries() -> Iterator[Bad]:
    """Yield parameters that no list asks for."""
    for name, query in {
        "limit=-1": "limit=-1",
        "limit=0": "limit=0",
        "limit=201": "limit=201",
        "limit=1e2": "limit=1e2",
        "limit= 5": "limit=%205",
        "limit=NUL": "limit=%00",
        "limit twice": "limit=1&limit=2",
        "unknown parameter": f"{MARK}=1",
        "a thousand parameters": "&".join(f"p{n}={MARK}" for n in range(1000)),
        "no position": f"after={MARK}",
        "a negative position": "after=visits:-1",
        "a position of nobody": "after=lending:1",
        "an endless position": "after=visits:" + "9" * 300,
    }.items():
        yield Bad(name, 422, "invalid-request", query=query)
    for name, cursor in {
        "made up": "YWJj",
        "rubbish": "%F0%9F%8F%A0",
        "empty": "",
        "long": "A" * 1900,
        "NUL": "%00",
    }.items():
        yield Bad(f"cursor {name}", 400, "malformed-request", query=f"cursor={cursor}")


def wrong_ids() -> Iterator[str]:
    """Yield ids, as they stand in a path, that are none: each answers like an unknown id."""
    yield from (
        "..",
        "%2e%2e",
        "a%2fb",
        "%00",
        "%7Bid%7D",
        "{id}",
        "*",
        "%3E",
        "'--",
        "%0d%0a",
        "%ff",
        "\u00e9",
        "1",
        "null",
    )
    yield from (
        UNKNOWN.upper(),
        UNKNOWN.replace("-", ""),
        f"%7B{UNKNOWN}%7D",
        f"urn:uuid:{UNKNOWN}",
        UNKNOWN + "%20",
        UNKNOWN + "/",
    )


@dataclass(frozen=True)
class Door:
    """One operation of a service's OpenAPI document."""

    method: str
    path: str
    roles: tuple[str, ...]
    query: frozenset[str]
    required: frozenset[str]
    form: bool
    fields: Mapping[str, Mapping[str, Any]]  # of the body: name to schema

    @property
    def command(self) -> bool:
        """Whether it changes something."""
        return self.method == "POST"

    def at(self, id: str) -> str:
        """Return the path with ``id`` in the place of each of its parameters."""
        return re.sub(r"\{[^}]*\}", lambda _: id, self.path)


def doors(document: Mapping[str, Any]) -> list[Door]:
    """Return the doors of a service that need a token."""
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            roles = tuple(operation.get("x-roles", ()))
            if roles:
                query = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
                content = operation.get("requestBody", {}).get("content", {})
                found.append(
                    Door(
                        method.upper(),
                        path,
                        roles,
                        frozenset(parameter["name"] for parameter in query),
                        frozenset(parameter["name"] for parameter in query if parameter.get("required")),
                        "multipart/form-data" in content,
                        _fields(document, content.get("application/json", {}).get("schema", {})),
                    )
                )
    return found


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of a body, each with its schema as far as it is none but one kind of value."""
    found = _resolved(document, schema)
    return {name: _resolved(document, field) for name, field in found.get("properties", {}).items()}


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return _resolved(document, options[0]) if len(options) == 1 else schema


def misfits(fields: Mapping[str, Mapping[str, Any]]) -> Iterator[Bad]:
    """Yield bodies in which one field holds what does not fit it: 422."""
    for name, schema in fields.items():
        values: list[Any] = [[[{MARK: [MARK]}]]]
        match schema.get("type"), schema.get("format"):
            case "integer", _:
                values += ["5", True, 1.5, 10**30, -(10**30)]
            case "boolean", _:
                values += ["true", 1, 0]
            case "string", "date":
                values += [
                    "2026-02-30",
                    "1899-12-31",
                    "2101-01-01",
                    "2026-3-2",
                    20260302,
                    "2026-03-02T00:00:00",
                    "2026-W10-1",
                    MARK,
                ]
            case "string", "date-time":
                values += ["2026-03-02T10:00:00", "2026-03-02", "2026-02-30T10:00:00Z", 1772445600, MARK]
            case "string", "uuid":
                values += [UNKNOWN.upper(), f"{{{UNKNOWN}}}", UNKNOWN.replace("-", ""), MARK]
            case "string", _:
                values += [5, True, MARK * 2000]
                if schema.get("maxLength", 0) == 200:
                    values += [f"{MARK}\r\nBcc: {MARK}", f"{MARK}\u202e", f"{MARK}\x07", f"{MARK}\u2028", "n" * 201]
            case "array", _:
                values += [MARK, {"0": MARK}, 5]
            case "object", _:
                values += [MARK, [MARK], 5]
        for number, value in enumerate(values):
            content = json.dumps({name: value}).encode()
            yield Bad(
                f"{name} as misfit {number}", 422, "invalid-request", content, {"Content-Type": "application/json"}
            )


@dataclass(frozen=True)
class Wrong:
    """An answer that was not as it must be."""

    door: Door
    sent: str
    expected: str
    answered: str


Tokens = Mapping[str, str]  # a token for each role, of one office; and for "operator", of none


async def attack(
    client: httpx.AsyncClient, tokens: Tokens, *, existing: Mapping[str, str] | None = None
) -> list[Wrong]:
    """Send everything that is wrong to every door of a service, and return what was answered otherwise than it must be.

    :param tokens: a token for each role.
    :param existing: for paths with an id (as in the OpenAPI document), the id of a thing of this office; without one
        what comes after 404 in the order of answers is not seen at that door.
    """
    document = (await client.get("/openapi.json")).json()
    wrong: list[Wrong] = []
    for door in doors(document):
        id = (existing or {}).get(door.path, UNKNOWN)
        reachable = "{" not in door.path or door.path in (existing or {})
        wrong += [one async for one in _at(client, door, tokens, id, reachable)]
    return wrong


async def _at(client: httpx.AsyncClient, door: Door, tokens: Tokens, id: str, reachable: bool) -> AsyncIterator[Wrong]:
    role = next((role for role in door.roles if role in tokens), None)
    if role is None:
        return
    may = {"Authorization": f"Bearer {tokens[role]}"}
    for bad, headers in [*((bad, {}) for bad in _without_proof()), *((bad, may) for bad in _for(door, reachable))]:
        found = await _send(client, door, door.at(id), bad, headers)
        if found:
            yield found
    stranger = next((role for role in tokens if role not in door.roles), None)
    if stranger is not None:
        found = await _send(
            client,
            door,
            door.at(id),
            Bad("another role", 403, "not-permitted", b"{}", _json_header(door))
            if not door.form
            else _form_of_stranger(),
            {"Authorization": f"Bearer {tokens[stranger]}"},
        )
        if found:
            yield found
    if "{" in door.path and not door.form and not door.required:
        async for found in _ids(client, door, may):
            yield found


def _json_header(door: Door) -> dict[str, str]:
    return {"Content-Type": "application/json"} if door.command else {}


def _form_of_stranger() -> Bad:
    return Bad("another role", 403, "not-permitted", b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"})


def _without_proof() -> Iterator[Bad]:
    large = b"x" * 300_000
    for name, header in {
        "no token": None,
        "an empty token": "Bearer",
        "another scheme": f"Basic {MARK}",
        "rubbish": f"Bearer {MARK}",
    }.items():
        headers = {} if header is None else {"Authorization": header}
        yield Bad(name, 401, "not-authenticated", b"not JSON", headers)
        yield Bad(f"{name}, too large", 401, "not-authenticated", large, headers)


def _for(door: Door, reachable: bool) -> Iterable[Bad]:
    if door.command and not door.form:
        yield from unreadable()
        yield from wrong_media()
        if reachable:
            yield from misshapen()
            yield from misfits(door.fields)
            yield from wrong_headers()
    elif door.form:
        yield Bad("JSON instead of a form", 415, "unsupported-media-type", b"{}", {"Content-Type": "application/json"})
        yield Bad("a form without boundary", 400, "malformed-request", b"x", {"Content-Type": "multipart/form-data"})
        yield Bad("40 MB", 413, "too-large", b"x" * 40_000_000, {"Content-Type": "multipart/form-data; boundary=x"})
    elif reachable and not door.required:
        for bad in wrong_queries():
            asked = bad.query.partition("=")[0]
            if asked in ("limit", "cursor") and asked not in door.query:
                continue
            yield bad


async def _ids(client: httpx.AsyncClient, door: Door, may: Mapping[str, str]) -> AsyncIterator[Wrong]:
    """Every id that is none is answered like one that is not known: byte for byte, but for the error's own id."""
    content = b"{}" if door.command else None
    headers = {**may, **_json_header(door)}
    unknown = await client.request(door.method, door.at(UNKNOWN), content=content, headers=headers)
    if unknown.status_code != 404:
        yield Wrong(door, "unknown id", "404 not-found", _said(unknown))
        return
    for id in (*wrong_ids(), str(uuid4())):
        answer = await client.request(door.method, door.at(id), content=content, headers=headers)
        if _without_instance(answer) != _without_instance(unknown):
            # ``..`` is resolved by clients; and an id with a slash may be another path altogether.
            if answer.status_code in (404, 405) and (".." in id or "/" in id or "%2" in id or id.startswith("%2e")):
                continue
            yield Wrong(door, f"id {id}", "as an unknown id", _said(answer))


def _without_instance(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    body = answer.json() if answer.headers.get("content-type", "").startswith("application/problem+json") else {}
    body.pop("instance", None)
    return answer.status_code, body


async def _send(client: httpx.AsyncClient, door: Door, path: str, bad: Bad, headers: Mapping[str, str]) -> Wrong | None:
    sent = {**headers, **(bad.headers or {})}
    content: Any = bad.content if door.command else None
    if bad.chunked and bad.content is not None:
        content = _pieces(bad.content)
    url = f"{path}?{bad.query}" if bad.query else path
    raw = {name.encode(): value.encode() for name, value in sent.items()}
    answer = await client.request(door.method, url, content=content, headers=raw)
    expected = f"{bad.status} {bad.reason}"
    if _said(answer) != expected:
        return Wrong(door, bad.name, expected, _said(answer))
    problem = answer.json()
    fine = (
        problem.get("status") == bad.status
        and str(problem.get("instance", "")).startswith("urn:uuid:")
        and MARK not in answer.text
        and not any(MARK in value for value in answer.headers.values())
    )
    return None if fine else Wrong(door, bad.name, "a problem without echo", answer.text[:500])


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 16_384):
        yield content[start : start + 16_384]


def _said(answer: httpx.Response) -> str:
    kind = answer.headers.get("content-type", "")
    if not kind.startswith("application/problem+json"):
        return f"{answer.status_code} {kind}"
    return f"{answer.status_code} {answer.json().get('type', '').removeprefix('/problems/')}"
