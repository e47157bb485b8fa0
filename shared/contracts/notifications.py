"""What notifications tells the other services: letters, messages, and the proof that they arrived (domain 3.8, 9)."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.sealed import Sealed

Kind = Literal[
    "L-01", "L-02", "L-03", "L-04", "L-05", "L-06", "L-07", "L-08",
    "L-09", "L-10", "L-11", "L-12", "L-13", "L-14", "L-15", "L-16",
]  # fmt: skip
About = Literal["lease", "visit", "agreement", "evaluation", "termination", "ocmw_consultation"]
Method = Literal[
    "letter", "registered_paper", "registered_electronic", "handover", "bailiff",
    "email", "sms", "whatsapp", "facebook", "phone", "counter",
]  # fmt: skip
TrustLevel = Literal["none", "advanced", "qualified"]
ProofKind = Literal["handover", "receipt", "carrier", "bailiff", "electronic"]
Outcome = Literal["delivered", "refused", "not_collected", "returned"]
AddresseeRole = Literal["party", "administrator", "debt_mediator", "ocmw", "helper", "other"]


@dataclass(frozen=True, kw_only=True)
class AddressedV1:
    """One who gets the letter: ``addressee`` is unique within the communication, and the party's id for a party."""

    addressee: str
    role: AddresseeRole
    party: str | None = None  # None for an organisation or person outside the lease
    copy: bool = False  # gets a copy only; its outcome never decides whether the letter has reached anybody
    name: Sealed | None = None
    address: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class CommunicationDraftedV1:
    """A letter or message was drafted, by a person or (actor ``SYS``) from a fact."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressees: tuple[AddressedV1, ...]
    missing: tuple[str, ...] = ()  # codes of mandatory parts that a system draft still lacks
    again: str | None = None  # the first communication, when this one is sent again by another method
    replaces: str | None = None  # the dropped draft this one stands for


@dataclass(frozen=True, kw_only=True)
class CommunicationApprovedV1:
    """The letter was approved and its bytes were frozen."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressees: tuple[AddressedV1, ...]
    approved_on: date
    document: str  # SHA-256 of the exact bytes, hexadecimal
    template: str | None = None  # template and version the text was made from
    notice_start: date | None = None  # L-09: the dates the letter states, from ``notice_dates`` of the approval day
    notice_end: date | None = None
    post_until: date | None = None  # L-09: last posting day for which those dates hold, included


@dataclass(frozen=True, kw_only=True)
class CommunicationApprovalTakenBackV1:
    """The approval does not stand, since the approver's mandate had ended; the letter is a draft again."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str


@dataclass(frozen=True, kw_only=True)
class CommunicationSentV1:
    """The letter left the office for all its addressees; ``sent_on`` is the letter date of domain 9.3."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressees: tuple[AddressedV1, ...]
    method: Method
    sent_on: date
    required: tuple[str, ...] = ()  # addressees that must all be reached, as of the letter date
    tracking: Sealed | None = None
    again: str | None = None  # the first communication, when this one is the same letter sent again


@dataclass(frozen=True, kw_only=True)
class CommunicationDeliveredV1:
    """One addressee has it, with proof."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressee: str
    party: str | None
    delivered_on: date
    proof_kind: ProofKind
    reference: Sealed
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class CommunicationNotCollectedV1:
    """One addressee did not fetch the registered letter."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressee: str
    party: str | None
    not_collected_on: date


@dataclass(frozen=True, kw_only=True)
class CommunicationRefusedV1:
    """One addressee refused to take the letter."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressee: str
    party: str | None
    refused_on: date


@dataclass(frozen=True, kw_only=True)
class CommunicationReturnedV1:
    """The letter to one addressee came back: unknown or wrong address."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressee: str
    party: str | None
    returned_on: date


@dataclass(frozen=True, kw_only=True)
class CommunicationSentAgainV1:
    """What some addressees did not get is sent to them again: a new communication with the same frozen letter."""

    lease: str
    communication: str  # the one that did not arrive
    kind: Kind
    about_kind: About
    about_id: str
    again: str  # the new communication
    addressees: tuple[str, ...]
    method: Method
    sent_on: date


@dataclass(frozen=True, kw_only=True)
class ProofCorrectedV1:
    """What was recorded about one addressee was wrong; ``outcome`` and ``on`` hold instead."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str
    addressee: str
    party: str | None
    outcome: Outcome
    on: date
    why: Sealed
    reference: Sealed | None = None
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class CommunicationDroppedV1:
    """The draft or approved letter will not be sent."""

    lease: str
    communication: str
    kind: Kind
    about_kind: About
    about_id: str


@dataclass(frozen=True, kw_only=True)
class ReachedV1:
    """What became of the letter to one required addressee."""

    addressee: str
    party: str | None
    outcome: Outcome
    on: date
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class LetterReachedV1:
    """An official letter has reached every required addressee (domain 9.3).

    ``communicated_on`` is the latest of their dates. After a corrected proof it is told again, with the id of the
    event it ``supersedes``; then None says that the letter is not communicated after all.
    """

    lease: str
    communication: str  # the first communication of the letter, also when it arrived by one sent again
    kind: Kind
    about_kind: About
    about_id: str
    addressees: tuple[ReachedV1, ...]
    communicated_on: date | None
    sent_on: date  # the letter date
    supersedes: str | None = None


@dataclass(frozen=True, kw_only=True)
class AttemptRefusedV1:
    """An act on a letter was refused. It changed nothing."""

    lease: str
    act: str
    about: str  # "communication/<id>"
    code: str  # NOT_BAD_NEWS_SENDER, TRANSLATION_MISSING …
    named: tuple[str, ...] = ()  # the codes inside it: the missing parts


Contract = (
    CommunicationDraftedV1
    | CommunicationApprovedV1
    | CommunicationApprovalTakenBackV1
    | CommunicationSentV1
    | CommunicationDeliveredV1
    | CommunicationNotCollectedV1
    | CommunicationRefusedV1
    | CommunicationReturnedV1
    | CommunicationSentAgainV1
    | ProofCorrectedV1
    | CommunicationDroppedV1
    | LetterReachedV1
    | AttemptRefusedV1
)
