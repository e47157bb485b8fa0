"""Any act that domain 3 does not list for a state is refused with ``WRONG_STATE``: each act in each state."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import product
from typing import Any

import pytest

from services.visits.events import (
    AccessRefused,
    AgreementBreached,
    AgreementKept,
    AgreementLapsed,
    AgreementPartlyKept,
    AgreementRefused,
    AgreementRevised,
    CommitmentFollowedUp,
    FindingAgreed,
    FindingMarkedMistaken,
    FollowUpRecorded,
    LeaseClosed,
    LeaseEnded,
    NoticeRunning,
    ReportDrafted,
    ReportFixed,
    VisitCancelled,
    VisitRescheduled,
)
from services.visits.rules import agreement as notes
from services.visits.rules import ending, handover
from services.visits.rules import finding as findings
from services.visits.rules import lease as leases
from services.visits.rules import visit as visits
from services.visits.rules.agreement import AGREEMENT
from services.visits.rules.finding import FINDING
from services.visits.rules.lease import LEASE
from services.visits.rules.visit import VISIT
from shared.authority import NOBODY_YET
from shared.decisions import AnyStream
from shared.refusals import WrongState
from tests.specification import state_of
from tests.visits.examples import (
    AMINA,
    ANNOUNCED,
    ATTRIBUTED,
    CHECKLISTS,
    COORDINATOR,
    COUNSELLOR,
    DENIZ,
    DISCUSSED,
    DRAFTED,
    ESTABLISHED,
    KAREL,
    NOT_HOME,
    PLANNED,
    POLICIES,
    PROPOSED,
    RECORDED,
    REGISTERED,
    RUNS,
    VISIT_DAY,
    VISITED,
    agreement,
    finding,
    lease,
    text,
)
from tests.visits.test_smart import WISH

ON = date(2026, 6, 1)
WHY = text("Een goede reden.")
Decision = Callable[[Any], Iterable[Any]]


def _is_wrong(stream: AnyStream, history: tuple[Any, ...], decision: Decision) -> bool:
    try:
        list(decision(state_of(stream, *history)))
    except WrongState:
        return True
    return False


# --- leases ---

ENDED = LeaseEnded(mode="mutual", ground="other", ended_on=ON)
OF_LEASE: Mapping[str, tuple[Any, ...]] = {
    "prepared": (REGISTERED,),
    "running": VISITED,
    "notice_running": (*VISITED, NoticeRunning(termination="t1")),
    "ended": (*VISITED, ENDED),
    "closed": (*VISITED, ENDED, LeaseClosed()),
}
GOING_ON = {"running", "notice_running"}
NOT_CLOSED = {"prepared", *GOING_ON, "ended"}
LEASE_ACTS: Mapping[str, tuple[Decision, set[str]]] = {
    "assign_counsellor": (
        partial(leases.assign_counsellor, counsellor="mia", from_=ON, today=ON, mandates=NOBODY_YET),
        {"prepared"},
    ),
    "record_balance": (
        partial(leases.record_balance, on=ON, amount_cents=1, month_rent_cents=1, source=None),
        GOING_ON,
    ),
    "change_counsellor": (
        partial(
            handover.change_counsellor,
            counsellor="mia",
            from_=ON,
            reason=WHY,
            today=ON,
            mandates=NOBODY_YET,
            visits={},
        ),
        GOING_ON,
    ),
    "inform_of_policy": (
        partial(
            leases.inform_of_policy,
            policy_version="P-2",
            delivered_on=ON,
            proof=None,
            policies=(*POLICIES, replace(POLICIES[0], version="P-2")),
        ),
        GOING_ON,
    ),
    "add_party": (partial(leases.add_party, party=DENIZ, on=ON, reason=None), NOT_CLOSED),
    "party_leaves": (partial(leases.party_leaves, party="daughter", on=ON, reason=None), NOT_CLOSED),
    "appoint_administrator": (
        partial(
            leases.appoint_administrator,
            administrator="a1",
            from_=ON,
            scope="housing",
            judgment_ref=WHY,
            name=None,
            party=AMINA.id,
            contacts=(),
        ),
        NOT_CLOSED,
    ),
    "start_standstill": (
        partial(
            leases.start_standstill,
            standstill="s1",
            from_=ON,
            kind="other",
            ref=None,
            mediator_name=None,
            mediator_contacts=(),
        ),
        NOT_CLOSED,
    ),
    "change_landlord": (partial(leases.change_landlord, to=WHY, from_=ON), GOING_ON),
    "change_office": (partial(leases.change_office, to="kantoor-zuid", from_=ON, own="kantoor-noord"), GOING_ON),
    "report_head_lease_end": (partial(leases.report_head_lease_end, on=ON), GOING_ON),
    "set_cadence": (
        partial(leases.set_cadence, months=3, reason=WHY, on=ON, today=ON, by=KAREL, policies=POLICIES),
        GOING_ON,
    ),
    "end_lease": (
        partial(
            ending.end,
            mode="mutual",
            ground="other",
            secondary_grounds=(),
            on=ON,
            judgment_says_neglect=False,
            agreements={},
        ),
        GOING_ON,
    ),
    "close_file": (
        partial(ending.close, out_inventory_ref=None, terminations=frozenset(), contacts={}),
        {"ended", "closed"},  # closed already: nothing happens
    ),
}


@pytest.mark.parametrize(("act", "state"), list(product(LEASE_ACTS, OF_LEASE)))
def test_each_act_on_a_lease_in_each_state(act: str, state: str) -> None:
    decision, allowed = LEASE_ACTS[act]
    assert _is_wrong(LEASE, OF_LEASE[state], decision) is (state not in allowed)


# --- visits and reports ---

TOLD = (PLANNED, ANNOUNCED)
DRAFT = ReportDrafted(author="fatma", goes_well=WHY)
FIXED = ReportFixed(fixed_on=ON, late=True, findings=(), goes_well=WHY)
OF_VISIT: Mapping[str, tuple[Any, ...]] = {
    "planned": (PLANNED,),
    "announced": TOLD,
    "rescheduled": (
        *TOLD,
        VisitRescheduled(new_visit="v2", new_visit_on=ON, new_slot="10:00", asked_by="renter"),
    ),
    "cancelled": (*TOLD, VisitCancelled(cancelled_by="fatma", reason=WHY)),
    "carried_out": (*TOLD, RECORDED),
    "not_home": (*TOLD, NOT_HOME),
    "access_refused": (*TOLD, AccessRefused(by_whom="renter")),
    "report draft": (*TOLD, RECORDED, DRAFT),
    "report fixed": (*TOLD, RECORDED, DRAFT, FIXED),
}
WENT = {"carried_out", "not_home", "access_refused", "report draft"}
VISIT_ACTS: Mapping[str, tuple[Decision, set[str]]] = {
    "announce_visit": (
        partial(
            visits.announce,
            channel="sms",
            on=date(2026, 1, 2),
            purpose_told=True,
            agreed_on=None,
            today=ON,
            lease=lease(),
            policies=POLICIES,
        ),
        {"planned"},
    ),
    "renter_agrees": (partial(visits.renter_agrees, on=VISIT_DAY, channel="sms"), {"announced"}),
    "reschedule_visit": (
        partial(
            visits.reschedule,
            id="v1",
            new_visit="v2",
            new_on=ON,
            new_slot=None,
            asked_by="renter",
            reason=None,
            lease=lease(),
            already=state_of(VISIT),
        ),
        {"planned", "announced"},
    ),
    "cancel_visit": (
        partial(visits.cancel, by="fatma", reason=WHY),
        {"planned", "announced", "cancelled"},  # cancelled already: nothing happens
    ),
    "record_visit": (
        partial(
            visits.record,
            id="v1",
            on=VISIT_DAY,
            present=("fatma",),
            permission=True,
            interpreter="none",
            interpreter_over_18=None,
            actor="fatma",
            today=ON,
            lease=lease(),
            policies=POLICIES,
        ),
        {"announced"},
    ),
    "record_not_home": (
        partial(visits.record_not_home, on=VISIT_DAY, now=None, waited_minutes=20, card_left=True),
        {"announced"},
    ),
    "record_access_refused": (
        partial(
            visits.record_access_refused, on=VISIT_DAY, by_whom="renter", said=None, reason_given=None, lease=lease()
        ),
        {"announced"},
    ),
    "draft_report": (
        partial(visits.draft_report, author="fatma", goes_well=WHY, needs=(), can_do=(), needs_support=()),
        WENT,
    ),
    "fix_report": (
        partial(
            visits.fix_report,
            id="v1",
            goes_well=WHY,
            needs=(),
            can_do=(),
            needs_support=(),
            findings=None,
            observed_by=None,
            author="fatma",
            today=ON,
            known_findings={},
            policies=POLICIES,
        ),
        WENT,  # without a draft, the act writes it too
    ),
    "correct_report": (partial(visits.correct_report, what=WHY, why=WHY, author="fatma"), {"report fixed"}),
}


@pytest.mark.parametrize(("act", "state"), list(product(VISIT_ACTS, OF_VISIT)))
def test_each_act_on_a_visit_in_each_state(act: str, state: str) -> None:
    decision, allowed = VISIT_ACTS[act]
    assert _is_wrong(VISIT, OF_VISIT[state], decision) is (state not in allowed)


# --- findings ---

TALKED = (ESTABLISHED, ATTRIBUTED, DISCUSSED)
OF_FINDING: Mapping[str, tuple[Any, ...]] = {
    "established": (ESTABLISHED,),
    "attributed": (ESTABLISHED, ATTRIBUTED),
    "discussed": TALKED,
    "agreement": (*TALKED, FindingAgreed(agreement="a0", commitment="c0")),
    "not_kept": (*TALKED, FollowUpRecorded(seen_on=VISIT_DAY, outcome="not_kept", seen_by="mia")),
    "mistaken": (*TALKED, FindingMarkedMistaken(why=WHY)),
}
KNOWN: dict[str, Any] = {"id": "f1", "findings": {"f1": finding(ESTABLISHED)}, "checklists": CHECKLISTS}
FINDING_ACTS: Mapping[str, tuple[Decision, set[str]]] = {
    "attribute_finding": (
        partial(findings.attribute, to="renter", severity=1, consequence=None, why=WHY, roles=COORDINATOR, **KNOWN),
        {"established"},
    ),
    "reattribute_finding": (
        partial(findings.reattribute, to="owner", why=WHY, **KNOWN),
        {"attributed", "discussed", "agreement", "not_kept"},
    ),
    "discuss_finding": (
        partial(
            findings.discuss,
            discussed_with=("renter",),
            on=ON,
            renter_said=WHY,
            renter_plan=None,
            obstacles=None,
            no_reaction=False,
            invited_on=None,
            policies=POLICIES,
        ),
        {"attributed"},
    ),
    "agree_on_finding": (
        partial(findings.agree_on, agreement_id="a1", commitment_id="c1", agreements={"a1": agreement(*RUNS)}),
        {"discussed"},
    ),
    "follow_up_finding": (
        partial(findings.follow_up, on=ON, outcome="resolved", seen_by="fatma", **KNOWN),
        {"discussed", "agreement"},
    ),
    "mark_mistaken": (partial(findings.mark_mistaken, why=WHY, **KNOWN), set(OF_FINDING)),
    "confirm_date": (partial(findings.confirm_date, seen_on=VISIT_DAY, why=WHY, today=ON, visits={}, **KNOWN), set()),
}


@pytest.mark.parametrize(("act", "state"), list(product(FINDING_ACTS, OF_FINDING)))
def test_each_act_on_a_finding_in_each_state(act: str, state: str) -> None:
    decision, allowed = FINDING_ACTS[act]
    assert _is_wrong(FINDING, OF_FINDING[state], decision) is (state not in allowed)


# --- agreement notes ---

SEEN = CommitmentFollowedUp(commitment="c1", seen_on=ON, outcome="kept", seen_by="mia")
OF_NOTE: Mapping[str, tuple[Any, ...]] = {
    "concept": (DRAFTED,),
    "proposed": (DRAFTED, PROPOSED),
    "running": (*RUNS, SEEN),
    "refused": (DRAFTED, PROPOSED, AgreementRefused(refused_on=VISIT_DAY)),
    "revised": (*RUNS, AgreementRevised(into="a2", why=WHY)),
    "kept": (*RUNS, SEEN, AgreementKept(concluded_on=VISIT_DAY)),
    "partly": (*RUNS, SEEN, AgreementPartlyKept(concluded_on=VISIT_DAY)),
    "broken": (*RUNS, SEEN, AgreementBreached(concluded_on=VISIT_DAY, not_kept=())),
    "lapsed": (*RUNS, AgreementLapsed(cause="by_person")),
}
NOTE_ACTS: Mapping[str, tuple[Decision, set[str]]] = {
    "propose_agreement": (
        partial(
            notes.propose, id="a1", commitments=(WISH,), on=VISIT_DAY, lease=lease(), agreements={}, policies=POLICIES
        ),
        {"concept"},
    ),
    "accept_agreement": (
        partial(
            notes.accept,
            on=ON,
            signed=True,
            reservation=None,
            read_in_language="nl",
            interpreter="none",
            interpreter_over_18=None,
            by_party=None,
            lease=lease(),
        ),
        {"proposed"},
    ),
    "refuse_agreement": (
        partial(notes.refuse, on=ON, reason=None),
        {"proposed", "refused"},  # refused already: nothing happens
    ),
    "follow_up_commitment": (
        partial(
            notes.follow_up,
            commitment="c1",
            on=ON,
            outcome="partly",
            seen_by="fatma",
            roles=COUNSELLOR,
            agreements={},
        ),
        {"running"},
    ),
    "revise_agreement": (
        partial(
            notes.revise,
            id="a1",
            into="a2",
            commitments=(replace(WISH, id="n1"),),
            why=WHY,
            on=VISIT_DAY,
            agreements={},
            already=agreement(),
            policies=POLICIES,
        ),
        {"running"},
    ),
    "conclude_agreement": (partial(notes.conclude, as_="kept", on=ON, why=None, agreements={}), {"running"}),
    "settle_reservation": (
        partial(notes.settle_reservation, on=ON, office_said=WHY, renter_said=WHY, commitments=("c1",)),
        {"running"},
    ),
    "lapse_agreement": (
        partial(notes.lapse, why=WHY),
        {"proposed", "running", "lapsed"},  # lapsed already: nothing happens
    ),
}


@pytest.mark.parametrize(("act", "state"), list(product(NOTE_ACTS, OF_NOTE)))
def test_each_act_on_a_note_in_each_state(act: str, state: str) -> None:
    decision, allowed = NOTE_ACTS[act]
    assert _is_wrong(AGREEMENT, OF_NOTE[state], decision) is (state not in allowed)


def test_every_state_of_a_lease_is_looked_at() -> None:
    assert [state_of(LEASE, *history).state for history in OF_LEASE.values()] == list(OF_LEASE)
    assert [state_of(AGREEMENT, *history).state for history in OF_NOTE.values()] == list(OF_NOTE)
    assert [state_of(FINDING, *history).state for history in OF_FINDING.values()] == list(OF_FINDING)
    assert state_of(VISIT, *OF_VISIT["report fixed"]).report_state == "fixed"
