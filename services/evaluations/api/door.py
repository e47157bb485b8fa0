"""What the doors of evaluations have in common: who is asked about, refused attempts, the file an act looks at."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Request
from pydantic import Field

from services.evaluations.events import AttemptRefused
from services.evaluations.rules import checklist as checklists_
from services.evaluations.rules import policy as policies_
from services.evaluations.rules.attempts import ATTEMPTS, note_attempt
from services.evaluations.rules.case import CASE, Case
from services.evaluations.rules.checklist import CHECKLISTS
from services.evaluations.rules.lease_file import Act, LeaseFile, in_file
from services.evaluations.rules.office import OFFICE_ID
from services.evaluations.rules.policy import POLICIES
from services.evaluations.views import whole_file
from shared.asking import key_of
from shared.bodies import is_uuid
from shared.decisions import AnyStream, Refusal
from shared.event_sourcing import KeyReused
from shared.problems import NotYetKnown, Problem
from shared.reception import reception_of
from shared.sealed import Sealed
from shared.web import Acted, Body, Caller, Doors, Line, OnRefusal, Store, WebStore, Words, may
from shared.wording import Wording

api = Doors("evaluations")
WORDING = Wording(Path(__file__).parents[1] / "wording")

READERS = ("counsellor", "coordinator", "director")
ON_DUTY = ("counsellor", "coordinator", "director", "administration")

Who = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:@|+\-]{1,100}$")]
"""Somebody: a person's id, a party's id, or "renter". Never a name."""

SomeLine = Annotated[Line, Field(min_length=1, pattern=r"\S")]
"""A line that is not blank."""


class NamedFinding(Body):
    """A finding as a ground."""

    finding: SomeLine


class NotPermitted(Refusal):
    """The role may not do this at all; only noted, the door itself answers it."""


def may_or_noted(act: str, *roles: str, of: AnyStream, mandated: bool = False) -> Any:
    """Let in like ``may``; who may not by their role is refused, and the attempt is remembered (domain 0.3)."""
    guard = may(act, *roles, mandated=mandated, of=of).dependency

    async def let_in(request: Request) -> Caller:
        try:
            caller: Caller = await guard(request)
        except Problem as no:
            if no.reason == "not-permitted":
                await _note_role_refused(request, act, of)
            raise
        return caller

    let_in.__dict__.update(vars(guard))
    return Depends(let_in)


async def _note_role_refused(request: Request, act: str, of: AnyStream) -> None:
    web = reception_of(request)
    caller = await web.caller(request, None, False)
    id = next(iter(request.path_params.values()), "")
    if not caller.office or not is_uuid(id):
        return
    found = await web.store.found(of, id, by=caller)
    if found.version:
        with contextlib.suppress(Problem):  # of the two, that the role may not is the answer
            caller = replace(caller, once=key_of(request, caller.actor), digest=request.scope["huurspoor"].digest)
        await note_role(web.front, of, id, lease=found.state.lease, by=replace(caller, act=act))


async def note_role(store: WebStore, of: AnyStream, id: str, *, lease: str, by: Caller) -> None:
    """Remember that somebody tried what their role may not do; once, also when it is asked again under its key."""

    def refuse(_state: Any) -> list[Any]:
        raise NotPermitted

    noted = remembered(lease, act=by.act or "", about=f"{of.kind}/{id}")
    for once in (by.once, None):  # a key that belonged to another request hides no attempt
        trying = replace(by, act=None, once=once, if_match=None)
        try:
            await store.decide(ATTEMPTS, lease, refuse, by=trying, refused=noted)
        except KeyReused:
            continue
        except NotPermitted:
            return


def remembered(
    lease: str, *, act: str, about: str, words: Sealed | None = None, but: tuple[type[Refusal], ...] = ()
) -> OnRefusal:
    """Return what is recorded when the act is refused; ``words`` only of a contest that came too late."""

    def noted(refusal: Refusal) -> Sequence[AttemptRefused]:
        if isinstance(refusal, (*but, NotYetKnown)):
            return []
        kept = words if refusal.code() == "CONTEST_TOO_LATE" else None
        return note_attempt(refusal, lease=lease, act=act, about=about, words=kept)

    return OnRefusal(ATTEMPTS, lease, noted)


def act_of(by: Caller) -> Act:
    """Return when and by whom the act is done."""
    return Act(on=by.day, today=by.today, at=by.at, actor=by.actor, new_review=str(uuid4()))


async def decide_in_file(
    store: WebStore,
    stream: AnyStream,
    id: str,
    decision: Callable[[Any, LeaseFile], Iterable[Any]],
    *,
    lease: str,
    by: Caller,
    begin: bool = False,
    words: Sealed | None = None,
    but: tuple[type[Refusal], ...] = (),
    shows: Callable[[Any], Mapping[str, Any]] | None = None,
) -> Acted:
    """Decide with the whole file of the lease in view, record what follows, and remember a refused attempt."""
    by = await stamped(store, by)
    whole = in_file(decision, lease=lease, stream=stream, id=id, act=act_of(by))
    refused = remembered(lease, act=by.act or "", about=f"{stream.kind}/{id}", words=words, but=but)
    way = store.begin if begin else store.decide
    return await way(stream, id, whole, by=by, reads=whole_file(lease), refused=refused, shows=shows)


async def stamped(store: WebStore, by: Caller) -> Caller:
    """Return the caller with the versions of policy and checklist in force on the day of the act."""
    policy = policies_.in_force_or_none(await store.state(POLICIES, OFFICE_ID, by=by), on=by.day)
    checklist = checklists_.in_force_or_none(await store.state(CHECKLISTS, OFFICE_ID, by=by), on=by.day)
    return by.under(policy=policy.version if policy else None, checklist=checklist.version if checklist else None)


async def case_known(store: WebStore, lease: str, *, by: Caller) -> Case:
    """Return the file of a lease that a body names.

    :raises NotYetKnown: nothing of the lease has arrived here.
    """
    case: Case = await store.known(CASE, lease, by=by)
    if case.registered is None:
        raise NotYetKnown
    return case


def findings_known(case: Case, findings: Iterable[str]) -> tuple[str, ...]:
    """Return the findings that a body names.

    :raises NotYetKnown: one of them has not arrived here.
    """
    named = tuple(dict.fromkeys(findings))
    if any(finding not in case.findings for finding in named):
        raise NotYetKnown
    return named


__all__ = ["ON_DUTY", "READERS", "Acted", "Store", "Words", "api"]
