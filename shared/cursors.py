"""Marks of a place in a list, for reading on from there."""

import base64
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any, cast

from shared import problems


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
