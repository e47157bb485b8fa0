"""What a request says beside its body: how far to wait, its key, the version that the caller saw, how it came."""

import hashlib
import re
from typing import Final

from fastapi import Request

from shared import problems
from shared.problems import Fault

MOST_POSITIONS: Final = 8
PUBLISHERS: Final = ("visits", "evaluations", "referrals", "notifications")
_KEY = re.compile(r"[\x20-\x7e]{1,200}")
_POSITION = re.compile(rf"({'|'.join(PUBLISHERS)}):(0|[1-9][0-9]{{0,17}})")
WAYS: Final = ("web", "tablet", "portal", "post")  # domain 0.2; imports and the platform itself ask over no door
_ETAG = re.compile(r'"(0|[1-9][0-9]{0,17})"')


def positions_asked(request: Request) -> list[tuple[str, int]] | None:
    """Return what ``?after=`` asks to wait for, None where one of them is no position."""
    positions: list[tuple[str, int]] = []
    if not request.scope["query_string"]:
        return positions
    if len(request.query_params.getlist("after")) > MOST_POSITIONS:
        return None
    for given in request.query_params.getlist("after"):
        found = _POSITION.fullmatch(given)
        if found is None:
            return None
        positions.append((found[1], int(found[2])))
    return positions


def key_of(request: Request, person: str) -> str | None:
    """Return the Idempotency-Key, scoped to the person; the office is added by the store.

    :raises Problem: it is not 1 to 200 printable characters.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]) or not given[0].strip():
        raise problems.invalid(Fault("idempotency_key", pointer="Idempotency-Key"))
    return hashlib.sha256(f"{person}\0{given[0]}".encode()).hexdigest()


def version_seen(request: Request) -> int | None:
    """Return the version that the caller saw; -1, which no thing has, for what is no version of ours."""
    given = request.headers.getlist("if-match")
    if not given or [one.strip() for one in given] == ["*"]:
        return None
    found = _ETAG.fullmatch(given[0].strip()) if len(given) == 1 else None
    return int(found[1]) if found else -1


def way_it_came(request: Request, *, from_device: bool) -> str:
    """Return how an act came to be asked: as ``Arrived`` says, else a device that tells its own time is a tablet.

    :raises Problem: it says something else.
    """
    given = request.headers.get("arrived")
    if given is None:
        return "tablet" if from_device else "web"
    if given not in WAYS:
        raise problems.invalid(Fault("arrived", pointer="Arrived"))
    return given
