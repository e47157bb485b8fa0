"""What visits tells the others: leases, visits, findings, agreement notes and contacts.

Ids, codes, dates and numbers are in the clear; names and free text are sealed. ``occurred_on`` of the envelope is the
day of the fact; where a contract has a day of its own besides, its comment says what it is.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.sealed import Sealed

Role = Literal["renter", "reference_renter", "spouse", "legal_cohabitant", "co_renter", "household_member"]
Household = Literal["alone", "married", "legal_cohabitants", "cohabitants"]
Channel = Literal[
    "letter",
    "registered_paper",
    "registered_electronic",
    "handover",
    "bailiff",
    "email",
    "sms",
    "whatsapp",
    "facebook",
    "phone",
    "counter",
]
ContactChannel = Channel | Literal["in_person"]
Purpose = Literal["information", "individual", "participation"]
InterpreterKind = Literal["none", "professional", "social", "bridge_figure", "informal_adult"]
Attribution = Literal["renter", "landlord", "owner", "third_party", "unclear"]
Consequence = Literal["damage", "nuisance", "danger", "loss"]
SourceKind = Literal["visit", "letter", "third_party", "technical"]
FollowUpOutcome = Literal["resolved", "partly", "not_kept", "force_majeure"]
CommitmentOutcome = Literal["kept", "partly", "not_kept", "force_majeure"]
CommitmentBy = Literal["renter", "office", "third_party"]
MeasureKind = Literal["seen_at_visit", "photo", "receipt", "amount", "count"]
AdministratorScope = Literal["housing", "goods", "person", "all"]
StandstillKind = Literal["collective_debt_settlement", "amicable_debt_mediation", "court_order", "other"]
EndingMode = Literal["by_law", "renter_notice", "landlord_notice", "mutual", "judicial_dissolution"]
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
    "death_last_renter",
    "moved_within_landlord",
    "moved_on",
    "care_home",
    "head_lease_ended",
    "other",
]
ContactKind = Literal["presence_contact", "question", "request", "repair_report", "complaint"]
Direction = Literal["incoming", "outgoing"]


# Leases


@dataclass(frozen=True, kw_only=True)
class ContactPointV1:
    """One way to reach a party: a channel, and the number or address there."""

    kind: Channel
    value: Sealed


@dataclass(frozen=True, kw_only=True)
class PartyV1:
    """A party to the lease, or somebody who lives in the dwelling."""

    id: str
    name: Sealed
    role: Role
    language: str  # contact language, ISO 639-1; "nl" needs no translation
    household: Household | None = None
    contacts: tuple[ContactPointV1, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeaseRegisteredV1:
    """A lease was registered, with the policy version its renters were given (pin 0 of the count)."""

    lease: str
    dwelling_reference: Sealed
    dwelling_address: Sealed
    landlord: Sealed
    parties: tuple[PartyV1, ...]
    start: date
    informed_on: date  # the renters were given the policy
    policy_version: str
    first_visit_due: date
    inventory_ref: Sealed | None = None
    imported: bool = False


@dataclass(frozen=True, kw_only=True)
class CounsellorAssignedV1:
    """The lease has a (new) counsellor; ``previous`` None: it is the first one."""

    lease: str
    counsellor: str  # person id
    assigned_from: date
    previous: str | None = None
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class FirstVisitDueV1:
    """The first visit must have been carried out by ``due_on``, included."""

    lease: str
    due_on: date


@dataclass(frozen=True, kw_only=True)
class FirstVisitOverdueV1:
    """The day of the first visit passed without a visit carried out."""

    lease: str
    due_on: date
    counsellor: str | None = None


@dataclass(frozen=True, kw_only=True)
class NextVisitOverdueV1:
    """The day of the next visit, by the cadence of the lease, passed without a visit carried out."""

    lease: str
    due_on: date
    counsellor: str | None = None


@dataclass(frozen=True, kw_only=True)
class LeaseStartedV1:
    """The lease runs."""

    lease: str
    start: date
    counsellor: str


@dataclass(frozen=True, kw_only=True)
class BalanceRecordedV1:
    """What was owed on a day. A fact about payment, not a finding. Positive: owed by the renter."""

    lease: str
    balance_on: date
    amount_cents: int
    month_rent_cents: int
    source: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class RenterInformedOfPolicyV1:
    """The renters were given a later policy version, with proof (a further pin of the count)."""

    lease: str
    policy_version: str
    delivered_on: date


@dataclass(frozen=True, kw_only=True)
class PartyAddedV1:
    """A party joined the lease on ``joined_on``."""

    lease: str
    party: PartyV1
    joined_on: date
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class PartyLeftV1:
    """A party is no party any more from ``left_on``."""

    lease: str
    party: str
    left_on: date
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class AdministratorAppointedV1:
    """An administrator of a protected person; an addressee where ``scope`` is housing or all, else gets copies."""

    lease: str
    administrator: str  # id of the appointment
    appointed_from: date
    scope: AdministratorScope
    judgment_ref: Sealed
    name: Sealed | None = None
    party: str | None = None  # the protected person, where known
    contacts: tuple[ContactPointV1, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AdministratorEndedV1:
    """The administration ended; ``ended_on`` is its last day."""

    lease: str
    administrator: str
    ended_on: date


@dataclass(frozen=True, kw_only=True)
class StandstillStartedV1:
    """Steps against arrears are blocked from ``starts_on``."""

    lease: str
    standstill: str
    starts_on: date
    kind: StandstillKind
    ref: Sealed | None = None
    mediator_name: Sealed | None = None
    mediator_contacts: tuple[ContactPointV1, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StandstillEndedV1:
    """The standstill ended; ``ended_on`` is its last day."""

    lease: str
    standstill: str
    ended_on: date


@dataclass(frozen=True, kw_only=True)
class LandlordChangedV1:
    """Another legal entity is landlord from ``starts_on``."""

    lease: str
    landlord: Sealed
    starts_on: date


@dataclass(frozen=True, kw_only=True)
class OfficeChangedV1:
    """Another office guides the lease from ``starts_on``. ``from_office``: the other office's word that it has it."""

    lease: str
    to_office: str
    starts_on: date
    from_office: str | None = None


@dataclass(frozen=True, kw_only=True)
class HeadLeaseEndingV1:
    """The owner ends the head lease on ``ends_on``. Never held against the renter."""

    lease: str
    ends_on: date


@dataclass(frozen=True, kw_only=True)
class NoticeRunningV1:
    """The lease stands under notice."""

    lease: str
    termination: str | None = None


@dataclass(frozen=True, kw_only=True)
class NoticeStoppedV1:
    """The notice was withdrawn; the lease runs on."""

    lease: str
    termination: str | None = None


@dataclass(frozen=True, kw_only=True)
class LeaseEndedV1:
    """The lease ended: how (``mode``), and why (``ground``)."""

    lease: str
    mode: EndingMode
    ground: EndingGround
    ended_on: date
    secondary_grounds: tuple[EndingGround, ...] = ()
    registration_bar_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class LeaseClosedV1:
    """The file of the lease was closed."""

    lease: str
    out_inventory_ref: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class CadenceSetV1:
    """The counsellor chose how often to visit; ``next_due_on`` follows from the last visit carried out."""

    lease: str
    months: int
    reason: Sealed
    next_due_on: date


# Visits and reports


@dataclass(frozen=True, kw_only=True)
class VisitPlannedV1:
    """A home visit was planned."""

    lease: str
    visit: str
    visit_on: date
    slot: str  # "HH:MM", local time
    purpose: Purpose
    counsellor: str  # who will come
    rescheduled_from: str | None = None  # the visit it takes the place of


@dataclass(frozen=True, kw_only=True)
class VisitHandedOverV1:
    """An open visit went to the lease's new counsellor."""

    lease: str
    visit: str
    visit_on: date
    slot: str
    counsellor: str


@dataclass(frozen=True, kw_only=True)
class VisitAnnouncedV1:
    """The renter was told of the visit on ``announced_on``; ``agreed_on``: the renter said yes to a shorter notice."""

    lease: str
    visit: str
    visit_on: date
    slot: str
    purpose: Purpose
    counsellor: str
    channel: Channel
    announced_on: date
    purpose_told: bool
    in_time: bool  # told at least ``visit_announce_days`` ahead
    agreed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class AppointmentAgreedV1:
    """The renter agreed to the appointment."""

    lease: str
    visit: str
    visit_on: date
    slot: str
    agreed_on: date
    channel: Channel


@dataclass(frozen=True, kw_only=True)
class VisitRescheduledV1:
    """The visit will be another day: ``new_visit`` takes its place."""

    lease: str
    visit: str
    visit_on: date
    new_visit: str
    new_visit_on: date
    new_slot: str
    asked_by: str
    counsellor: str
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class VisitCancelledV1:
    """The visit will not take place."""

    lease: str
    visit: str
    visit_on: date
    cancelled_by: str
    reason: Sealed


@dataclass(frozen=True, kw_only=True)
class VisitRecordedV1:
    """The visit was carried out, with the renter's permission to enter."""

    lease: str
    visit: str
    visit_on: date  # the day it was carried out
    purpose: Purpose
    present: tuple[str, ...]  # party ids, "renter", person ids
    interpreter: InterpreterKind
    interpreter_over_18: bool | None = None
    report_due_on: date | None = None  # last day on which the report is in time
    imported: bool = False


@dataclass(frozen=True, kw_only=True)
class RenterNotHomeV1:
    """Nobody opened. Lack of cooperation only where ``agreed``: the renter had agreed to this appointment."""

    lease: str
    visit: str
    visit_on: date
    slot: str
    agreed: bool
    waited_minutes: int
    card_left: bool


@dataclass(frozen=True, kw_only=True)
class AccessRefusedV1:
    """A party refused access. Lack of cooperation only where ``announced_in_time``."""

    lease: str
    visit: str
    visit_on: date
    agreed: bool
    announced_in_time: bool
    by_whom: str  # party id, or "renter"
    said: Sealed | None = None
    reason_given: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ReportFixedV1:
    """The report of a visit (also of one that met no renter) stands; what goes well comes first."""

    lease: str
    visit: str
    visit_on: date
    fixed_on: date
    late: bool
    findings: tuple[str, ...]
    goes_well: Sealed | None = None  # None only where the renter was not met
    needs: tuple[Sealed, ...] = ()
    can_do: tuple[Sealed, ...] = ()
    needs_support: tuple[Sealed, ...] = ()
    observed_by: str | None = None  # the counsellor who saw it, where another fixed the report


@dataclass(frozen=True, kw_only=True)
class ReportLateV1:
    """The report was fixed after ``due_on``; it stays valid and is marked late."""

    lease: str
    visit: str
    visit_on: date
    due_on: date
    fixed_on: date


@dataclass(frozen=True, kw_only=True)
class ReportCorrectedV1:
    """A correction stands beside the fixed report; the fixed text stays readable."""

    lease: str
    visit: str
    what: Sealed
    why: Sealed


# Findings


@dataclass(frozen=True, kw_only=True)
class FindingEstablishedV1:
    """One fact on one checklist item."""

    lease: str
    finding: str
    item: str
    checklist_version: str
    seen_on: date  # the day of the fact; the envelope's occurred_on says the same
    source: SourceKind
    what_seen: Sealed
    place: Sealed | None = None
    visit: str | None = None
    source_identity: Sealed | None = None
    evidence: tuple[str, ...] = ()  # photo ids or SHA-256
    date_suspect: bool = False  # the device's clock was wrong: cannot ground an evaluation until confirmed
    inventory_element: str | None = None  # the same element in the inventory of fixtures; None: no baseline
    established_by: str = ""  # person id of who saw it


@dataclass(frozen=True, kw_only=True)
class FindingAttributedV1:
    """A person with the right said whose it is, how grave, and why."""

    lease: str
    finding: str
    item: str
    to: Attribution
    severity: int  # 1–4; 3 and more is serious
    why: Sealed
    consequence: Consequence | None = None


@dataclass(frozen=True, kw_only=True)
class FindingReattributedV1:
    """The coordinator attributed it to another, in whatever state it was."""

    lease: str
    finding: str
    item: str
    to: Attribution
    previously: Attribution
    why: Sealed


@dataclass(frozen=True, kw_only=True)
class FindingDiscussedV1:
    """It was talked over; what the renter said, plans, and sees in the way."""

    lease: str
    finding: str
    discussed_with: tuple[str, ...]  # party ids or "renter"
    discussed_on: date
    renter_said: Sealed | None = None  # None: no reaction, though invited in writing on ``invited_on``
    invited_on: date | None = None
    renter_plan: Sealed | None = None
    obstacles: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class FindingAgreedV1:
    """A commitment of an accepted note is about it."""

    lease: str
    finding: str
    agreement: str
    commitment: str


@dataclass(frozen=True, kw_only=True)
class FollowUpRecordedV1:
    """Somebody went to see what became of it."""

    lease: str
    finding: str
    item: str
    seen_on: date
    outcome: FollowUpOutcome
    seen_by: str


@dataclass(frozen=True, kw_only=True)
class FindingLinkedAsRepeatV1:
    """It repeats an earlier finding on the same item of the same lease."""

    lease: str
    finding: str
    earlier: str
    item: str


@dataclass(frozen=True, kw_only=True)
class FindingMarkedMistakenV1:
    """It was a mistake; for good."""

    lease: str
    finding: str
    why: Sealed


@dataclass(frozen=True, kw_only=True)
class FindingDateConfirmedV1:
    """A person confirmed the day of a finding whose device clock was wrong."""

    lease: str
    finding: str
    seen_on: date
    why: Sealed


# Agreement notes


@dataclass(frozen=True, kw_only=True)
class CommitmentV1:
    """One SMART line of a note."""

    id: str
    by: CommitmentBy
    action: Sealed
    place: Sealed
    measure: MeasureKind
    target: Sealed
    due_on: date
    needs: tuple[Sealed, ...] = ()
    depends_on: tuple[str, ...] = ()
    agreed_by_renter: bool = False


@dataclass(frozen=True, kw_only=True)
class AgreementDraftedV1:
    """A talk became the draft of a note."""

    lease: str
    agreement: str
    findings: tuple[str, ...]
    goes_wrong: Sealed
    why_renter_says: Sealed
    goal: Sealed
    renter_needs: Sealed
    revises: str | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementProposedV1:
    """The note, with its commitments, was put to the renter."""

    lease: str
    agreement: str
    findings: tuple[str, ...]
    commitments: tuple[CommitmentV1, ...]


@dataclass(frozen=True, kw_only=True)
class AgreementAcceptedV1:
    """The renter accepted, perhaps with a reservation, in which case the commitments named are ``disputed``."""

    lease: str
    agreement: str
    accepted_on: date
    signed: bool
    read_in_language: str
    findings: tuple[str, ...]
    reservation: Sealed | None = None
    disputed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgreementStartedV1:
    """The note runs."""

    lease: str
    agreement: str


@dataclass(frozen=True, kw_only=True)
class AgreementRefusedV1:
    """The renter did not accept. Never counts."""

    lease: str
    agreement: str
    refused_on: date
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class CommitmentFollowedUpV1:
    """Somebody saw what became of a commitment."""

    lease: str
    agreement: str
    commitment: str
    by: CommitmentBy
    seen_on: date
    outcome: CommitmentOutcome
    seen_by: str


@dataclass(frozen=True, kw_only=True)
class CommitmentDueV1:
    """The day of a commitment passed and it is still open. A task, nothing else."""

    lease: str
    agreement: str
    commitment: str
    by: CommitmentBy
    due_on: date


@dataclass(frozen=True, kw_only=True)
class AgreementRevisedV1:
    """Another note took its place; its open commitments were dropped."""

    lease: str
    agreement: str
    into: str
    why: Sealed
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgreementKeptV1:
    """The note was concluded: kept."""

    lease: str
    agreement: str
    concluded_on: date
    findings: tuple[str, ...]
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementPartlyKeptV1:
    """The note was concluded: kept in part."""

    lease: str
    agreement: str
    concluded_on: date
    findings: tuple[str, ...]
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementBreachedV1:
    """The note was concluded: broken, on a person's follow-up of ``not_kept``."""

    lease: str
    agreement: str
    concluded_on: date
    findings: tuple[str, ...]
    not_kept: tuple[str, ...]
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ReservationSettledV1:
    """Both sides talked the reservation over; these commitments are no longer disputed."""

    lease: str
    agreement: str
    settled_on: date
    commitments: tuple[str, ...]
    office_said: Sealed | None = None
    renter_said: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementLapsedV1:
    """The note lapsed, without consequence for anyone."""

    lease: str
    agreement: str
    cause: Literal["by_person", "lease_ended"]
    why: Sealed | None = None


# Contacts and counsellors


@dataclass(frozen=True, kw_only=True)
class ContactLoggedV1:
    """A contact by any channel. In a ``presence_contact`` nothing can be found; a request is a task for ``owner``."""

    lease: str
    contact: str
    kind: ContactKind
    channel: ContactChannel
    direction: Direction
    contact_on: date
    gist: Sealed | None = None
    purpose: Purpose = "individual"
    group: str | None = None  # the same for all leases of one group moment
    owner: str | None = None  # person id of who answers it
    answer_due_on: date | None = None
    repair_by: Literal["office", "owner"] | None = None  # a defect that shuts the gate landlord-in-order until done


@dataclass(frozen=True, kw_only=True)
class ContactAnsweredV1:
    """The request was answered, or the repair done, on ``answered_on``."""

    lease: str
    contact: str
    kind: ContactKind
    answered_on: date
    answered_by: str
    answer: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class CounsellorCardMadeV1:
    """The card renters get of a counsellor: who it is, and how to reach them."""

    counsellor: str  # person id
    name: Sealed
    phone: Sealed | None = None
    hours: Sealed | None = None
    channels: tuple[Channel, ...] = ()
    photo: str | None = None


@dataclass(frozen=True, kw_only=True)
class CounsellorCardChangedV1:
    """The card reads like this from now on."""

    counsellor: str
    name: Sealed
    phone: Sealed | None = None
    hours: Sealed | None = None
    channels: tuple[Channel, ...] = ()
    photo: str | None = None


@dataclass(frozen=True, kw_only=True)
class PhotoAddedV1:
    """A photo came, and what it hashes to; its bytes stay in visits."""

    lease: str
    photo: str
    sha256: str  # over the exact bytes, hexadecimal
    size: int
    kind: str  # jpeg, png, webp
    added_by: str  # person id


@dataclass(frozen=True, kw_only=True)
class PhotoErasedV1:
    """The bytes of a photo are gone for good; its hash stays."""

    lease: str
    photo: str
    sha256: str
    why: Sealed
    erased_by: str  # person id


Contract = (
    LeaseRegisteredV1
    | CounsellorAssignedV1
    | FirstVisitDueV1
    | FirstVisitOverdueV1
    | NextVisitOverdueV1
    | LeaseStartedV1
    | BalanceRecordedV1
    | RenterInformedOfPolicyV1
    | PartyAddedV1
    | PartyLeftV1
    | AdministratorAppointedV1
    | AdministratorEndedV1
    | StandstillStartedV1
    | StandstillEndedV1
    | LandlordChangedV1
    | OfficeChangedV1
    | HeadLeaseEndingV1
    | NoticeRunningV1
    | NoticeStoppedV1
    | LeaseEndedV1
    | LeaseClosedV1
    | CadenceSetV1
    | VisitPlannedV1
    | VisitHandedOverV1
    | VisitAnnouncedV1
    | AppointmentAgreedV1
    | VisitRescheduledV1
    | VisitCancelledV1
    | VisitRecordedV1
    | RenterNotHomeV1
    | AccessRefusedV1
    | ReportFixedV1
    | ReportLateV1
    | ReportCorrectedV1
    | FindingEstablishedV1
    | FindingAttributedV1
    | FindingReattributedV1
    | FindingDiscussedV1
    | FindingAgreedV1
    | FollowUpRecordedV1
    | FindingLinkedAsRepeatV1
    | FindingMarkedMistakenV1
    | FindingDateConfirmedV1
    | AgreementDraftedV1
    | AgreementProposedV1
    | AgreementAcceptedV1
    | AgreementStartedV1
    | AgreementRefusedV1
    | CommitmentFollowedUpV1
    | CommitmentDueV1
    | AgreementRevisedV1
    | AgreementKeptV1
    | AgreementPartlyKeptV1
    | AgreementBreachedV1
    | ReservationSettledV1
    | AgreementLapsedV1
    | ContactLoggedV1
    | ContactAnsweredV1
    | CounsellorCardMadeV1
    | CounsellorCardChangedV1
    | PhotoAddedV1
    | PhotoErasedV1
)
