"""Offices, and their policies, checklists and mandates: versions that are never changed (contract 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any, Literal
from uuid import uuid4

import msgspec
from fastapi import Depends, Request
from pydantic import Field

from services.evaluations.api.door import READERS, Who, act_of, api
from services.evaluations.events import ChecklistPublished, MandateEnded, MandateGiven, PolicyAdopted
from services.evaluations.rules.checklist import CHECKLISTS, publish
from services.evaluations.rules.crossing import STANDING
from services.evaluations.rules.lease_file import pass_the_day, what_follows
from services.evaluations.rules.mandates import MANDATES, end, give
from services.evaluations.rules.office import OFFICE, OFFICE_ID, found
from services.evaluations.rules.policy import POLICIES, adopt
from services.evaluations.views import as_file, files_that_time_can_change, whole_file
from shared import problems
from shared.acting import Part
from shared.authority import MandateRegister
from shared.contracts.evaluations import (
    Attribution,
    BadNewsSender,
    Category,
    ChecklistItem,
    NoticeBasis,
    NoticeMonths,
)
from shared.doors import DEFAULT_LIMIT, Cursor, Limit, page_of
from shared.outbox import PLATFORM
from shared.reception import Shown
from shared.web import OFFICE as OF_THE_OFFICE
from shared.web import Acted, Body, Caller, Day, Id, Line, Store, WebStore, Words, may

EVERYBODY = (*READERS, "administration", "technical", "dpo")
Role = Literal[
    "counsellor", "coordinator", "director", "administration", "technical", "bridge-figure", "auditor", "dpo"
]
Number = Annotated[int, Field(ge=-100_000, le=100_000)]
ActName = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z_]{1,60})$")]
ItemCode = Annotated[str, Field(pattern=r"^[A-Z]{3}-[0-9]{2}$")]
SomeLine = Annotated[Line, Field(min_length=1, pattern=r"\S")]


class FoundOffice(Body):
    """A new office on the platform."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,30}$")]
    name: SomeLine
    director: Who
    from_: Annotated[Day, Field(alias="from")]


@api.post("/offices", status_code=201)
async def found_office(
    body: FoundOffice, by: Annotated[Caller, may("found_office", "operator")], store: Store
) -> Acted:
    """Found an office: default policy and checklist in force from the day, and the director's mandate."""
    if body.code == PLATFORM:
        raise problems.invalid(problems.Fault("string_pattern_mismatch", pointer="/code"))
    decision = partial(
        found, code=body.code, name=body.name, director=body.director, from_=body.from_, mandate=str(uuid4())
    )
    of_office = replace(by, office=body.code, act=None)
    return await store.begin(
        OFFICE,
        OFFICE_ID,
        decision,
        by=of_office,
        shows=lambda decided: {
            "id": body.code,
            "code": body.code,
            "name": decided.state.founded.name,
            "director": decided.state.founded.director,
            "from": decided.state.founded.from_,
        },
        location=f"/offices/{body.code}",
    )


# -- policies ---------------------------------------------------------------------------------------------------------


class MonthsOfNotice(Body):
    """How long a notice runs, by its kind."""

    shortcoming: Number
    property: Number


class AdoptPolicy(Body):
    """A new policy version; parameters left out stay as before. Ranges are a matter of the rules."""

    in_force_from: Day
    threshold_n: Number | None = None
    validity_months: Number | None = None
    cure_days: Number | None = None
    contest_days: Number | None = None
    contest_suspends: bool | None = None
    bad_news_sender: BadNewsSender | None = None
    first_visit_days: Number | None = None
    cadence_options: Annotated[tuple[Number, ...], Field(max_length=12)] | None = None
    max_open_commitments: Number | None = None
    late_report_working_days: Number | None = None
    notice_basis: NoticeBasis | None = None
    notice_months: MonthsOfNotice | None = None
    visit_announce_days: Number | None = None
    hearing_notice_days: Number | None = None
    ocmw_answer_days: Number | None = None
    parked_alarm_days: Number | None = None
    clock_skew_minutes: Number | None = None
    uses_checklist: bool | None = None
    uses_agreement_notes: bool | None = None

    def chosen(self) -> dict[str, Any]:
        """Return the parameters that were given, as the rules name them."""
        given = {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name != "in_force_from" and getattr(self, name) is not None
        }
        if self.notice_months is not None:
            given["notice_months"] = (
                NoticeMonths(kind="shortcoming", months=self.notice_months.shortcoming),
                NoticeMonths(kind="property", months=self.notice_months.property),
            )
        if self.cadence_options is not None:
            given["cadence_options"] = tuple(sorted(self.cadence_options))
        return given


def show_policy(policy: PolicyAdopted) -> Mapping[str, Any]:
    """A policy version with every parameter."""
    shown = {name: value for name, value in asdict(policy).items() if name != "notice_months"}
    months = {row.kind: row.months for row in policy.notice_months}
    return {"id": policy.version, **shown, "notice_months": months}


@api.post("/policies", status_code=201)
async def adopt_policy(
    body: AdoptPolicy, by: Annotated[Caller, may("adopt_policy", "director", mandated=True)], store: Store
) -> Acted:
    """Adopt a new policy version from a day on, today at the earliest."""
    decision = partial(adopt, in_force_from=body.in_force_from, today=by.today, **body.chosen())
    acted = await store.begin(
        POLICIES,
        OFFICE_ID,
        decision,
        by=by,
        shows=lambda decided: show_policy(decided.state[-1].event),
        location="/policies/new",
    )
    await _count_again(store, by, body.in_force_from, acted)
    return _placed(acted, "policies")


@api.get("/policies")
async def list_policies(
    request: Request,
    by: Annotated[Caller, may("list_policies", *EVERYBODY, "auditor")],
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """The policy versions of the office, oldest first."""
    policies = await store.state(POLICIES, OFFICE_ID, by=by)
    return page_of(request, ["policies", by.office], [show_policy(told.event) for told in policies], limit, cursor)


@api.get("/policies/{version}")
async def read_policy(
    version: str, by: Annotated[Caller, may("read_policy", *EVERYBODY, "auditor")], store: Store
) -> Any:
    """One policy version."""
    policies = await store.state(POLICIES, OFFICE_ID, by=by)
    return _one([show_policy(told.event) for told in policies], version)


# -- checklists -------------------------------------------------------------------------------------------------------


class Item(Body):
    """One item of a checklist."""

    code: ItemCode
    category: Category
    label: SomeLine
    severity: Annotated[int, Field(ge=1, le=4)]
    lasting_after_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    attribution: Attribution = "unclear"
    terminable: bool
    consequences: Annotated[tuple[Literal["damage", "nuisance", "danger", "loss"], ...], Field(max_length=4)] = ()


class PublishChecklist(Body):
    """A new checklist version, whole."""

    in_force_from: Day
    items: Annotated[tuple[Item, ...], Field(max_length=200)]


def show_checklist(checklist: ChecklistPublished) -> Mapping[str, Any]:
    """A checklist version with its items."""
    return {"id": checklist.version, **asdict(checklist)}


@api.post("/checklists", status_code=201)
async def publish_checklist(
    body: PublishChecklist, by: Annotated[Caller, may("publish_checklist", "director", mandated=True)], store: Store
) -> Acted:
    """Publish a new checklist version from a day on, today at the earliest."""
    items = tuple(ChecklistItem(**item.model_dump()) for item in body.items)
    decision = partial(publish, in_force_from=body.in_force_from, items=items, today=by.today)
    acted = await store.begin(
        CHECKLISTS,
        OFFICE_ID,
        decision,
        by=by,
        shows=lambda decided: show_checklist(decided.state[-1].event),
        location="/checklists/new",
    )
    await _count_again(store, by, body.in_force_from, acted)
    return _placed(acted, "checklists")


async def _count_again(store: WebStore, by: Caller, in_force_from: date, acted: Acted) -> None:
    """Take the count of today again where a version took force today; what takes force later, the day's work counts.

    Were this cut off, the next day's work would find the same, a day later.
    """
    if in_force_from > by.today or not acted.events:
        return
    by_itself = replace(by, act=None, mandated=False, once=None, digest=None, if_match=None)
    yesterday = by.today - timedelta(days=1)
    async for known in files_that_time_can_change(store, since=yesterday, on=by.today, by=by):
        file = await as_file(known, store, by=by)
        act = act_of(by_itself)
        if what_follows(file, file, act, since=yesterday):
            decision = partial(pass_the_day, act=act, since=yesterday, lease=file.lease)
            reads = {name: read for name, read in whole_file(file.lease).items() if name != "crossing"}
            await store.decide(STANDING, file.lease, decision, by=by_itself, reads=reads)


@api.get("/checklists")
async def list_checklists(
    request: Request,
    by: Annotated[Caller, may("list_checklists", *EVERYBODY, "auditor")],
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """The checklist versions of the office, oldest first."""
    checklists = await store.state(CHECKLISTS, OFFICE_ID, by=by)
    shown = [show_checklist(told.event) for told in checklists]
    return page_of(request, ["checklists", by.office], shown, limit, cursor)


@api.get("/checklists/{version}")
async def read_checklist(
    version: str, by: Annotated[Caller, may("read_checklist", *EVERYBODY, "auditor")], store: Store
) -> Any:
    """One checklist version."""
    checklists = await store.state(CHECKLISTS, OFFICE_ID, by=by)
    return _one([show_checklist(told.event) for told in checklists], version)


# -- mandates ---------------------------------------------------------------------------------------------------------


class GiveMandate(Body):
    """Let a person do acts for the office, for a time."""

    id: Id | None = None
    person: Who
    role: Role
    acts: Annotated[tuple[ActName, ...], Field(max_length=100)]
    from_: Annotated[Day, Field(alias="from")]
    until: Day | None = None
    in_name_of: Who | None = None


class EndMandate(Body):
    """Let a mandate hold through a day and no longer."""

    until: Day
    why: Words | None = None


@api.post("/mandates", status_code=201)
async def give_mandate(
    body: GiveMandate, by: Annotated[Caller, may("give_mandate", "director", mandated=True)], store: Store
) -> Acted:
    """Give a person a mandate; nobody gives one to themself."""
    mandate = body.id or str(uuid4())
    decision = partial(
        give,
        mandate=mandate,
        person=body.person,
        role=body.role,
        acts=body.acts,
        from_=body.from_,
        until=body.until,
        in_name_of=body.in_name_of,
        by=by.person,
    )
    return await store.begin(
        MANDATES,
        OFFICE_ID,
        decision,
        by=by,
        location=f"/mandates/{mandate}",
        part=_mandate(mandate, {"role": body.role, "acts": list(body.acts), "given_by": by.actor}),
    )


def _mandate(id: str, told: Mapping[str, Any]) -> Part:
    """Return how one mandate of the register is answered.

    :param told: what is said of it that the register does not hold.
    """

    def version(register: MandateRegister) -> int:
        known = register.find(id)
        return known.version if known is not None else 0

    def show(register: MandateRegister) -> Mapping[str, Any]:
        known = register.find(id)
        assert known is not None
        return {
            "id": id,
            "person": known.person,
            "from": known.from_,
            "until": known.until,
            "in_name_of": known.in_name_of,
            **told,
        }

    return Part(version=version, show=show)


_MAY_END = may("end_mandate", "director", mandated=True)


async def _mandate_to_end(mandate: str, by: Annotated[Caller, _MAY_END], store: Store) -> Mapping[str, Any]:
    """Return the mandate that a path names. It is looked up before the body is: 404 comes before 422."""
    found = next((shown for shown in await _mandates(store, by) if shown["id"] == mandate), None)
    if found is None:
        raise problems.not_found()
    return found


@api.post("/mandates/{mandate}/end")
async def end_mandate(
    mandate: str,
    body: EndMandate,
    known: Annotated[Mapping[str, Any], Depends(_mandate_to_end)],
    by: Annotated[Caller, _MAY_END],
    store: Store,
) -> Acted:
    """End a mandate; what was done under it stays."""
    why = await by.seal_one("A", OF_THE_OFFICE, "why", body.why)
    decision = partial(end, mandate=mandate, until=body.until, why=why, today=by.today, by=by.person)
    told = {name: known[name] for name in ("role", "acts", "given_by")}
    return await store.decide(MANDATES, OFFICE_ID, decision, by=by, part=_mandate(mandate, told))


@api.get("/mandates")
async def list_mandates(
    request: Request,
    by: Annotated[Caller, may("list_mandates", *EVERYBODY, "auditor")],
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """The mandates the office ever gave, oldest first."""
    return page_of(request, ["mandates", by.office], await _mandates(store, by), limit, cursor)


@api.get("/mandates/{mandate}")
async def read_mandate(
    mandate: str, by: Annotated[Caller, may("read_mandate", *EVERYBODY, "auditor")], store: Store
) -> Any:
    """One mandate."""
    return _one(await _mandates(store, by), mandate)


async def _mandates(store: WebStore, by: Caller) -> list[Mapping[str, Any]]:
    given: dict[str, dict[str, Any]] = {}
    for told in await store.history(MANDATES, OFFICE_ID, by=by):
        match told.event:
            case MandateGiven() as mandate:
                given[mandate.mandate] = {
                    "id": mandate.mandate,
                    "person": mandate.person,
                    "role": mandate.role,
                    "acts": list(mandate.acts),
                    "from": mandate.from_,
                    "until": mandate.until,
                    "in_name_of": mandate.in_name_of,
                    "given_by": mandate.given_by,
                    "version": 1,
                }
            case MandateEnded() as ended:
                given[ended.mandate].update(until=ended.until, version=given[ended.mandate]["version"] + 1)
    return list(given.values())


# -- versions in lists ------------------------------------------------------------------------------------------------


def _placed(acted: Acted, collection: str) -> Acted:
    return replace(acted, location=f"/{collection}/{acted.body['id']}") if acted.location else acted


def _one(items: Sequence[Mapping[str, Any]], id: str) -> Any:
    for place, item in enumerate(items, start=1):
        if item["id"] == id:
            # A policy or checklist never changes, and its version is its name. Its place says whether it is the last
            # one: who adopts another with ``If-Match`` of that, and has seen all that were adopted, is the next.
            etag = item["version"] if isinstance(item["version"], int) else place
            return Shown(msgspec.to_builtins(item, str_keys=True), etag=etag)
    raise problems.not_found()
