"""The doors of running services, as their own OpenAPI documents tell of them, and ids that fit into their paths."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from operate.state import SERVICES
from tests.journeys.history import Office
from tests.shared.badinput import Door

# Parameters of paths that name no thing of an office: a figure of the service, a dead letter of the platform.
NO_THING = {(service, name) for service in SERVICES for name in ("kpis", "dead-letters")}


@dataclass(frozen=True)
class At:
    """A door of a running service."""

    service: str
    door: Door
    http: httpx.Client

    @property
    def name(self) -> str:
        """What it is called in a failure."""
        return f"{self.service}: {self.door.method} {self.door.path}"

    @property
    def collection(self) -> str:
        """The first word of its path."""
        return self.door.path.split("/")[1]

    @property
    def parameters(self) -> list[str]:
        """The names in its path."""
        return re.findall(r"\{([^}]*)\}", self.door.path)

    def asked(self, token: str | None, *ids: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Return the answer, with these ids in its path."""
        left = iter(ids)
        path = re.sub(r"\{[^}]*\}", lambda _: next(left), self.door.path)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if self.door.form:
            empty = {"file": ("file", b"")}
            return self.http.request(self.door.method, path, files=empty, headers=headers, params=query)
        content = json.dumps(body or {}).encode() if self.door.command else None
        if self.door.command:
            headers["Content-Type"] = "application/json"
        return self.http.request(self.door.method, path, content=content, headers=headers, params=query)


def of_things(every_door: Iterable[At]) -> list[At]:
    """Return the doors whose path names a thing of an office."""
    return [at for at in every_door if at.parameters and (at.service, at.collection) not in NO_THING]


def ids_of(at: At, office: Office) -> list[str]:
    """Return the ids of a thing of the office for a door's path; of a figure, the name of the service's first."""
    if at.collection == "kpis":
        today = office.platform.today().isoformat()
        figures = office.read("auditor", at.service, "/kpis", **{"from": today, "until": today})["kpis"]
        return [str(figures[0]["id"]) for _ in at.parameters]
    return [_id_of(at, office, name) for name in at.parameters]


def _id_of(at: At, office: Office, name: str) -> str:
    collection = at.collection
    if name == "version":
        name = {"policies": "policy", "checklists": "checklist"}[collection]
    if name in office.things:
        return office.things[name]
    items = office.read("auditor", at.service, f"/{collection}")["items"]
    assert items, f"{at.name}: nothing in the history of an office stands for {{{name}}}"
    return str(items[0]["id"])


def secrets_of(office: Office) -> set[str]:
    """Return every word by which something of an office would be recognised."""
    return {office.mark, office.word, office.code, *(id for id in office.ids() if len(id) > 8)}
