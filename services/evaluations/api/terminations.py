"""Termination files over HTTP: the review, the gates, the hearing, what people decide (domain 3.6, 10.1)."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from services.evaluations.api.acts import Asked, act_on, by_name, named
from services.evaluations.api.door import NamedFinding, SomeLine, Who, api, case_known, decide_in_file, findings_known
from services.evaluations.rules import gates
from services.evaluations.rules.case import Case
from services.evaluations.rules.judgement.about_terminations import (
    confirm_grounds,
    decide_continue,
    decide_termination,
    withdraw_notice,
)
from services.evaluations.rules.lease_file import LeaseFile
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
from shared.contracts.evaluations import AddressCheck, Interpreter, InterpreterKind, TerminationGround
from shared.web import Acted, Body, Caller, Channel, DatedBody, Day, Id, Line, Store, Words, may

LEADERS = ("coordinator", "director")


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
    findings = findings_known(await case_known(store, body.lease, by=by), named(body.findings))
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


def _who_may(body: RecordGate) -> tuple[str, ...]:
    return (*LEADERS, *(role for role, its_gates in MAY_RECORD.items() if body.gate in its_gates))


def _note(body: RecordGate) -> Mapping[str, str | None]:
    proof = body.proof or GateProof()
    parts = (_part(name, getattr(proof, name)) for name in PARTS_OF_NOTE)
    return {"note": "\n".join(part for part in parts if part)}


def _part(name: str, said: str | None) -> str:
    if said is None or not said.strip():
        return ""
    return said.strip() if name in ("note", "reference") else f"{name.replace('_', ' ')}: {said.strip()}"


@act_on(
    TERMINATION,
    "record-gate",
    "record_gate",
    *LEADERS,
    "administration",
    "technical",
    texts=_note,
    only=_who_may,
)
def record_gate(termination: Termination, asked: Asked[RecordGate]) -> Iterable[Any]:
    """Record the proof of a gate."""
    body, by, case, note = asked.body, asked.by, asked.file.case, asked.said.note
    proof = body.proof or GateProof()
    empty = proof == GateProof()
    refuse_gate_that_is_not_recorded(body.gate)
    match body.gate:
        case "G2":
            checked = _attributed(case, on=by.day) if proof.findings is None else named(proof.findings)
            return check_attribution(termination, findings=() if empty else checked, note=note, on=by.day, by=by.person)
        case "G3":
            return write_proportionality_note(termination, note=note, on=by.day, by=by.person)
        case "G8":
            addressees = () if empty else _addressees(proof, case, on=by.day)
            return check_addressees(termination, addressees=addressees, today=by.today, by=by.person)
        case _:
            in_order = None if empty else proof.in_order is not False
            return check_landlord_duties(termination, in_order=in_order, note=note, on=by.day, by=by.person)


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


@act_on(TERMINATION, "record-hearing", "record_hearing", *LEADERS, on="on", texts=by_name("said"))
def hearing_held(termination: Termination, asked: Asked[Hearing]) -> Iterable[Any]:
    """Record that the renter was heard."""
    body = asked.body
    told = body.interpreter or InterpreterAt()
    return record_hearing(
        termination,
        on=body.on,
        invited_on=body.invited_on,
        present=body.present,
        interpreter=Interpreter(kind=told.kind, age_over_18=told.age_over_18),
        professional_offered=body.professional_offered,
        said=asked.said.said,
        notice_days=asked.file.policy(on=body.on).hearing_notice_days,
        today=asked.by.today,
        by=asked.by.person,
    )


@act_on(TERMINATION, "hearing-declined", "hearing_declined", *LEADERS, on="on", texts=by_name("said"))
def hearing_declined(termination: Termination, asked: Asked[Hearing]) -> Iterable[Any]:
    """Record that the renter declined the hearing in writing."""
    body, by = asked.body, asked.by
    return decline_hearing(
        termination, on=body.on, invited_on=body.invited_on, said=asked.said.said, today=by.today, by=by.person
    )


@act_on(TERMINATION, "hearing-missed", "hearing_missed", *LEADERS, on="on")
def hearing_missed(termination: Termination, asked: Asked[Hearing]) -> Iterable[Any]:
    """Record that the renter did not come, though invited."""
    body, file = asked.body, asked.file
    invited_by = file.case.invited_by(asked.id, on=body.invited_on) if body.invited_on else None
    return miss_hearing(
        termination,
        on=body.on,
        invited_on=body.invited_on,
        method=body.method or invited_by or "letter",
        notice_days=file.policy(on=body.on).hearing_notice_days,
        today=asked.by.today,
        by=asked.by.person,
    )


# -- proposing and deciding -------------------------------------------------------------------------------------------


class ProposeTermination(DatedBody):
    """Grounds, and why."""

    grounds: Annotated[tuple[SomeLine | NamedFinding, ...], Field(max_length=100)] = ()
    why: Words | None = None


@act_on(TERMINATION, "propose", "propose_termination", "coordinator", texts=by_name("why"), findings="grounds")
def propose(termination: Termination, asked: Asked[ProposeTermination]) -> Iterable[Any]:
    """Propose to end the lease."""
    grounds: tuple[TerminationGround, ...] = ()
    if termination.state == "under_review":
        grounds = _grounds(asked.findings, asked.file, on=asked.by.day)
    elif asked.findings == tuple(ground.finding for ground in termination.grounds):
        grounds = termination.grounds
    return propose_termination(termination, grounds=grounds, why=asked.said.why, by=asked.by.person)


def _grounds(findings: Iterable[str], file: LeaseFile, *, on: date) -> tuple[TerminationGround, ...]:
    judged = (
        gates.ground(finding, case=file.case, checklists=file.checklists, evaluations=file.evaluations.values(), on=on)
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


@act_on(
    TERMINATION,
    "decide",
    "decide_termination",
    "director",
    mandated=True,
    texts=by_name("reasons"),
    lists=("measures",),
    findings="grounds",
)
def decide(termination: Termination, asked: Asked[DecideTermination]) -> Iterable[Any]:
    """Decide about the lease; a person with a mandate, another than who proposed."""
    by, file, reasons = asked.by, asked.file, asked.said.reasons
    if asked.body.outcome == "continue":
        return decide_continue(
            termination,
            reasons=reasons,
            measures=asked.said.measures,
            case=file.case,
            on=by.day,
            today=by.today,
            by=by.person,
        )
    stood = file.standing(on=by.today)
    return decide_termination(
        termination,
        reasons=reasons,
        findings=asked.findings,
        notice_kind=asked.body.notice_kind,
        case=file.case,
        evaluations=file.evaluations,
        policies=file.policies,
        checklists=file.checklists,
        count=stood.count,
        threshold=stood.threshold,
        on=by.day,
        today=by.today,
        by=by.person,
    )


class ConfirmGrounds(DatedBody):
    """The grounds that remain, and why they carry it."""

    remaining_grounds: Annotated[tuple[SomeLine | NamedFinding, ...], Field(max_length=100)] = ()
    reasons: Words | None = None


@act_on(
    TERMINATION,
    "confirm-grounds",
    "confirm_grounds",
    "director",
    mandated=True,
    texts=by_name("reasons"),
    findings="remaining_grounds",
)
def confirm(termination: Termination, asked: Asked[ConfirmGrounds]) -> Iterable[Any]:
    """Weigh doubtful grounds anew and go on with those that remain."""
    by, file = asked.by, asked.file
    posted_on = termination.posted.posted_on if termination.posted is not None else None
    stood = file.standing(on=by.today, expiry_on=posted_on)
    return confirm_grounds(
        termination,
        remaining_grounds=asked.findings,
        reasons=asked.said.reasons,
        case=file.case,
        evaluations=file.evaluations,
        checklist=file.checklist(on=by.today),
        count=stood.count,
        threshold_met=stood.reached,
        today=by.today,
        by=by.person,
    )


class WithdrawNotice(DatedBody):
    """Why."""

    why: Words | None = None


@act_on(TERMINATION, "withdraw-notice", "withdraw_notice", "director", mandated=True, texts=by_name("why"))
def withdraw_a_notice(termination: Termination, asked: Asked[WithdrawNotice]) -> Iterable[Any]:
    """Take the notice back."""
    by = asked.by
    return withdraw_notice(
        termination, why=asked.said.why, case=asked.file.case, on=by.day, today=by.today, by=by.person
    )
