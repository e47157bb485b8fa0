"""Answers that say no: problems as RFC 9457 asks, in the reader's language, without a trace of what was sent."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from starlette.responses import Response

from shared.decisions import NoAuthority, Refusal
from shared.wording import Wording

PROBLEM_JSON: Final = "application/problem+json"
MOST_TOLD: Final = 100  # of what is wrong with a body: who mends so much asks again anyway
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


class NotYetKnown(Refusal):
    """The body names a thing of another service of which nothing has arrived here; it may still come."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    :ivar pointer: where: a JSON pointer, or the name of a header or parameter.
    """

    kind: str  # a sentence of the section [invalid], or of [named] where ``code`` is given
    pointer: str | None = None
    code: str | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)


class Problem(Exception):
    """A request is answered with a problem.

    :ivar sentence: which sentence says what is wrong; by default that of its reason.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status, self.reason, self.faults, self.sentence = status, reason, tuple(faults), reason
        self.headers, self.beside = dict(headers or {}), dict(beside or {})


def not_authenticated() -> Problem:
    """Say that the caller did not prove who they are."""
    return Problem(401, "not-authenticated", headers={"WWW-Authenticate": "Bearer"})


def not_permitted() -> Problem:
    """Say that the role may not do this at all."""
    return Problem(403, "not-permitted")


def not_found() -> Problem:
    """Say that there is no such thing here; also of what another office has."""
    return Problem(404, "not-found")


def invalid(*faults: Fault) -> Problem:
    """Say that a request does not have the shape that is asked."""
    return Problem(422, "invalid-request", faults=faults)


def malformed() -> Problem:
    """Say that a request cannot be read."""
    return Problem(400, "malformed-request")


def unavailable() -> Problem:
    """Say that nothing was recorded, or that the same key tells what was."""
    return Problem(503, "temporarily-unavailable", headers={"Retry-After": "1"})


def writing_waits(why: Mapping[str, str | int]) -> Problem:
    """Say that nothing is written until a person confirmed that an older state is the one to go on with."""
    fault = Fault("named", code="SHORTER_THAN_WITNESSED", values=why)
    waits = Problem(503, "temporarily-unavailable", faults=[fault], headers={"Retry-After": "60"})
    waits.sentence = "writing-waits"
    return waits


def refused(refusal: Refusal) -> Problem:
    """Say what a rule said: 403 for this person, 409 for everybody."""
    faults = [Fault("named", pointer=one.pointer, code=one.code, values=one.values) for one in refusal.named]
    if isinstance(refusal, NotYetKnown):
        return Problem(409, refusal.reason(), faults=faults, headers={"Retry-After": "1"})
    return Problem(403 if isinstance(refusal, NoAuthority) else 409, refusal.reason(), faults=faults)


def faults_of(errors: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """Turn pydantic's errors into faults: the place and the kind, never the value, nor a name the caller made up.

    Of very many only the first.
    """
    faults = []
    for error in islice(errors, MOST_TOLD):
        source, *steps = error["loc"] or ("body",)
        kind = str(error["type"])
        if source == "body":
            steps = _known_steps(steps, made_up_last=kind == "extra_forbidden")
            faults.append(Fault(kind, pointer="".join(f"/{step}" for step in steps)))
        else:
            faults.append(Fault(kind, pointer=str(steps[0]) if steps else str(source)))
    return list({(fault.kind, fault.pointer): fault for fault in faults}.values())


def _known_steps(steps: Sequence[Any], *, made_up_last: bool) -> list[Any]:
    # A step that is no plain field name was chosen by the caller: the pointer stops before it and echoes nothing.
    known: list[Any] = []
    for step in steps:
        if isinstance(step, int) or _FIELD_NAME.fullmatch(str(step)):
            known.append(step)
        else:
            break
    return known[:-1] if made_up_last and known and len(str(known[-1])) > 30 and len(known) == len(steps) else known


def answer(problem: Problem, *, wording: Wording, language: str, correlation_id: str) -> Response:
    """Return the problem as a response."""
    reason = problem.reason
    detail = wording.say("refusals", problem.sentence, language) or wording.say("refusals", "invalid-request", language)
    title = wording.say("titles", reason, language) or wording.say("titles", f"refused-{problem.status}", language)
    body: dict[str, Any] = {
        "type": f"/problems/{reason}",
        "title": title,
        "status": problem.status,
        "detail": detail,
        "instance": f"urn:uuid:{correlation_id}",
    }
    if problem.faults:
        body["errors"] = [_shown(fault, reason, wording, language) for fault in problem.faults]
    body.update(problem.beside)
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
        status_code=problem.status,
        media_type=PROBLEM_JSON,
        headers={"Content-Language": language, "Cache-Control": "no-store", **problem.headers},
    )


def _shown(fault: Fault, reason: str, wording: Wording, language: str) -> dict[str, str]:
    if fault.code is not None:
        detail = (
            wording.say("named", fault.code, language, fault.values)
            or wording.say("named", fault.code.lower(), language, fault.values)
            or wording.say("named", fault.code.lower().replace("_", "-"), language, fault.values)
            or wording.say("refusals", fault.code.lower().replace("_", "-"), language, fault.values)
            or wording.say("refusals", reason, language)
        )
    else:
        detail = wording.say("invalid", fault.kind, language, fault.values) or wording.say("invalid", "other", language)
    shown = {"detail": detail or ""}
    if fault.code is not None:
        shown = {"code": fault.code, **shown}
    if fault.pointer is not None:
        shown = {"pointer": fault.pointer, **shown}
    return shown
