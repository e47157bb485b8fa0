"""Termination files over HTTP: the review, the gates, the decision, the notice, the court (domain 3.6, 10.1)."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal
from uuid import uuid4

import msgspec
from fastapi import Query, Request
from pydantic import Field

from services.evaluations.api.door import (
    READERS,
    WORDING,
    NamedFinding,
    SomeLine,
    Who,
    api,
    case_known,
    decide_in_file,
    findings_known,
    mandated,
    may_or_noted,
    note_role,
)
from services.evaluations.rules import gates
from services.evaluations.rules.case import Case
from services.evaluations.rules.judgement.about_terminations import (
    confirm_grounds,
    decide_continue,
    decide_termination,
    withdraw_notice,
)
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.steps_of_law import (
    announce_eviction,
    close_termination,
    file_claim,
    post_notice,
    record_conciliation,
    record_eviction,
    record_judgment,
    record_service,
    renter_left,
)
from services.evaluations.rules.termination import (
    TERMINATION,
    Termination,
    check_addressees,
    check_attribution,
    check_landlord_duties,
    decline_hearing,
    miss_hearing,
    open_serious_review,
    propose_termination,
    record_hearing,
    refuse_gate_that_is_not_recorded,
    write_proportionality_note,
)
from services.evaluations.views import TERMINATIONS, read_file, show_termination
from shared import problems
from shared.bodies import is_uuid
from shared.contracts.evaluations import AddressCheck, Interpreter, InterpreterKind, TerminationGround
from shared.contracts.visits import EndingMode
from shared.reception import Shown, reception_of
from shared.sealed import Sealed
from shared.web import Acted, Body, Caller, Channel, DatedBody, Day, Id, Instant, Line, Store, WebStore, Words, may

LEADERS = ("coordinator", "director")
OF_FILE = (*READERS, "administration")


class OpenSeriousReview(DatedBody):
    """A review on serious facts, without a threshold."""

    id: Id | None = None
    lease: SomeLine
    findings: Annotated[tuple[SomeLine | NamedFinding, ...], Field(max_length=100)] = ()
    why: Words | None = None


@api.post("/terminations", status_code=201)
async def open_review(
    body: OpenSeriousReview, by: Annotated[Caller, may("open_serious_review", *LEADERS)], store: Store
) -> Acted:
    """Open a review on serious facts."""
    findings = findings_known(await case_known(store, body.lease, by=by), _ids(body.findings))
    why = await by.seal_one("C", body.lease, "why", body.why)

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        return open_serious_review(
            state,
            lease=body.lease,
            findings=findings,
            why=why,
            case=file.case,
            terminations=file.terminations,
            on=by.day,
            by=by.person,
        )

    id = body.id or str(uuid4())
    return await decide_in_file(store, TERMINATION, id, decision, lease=body.lease, by=by, begin=True)


def _ids(named: Iterable[str | NamedFinding]) -> tuple[str, ...]:
    return tuple(one.finding if isinstance(one, NamedFinding) else one for one in named)


# -- gates and hearings -----------------------------------------------------------------------------------------------


class AddressChecked(Body):
    """One who must get an own letter."""

    party: Who
    checked_on: Day | None = None
    communication: Id | None = None


class GateProof(Body):
    """What proves a gate.

    G2: ``findings`` whose attribution was checked (default: all of the lease), ``note``. G3: ``note``, or its parts.
    G8: ``addressees`` (default: all required ones), ``checked_on``. G9: ``in_order``, ``note``.
    """

    note: Words | None = None
    reference: Line | None = None
    findings: Annotated[tuple[SomeLine | NamedFinding, ...], Field(max_length=200)] | None = None
    household: Words | None = None
    children: Words | None = None
    health_as_told: Words | None = None
    what_was_tried: Words | None = None
    progress: Words | None = None
    paid_since: Words | None = None
    alternatives: Words | None = None
    who_moved_out: Words | None = None
    addressees: Annotated[tuple[AddressChecked, ...], Field(max_length=50)] | None = None
    checked_on: Day | None = None
    in_order: bool | None = None


PARTS_OF_NOTE = (
    "note",
    "household",
    "children",
    "health_as_told",
    "what_was_tried",
    "progress",
    "paid_since",
    "alternatives",
    "who_moved_out",
    "reference",
)


class RecordGate(DatedBody):
    """The proof of a gate that people record: G2, G3, G8 or G9."""

    gate: Literal["G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10"]
    proof: GateProof | None = None


MAY_RECORD = {"administration": {"G8"}, "technical": {"G9"}}


@api.post("/terminations/{termination}/record-gate")
async def record_gate(
    termination: str,
    body: RecordGate,
    by: Annotated[Caller, may_or_noted("record_gate", *LEADERS, "administration", "technical", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Record the proof of a gate."""
    lease = await _lease_of(store, termination, by=by)
    if not by.roles & set(LEADERS) and not any(body.gate in MAY_RECORD.get(role, ()) for role in by.roles):
        await note_role(store, TERMINATION, termination, lease=lease, by=by)
        raise problems.not_permitted()
    proof = body.proof or GateProof()
    text = "\n".join(said for name in PARTS_OF_NOTE if (said := _part(name, getattr(proof, name))))
    note = await by.seal_one("C", lease, "note", text)
    empty = proof == GateProof()
    named = None if proof.findings is None else _ids(proof.findings)

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        refuse_gate_that_is_not_recorded(body.gate)
        match body.gate:
            case "G2":
                checked = () if empty else _attributed(file.case, on=by.day) if named is None else named
                return check_attribution(state, findings=checked, note=note, by=by.person)
            case "G3":
                return write_proportionality_note(state, note=note, by=by.person)
            case "G8":
                addressees = () if empty else _addressees(proof, file.case, on=by.day)
                return check_addressees(state, addressees=addressees, today=by.today, by=by.person)
            case _:
                in_order = None if empty else proof.in_order is not False
                return check_landlord_duties(state, in_order=in_order, note=note, by=by.person)

    return await _act(store, termination, decision, lease=lease, by=by)


def _part(name: str, said: str | None) -> str:
    if said is None or not said.strip():
        return ""
    return said.strip() if name in ("note", "reference") else f"{name.replace('_', ' ')}: {said.strip()}"


def _attributed(case: Case, *, on: date) -> tuple[str, ...]:
    return tuple(id for id, finding in case.findings_on(on=on).items() if finding.is_renters)


def _addressees(proof: GateProof, case: Case, *, on: date) -> tuple[AddressCheck, ...]:
    checked_on = proof.checked_on or on
    if proof.addressees is None:
        required = gates.required_addressees(case, on=on)
        return tuple(AddressCheck(party=party, checked_on=checked_on, communication=None) for party in required)
    return tuple(
        AddressCheck(party=one.party, checked_on=one.checked_on or checked_on, communication=one.communication)
        for one in proof.addressees
    )


class InterpreterAt(Body):
    """Who interpreted."""

    kind: InterpreterKind = "none"
    age_over_18: bool | None = None


class Hearing(Body):
    """A hearing of the renter, held, declined or missed."""

    on: Day
    invited_on: Day | None = None
    present: Annotated[tuple[Who, ...], Field(max_length=50)] = ()
    interpreter: InterpreterAt | None = None
    professional_offered: bool = False
    method: Channel | None = None
    said: Words | None = None


@api.post("/terminations/{termination}/record-hearing")
async def hearing_held(
    termination: str,
    body: Hearing,
    by: Annotated[Caller, may_or_noted("record_hearing", *LEADERS, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Record that the renter was heard."""
    lease = await _lease_of(store, termination, by=by)
    said = await by.seal_one("C", lease, "said", body.said)
    told = body.interpreter or InterpreterAt()

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        return record_hearing(
            state,
            on=body.on,
            invited_on=body.invited_on,
            present=body.present,
            interpreter=Interpreter(kind=told.kind, age_over_18=told.age_over_18),
            professional_offered=body.professional_offered,
            said=said,
            notice_days=file.policy(on=body.on).hearing_notice_days,
            today=by.today,
            by=by.person,
        )

    return await _act(store, termination, decision, lease=lease, by=by.on(body.on))


@api.post("/terminations/{termination}/hearing-declined")
async def hearing_declined(
    termination: str,
    body: Hearing,
    by: Annotated[Caller, may_or_noted("hearing_declined", *LEADERS, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Record that the renter declined the hearing in writing."""
    lease = await _lease_of(store, termination, by=by)
    said = await by.seal_one("C", lease, "said", body.said)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return decline_hearing(state, on=body.on, invited_on=body.invited_on, said=said, today=by.today, by=by.person)

    return await _act(store, termination, decision, lease=lease, by=by.on(body.on))


@api.post("/terminations/{termination}/hearing-missed")
async def hearing_missed(
    termination: str,
    body: Hearing,
    by: Annotated[Caller, may_or_noted("hearing_missed", *LEADERS, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Record that the renter did not come, though invited."""
    lease = await _lease_of(store, termination, by=by)

    def invited_by(file: LeaseFile) -> str | None:
        return file.case.invited_by(termination, on=body.invited_on) if body.invited_on else None

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        return miss_hearing(
            state,
            on=body.on,
            invited_on=body.invited_on,
            method=body.method or invited_by(file) or "letter",
            notice_days=file.policy(on=body.on).hearing_notice_days,
            today=by.today,
            by=by.person,
        )

    return await _act(store, termination, decision, lease=lease, by=by.on(body.on))


# -- proposing and deciding -------------------------------------------------------------------------------------------


class ProposeTermination(DatedBody):
    """Grounds, and why."""

    grounds: Annotated[tuple[SomeLine | NamedFinding, ...], Field(max_length=100)] = ()
    why: Words | None = None


@api.post("/terminations/{termination}/propose")
async def propose(
    termination: str,
    body: ProposeTermination,
    by: Annotated[Caller, may_or_noted("propose_termination", "coordinator", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Propose to end the lease."""
    lease = await _lease_of(store, termination, by=by)
    findings = findings_known(await case_known(store, lease, by=by), _ids(body.grounds))
    why = await by.seal_one("C", lease, "why", body.why)

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        grounds = _grounds(findings, file, on=by.day) if state.state == "under_review" else ()
        if state.state == "proposed" and findings == tuple(ground.finding for ground in state.grounds):
            grounds = state.grounds
        return propose_termination(state, grounds=grounds, why=why, by=by.person)

    return await _act(store, termination, decision, lease=lease, by=by)


def _grounds(findings: Iterable[str], file: LeaseFile, *, on: date) -> tuple[TerminationGround, ...]:
    judged = (
        gates.ground(
            finding, case=file.case, checklist=file.checklist(on=on), evaluations=file.evaluations.values(), on=on
        )
        for finding in findings
    )
    return tuple(ground for ground in judged if ground is not None)


class DecideTermination(DatedBody):
    """The decision, with own reasons: notice, or the lease goes on."""

    outcome: Literal["terminate", "continue"]
    reasons: Words | None = None
    grounds: Annotated[tuple[SomeLine | NamedFinding, ...], Field(max_length=100)] = ()
    notice_kind: Literal["shortcoming", "property"] = "shortcoming"
    measures: Annotated[tuple[Words, ...], Field(max_length=50)] = ()


@api.post("/terminations/{termination}/decide")
async def decide(
    termination: str,
    body: DecideTermination,
    by: Annotated[Caller, may_or_noted("decide_termination", "director", mandated=True, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Decide about the lease; a person with a mandate, another than who proposed."""
    lease = await _lease_of(store, termination, by=by)
    findings = findings_known(await case_known(store, lease, by=by), _ids(body.grounds))
    reasons = await by.seal_one("C", lease, "reasons", body.reasons)
    measures = [await by.seal_one("C", lease, "measures", measure) for measure in body.measures]
    agreed = tuple(measure for measure in measures if isinstance(measure, Sealed))

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        if body.outcome == "continue":
            return decide_continue(
                state,
                reasons=reasons,
                measures=agreed,
                case=file.case,
                on=by.day,
                today=by.today,
                by=by.person,
            )
        stood = file.standing(on=by.today)
        return decide_termination(
            state,
            reasons=reasons,
            findings=findings,
            notice_kind=body.notice_kind,
            case=file.case,
            evaluations=file.evaluations,
            policy=file.policy(on=by.day),
            checklist=file.checklist(on=by.day),
            count=stood.count,
            threshold=stood.threshold,
            on=by.day,
            today=by.today,
            by=by.person,
        )

    return await _act(store, termination, decision, lease=lease, by=by)


class ConfirmGrounds(DatedBody):
    """The grounds that remain, and why they carry it."""

    remaining_grounds: Annotated[tuple[SomeLine | NamedFinding, ...], Field(max_length=100)] = ()
    reasons: Words | None = None


@api.post("/terminations/{termination}/confirm-grounds")
async def confirm(
    termination: str,
    body: ConfirmGrounds,
    by: Annotated[Caller, may_or_noted("confirm_grounds", "director", mandated=True, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Weigh doubtful grounds anew and go on with those that remain."""
    lease = await _lease_of(store, termination, by=by)
    findings = findings_known(await case_known(store, lease, by=by), _ids(body.remaining_grounds))
    reasons = await by.seal_one("C", lease, "reasons", body.reasons)

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        posted_on = state.posted.posted_on if state.posted is not None else None
        stood = file.standing(on=by.today, expiry_on=posted_on)
        return confirm_grounds(
            state,
            remaining_grounds=findings,
            reasons=reasons,
            case=file.case,
            evaluations=file.evaluations,
            checklist=file.checklist(on=by.today),
            count=stood.count,
            threshold_met=stood.reached,
            today=by.today,
            by=by.person,
        )

    return await _act(store, termination, decision, lease=lease, by=by)


class WithdrawNotice(DatedBody):
    """Why."""

    why: Words | None = None


@api.post("/terminations/{termination}/withdraw-notice")
async def withdraw_a_notice(
    termination: str,
    body: WithdrawNotice,
    by: Annotated[Caller, may_or_noted("withdraw_notice", "director", mandated=True, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Take the notice back."""
    lease = await _lease_of(store, termination, by=by)
    why = await by.seal_one("C", lease, "why", body.why)

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        return withdraw_notice(state, why=why, case=file.case, on=by.day, today=by.today, by=by.person)

    return await _act(store, termination, decision, lease=lease, by=by)


# -- the notice and the court -----------------------------------------------------------------------------------------


class PostNotice(Body):
    """The notice handed to the post."""

    posted_on: Day
    method: Channel
    communications: Annotated[tuple[SomeLine, ...], Field(max_length=50)] = ()
    tracking: Annotated[tuple[Line, ...], Field(max_length=50)] = ()


@api.post("/terminations/{termination}/post-notice")
async def post(
    termination: str,
    body: PostNotice,
    by: Annotated[Caller, may_or_noted("post_notice", "administration", "director", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note that the notice was handed to the post; its dates are computed."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        return post_notice(
            state,
            posted_on=body.posted_on,
            method=body.method,
            communications=body.communications,
            tracking=body.tracking,
            case=file.case,
            evaluations=file.evaluations,
            policy=file.policy(on=by.today),
            checklist=file.checklist(on=by.today),
            today=by.today,
        )

    return await _act(store, termination, decision, lease=lease, by=by.on(body.posted_on))


class FileClaim(Body):
    """The claim filed with the justice of the peace."""

    court: Line | None = None
    filed_on: Day


@api.post("/terminations/{termination}/file-claim")
async def claim(
    termination: str,
    body: FileClaim,
    by: Annotated[Caller, may_or_noted("file_claim", "director", "administration", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note that a claim was filed."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, file: LeaseFile) -> Iterable[Any]:
        return file_claim(
            state,
            court=(body.court or "").strip(),
            filed_on=body.filed_on,
            case=file.case,
            evaluations=file.evaluations,
            policy=file.policy(on=by.today),
            checklist=file.checklist(on=by.today),
            today=by.today,
        )

    by = mandated(by.on(body.filed_on), "director" not in by.roles)
    return await _act(store, termination, decision, lease=lease, by=by)


class Conciliation(Body):
    """What came of the attempt to conciliate; settled: does the lease go on?"""

    on: Day
    result: Literal["settled", "not_settled"]
    lease_continues: bool | None = None


@api.post("/terminations/{termination}/record-conciliation")
async def conciliation(
    termination: str,
    body: Conciliation,
    by: Annotated[Caller, may_or_noted("record_conciliation", *LEADERS, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note what came of the attempt to conciliate."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return record_conciliation(
            state, on=body.on, result=body.result, lease_continues=body.lease_continues, today=by.today
        )

    return await _act(store, termination, decision, lease=lease, by=by.on(body.on))


EndingGround = Literal[
    "arrears",
    "maintenance",
    "damage",
    "nuisance",
    "neglect",
    "occupancy",
    "property",
    "false_statement",
    "wrongly_admitted",
    "other",
]


class Judgment(Body):
    """The judgment."""

    on: Day
    result: Literal["dissolved", "rejected", "conditional"]
    ground: EndingGround | None = None
    says_neglect: bool = False
    condition_until: Day | None = None
    term_set_by_judge: Day | None = None


@api.post("/terminations/{termination}/record-judgment")
async def judgment(
    termination: str,
    body: Judgment,
    by: Annotated[Caller, may_or_noted("record_judgment", *LEADERS, of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note the judgment."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return record_judgment(
            state,
            on=body.on,
            result=body.result,
            ground=body.ground,
            says_neglect=body.says_neglect,
            condition_until=body.condition_until,
            term_set_by_judge=body.term_set_by_judge,
            today=by.today,
        )

    return await _act(store, termination, decision, lease=lease, by=by.on(body.on))


class OnADay(Body):
    """The day it happened."""

    on: Day


@api.post("/terminations/{termination}/record-service")
async def service(
    termination: str,
    body: OnADay,
    by: Annotated[Caller, may_or_noted("record_service", "administration", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note that the judgment was served."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return record_service(state, on=body.on, today=by.today)

    return await _act(store, termination, decision, lease=lease, by=by.on(body.on))


class AnnounceEviction(Body):
    """The day the renter was told, and the day announced."""

    told_on: Day
    date: Day


@api.post("/terminations/{termination}/announce-eviction")
async def eviction_announced(
    termination: str,
    body: AnnounceEviction,
    by: Annotated[Caller, may_or_noted("announce_eviction", "administration", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note that the eviction was announced."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return announce_eviction(state, told_on=body.told_on, planned_on=body.date, today=by.today)

    return await _act(store, termination, decision, lease=lease, by=by.on(body.told_on))


@api.post("/terminations/{termination}/record-eviction")
async def evicted(
    termination: str,
    body: OnADay,
    by: Annotated[Caller, may_or_noted("record_eviction", "administration", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note that the eviction was carried out."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return record_eviction(state, on=body.on, today=by.today)

    return await _act(store, termination, decision, lease=lease, by=by.on(body.on))


class RenterLeaves(Body):
    """The day the keys were given back."""

    keys_on: Day


@api.post("/terminations/{termination}/renter-left")
async def left(
    termination: str,
    body: RenterLeaves,
    by: Annotated[Caller, may_or_noted("renter_left", "administration", "counsellor", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Note that the renter gave back the keys."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return renter_left(state, keys_on=body.keys_on, today=by.today)

    return await _act(store, termination, decision, lease=lease, by=by.on(body.keys_on))


class CloseTermination(DatedBody):
    """How and why the lease ended, where that does not follow from the file."""

    mode: EndingMode | None = None
    ground: EndingGround | None = None


@api.post("/terminations/{termination}/close")
async def close_a_review(
    termination: str,
    body: CloseTermination,
    by: Annotated[Caller, may_or_noted("close_termination", "coordinator", of=TERMINATION)],
    store: Store,
) -> Acted:
    """Close the file."""
    lease = await _lease_of(store, termination, by=by)

    def decision(state: Termination, _file: LeaseFile) -> Iterable[Any]:
        return close_termination(state, mode=body.mode, ground=body.ground)

    return await _act(store, termination, decision, lease=lease, by=by)


# -- reading ----------------------------------------------------------------------------------------------------------


async def _lease_of(store: WebStore, termination: str, *, by: Caller) -> str:
    lease: str = (await store.state(TERMINATION, termination, by=by)).lease
    return lease


async def _act(store: WebStore, termination: str, decision: Any, *, lease: str, by: Caller) -> Acted:
    return await decide_in_file(store, TERMINATION, termination, decision, lease=lease, by=by)


@api.get("/terminations/{termination}")
async def read_termination(
    request: Request,
    termination: str,
    by: Annotated[Caller, may("read_terminations", *OF_FILE, "auditor")],
    store: Store,
    valid_on: Annotated[Day | None, Query()] = None,
    known_at: Annotated[Instant | None, Query()] = None,
) -> Any:
    """One of the terminations, with its gates as they stand today, or on a day and as known at an instant."""
    found = await store.found(TERMINATION, termination, by=by) if is_uuid(termination) else None
    if found is None or found.version == 0:
        raise problems.not_found()
    state, version = found.state, found.version
    if valid_on is not None or known_at is not None:
        state, version = TERMINATION.initial, 0
        for told in await store.history(TERMINATION, termination, by=by):
            if (known_at is None or told.taken_in_at <= known_at) and (
                valid_on is None or told.occurred_on <= valid_on
            ):
                state, version = TERMINATION.after(state, told), told.version
    shown = show_termination(termination, state)
    if shown is None:
        raise problems.not_found()
    file = await read_file(store, state.lease, by=by)
    language = request.scope["huurspoor"].language
    tested = gates_shown(state, file, on=valid_on or by.today, known_at=known_at, language=language)
    body = msgspec.to_builtins({"id": termination, **shown, "gates": tested}, str_keys=True)
    for step in (body["notice"] or {}).get("steps", ()):
        step["sentence"] = WORDING.say("steps", step["rule"], language) or step["rule"]
    acted = Acted(status=200, body=body, version=version, events=None, collection=TERMINATIONS.collection)
    return Shown(await reception_of(request).shown(acted, by), etag=version)


def gates_shown(
    termination: Termination, file: LeaseFile, *, on: date, known_at: Any, language: str
) -> list[Mapping[str, Any]]:
    """Return the ten gates as they stand on a day: whether each passes, why, and what proves it."""
    known = file.as_known(known_at)
    policy, checklist = known.policy_or_none(on=on), known.checklist_or_none(on=on)
    if policy is None or checklist is None:
        return []
    tested = gates.tested(
        termination, case=known.case, evaluations=known.evaluations, policy=policy, checklist=checklist, on=on
    )
    return [
        {
            "gate": gate.gate,
            "passes": gate.passes,
            "code": gate.why,
            "why": WORDING.say("gates", gate.why, language) or gate.why,
            "proof": gate.proof,
        }
        for gate in tested
    ]


api.collection(TERMINATIONS, readers=OF_FILE, single=False)
