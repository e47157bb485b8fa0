"""Interpreters over HTTP, adults only."""

from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from services.referrals import views
from services.referrals.api.door import KEEPERS, STAFF, Languages, Name, Retire, api
from services.referrals.rules.interpreter import INTERPRETER, change_interpreter, list_interpreter, retire_interpreter
from shared.bodies import new_id
from shared.contracts.referrals import InterpreterKind
from shared.keys import Category
from shared.web import Acted, Body, Caller, Id, Line, Store, may


class InterpreterBody(Body):
    """An entry of the directory, whole."""

    kind: InterpreterKind
    name: Name
    phone: Line | None = None
    languages: Languages = ()
    age_over_18: bool | None = None


class ListInterpreter(InterpreterBody):
    """Put an interpreter into the directory."""

    id: Id | None = None


@api.post("/interpreters", status_code=201)
async def add_interpreter(
    body: ListInterpreter, by: Annotated[Caller, may("list_interpreter", *KEEPERS)], store: Store
) -> Acted:
    """Put an interpreter, always an adult, into the directory of the office."""
    interpreter = new_id(body.id, uuid4())
    decision = partial(list_interpreter, **await _interpreter(by, interpreter, body))
    return await store.begin(INTERPRETER, interpreter, decision, by=by)


@api.post("/interpreters/{interpreter}/change")
async def alter_interpreter(
    interpreter: str,
    body: InterpreterBody,
    by: Annotated[Caller, may("change_interpreter", *KEEPERS, of=INTERPRETER)],
    store: Store,
) -> Acted:
    """Let the entry of an interpreter read like this from now on."""
    decision = partial(change_interpreter, **await _interpreter(by, interpreter, body))
    return await store.decide(INTERPRETER, interpreter, decision, by=by)


@api.post("/interpreters/{interpreter}/retire")
async def remove_interpreter(
    interpreter: str,
    body: Retire,
    by: Annotated[Caller, may("retire_interpreter", *KEEPERS, of=INTERPRETER)],
    store: Store,
) -> Acted:
    """Ask an interpreter no more."""
    said = await by.seal("A", interpreter, why=body.why)
    decision = partial(retire_interpreter, on=body.on or by.today, why=said.why)
    return await store.decide(INTERPRETER, interpreter, decision, by=by.on(body.on))


async def _interpreter(by: Caller, id: str, body: InterpreterBody) -> dict[str, Any]:
    # A friend who helps out is a third party (G): their name is for the coordinator. An agency stands in every guide.
    category: Category = "G" if body.kind == "informal_adult" else "A"
    said = await by.seal(category, id, name=body.name, phone=body.phone)
    return {
        "kind": body.kind,
        "name": said.name,
        "phone": said.phone,
        "languages": tuple(body.languages),
        "age_over_18": body.age_over_18,
    }


api.collection(views.INTERPRETERS, readers=STAFF)
