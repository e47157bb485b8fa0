"""What referrals tells: help that was offered, and (to who may know) how it went on; the OCMW; the directory.

``ReferralOfferedV1``, ``OcmwConsultedV1`` and ``OcmwAnsweredV1`` come from streams that hold nothing else, so that
evaluations can take these three and never miss one (domain 3.7, I-12). Everything else about a referral is out of its
reach. What a referral is about (need, partner, consent) is sealed in category F; the state of it is in the clear.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.sealed import Sealed

PartnerKind = str  # a word of the office's own: ocmw, caw, debt_mediation, family_care …
InterpreterKind = Literal["professional", "social", "bridge_figure", "informal_adult"]
ReferralState = Literal[
    "proposed", "consent_asked", "refused", "consent_given", "details_given", "called_together", "accompanied",
    "intake_confirmed", "finished", "broken_off", "withdrawn",
]  # fmt: skip
OcmwGround = Literal[
    "arrears", "maintenance", "damage", "nuisance", "neglect", "occupancy", "property", "false_statement",
    "wrongly_admitted", "other",
]  # fmt: skip


# What evaluations may know.


@dataclass(frozen=True, kw_only=True)
class ReferralOfferedV1:
    """Help was offered to the renters of a lease on this day. What help, and what became of it, is not told."""

    lease: str
    offered_on: date


@dataclass(frozen=True, kw_only=True)
class OcmwConsultedV1:
    """The public welfare centre was asked for its view before a further step (gate G4)."""

    lease: str
    consultation: str
    consulted_on: date
    ground: OcmwGround
    told_renter_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class OcmwAnsweredV1:
    """The public welfare centre answered; what it said is sealed in category C."""

    lease: str
    consultation: str
    answered_on: date
    answer: Sealed | None = None


# The way of one referral; not for evaluations.


@dataclass(frozen=True, kw_only=True)
class ReferralProposedV1:
    """A counsellor proposes help of a partner for a need. The partner's id is the text of ``partner``."""

    lease: str
    referral: str
    proposed_on: date
    need: Sealed | None
    partner: Sealed | None
    why: Sealed | None


@dataclass(frozen=True, kw_only=True)
class ReferralConsentAskedV1:
    """The renter was told, in a language they understand, what would be shared, and asked whether it may."""

    lease: str
    referral: str
    asked_on: date


@dataclass(frozen=True, kw_only=True)
class ReferralConsentGivenV1:
    """The renter agrees."""

    lease: str
    referral: str
    given_on: date


@dataclass(frozen=True, kw_only=True)
class ReferralConsentRefusedV1:
    """The renter does not want it. This has no effect on anything else, ever."""

    lease: str
    referral: str
    refused_on: date


@dataclass(frozen=True, kw_only=True)
class ReferralConsentWithdrawnV1:
    """The renter takes the consent back: sharing stops at once.

    :ivar tell_partner: the partner had got or heard something and must be told to stop; the partner's id is the text of
        ``partner``.
    :ivar counsellor: who must tell, None when nobody has the lease.
    """

    lease: str
    referral: str
    withdrawn_on: date
    tell_partner: bool
    partner: Sealed | None = None
    counsellor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ContactDetailsGivenV1:
    """The right contact details were given: of the partner to the renter, or of the renter to the partner."""

    lease: str
    referral: str
    given_on: date
    to: Literal["renter", "partner"]


@dataclass(frozen=True, kw_only=True)
class CalledTogetherV1:
    """Counsellor and renter called the partner together: from here on the referral is warm."""

    lease: str
    referral: str
    called_on: date
    minutes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ReferralAccompaniedV1:
    """Somebody of the office, or a bridge figure, went along: the warmest step."""

    lease: str
    referral: str
    accompanied_on: date
    accompanied_by: str  # a person's id
    minutes: int | None = None


@dataclass(frozen=True, kw_only=True)
class IntakeConfirmedV1:
    """The first real contact at the partner took place: the referral landed."""

    lease: str
    referral: str
    intake_on: date


@dataclass(frozen=True, kw_only=True)
class ReferralFinishedV1:
    """The help came to its end as meant."""

    lease: str
    referral: str
    finished_on: date


@dataclass(frozen=True, kw_only=True)
class ReferralBrokenOffV1:
    """The help stopped before its end; by whom and why is sealed in the service."""

    lease: str
    referral: str
    broken_off_on: date


@dataclass(frozen=True, kw_only=True)
class ReferralFellSilentV1:
    """Nothing was heard since the last step for as many days as the partner's entry allows: a task, nothing else.

    :ivar since: day of the last step.
    :ivar counsellor: whose task it is, None when nobody has the lease.
    """

    lease: str
    referral: str
    since: date
    days: int
    state: ReferralState
    counsellor: str | None = None


@dataclass(frozen=True, kw_only=True)
class BridgeFigureRequestedV1:
    """A bridge figure is asked to come along, with the renter's consent.

    ``name``, ``language`` and ``topic`` are all that a bridge figure may see, beside the appointment (domain 8).
    """

    lease: str
    request: str
    bridge_figure: str
    requested_on: date
    consent_on: date
    person: str | None = None  # the bridge figure's own account
    appointment_on: date | None = None
    slot: str | None = None  # "HH:MM", local time
    name: Sealed | None = None
    language: Sealed | None = None
    topic: Sealed | None = None


# The directory (an office's own, in the shape of HSDS 3.0).


@dataclass(frozen=True, kw_only=True)
class PartnerPhoneV1:
    """A number of a partner or of one of its places."""

    number: Sealed | None
    description: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class PartnerPlaceV1:
    """A place where a partner can be met."""

    name: Sealed | None = None
    address_1: Sealed | None = None
    city: Sealed | None = None
    postal_code: Sealed | None = None
    country: str = "BE"


@dataclass(frozen=True, kw_only=True)
class PartnerServiceV1:
    """Help that a partner offers."""

    name: Sealed | None
    description: Sealed | None = None
    eligibility_description: Sealed | None = None
    application_process: Sealed | None = None
    fees_description: Sealed | None = None
    languages: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()  # which needs of a report it answers


@dataclass(frozen=True, kw_only=True)
class PartnerListedV1:
    """A partner stands in the directory of the office."""

    partner: str
    kind: PartnerKind
    name: Sealed | None
    description: Sealed | None = None
    email: Sealed | None = None
    website: Sealed | None = None
    phones: tuple[PartnerPhoneV1, ...] = ()
    locations: tuple[PartnerPlaceV1, ...] = ()
    services: tuple[PartnerServiceV1, ...] = ()
    silent_after_days: int = 14


@dataclass(frozen=True, kw_only=True)
class PartnerChangedV1:
    """The entry of a partner reads like this from now on, whole."""

    partner: str
    kind: PartnerKind
    name: Sealed | None
    description: Sealed | None = None
    email: Sealed | None = None
    website: Sealed | None = None
    phones: tuple[PartnerPhoneV1, ...] = ()
    locations: tuple[PartnerPlaceV1, ...] = ()
    services: tuple[PartnerServiceV1, ...] = ()
    silent_after_days: int = 14


@dataclass(frozen=True, kw_only=True)
class PartnerRetiredV1:
    """Nobody is referred to this partner any more."""

    partner: str
    retired_on: date


@dataclass(frozen=True, kw_only=True)
class BridgeFigureListedV1:
    """A bridge figure can be asked to help."""

    bridge_figure: str
    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()
    person: str | None = None


@dataclass(frozen=True, kw_only=True)
class BridgeFigureChangedV1:
    """The entry of a bridge figure reads like this from now on, whole."""

    bridge_figure: str
    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()
    person: str | None = None


@dataclass(frozen=True, kw_only=True)
class BridgeFigureRetiredV1:
    """The bridge figure is not asked any more."""

    bridge_figure: str
    retired_on: date


@dataclass(frozen=True, kw_only=True)
class InterpreterListedV1:
    """An interpreter, always an adult, can be asked."""

    interpreter: str
    kind: InterpreterKind
    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InterpreterChangedV1:
    """The entry of an interpreter reads like this from now on, whole."""

    interpreter: str
    kind: InterpreterKind
    name: Sealed | None
    phone: Sealed | None = None
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InterpreterRetiredV1:
    """The interpreter is not asked any more."""

    interpreter: str
    retired_on: date


@dataclass(frozen=True, kw_only=True)
class DataSharingProtocolListedV1:
    """Data of renters may go to a partner from one day to another, both included; open when ``until`` is None."""

    protocol: str
    partner: str
    in_force_from: date
    in_force_until: date | None = None
    reference: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class DataSharingProtocolChangedV1:
    """A protocol is in force on other days from now on; what was shared under the earlier days stays as it was."""

    protocol: str
    partner: str
    in_force_from: date
    in_force_until: date | None = None
    reference: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class DataSharingProtocolRetiredV1:
    """The protocol is not in force from ``retired_on`` on: that day nothing is shared under it any more."""

    protocol: str
    partner: str
    retired_on: date


# Everything that is published; what is nested in a contract is not in it.
Contract = (
    ReferralOfferedV1
    | OcmwConsultedV1
    | OcmwAnsweredV1
    | ReferralProposedV1
    | ReferralConsentAskedV1
    | ReferralConsentGivenV1
    | ReferralConsentRefusedV1
    | ReferralConsentWithdrawnV1
    | ContactDetailsGivenV1
    | CalledTogetherV1
    | ReferralAccompaniedV1
    | IntakeConfirmedV1
    | ReferralFinishedV1
    | ReferralBrokenOffV1
    | ReferralFellSilentV1
    | BridgeFigureRequestedV1
    | PartnerListedV1
    | PartnerChangedV1
    | PartnerRetiredV1
    | BridgeFigureListedV1
    | BridgeFigureChangedV1
    | BridgeFigureRetiredV1
    | InterpreterListedV1
    | InterpreterChangedV1
    | InterpreterRetiredV1
    | DataSharingProtocolListedV1
    | DataSharingProtocolChangedV1
    | DataSharingProtocolRetiredV1
)
