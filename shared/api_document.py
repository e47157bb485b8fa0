"""What the OpenAPI document says of every door, and the page that shows it. It loads nothing from elsewhere."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence in the language of Accept-Language"},
        "instance": {"type": "string", "pattern": "^urn:uuid:[0-9a-f-]{36}$", "description": "The correlation id"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_VERSION: Final = {
    "type": ["integer", "string"],
    "description": "How often it changed, as ETag says; of a policy or a checklist, which never change, its name",
}
RESOURCE_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["id", "version", "withheld"],
    "properties": {
        "id": {"type": "string"},
        "version": _VERSION,
        "withheld": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Names of fields that the caller may not read, or that were erased",
        },
    },
    "additionalProperties": True,
}
ACTED_SCHEMA: Final[Mapping[str, Any]] = {
    **RESOURCE_SCHEMA,
    "required": [*RESOURCE_SCHEMA["required"], "events"],
    "properties": {
        **RESOURCE_SCHEMA["properties"],
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "type", "position"],
                "properties": {
                    "id": {"type": "string"},
                    "type": {"type": "string"},
                    "position": {"type": ["string", "null"], "examples": ["visits:12"]},
                },
            },
        },
    },
}
_MEANINGS: Final = {
    400: "The request cannot be read",
    401: "Not authenticated",
    403: "The role does not permit this, or the rules do not permit it to this person",
    404: "Not found, or not of this office",
    408: "The body came in too slowly",
    409: "A rule says no",
    412: "Changed meanwhile; `present` is how it is now",
    413: "Too large",
    415: "Not JSON",
    422: "Not the shape that is asked, or the key was used for another request",
    500: "A fault on our side",
    503: "Not available for a moment",
    504: "What `after` asks for has not arrived",
}
_READ: Final = (400, 401, 403, 404, 422, 500, 503, 504)
_COMMAND: Final = (400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 500, 503, 504)
_AFTER: Final = {
    "name": "after",
    "in": "query",
    "required": False,
    "description": "Wait until this service has taken in everything up to there: `<service>:<number>`",
    "schema": {
        "type": "array",
        "maxItems": 8,
        "items": {"type": "string", "pattern": "^(visits|evaluations|referrals|notifications):(0|[1-9][0-9]{0,17})$"},
    },
}
_COMMAND_HEADERS: Final = (
    {
        "name": "Arrived",
        "in": "header",
        "required": False,
        "description": "How the act came: by default tablet where device_time is told, else web",
        "schema": {"type": "string", "enum": ["web", "tablet", "portal", "post"]},
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key and body answers the first answer of an accepted act again",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    },
    {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The version that the caller saw, as ETag told it",
        "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
    },
)


SCHEMAS: Final = {"Problem": PROBLEM_SCHEMA, "Thing": RESOURCE_SCHEMA, "Acted": ACTED_SCHEMA}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def responses(*, shows: str | None, command: bool, status: int | None = None) -> dict[int | str, dict[str, Any]]:
    """Return what a door may answer.

    :param shows: the schema of what it shows: ``Acted`` or ``Thing``; None where its own words say more.
    """
    told: dict[int | str, dict[str, Any]] = {
        number: {
            "description": _MEANINGS[number],
            "content": {"application/problem+json": {"schema": _reference("Problem")}},
        }
        for number in (_COMMAND if command else _READ)
    }
    content = {"application/json": {"schema": _reference(shows)}} if shows else {}
    told[200] = {
        "description": "As it is after the act" if command else "As it is",
        **({"content": content} if content else {}),
    }
    if status == 201:
        told[201] = {
            "description": "Made",
            **({"content": content} if content else {}),
            "headers": {"Location": {"schema": {"type": "string"}}, "ETag": {"schema": {"type": "string"}}}
            if shows
            else {},
        }
    return told


def extra(
    *, command: bool, makes: bool, without_token: bool, act: str | None, roles: tuple[str, ...], mandated: bool
) -> dict[str, Any]:
    """Return what a door's operation says beside its body: parameters, security, roles."""
    told: dict[str, Any] = {"parameters": [_AFTER, *(_COMMAND_HEADERS[: 2 if makes else 3] if command else ())]}
    if without_token:
        return {"security": [], "parameters": []}
    told["security"] = [{"token": []}]
    if act is not None:
        told["x-act"], told["x-roles"], told["x-mandate"] = act, list(roles), mandated
    return told


def page(document: Mapping[str, Any]) -> str:
    """Return the OpenAPI document as a page for people."""
    rows = []
    for path, operations in sorted(document.get("paths", {}).items()):
        for method, operation in operations.items():
            roles = ", ".join(operation.get("x-roles", ())) or "–"
            mandate = " †" if operation.get("x-mandate") else ""
            fields = _fields(document, operation)
            rows.append(
                f"<tr><td><b>{escape(method.upper())}</b></td><td><code>{escape(path)}</code></td>"
                f"<td>{escape(operation.get('summary', ''))}{fields}</td><td>{escape(roles)}{mandate}</td></tr>"
            )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(document['info']['title'])}</title>"
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem .6rem;"
        "text-align:left;vertical-align:top}code{font-size:.9em}small{color:#555}</style>"
        f"<h1>{escape(document['info']['title'])}</h1>"
        '<p>The exact document is <a href="openapi.json">openapi.json</a>. † needs a mandate on record.</p>'
        "<table><thead><tr><th></th><th>path</th><th>what it does</th><th>who may</th></tr></thead><tbody>"
        + "".join(rows)
        + "</tbody></table></html>"
    )


def _fields(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("anyOf", ()) if "$ref" in one), None)
    if reference is None:
        return ""
    model = document.get("components", {}).get("schemas", {}).get(reference.rpartition("/")[2], {})
    required = set(model.get("required", ()))
    names = [f"<b>{escape(name)}</b>" if name in required else escape(name) for name in model.get("properties", {})]
    return f"<br><small>{', '.join(names)}</small>" if names else ""
