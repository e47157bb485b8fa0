"""One service's HTTP door, seen from outside: a connection that is kept, JSON in and out."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


class Away(Exception):
    """The service does not answer."""


@dataclass(frozen=True)
class Answer:
    """What came back; ``body`` is None where it was no JSON."""

    status: int
    body: Any

    @property
    def sentence(self) -> str:
        """What a problem says in words."""
        told = self.body if isinstance(self.body, Mapping) else {}
        said = str(told.get("detail") or told.get("title") or f"status {self.status}")
        where = [f"{fault['pointer']}: {fault['detail']}" for fault in told.get("errors", ()) if "pointer" in fault]
        return " ".join([said, *where])


class Door:
    """Asks one service, over one connection at a time."""

    def __init__(self, url: str, token: str | None = None, *, patience: float = 10.0) -> None:
        self.url = url
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patience)
        self._token = token

    def get(self, path: str) -> Answer:
        """Read something. :raises Away: it does not answer."""
        return self._ask("GET", path, None)

    def post(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None, patience: float | None = None
    ) -> Answer:
        """Do something; sent once only.

        :param key: under which it can be asked again, and is done once.
        :raises Away: it does not answer, so what was done is unknown.
        """
        return self._ask("POST", path, json.dumps(body).encode(), key=key, patience=patience)

    def close(self) -> None:
        """Close the connection; the next question opens a new one."""
        self._connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None, *, key: str | None = None, patience: float | None = None
    ) -> Answer:
        headers = {"Accept-Language": "en"}  # what the commands say themselves
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if patience is not None:
            self._connection.timeout = patience
            if self._connection.sock is not None:
                self._connection.sock.settimeout(patience)
        kept = self._connection.sock is not None
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            told = answer.read()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as why:
            self._connection.close()
            if kept and method == "GET":  # a kept connection may have been closed while nobody used it
                return self._ask(method, path, body)
            raise Away(f"{self.url} does not answer") from why
        except (OSError, http.client.HTTPException) as why:
            self._connection.close()
            raise Away(f"{self.url} does not answer") from why
        try:
            return Answer(answer.status, json.loads(told))
        except ValueError:
            return Answer(answer.status, None)
