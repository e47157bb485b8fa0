"""What can happen in notifications. Stored like this for as long as a lease's file is kept."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from shared.contracts.notifications import About, AddresseeRole, Kind, Method, Outcome, ProofKind, TrustLevel
from shared.sealed import Sealed


@dataclass(frozen=True, kw_only=True)
class Addressee:
    """One who gets a letter."""

    addressee: str  # unique within the communication; the party's id for a party
    role: AddresseeRole
    party: str | None = None
    copy: bool = False  # a copy only: its outcome never decides whether the letter has reached anybody
    language: str | None = None  # contact language, ISO 639-1
    name: Sealed | None = None  # of those outside the lease; a party's name stays in the lease
    address: Sealed | None = None  # where the letter goes, where it is not the party's own address


@dataclass(frozen=True, kw_only=True)
class Annex:
    """A translation beside the Dutch text, never in its place."""

    language: str
    text: Sealed
    translator: Sealed | None = None
    translation_of: str | None = None
    untranslated: tuple[str, ...] = ()  # parts in which somebody's own words are Dutch still; a person translates them


@dataclass(frozen=True, kw_only=True)
class NoticeDates:
    """Posted on a day from ``posted_from`` through ``posted_until``, the notice runs ``start`` … ``end``, included."""

    posted_from: date
    posted_until: date
    start: date
    end: date


@dataclass(frozen=True, kw_only=True)
class CommunicationDrafted:
    """A letter or message was drafted: by a person, or from a fact by the system (domain 9.4)."""

    lease: str
    kind: Kind
    about_kind: About
    about_id: str
    addressees: tuple[Addressee, ...]
    text_nl: Sealed  # marks like ⟦letter_date⟧ stand for what is known at approval only
    annexes: tuple[Annex, ...] = ()
    translation_waived_by: tuple[str, ...] = ()  # parties who do not want a translation
    bad_news: bool = False
    senders: tuple[str, ...] = ()  # persons who may approve it whatever their role: who decided the contest (L-07)
    missing: tuple[str, ...] = ()  # mandatory parts that a system draft still lacks
    template: str | None = None  # "L-05/nl/1"; None: words of a person
    notice_dates: tuple[NoticeDates, ...] = ()  # L-09: as computed at the decision
    replaces: str | None = None  # the dropped draft this one stands for


@dataclass(frozen=True, kw_only=True)
class LetterCopy:
    """The bytes that one of several addressees gets: their own letter, and nothing addressed to another."""

    addressee: str
    document: str  # SHA-256 of the bytes, hexadecimal
    pdf: Sealed  # the bytes, base64


@dataclass(frozen=True, kw_only=True)
class CommunicationApproved:
    """The sender answers for the letter; from here on its bytes are what they are."""

    approved_on: date
    text_nl: Sealed  # as frozen
    document: str  # SHA-256 of the bytes, hexadecimal
    pdf: Sealed  # the bytes, base64: the letter to every addressee, one after the other
    notice_start: date | None = None
    notice_end: date | None = None
    post_until: date | None = None
    copies: tuple[LetterCopy, ...] = ()  # where there are several addressees


@dataclass(frozen=True, kw_only=True)
class CommunicationApprovalTakenBack:
    """The approval does not stand; the letter, not sent yet, is a draft again."""

    mandate: str  # the approver's, where it had ended; else blank
    person: str
    because: Literal["mandate_ended", "landlord_changed"] = "mandate_ended"


@dataclass(frozen=True, kw_only=True)
class CommunicationSent:
    """The letter left the office."""

    method: Method
    sent_on: date  # the letter date (domain 9.3)
    required: tuple[str, ...]  # addressees who must all be reached, as of the letter date
    left_out: tuple[str, ...] = ()  # addressees who were no party any more on the letter date
    tracking: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class CommunicationRepeated:
    """The same frozen letter leaves again, for those whom it did not reach; begins a communication of its own."""

    lease: str
    kind: Kind
    about_kind: About
    about_id: str
    first: str  # the communication that was approved
    after: str  # the communication that did not arrive
    addressees: tuple[Addressee, ...]
    document: str
    bad_news: bool
    method: Method
    sent_on: date
    required: tuple[str, ...]
    tracking: Sealed | None = None
    documents: tuple[str, ...] = ()  # hash of what each addressee gets, in their order; blank: all get ``document``


@dataclass(frozen=True, kw_only=True)
class CommunicationDelivered:
    """One addressee has it, with proof."""

    addressee: str
    delivered_on: date
    proof_kind: ProofKind
    reference: Sealed
    signed_by: Sealed | None = None
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class CommunicationNotCollected:
    """One addressee did not fetch the registered letter."""

    addressee: str
    not_collected_on: date


@dataclass(frozen=True, kw_only=True)
class CommunicationRefused:
    """One addressee refused to take it."""

    addressee: str
    refused_on: date


@dataclass(frozen=True, kw_only=True)
class CommunicationReturned:
    """It came back: unknown or wrong address."""

    addressee: str
    returned_on: date


@dataclass(frozen=True, kw_only=True)
class CommunicationSentAgain:
    """What did not arrive is sent again, as communication ``again``."""

    again: str
    addressees: tuple[str, ...]
    method: Method
    sent_on: date


@dataclass(frozen=True, kw_only=True)
class ProofCorrected:
    """What was recorded about one addressee was wrong; this holds instead."""

    addressee: str
    outcome: Outcome
    on: date
    why: Sealed
    proof_kind: ProofKind | None = None
    reference: Sealed | None = None
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class CommunicationDropped:
    """It will not be sent."""

    because: Literal["person", "count_restated", "addressees_changed", "landlord_changed", "cause_gone"] = "person"
    replaced_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reached:
    """What became of the letter to one required addressee."""

    addressee: str
    party: str | None
    outcome: Outcome
    on: date
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class LetterReached:
    """An official letter has reached every required addressee; or, after a corrected proof (date None), has not."""

    addressees: tuple[Reached, ...]
    communicated_on: date | None
    sent_on: date
    supersedes: str | None = None  # the id of the event that no longer holds


CommunicationEvent = (
    CommunicationDrafted
    | CommunicationApproved
    | CommunicationApprovalTakenBack
    | CommunicationSent
    | CommunicationRepeated
    | CommunicationDelivered
    | CommunicationNotCollected
    | CommunicationRefused
    | CommunicationReturned
    | CommunicationSentAgain
    | ProofCorrected
    | CommunicationDropped
    | LetterReached
)


@dataclass(frozen=True, kw_only=True)
class AttemptRefused:
    """An act on a letter was refused. It changed nothing."""

    lease: str
    act: str
    about: str  # "communication/<id>"
    code: str
    named: tuple[str, ...] = ()


AttemptEvent = AttemptRefused


TaskKind = Literal[
    "first_visit_due",
    "visit_overdue",
    "report_due",
    "commitment_due",
    "contact_to_answer",
    "repair_due",
    "rehousing",
    "letter_to_approve",
    "letter_not_delivered",
    "notice_not_given",
    "contest_to_decide",
    "late_contest",
    "review_due",
    "review_open",
    "grounds_doubtful",
    "annul_formally",
    "mandate_was_ended",
    "inform_of_policy",
    "office_details_missing",
    "counsellor_card_missing",
    "parked_too_long",
    "message_to_settle",
    "referral_silent",
    "partner_to_tell",
    "bridge_figure_to_ask",
    "notice_blocked",
    "notice_dates_to_correct",
    "posting_slip_to_ask",
]
OwnerRole = Literal["counsellor", "coordinator", "director", "administration", "technical"]


@dataclass(frozen=True, kw_only=True)
class TaskOpened:
    """Somebody has something to do, by a day."""

    lease: str | None  # None: it concerns the office
    kind: TaskKind
    about_kind: str
    about_id: str
    owner_role: OwnerRole
    due_on: date
    owner: str | None = None  # a person, where one is known


@dataclass(frozen=True, kw_only=True)
class TaskDone:
    """A person says it is done."""

    by: str


@dataclass(frozen=True, kw_only=True)
class TaskClosed:
    """Its cause is gone; nobody needs to do it any more."""

    because: str  # the fact that took the cause away: "ReportFixed"


@dataclass(frozen=True, kw_only=True)
class TaskHandedOver:
    """Another person has it to do, since the counsellor of the lease changed."""

    owner: str


TaskEvent = TaskOpened | TaskDone | TaskClosed | TaskHandedOver


@dataclass(frozen=True, kw_only=True)
class TemplateAdopted:
    """The office writes this kind of letter like this from a day on; what was sent stays as it was."""

    id: str
    template: str  # "L-05/nl"
    kind: Kind
    language: str
    version: int
    in_force_from: date
    text: str  # words of the office, no personal data; names in braces stand for what each letter fills in


TemplateEvent = TemplateAdopted


@dataclass(frozen=True, kw_only=True)
class Helpline:
    """Whom a renter can turn to besides the office."""

    name: str
    phone: str


@dataclass(frozen=True, kw_only=True)
class OfficeDetailsAdopted:
    """How the office is reached, and who helps renters where it works. An organisation's data, no person's."""

    id: str
    address: str
    phone: str
    email: str
    ocmw: Helpline | None = None
    renters_union: Helpline | None = None


OfficeDetailsEvent = OfficeDetailsAdopted


@dataclass(frozen=True, kw_only=True)
class CalendarMade:
    """A calendar can be read at a secret address, by calendar programs that send no token."""

    owner: Literal["renter", "counsellor"]
    secret: str  # SHA-256 of the secret, hexadecimal
    lease: str | None = None  # of a renter
    person: str | None = None  # a counsellor


@dataclass(frozen=True, kw_only=True)
class CalendarRevoked:
    """The address answers nothing any more."""

    by: str


CalendarEvent = CalendarMade | CalendarRevoked

SendingChannel = Literal["email", "sms", "whatsapp"]
SettledAs = Literal["sent", "send_again", "given_up"]


@dataclass(frozen=True, kw_only=True)
class SendingQueued:
    """A message to one addressee waits to be handed to its carrier by this service."""

    lease: str
    communication: str
    addressee: str
    channel: SendingChannel
    key: str  # known to the carrier as Message-ID or idempotency key, the same at every try


@dataclass(frozen=True, kw_only=True)
class SendingBegun:
    """A try begins; recorded before anything leaves."""

    attempt: int


@dataclass(frozen=True, kw_only=True)
class SendingSucceeded:
    """The carrier has taken the message."""

    attempt: int
    reference: str | None = None  # as the carrier calls it


@dataclass(frozen=True, kw_only=True)
class SendingFailed:
    """The message did not leave, for certain."""

    attempt: int
    because: str  # a word of ours, never what a carrier said
    again_at: datetime | None = None  # the next try; None: somebody has to look at it


@dataclass(frozen=True, kw_only=True)
class SendingUnknown:
    """A try has no outcome: the message may have left. It is not tried again without a person."""

    attempt: int
    # the carrier fell silent; this service ended; it is from before a backup, or may have left after it was taken
    because: Literal["cut", "ended", "restored"]


@dataclass(frozen=True, kw_only=True)
class SendingSettled:
    """A person says what holds, or what shall be done."""

    outcome: SettledAs
    why: Sealed
    again_at: datetime | None = None  # when it goes again at the earliest; None: at once


@dataclass(frozen=True, kw_only=True)
class RestoreNoticed:
    """The platform stands on a backup: what left between the backup and now is not known here."""

    epoch: int  # the one that the restore began


CarryingEvent = RestoreNoticed
SendingEvent = SendingQueued | SendingBegun | SendingSucceeded | SendingFailed | SendingUnknown | SendingSettled


@dataclass(frozen=True, kw_only=True)
class PostItem:
    """One envelope of a batch: a letter to one addressee."""

    reference: str  # as manifest and carrier call it
    communication: str
    addressee: str
    lease: str


@dataclass(frozen=True, kw_only=True)
class PostBatchMade:
    """Registered letters are printed and posted together."""

    items: tuple[PostItem, ...]
    made_on: date


@dataclass(frozen=True, kw_only=True)
class RowRejected:
    """A row of the carrier's file that cannot be."""

    reference: str
    code: str


@dataclass(frozen=True, kw_only=True)
class CarrierFileTaken:
    """The carrier told what became of letters of the batch; each outcome is an event of its letter."""

    file: str  # SHA-256 of it, hexadecimal
    accepted: tuple[str, ...]
    rejected: tuple[RowRejected, ...]


PostBatchEvent = PostBatchMade | CarrierFileTaken


@dataclass(frozen=True, kw_only=True)
class PreferencesStated:
    """A renter said how, and in which language, messages shall come from a day on."""

    lease: str
    party: str
    channels: tuple[Method, ...]  # the first that the kind of message allows is taken
    from_: date
    language: str | None = None  # None: the language told by visits


PreferencesEvent = PreferencesStated

Event = (
    CommunicationEvent
    | AttemptEvent
    | TaskEvent
    | TemplateEvent
    | OfficeDetailsEvent
    | CalendarEvent
    | SendingEvent
    | CarryingEvent
    | PostBatchEvent
    | PreferencesEvent
)
