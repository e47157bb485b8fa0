"""A lease of Kantoor Noord and what belongs to it, in the words of the rules. All people are invented."""

from dataclasses import replace
from datetime import date

from services.visits.events import (
    AgreementAccepted,
    AgreementDrafted,
    AgreementProposed,
    AgreementStarted,
    Commitment,
    CounsellorAssigned,
    FindingAttributed,
    FindingDiscussed,
    FindingEstablished,
    FirstVisitDue,
    LeaseEvent,
    LeaseRegistered,
    LeaseStarted,
    LeaseVisited,
    Party,
    RenterNotHome,
    VisitAnnounced,
    VisitPlanned,
    VisitRecorded,
)
from services.visits.rules.agreement import AGREEMENT, Agreement
from services.visits.rules.finding import FINDING, Finding
from services.visits.rules.lease import LEASE, Lease
from services.visits.rules.visit import VISIT, Visit
from shared.authority import NOBODY_YET, Mandate
from shared.contracts.evaluations import ChecklistItem, ChecklistPublishedV1
from shared.decisions import Person
from shared.sealed import Sealed
from tests.founding_policy import POLICY as POLICY
from tests.specification import state_of


def text(words: str) -> Sealed:
    """Return words as if sealed at the door."""
    return Sealed(
        sealed=f"sealed:{words}", key="a-key", digest=" ".join(words.lower().split()), length=len(words.strip())
    )


POLICIES = (POLICY,)
STRICTER = replace(POLICY, version="P-2", in_force_from=date(2026, 6, 1), founding=False, threshold_n=2)


def item(code: str, days: int | None) -> ChecklistItem:
    """Return an item of the checklist; only its code and the days after which it lasts matter here."""
    return ChecklistItem(
        code=code,
        category="maintenance",
        label="Een punt.",
        severity=2,
        lasting_after_days=days,
        attribution="unclear",
        terminable=True,
        consequences=("damage",),
    )


CHECKLIST = ChecklistPublishedV1(
    version="CL-1",
    in_force_from=date(2025, 1, 1),
    founding=True,
    items=(item("ONH-02", 60), item("ONH-04", 90), item("AFV-01", 30), item("MED-01", 60), item("TAA-01", None)),
)
CHECKLISTS = (CHECKLIST,)

START = date(2025, 11, 3)
FIRST_DUE = date(2025, 11, 24)
VISIT_DAY = date(2026, 1, 12)
FATMA = Person(id="fatma", roles=frozenset({"counsellor"}))
MIA = Person(id="mia", roles=frozenset({"counsellor"}))
KAREL = Person(id="karel", roles=frozenset({"coordinator"}))
COUNSELLOR, COORDINATOR, TECHNICAL = (frozenset({role}) for role in ("counsellor", "coordinator", "technical"))

AMINA = Party(id="amina", name=text("Amina Voorbeeld"), role="reference_renter", language="nl", household="alone")
DENIZ = Party(id="deniz", name=text("Deniz Voorbeeld"), role="spouse", language="tr")
DAUGHTER = Party(id="daughter", name=text("Lien Voorbeeld"), role="household_member", language="nl")

REGISTERED = LeaseRegistered(
    dwelling_reference=text("KN-0417"),
    dwelling_address=text("Lindestraat 12, 2060 Antwerpen"),
    landlord=text("Woonmaatschappij Noord"),
    parties=(AMINA, DAUGHTER),
    start=START,
    informed_on=START,
    policy_version="P-1",
    first_visit_due=FIRST_DUE,
)
ASSIGNED = CounsellorAssigned(counsellor="fatma", assigned_from=START)
RUNNING: tuple[LeaseEvent, ...] = (REGISTERED, ASSIGNED, FirstVisitDue(due_on=FIRST_DUE), LeaseStarted())
VISITED: tuple[LeaseEvent, ...] = (*RUNNING, LeaseVisited(visit="v1", visited_on=VISIT_DAY))


def lease(*more: LeaseEvent) -> Lease:
    """Return the running lease, after further events."""
    known: Lease = state_of(LEASE, *RUNNING, *more)
    return known


MANDATES = NOBODY_YET.given(
    Mandate(id="m-1", person="sofie", acts=frozenset({"record_visit"}), from_=date(2025, 1, 1), until=date(2026, 6, 30))
)

PLANNED = VisitPlanned(lease="L1", visit_on=VISIT_DAY, slot="10:00", purpose="individual", counsellor="fatma")
ANNOUNCED = VisitAnnounced(channel="whatsapp", announced_on=date(2026, 1, 5), purpose_told=True, in_time=True)
AGREED = replace(ANNOUNCED, agreed_on=date(2026, 1, 6))
RECORDED = VisitRecorded(
    visited_on=VISIT_DAY,
    present=("amina", "fatma"),
    interpreter="none",
    interpreter_over_18=None,
    report_due_on=date(2026, 1, 19),
)
NOT_HOME = RenterNotHome(waited_minutes=20, card_left=True)


def visit(*events: object) -> Visit:
    """Return a visit after these events."""
    known: Visit = state_of(VISIT, *events)
    return known


CARRIED_OUT = visit(PLANNED, ANNOUNCED, RECORDED)

ESTABLISHED = FindingEstablished(
    lease="L1",
    item="ONH-02",
    checklist_version="CL-1",
    seen_on=VISIT_DAY,
    source="visit",
    what_seen=text("Aangekoekt vet op de kookplaat."),
    visit="v1",
    established_by="fatma",
)
ATTRIBUTED = FindingAttributed(to="renter", severity=2, why=text("Dagelijks onderhoud."))
DISCUSSED = FindingDiscussed(
    discussed_with=("renter",),
    discussed_on=VISIT_DAY,
    renter_said=text("Ik werk veel nachten."),
    renter_plan=text("Elke zaterdag poetsen."),
    obstacles=text("Nachtwerk."),
)


def finding(*events: object) -> Finding:
    """Return a finding after these events."""
    known: Finding = state_of(FINDING, *events)
    return known


PROPOSED_ON = date(2026, 1, 12)
DUE = date(2026, 2, 16)
CLEANS = Commitment(
    id="c1",
    by="renter",
    action=text("De kookplaat ontvetten"),
    place=text("keuken"),
    measure="seen_at_visit",
    target=text("vrij van vet"),
    due_on=DUE,
    agreed_by_renter=True,
)
DRAFTED = AgreementDrafted(
    lease="L1",
    findings=("f1",),
    goes_wrong=text("De keuken is niet proper."),
    why_renter_says=text("Veel nachtwerk."),
    goal=text("Een veilige keuken."),
    renter_needs=text("Een vast moment."),
)
PROPOSED = AgreementProposed(proposed_on=PROPOSED_ON, commitments=(CLEANS,))
ACCEPTED = AgreementAccepted(accepted_on=PROPOSED_ON, signed=True, read_in_language="nl")
RUNS = (DRAFTED, PROPOSED, ACCEPTED, AgreementStarted())


def agreement(*events: object) -> Agreement:
    """Return a note after these events."""
    known: Agreement = state_of(AGREEMENT, *events)
    return known
