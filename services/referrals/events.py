"""What can happen in referrals. Stored like this for as long as the platform exists.

What a referral is about (need, partner, what was agreed to, who said what) is sealed in category F: it is forgotten
with its key, and the steps remain as facts without content. The texts of the directory are sealed too.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.contracts.referrals import InterpreterKind, OcmwGround, PartnerKind, ReferralState
from shared.contracts.visits import (
    Channel,
    CounsellorAssignedV1,
    LeaseClosedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    LeaseStartedV1,
    NoticeRunningV1,
    NoticeStoppedV1,
    OfficeChangedV1,
    PartyAddedV1,
    PartyLeftV1,
    ReportFixedV1,
)
from shared.sealed import Sealed

# The offer, in a stream of its own: all that evaluations may ever know of a referral.


@dataclass(frozen=True, kw_only=True)
class ReferralOffered:
    """Help was offered to the renters of a lease."""

    lease: str
    offered_on: date


# One referral.


@dataclass(frozen=True, kw_only=True)
class ReferralProposed:
    """A counsellor proposes the help of a partner for a need that goes beyond the duties of a renter (P04)."""

    lease: str
    proposed_on: date
    need: Sealed | None
    partner: Sealed | None  # the partner's id
    why: Sealed | None = None
    silent_after_days: int = 14  # as the partner's entry said that day


@dataclass(frozen=True, kw_only=True)
class ReferralConsentAsked:
    """The renter was told what would be shared with the partner, and in which language."""

    asked_on: date
    explained_in: Sealed | None
    what_is_shared: tuple[Sealed, ...]


@dataclass(frozen=True, kw_only=True)
class ReferralConsentGiven:
    """The renter agrees to the referral, and to sharing what is in the scope and nothing else."""

    given_on: date
    scope: tuple[Sealed, ...]  # empty: yes to the help, no to sharing anything
    form: Sealed | None = None  # how the yes was given: signed, spoken, …
    by_party: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReferralConsentRefused:
    """The renter does not want the help."""

    refused_on: date
    by_party: str | None = None
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ReferralConsentWithdrawn:
    """The renter takes the consent back; from now on nothing is shared."""

    withdrawn_on: date
    tell_partner: bool  # the partner had got or heard something and must be told to stop
    by_party: str | None = None
    why: Sealed | None = None
    counsellor: str | None = None  # who is to tell the partner


@dataclass(frozen=True, kw_only=True)
class ContactDetailsGiven:
    """The renter got the partner's details, or the partner those of the renter."""

    given_on: date
    to: Literal["renter", "partner"]
    given_by: str  # a person's id
    shared: tuple[Sealed, ...] = ()  # what went to the partner; empty: all of the scope
    protocol: str | None = None  # the data-sharing protocol under which it went


@dataclass(frozen=True, kw_only=True)
class CalledTogether:
    """Counsellor and renter called the partner together."""

    called_on: date
    called_by: str  # a person's id
    minutes: int | None = None
    spoke_with: Sealed | None = None
    protocol: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReferralAccompanied:
    """Somebody went along to the partner."""

    accompanied_on: date
    accompanied_by: str  # a person's id: the counsellor or a bridge figure
    minutes: int | None = None


@dataclass(frozen=True, kw_only=True)
class IntakeConfirmed:
    """The first real contact at the partner took place."""

    intake_on: date
    confirmed_by: Sealed | None
    received_by: Channel | None = None  # how the office heard of it


@dataclass(frozen=True, kw_only=True)
class ReferralFinished:
    """The help came to its end as meant."""

    finished_on: date
    by: Sealed | None = None
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ReferralBrokenOff:
    """The help stopped before its end."""

    broken_off_on: date
    by: Sealed | None = None
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ReferralFellSilent:
    """Nothing was heard since the last step for as long as the partner's entry allows. A task, nothing else."""

    since: date
    days: int
    state: ReferralState
    counsellor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReferralForgotten:
    """What the referral was about is erased for good; that help was offered, and its steps, remain as facts."""

    forgotten_on: date


# The public welfare centre.


@dataclass(frozen=True, kw_only=True)
class OcmwConsulted:
    """The OCMW was asked for its view. Needs no consent for arrears of a social lease; the renter is told."""

    lease: str
    consulted_on: date
    ground: OcmwGround
    told_renter_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class OcmwAnswered:
    """The OCMW answered."""

    answered_on: date
    answer: Sealed | None = None


# The directory of an office, in the shape of HSDS 3.0 (Human Services Data Specification).


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A telephone number."""

    number: Sealed | None
    description: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a partner can be met."""

    name: Sealed | None = None
    address_1: Sealed | None = None
    city: Sealed | None = None
    postal_code: Sealed | None = None
    country: str = "BE"


@dataclass(frozen=True, kw_only=True)
class OfferedService:
    """Help that a partner offers."""

    name: Sealed | None
    description: Sealed | None = None
    eligibility_description: Sealed | None = None
    application_process: Sealed | None = None
    fees_description: Sealed | None = None
    languages: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PartnerListed:
    """A partner stands in the directory."""

    kind: PartnerKind
    name: Sealed | None
    description: Sealed | None = None
    email: Sealed | None = None
    website: Sealed | None = None
    phones: tuple[Phone, ...] = ()
    locations: tuple[Place, ...] = ()
    services: tuple[OfferedService, ...] = ()
    silent_after_days: int = 14


@dataclass(frozen=True, kw_only=True)
class PartnerChanged:
    """The entry reads like this from now on, whole; what it said before stays in the history."""

    kind: PartnerKind
    name: Sealed | None
    description: Sealed | None = None
    email: Sealed | None = None
    website: Sealed | None = None
    phones: tuple[Phone, ...] = ()
    locations: tuple[Place, ...] = ()
    services: tuple[OfferedService, ...] = ()
    silent_after_days: int = 14


@dataclass(frozen=True, kw_only=True)
class PartnerRetired:
    """Nobody is referred to this partner any more."""

    retired_on: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class PartnerCovered:
    """Data may go to the partner under a protocol on these days, both included; the last word on one protocol holds."""

    protocol: str
    in_force_from: date
    in_force_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class PartnerNoLongerCovered:
    """The protocol is not in force from ``retired_on`` on."""

    protocol: str
    retired_on: date


@dataclass(frozen=True, kw_only=True)
class DataSharingProtocolListed:
    """Office and partner agreed in writing on what may be shared, from one day to another, both included."""

    partner: str
    in_force_from: date
    in_force_until: date | None = None
    reference: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class DataSharingProtocolChanged:
    """The protocol is in force on other days from now on. What was shared under the earlier ones stays as it was."""

    partner: str
    in_force_from: date
    in_force_until: date | None = None
    reference: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class DataSharingProtocolRetired:
    """Nothing is shared under the protocol from ``retired_on`` on."""

    partner: str
    retired_on: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class BridgeFigureListed:
    """A bridge figure can be asked to help where language or cultural difference blocks the talk (P31)."""

    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()
    person: str | None = None  # the bridge figure's own account


@dataclass(frozen=True, kw_only=True)
class BridgeFigureChanged:
    """The entry reads like this from now on, whole."""

    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()
    person: str | None = None


@dataclass(frozen=True, kw_only=True)
class BridgeFigureRetired:
    """The bridge figure is not asked any more."""

    retired_on: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class BridgeFigureRequested:
    """A bridge figure is asked to come along, with the renter's consent.

    Name, contact language, appointment and the topic in one line are all that a bridge figure sees (domain 8).
    """

    lease: str
    bridge_figure: str
    requested_on: date
    consent_on: date
    person: str | None = None
    appointment_on: date | None = None
    slot: str | None = None
    name: Sealed | None = None
    language: Sealed | None = None
    topic: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class InterpreterListed:
    """An interpreter, always an adult, can be asked (P30)."""

    kind: InterpreterKind
    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InterpreterChanged:
    """The entry reads like this from now on, whole."""

    kind: InterpreterKind
    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InterpreterRetired:
    """The interpreter is not asked any more."""

    retired_on: date
    why: Sealed | None = None


OfferEvent = ReferralOffered
ReferralEvent = (
    ReferralProposed
    | ReferralConsentAsked
    | ReferralConsentGiven
    | ReferralConsentRefused
    | ReferralConsentWithdrawn
    | ContactDetailsGiven
    | CalledTogether
    | ReferralAccompanied
    | IntakeConfirmed
    | ReferralFinished
    | ReferralBrokenOff
    | ReferralFellSilent
    | ReferralForgotten
)
ConsultationEvent = OcmwConsulted | OcmwAnswered
PartnerEvent = PartnerListed | PartnerChanged | PartnerRetired | PartnerCovered | PartnerNoLongerCovered
ProtocolEvent = DataSharingProtocolListed | DataSharingProtocolChanged | DataSharingProtocolRetired
BridgeFigureEvent = BridgeFigureListed | BridgeFigureChanged | BridgeFigureRetired
BridgeRequestEvent = BridgeFigureRequested
InterpreterEvent = InterpreterListed | InterpreterChanged | InterpreterRetired

# Told by visits and kept as they were told.
LeaseEvent = (
    LeaseRegisteredV1
    | CounsellorAssignedV1
    | LeaseStartedV1
    | NoticeRunningV1
    | NoticeStoppedV1
    | OfficeChangedV1
    | PartyAddedV1
    | PartyLeftV1
    | LeaseEndedV1
    | LeaseClosedV1
)
NotedNeedsEvent = ReportFixedV1

Event = (
    OfferEvent
    | ReferralEvent
    | ConsultationEvent
    | PartnerEvent
    | ProtocolEvent
    | BridgeFigureEvent
    | BridgeRequestEvent
    | InterpreterEvent
)
