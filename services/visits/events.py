"""What can have happened in visits: to leases, visits and reports, findings, agreement notes and contacts.

Stored like this for ever. Names and free text are sealed. The first event of a stream that belongs to a lease
names the lease.
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
FindingOutcome = Literal["resolved", "partly", "not_kept", "force_majeure"]
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
LapseCause = Literal["by_person", "lease_ended"]
RepairBy = Literal["office", "owner"]
PhotoKind = Literal["jpeg", "png", "webp"]
ImportKind = Literal["lease", "renter", "visit", "unknown"]
LineOutcome = Literal["recorded", "would_record", "already", "refused"]


# --- leases -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ContactPoint:
    """One way to reach somebody: a channel, and the number or address there."""

    kind: Channel
    value: Sealed


@dataclass(frozen=True, kw_only=True)
class Party:
    """A party to the lease, or (``household_member``) somebody who lives in the dwelling and is none."""

    id: str
    name: Sealed
    role: Role
    language: str  # contact language, ISO 639-1
    household: Household | None = None
    contacts: tuple[ContactPoint, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeaseRegistered:
    """A lease was registered; its renters had been given the policy."""

    dwelling_reference: Sealed
    dwelling_address: Sealed
    landlord: Sealed
    parties: tuple[Party, ...]
    start: date
    informed_on: date
    policy_version: str  # the one the renters were given
    first_visit_due: date  # by that policy; the last day, included
    inventory_ref: Sealed | None = None
    imported: bool = False


@dataclass(frozen=True, kw_only=True)
class CounsellorAssigned:
    """The lease has this counsellor; ``previous`` None: its first one."""

    counsellor: str
    assigned_from: date
    previous: str | None = None
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class FirstVisitDue:
    """With its counsellor the lease has a first visit to expect, through ``due_on``."""

    due_on: date


@dataclass(frozen=True, kw_only=True)
class LeaseStarted:
    """The lease runs."""


@dataclass(frozen=True, kw_only=True)
class LeaseVisited:
    """A visit to the lease was carried out; ``next_due_on`` follows by the cadence, None while there is none."""

    visit: str
    visited_on: date
    next_due_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class FirstVisitOverdue:
    """``due_on`` passed and no visit had been carried out."""

    due_on: date


@dataclass(frozen=True, kw_only=True)
class NextVisitOverdue:
    """``due_on``, which followed from the cadence, passed and no visit had been carried out."""

    due_on: date


@dataclass(frozen=True, kw_only=True)
class CadenceSet:
    """From now on a visit every so many months."""

    months: int
    reason: Sealed
    next_due_on: date


@dataclass(frozen=True, kw_only=True)
class BalanceRecorded:
    """What was owed on a day; positive: by the renter."""

    balance_on: date
    amount_cents: int
    month_rent_cents: int
    source: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class RenterInformedOfPolicy:
    """The renters were given another policy version."""

    policy_version: str
    delivered_on: date
    proof: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class PartyAdded:
    """A party joined."""

    party: Party
    joined_on: date
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class PartyLeft:
    """A party left."""

    party: str
    left_on: date
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class AdministratorAppointed:
    """A judge appointed an administrator."""

    administrator: str
    appointed_from: date
    scope: AdministratorScope
    judgment_ref: Sealed
    name: Sealed | None = None
    party: str | None = None
    contacts: tuple[ContactPoint, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AdministratorEnded:
    """The administration ended; ``ended_on`` is its last day."""

    administrator: str
    ended_on: date


@dataclass(frozen=True, kw_only=True)
class StandstillStarted:
    """Steps against arrears are blocked."""

    standstill: str
    starts_on: date
    kind: StandstillKind
    ref: Sealed | None = None
    mediator_name: Sealed | None = None
    mediator_contacts: tuple[ContactPoint, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StandstillEnded:
    """The standstill ended; ``ended_on`` is its last day."""

    standstill: str
    ended_on: date


@dataclass(frozen=True, kw_only=True)
class LandlordChanged:
    """Another legal entity is landlord from ``starts_on``."""

    landlord: Sealed
    starts_on: date


@dataclass(frozen=True, kw_only=True)
class OfficeChanged:
    """Another office is competent from ``starts_on``."""

    to_office: str
    starts_on: date


@dataclass(frozen=True, kw_only=True)
class LeaseTakenOver:
    """The lease came from another office, with its whole history; this one is competent from ``starts_on``."""

    from_office: str
    to_office: str
    starts_on: date


@dataclass(frozen=True, kw_only=True)
class HeadLeaseEnding:
    """The owner ends the head lease. Nothing against the renter follows from it."""

    ends_on: date


@dataclass(frozen=True, kw_only=True)
class NoticeRunning:
    """Evaluations told that the notice was posted."""

    termination: str


@dataclass(frozen=True, kw_only=True)
class NoticeStopped:
    """Evaluations told that the notice was withdrawn."""

    termination: str


@dataclass(frozen=True, kw_only=True)
class LeaseEnded:
    """The lease ended. ``registration_bar_until`` is set only for the pairs of domain 3.1."""

    mode: EndingMode
    ground: EndingGround
    ended_on: date
    secondary_grounds: tuple[EndingGround, ...] = ()
    registration_bar_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class LeaseClosed:
    """The file was closed."""

    out_inventory_ref: Sealed | None = None


LeaseEvent = (
    LeaseRegistered
    | CounsellorAssigned
    | FirstVisitDue
    | LeaseStarted
    | LeaseVisited
    | FirstVisitOverdue
    | NextVisitOverdue
    | CadenceSet
    | BalanceRecorded
    | RenterInformedOfPolicy
    | PartyAdded
    | PartyLeft
    | AdministratorAppointed
    | AdministratorEnded
    | StandstillStarted
    | StandstillEnded
    | LandlordChanged
    | OfficeChanged
    | LeaseTakenOver
    | HeadLeaseEnding
    | NoticeRunning
    | NoticeStopped
    | LeaseEnded
    | LeaseClosed
)


# --- visits and reports -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class VisitPlanned:
    """A home visit was planned."""

    lease: str
    visit_on: date
    slot: str  # "HH:MM", local
    purpose: Purpose
    counsellor: str
    rescheduled_from: str | None = None


@dataclass(frozen=True, kw_only=True)
class VisitHandedOver:
    """The lease's new counsellor will come."""

    counsellor: str


@dataclass(frozen=True, kw_only=True)
class VisitAnnounced:
    """The renter was told. ``agreed_on``: and said yes, also to a notice shorter than the policy's."""

    channel: Channel
    announced_on: date
    purpose_told: bool
    in_time: bool
    agreed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class AppointmentAgreed:
    """The renter agreed to the appointment."""

    agreed_on: date
    channel: Channel


@dataclass(frozen=True, kw_only=True)
class VisitRescheduled:
    """``new_visit`` takes its place."""

    new_visit: str
    new_visit_on: date
    new_slot: str
    asked_by: str
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class VisitCancelled:
    """It will not take place."""

    cancelled_by: str
    reason: Sealed


@dataclass(frozen=True, kw_only=True)
class VisitRecorded:
    """It was carried out."""

    visited_on: date
    present: tuple[str, ...]
    interpreter: InterpreterKind
    interpreter_over_18: bool | None
    report_due_on: date
    imported: bool = False


@dataclass(frozen=True, kw_only=True)
class RenterNotHome:
    """Nobody opened."""

    waited_minutes: int
    card_left: bool


@dataclass(frozen=True, kw_only=True)
class AccessRefused:
    """A party refused access."""

    by_whom: str
    said: Sealed | None = None
    reason_given: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ReportDrafted:
    """Somebody wrote at the report. Read by its authors and the coordinator only."""

    author: str
    goes_well: Sealed | None = None
    needs: tuple[Sealed, ...] = ()
    can_do: tuple[Sealed, ...] = ()
    needs_support: tuple[Sealed, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReportFixed:
    """The report stands."""

    fixed_on: date
    late: bool
    findings: tuple[str, ...]
    goes_well: Sealed | None = None
    needs: tuple[Sealed, ...] = ()
    can_do: tuple[Sealed, ...] = ()
    needs_support: tuple[Sealed, ...] = ()
    observed_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReportLate:
    """It was fixed after ``due_on``."""

    due_on: date
    fixed_on: date


@dataclass(frozen=True, kw_only=True)
class ReportCorrected:
    """A correction stands beside it."""

    what: Sealed
    why: Sealed
    author: str


VisitEvent = (
    VisitPlanned
    | VisitHandedOver
    | VisitAnnounced
    | AppointmentAgreed
    | VisitRescheduled
    | VisitCancelled
    | VisitRecorded
    | RenterNotHome
    | AccessRefused
    | ReportDrafted
    | ReportFixed
    | ReportLate
    | ReportCorrected
)


# --- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FindingEstablished:
    """One fact on one checklist item, seen by somebody."""

    lease: str
    item: str
    checklist_version: str
    seen_on: date
    source: SourceKind
    what_seen: Sealed
    place: Sealed | None = None
    visit: str | None = None
    source_identity: Sealed | None = None
    evidence: tuple[str, ...] = ()
    date_suspect: bool = False
    inventory_element: str | None = None
    established_by: str = ""


@dataclass(frozen=True, kw_only=True)
class FindingAttributed:
    """Whose it is, how grave, with what consequence, and why."""

    to: Attribution
    severity: int
    why: Sealed
    consequence: Consequence | None = None


@dataclass(frozen=True, kw_only=True)
class FindingReattributed:
    """It is another's."""

    to: Attribution
    previously: Attribution
    why: Sealed


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Something that stands in the way, and who takes it on."""

    what: Sealed
    by: CommitmentBy


@dataclass(frozen=True, kw_only=True)
class FindingDiscussed:
    """It was talked over. ``renter_said`` None: no reaction, though invited in writing on ``invited_on``."""

    discussed_with: tuple[str, ...]
    discussed_on: date
    renter_said: Sealed | None = None
    invited_on: date | None = None
    renter_plan: Sealed | None = None
    obstacles: Sealed | None = None
    obstacles_taken_on: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FindingAgreed:
    """A commitment of an accepted note is about it."""

    agreement: str
    commitment: str


@dataclass(frozen=True, kw_only=True)
class FollowUpRecorded:
    """Somebody saw what became of it."""

    seen_on: date
    outcome: FindingOutcome
    seen_by: str


@dataclass(frozen=True, kw_only=True)
class FindingLinkedAsRepeat:
    """It repeats an earlier one."""

    earlier: str


@dataclass(frozen=True, kw_only=True)
class PersistenceComputed:
    """How often and how long the renter's shortcoming was seen, along the chain of repeats that ends here."""

    observations: int
    persistent_days: int
    lasting: bool


@dataclass(frozen=True, kw_only=True)
class FindingMarkedMistaken:
    """It was a mistake, for good."""

    why: Sealed


@dataclass(frozen=True, kw_only=True)
class FindingDateConfirmed:
    """A person says on which day it was."""

    seen_on: date
    why: Sealed


FindingEvent = (
    FindingEstablished
    | FindingAttributed
    | FindingReattributed
    | FindingDiscussed
    | FindingAgreed
    | FollowUpRecorded
    | FindingLinkedAsRepeat
    | PersistenceComputed
    | FindingMarkedMistaken
    | FindingDateConfirmed
)


# --- agreement notes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Commitment:
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
class AgreementDrafted:
    """What goes wrong, why by the renter's own words, the joint goal, what the renter needs."""

    lease: str
    findings: tuple[str, ...]
    goes_wrong: Sealed
    why_renter_says: Sealed
    goal: Sealed
    renter_needs: Sealed
    revises: str | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementProposed:
    """The note was put to the renter."""

    proposed_on: date
    commitments: tuple[Commitment, ...]


@dataclass(frozen=True, kw_only=True)
class AgreementAccepted:
    """The renter accepted; the commitments in ``disputed`` under the reservation."""

    accepted_on: date
    signed: bool
    read_in_language: str
    interpreter: InterpreterKind = "none"
    reservation: Sealed | None = None
    disputed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgreementStarted:
    """The note runs."""


@dataclass(frozen=True, kw_only=True)
class AgreementRefused:
    """The renter did not accept; nothing follows from it."""

    refused_on: date
    reason: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class CommitmentFollowedUp:
    """Somebody saw what became of a commitment."""

    commitment: str
    seen_on: date
    outcome: CommitmentOutcome
    seen_by: str


@dataclass(frozen=True, kw_only=True)
class CommitmentDue:
    """``due_on`` passed while it was open. A task, nothing else."""

    commitment: str
    due_on: date


@dataclass(frozen=True, kw_only=True)
class AgreementRevised:
    """The note ``into`` takes its place; its open commitments were dropped."""

    into: str
    why: Sealed
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgreementKept:
    """Concluded: kept."""

    concluded_on: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementPartlyKept:
    """Concluded: kept in part."""

    concluded_on: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementBreached:
    """Concluded: broken, on a person's follow-up."""

    concluded_on: date
    not_kept: tuple[str, ...]
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ReservationSettled:
    """Both sides talked the reservation over."""

    settled_on: date
    commitments: tuple[str, ...]
    office_said: Sealed
    renter_said: Sealed


@dataclass(frozen=True, kw_only=True)
class AgreementLapsed:
    """It lapsed, without consequence for anyone."""

    cause: LapseCause
    why: Sealed | None = None


AgreementEvent = (
    AgreementDrafted
    | AgreementProposed
    | AgreementAccepted
    | AgreementStarted
    | AgreementRefused
    | CommitmentFollowedUp
    | CommitmentDue
    | AgreementRevised
    | AgreementKept
    | AgreementPartlyKept
    | AgreementBreached
    | ReservationSettled
    | AgreementLapsed
)


# --- contacts and counsellors -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ContactLogged:
    """A contact outside home visits, by any channel."""

    lease: str
    kind: ContactKind
    channel: ContactChannel
    direction: Direction
    contact_on: date
    gist: Sealed | None = None
    purpose: Purpose = "individual"
    group: str | None = None  # the same in the logs of all leases of one group moment
    owner: str | None = None  # who answers it
    answer_due_on: date | None = None
    repair_by: RepairBy | None = None


@dataclass(frozen=True, kw_only=True)
class ContactAnswered:
    """What was asked was answered; what was reported was repaired."""

    answered_on: date
    answered_by: str
    answer: Sealed | None = None


ContactEvent = ContactLogged | ContactAnswered


@dataclass(frozen=True, kw_only=True)
class CounsellorCardMade:
    """What renters get to know of a counsellor."""

    counsellor: str
    name: Sealed
    phone: Sealed | None = None
    hours: Sealed | None = None
    channels: tuple[Channel, ...] = ()
    photo: str | None = None


@dataclass(frozen=True, kw_only=True)
class CounsellorCardChanged:
    """What renters get to know from now on."""

    name: Sealed
    phone: Sealed | None = None
    hours: Sealed | None = None
    channels: tuple[Channel, ...] = ()
    photo: str | None = None


CardEvent = CounsellorCardMade | CounsellorCardChanged


# --- photos -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PhotoAdded:
    """A photo came. Its bytes lie sealed beside the events, under the key in ``file_key``."""

    lease: str
    sha256: str  # over the exact bytes that came, hexadecimal
    shown_sha256: str  # over the picture that is shown of it
    size: int  # of the bytes that came
    kind: PhotoKind
    width: int
    height: int
    file: str
    file_key: Sealed
    added_by: str


@dataclass(frozen=True, kw_only=True)
class PhotoErased:
    """The bytes are gone for good."""

    why: Sealed
    erased_by: str


PhotoEvent = PhotoAdded | PhotoErased


# --- imports ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ImportedLine:
    """What became of one line of a file: ``recorded`` names the events, ``reason`` and ``columns`` why there are none.

    It holds nothing of what the line said.
    """

    line: int  # in the file; the line of column names is 1
    kind: ImportKind
    outcome: LineOutcome
    recorded: tuple[str, ...] = ()
    reason: str | None = None
    columns: tuple[str, ...] = ()
    lease: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImportStarted:
    """A file from the time before this platform is taken over, or (``rehearsal``) only looked at."""

    rehearsal: bool
    file_sha256: str
    lines: int
    brought_by: str = ""
    file_key: Sealed | None = None  # under which the file lies until every line has its outcome


@dataclass(frozen=True, kw_only=True)
class ImportAdvanced:
    """Some more lines are done."""

    done: tuple[ImportedLine, ...]


@dataclass(frozen=True, kw_only=True)
class ImportFinished:
    """Every line has its outcome."""


ImportEvent = ImportStarted | ImportAdvanced | ImportFinished

Event = LeaseEvent | VisitEvent | FindingEvent | AgreementEvent | ContactEvent | CardEvent | PhotoEvent | ImportEvent
