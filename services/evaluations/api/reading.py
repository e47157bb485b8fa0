"""One evaluation, one termination file: as it is, or as it stood on a day and as known at an instant."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request

from services.evaluations.api.beside import beside_the_count, today_at
from services.evaluations.api.door import READERS, WORDING, api
from services.evaluations.rules import gates
from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.lease_file import LeaseFile, as_it_stood
from services.evaluations.rules.termination import TERMINATION, Termination
from services.evaluations.views import (
    EVALUATIONS,
    TERMINATIONS,
    read_file,
    show_evaluation,
    show_termination,
)
from shared import problems
from shared.reception import Shown, reception_of
from shared.views import Resource
from shared.web import Acted, Caller, Day, Instant, Store, may

OF_FILE = (*READERS, "administration")
ValidOn = Annotated[Day | None, Query()]
KnownAt = Annotated[Instant | None, Query()]


@api.get("/evaluations/{evaluation}")
async def read_evaluation(
    request: Request,
    evaluation: str,
    by: Annotated[Caller, may("read_evaluations", *READERS, "auditor", of=EVALUATION)],
    store: Store,
    valid_on: ValidOn = None,
    known_at: KnownAt = None,
) -> Any:
    """One of the evaluations: as it is, or as it stood on a day and as known at an instant."""
    if known_at is not None:
        known_at = await store.until_known(known_at, by=by)
    state, version = await store.found(EVALUATION, evaluation, by=by)
    if valid_on is not None or known_at is not None:
        state, version = as_it_stood(EVALUATION, state.history, valid_on=valid_on, known_at=known_at)
    shown = show_evaluation(evaluation, state)
    if shown is None:
        raise problems.not_found()
    on = valid_on or today_at(known_at, by)
    file = (await read_file(store, state.lease, by=by)).as_known(known_at)
    language = request.scope["huurspoor"].language
    beside = beside_the_count(file, {ground.finding for ground in state.grounds}, on=on, language=language)
    return await _shown(request, EVALUATIONS, {"id": evaluation, **shown, **beside}, version, by)


@api.get("/terminations/{termination}")
async def read_termination(
    request: Request,
    termination: str,
    by: Annotated[Caller, may("read_terminations", *OF_FILE, "auditor", of=TERMINATION)],
    store: Store,
    valid_on: ValidOn = None,
    known_at: KnownAt = None,
) -> Any:
    """One of the terminations, with its gates as they stand today, or on a day and as known at an instant."""
    if known_at is not None:
        known_at = await store.until_known(known_at, by=by)
    state, version = await store.found(TERMINATION, termination, by=by)
    if valid_on is not None or known_at is not None:
        history = await store.history(TERMINATION, termination, by=by)
        state, version = as_it_stood(TERMINATION, history, valid_on=valid_on, known_at=known_at)
    shown = show_termination(termination, state)
    if shown is None:
        raise problems.not_found()
    on = valid_on or today_at(known_at, by)
    file = (await read_file(store, state.lease, by=by)).as_known(known_at)
    if valid_on is not None:
        file = file.with_evaluations_of(valid_on)
    language = request.scope["huurspoor"].language
    beside = beside_the_count(file, grounds_looked_at(state, file), on=on, language=language)
    tested = gates_shown(state, file, on=on, language=language, must_weigh=beside["to_weigh"])
    body = msgspec.to_builtins({"id": termination, **shown, "gates": tested, **beside}, str_keys=True)
    if file.case.came_back(state.letters_posted):
        body["warnings"].append("NOTICE_CAME_BACK")
    for step in (body["notice"] or {}).get("steps", ()):
        step["sentence"] = WORDING.say("steps", step["rule"], language) or step["rule"]
    return await _shown(request, TERMINATIONS, body, version, by)


async def _shown(request: Request, of: Resource, body: Mapping[str, Any], version: int, by: Caller) -> Shown:
    plain = msgspec.to_builtins(body, str_keys=True)
    acted = Acted(status=200, body=plain, version=version, events=None, collection=of.collection)
    return Shown(await reception_of(request).shown(acted, by), etag=version)


def grounds_looked_at(termination: Termination, file: LeaseFile) -> frozenset[str]:
    """Return the findings that a file is about: its own, and those of the evaluations that opened it."""
    findings, evaluations = termination.uses
    of_evaluations = (file.evaluations[id].grounds for id in evaluations if id in file.evaluations)
    return findings | {ground.finding for grounds in of_evaluations for ground in grounds}


def gates_shown(
    termination: Termination, file: LeaseFile, *, on: date, language: str, must_weigh: list[Any]
) -> list[Mapping[str, Any]]:
    """Return the ten gates as they stand on a day: whether each passes, why, and what proves it."""
    if file.policy_or_none(on=on) is None or file.checklist_or_none(on=on) is None:
        return []
    tested = gates.tested(
        termination,
        case=file.case,
        evaluations=file.evaluations,
        policies=file.policies,
        checklists=file.checklists,
        on=on,
    )
    return [
        {
            "gate": gate.gate,
            "passes": gate.passes,
            "code": gate.why,
            "why": WORDING.say("gates", gate.why, language) or gate.why,
            "proof": gate.proof,
            **({"must_weigh": must_weigh} if gate.gate == "G3" else {}),
        }
        for gate in tested
    ]


api.collection(TERMINATIONS, readers=OF_FILE, single=False)
