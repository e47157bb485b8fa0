"""An ordinary client of the four services: it knows their public addresses, and nothing of what is inside.

Every act carries an Idempotency-Key, so that a cut connection or a 503 can simply be tried again; what somebody reads
or does next waits (``?after=``) until the services have taken in what was done before.
"""

import http.client
import json
import time as machine
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

SECONDS_OF_PATIENCE = 60.0
_TRY_AGAIN = {503, 504}


class NotAnswered(Exception):
    """A service did not answer for a minute."""


@dataclass(frozen=True)
class Somebody:
    """A person with a role in an office, as their token says."""

    id: str
    name: str
    role: str
    office: str


@dataclass(frozen=True)
class Refused:
    """No, and why: the reason of the problem and its sentence."""

    status: int
    reason: str
    detail: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """What an act led to: the thing as it is after it, and what was recorded."""

    service: str
    status: int
    body: Mapping[str, Any]
    location: str | None = None
    replayed: bool = False

    @property
    def id(self) -> str:
        """The thing's id."""
        return str(self.body["id"])

    @property
    def events(self) -> list[str]:
        """The names of what was recorded."""
        return [str(event["type"]) for event in self.body.get("events", ())]

    @property
    def positions(self) -> list[str]:
        """The places of what was published, as ``?after=`` takes them."""
        return [str(event["position"]) for event in self.body.get("events", ()) if event["position"]]


@dataclass
class Client:
    """Acts and reads in the name of people.

    :ivar urls: the address of each service; asked again after a failure, since a service may come back elsewhere.
    :ivar token: makes a token for somebody.
    :ivar language: what ``Accept-Language`` says.
    """

    urls: Callable[[], Mapping[str, str]]
    token: Callable[[Somebody], str]
    language: str = "nl"
    tried_again: int = 0
    _tokens: dict[Somebody, str] = field(default_factory=dict)
    _connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)

    def act(self, who: Somebody, service: str, path: str, body: Mapping[str, Any]) -> Done | Refused:
        """Do something, once, however often the network must be asked."""
        status, headers, told = self._ask(
            who, service, "POST", path, json.dumps(body).encode(), key=str(uuid.uuid4()), after=self._after(service)
        )
        if status in (200, 201):
            done = Done(service, status, told, headers.get("location"), "idempotency-replayed" in headers)
            for position in done.positions:
                publisher, _, number = position.partition(":")
                self._last[publisher] = max(self._last.get(publisher, 0), int(number))
            return done
        return _refused(status, told)

    def read(self, who: Somebody, service: str, path: str, **filters: str) -> Any:
        """Read something as it is after everything that this client did. :raises LookupError: the answer was no."""
        status, _, told = self._ask(who, service, "GET", path, None, after=self._after(service), filters=filters)
        if status != 200:
            no = _refused(status, told)
            raise LookupError(f"GET {path}: {no.status} {no.reason}: {no.detail}")
        return told

    def read_bytes(self, who: Somebody, service: str, path: str) -> bytes:
        """Read a file. :raises LookupError: the answer was no."""
        status, _, raw = self._ask(who, service, "GET", path, None, after=self._after(service), raw=True)
        if status != 200:
            raise LookupError(f"GET {path}: {status}")
        assert isinstance(raw, bytes)
        return raw

    def _after(self, service: str) -> list[str]:
        return [f"{publisher}:{number}" for publisher, number in sorted(self._last.items()) if publisher != service]

    def _ask(
        self,
        who: Somebody,
        service: str,
        method: str,
        path: str,
        body: bytes | None,
        *,
        after: Sequence[str] = (),
        key: str | None = None,
        filters: Mapping[str, str] | None = None,
        raw: bool = False,
    ) -> tuple[int, dict[str, str], Any]:
        query = urlencode([*(filters or {}).items(), *(("after", position) for position in after)], quote_via=quote)
        headers = {"Authorization": f"Bearer {self._token(who)}", "Accept-Language": self.language}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        deadline = machine.monotonic() + SECONDS_OF_PATIENCE
        while True:
            target = f"{path}?{query}" if query else path
            status, answered, told = self._once(service, method, target, body, headers, raw=raw)
            reason = "" if not isinstance(told, dict) else str(told.get("type", ""))
            if status not in (0, *_TRY_AGAIN) and not reason.endswith("/not-yet-known"):
                return status, answered, told
            if machine.monotonic() > deadline:
                raise NotAnswered(f"{method} {path}: {status} {reason}")
            self.tried_again += 1
            machine.sleep(0.1)

    def _once(
        self, service: str, method: str, target: str, body: bytes | None, headers: Mapping[str, str], *, raw: bool
    ) -> tuple[int, dict[str, str], Any]:
        try:
            connection = self._connections.get(service)
            if connection is None:
                parts = urlsplit(self.urls()[service])
                connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
                self._connections[service] = connection
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException, KeyError):
            stale = self._connections.pop(service, None)
            if stale is not None:
                stale.close()
            return 0, {}, None
        answered = {name.lower(): value for name, value in answer.getheaders()}
        as_it_came = raw and answer.status == 200
        told = read if as_it_came or "json" not in answered.get("content-type", "") else json.loads(read)
        return answer.status, answered, told

    def _token(self, who: Somebody) -> str:
        if who not in self._tokens:
            self._tokens[who] = self.token(who)
        return self._tokens[who]


def _refused(status: int, told: Any) -> Refused:
    told = told if isinstance(told, dict) else {}
    codes = tuple(str(error["code"]) for error in told.get("errors", ()) if error.get("code"))
    pointers = tuple(str(error["pointer"]) for error in told.get("errors", ()) if error.get("pointer"))
    reason = str(told.get("type", "")).removeprefix("/problems/")
    return Refused(status, reason, str(told.get("detail", "")), codes or pointers)
