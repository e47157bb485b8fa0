"""Which event of referrals becomes which public contract."""

from typing import Any, assert_never

from services.referrals.events import (
    BridgeFigureChanged,
    BridgeFigureListed,
    BridgeFigureRequested,
    BridgeFigureRetired,
    CalledTogether,
    ContactDetailsGiven,
    DataSharingProtocolChanged,
    DataSharingProtocolListed,
    DataSharingProtocolRetired,
    Event,
    IntakeConfirmed,
    InterpreterChanged,
    InterpreterListed,
    InterpreterRetired,
    OcmwAnswered,
    OcmwConsulted,
    PartnerChanged,
    PartnerCovered,
    PartnerListed,
    PartnerNoLongerCovered,
    PartnerRetired,
    ReferralAccompanied,
    ReferralBrokenOff,
    ReferralConsentAsked,
    ReferralConsentGiven,
    ReferralConsentRefused,
    ReferralConsentWithdrawn,
    ReferralFellSilent,
    ReferralFinished,
    ReferralOffered,
    ReferralProposed,
)
from shared.contracts import referrals as public


def published(event: Event, state: Any, id: str) -> tuple[Any, ...]:
    """Return what is told of an event: its contract, or nothing where it is private on purpose.

    :param state: the event's stream after it.
    :param id: the stream's id without its kind.
    """
    match event:
        case ReferralOffered():
            return (public.ReferralOfferedV1(lease=event.lease, offered_on=event.offered_on),)
        case ReferralProposed():
            return (
                public.ReferralProposedV1(
                    lease=event.lease,
                    referral=id,
                    proposed_on=event.proposed_on,
                    need=event.need,
                    partner=event.partner,
                    why=event.why,
                ),
            )
        case ReferralConsentAsked():
            return (public.ReferralConsentAskedV1(lease=state.lease, referral=id, asked_on=event.asked_on),)
        case ReferralConsentGiven():
            return (public.ReferralConsentGivenV1(lease=state.lease, referral=id, given_on=event.given_on),)
        case ReferralConsentRefused():
            return (public.ReferralConsentRefusedV1(lease=state.lease, referral=id, refused_on=event.refused_on),)
        case ReferralConsentWithdrawn():
            return (
                public.ReferralConsentWithdrawnV1(
                    lease=state.lease,
                    referral=id,
                    withdrawn_on=event.withdrawn_on,
                    tell_partner=event.tell_partner,
                    partner=state.proposed.partner,
                    counsellor=event.counsellor,
                ),
            )
        case ContactDetailsGiven():
            return (public.ContactDetailsGivenV1(lease=state.lease, referral=id, given_on=event.given_on, to=event.to),)
        case CalledTogether():
            return (
                public.CalledTogetherV1(
                    lease=state.lease, referral=id, called_on=event.called_on, minutes=event.minutes
                ),
            )
        case ReferralAccompanied():
            return (
                public.ReferralAccompaniedV1(
                    lease=state.lease,
                    referral=id,
                    accompanied_on=event.accompanied_on,
                    accompanied_by=event.accompanied_by,
                    minutes=event.minutes,
                ),
            )
        case IntakeConfirmed():
            return (public.IntakeConfirmedV1(lease=state.lease, referral=id, intake_on=event.intake_on),)
        case ReferralFinished():
            return (public.ReferralFinishedV1(lease=state.lease, referral=id, finished_on=event.finished_on),)
        case ReferralBrokenOff():
            return (public.ReferralBrokenOffV1(lease=state.lease, referral=id, broken_off_on=event.broken_off_on),)
        case ReferralFellSilent():
            return (
                public.ReferralFellSilentV1(
                    lease=state.lease,
                    referral=id,
                    since=event.since,
                    days=event.days,
                    state=event.state,
                    counsellor=event.counsellor,
                ),
            )
        case OcmwConsulted():
            return (
                public.OcmwConsultedV1(
                    lease=event.lease,
                    consultation=id,
                    consulted_on=event.consulted_on,
                    ground=event.ground,
                    told_renter_on=event.told_renter_on,
                ),
            )
        case OcmwAnswered():
            return (
                public.OcmwAnsweredV1(
                    lease=state.consulted.lease,
                    consultation=id,
                    answered_on=event.answered_on,
                    answer=event.answer,
                ),
            )
        case PartnerListed():
            return (public.PartnerListedV1(partner=id, **_entry(event)),)
        case PartnerChanged():
            return (public.PartnerChangedV1(partner=id, **_entry(event)),)
        case PartnerRetired():
            return (public.PartnerRetiredV1(partner=id, retired_on=event.retired_on),)
        case PartnerCovered() | PartnerNoLongerCovered():
            # Beside the protocol's own event, which is published, for the rules of this service only.
            return ()
        case DataSharingProtocolListed():
            return (
                public.DataSharingProtocolListedV1(
                    protocol=id,
                    partner=event.partner,
                    in_force_from=event.in_force_from,
                    in_force_until=event.in_force_until,
                    reference=event.reference,
                ),
            )
        case DataSharingProtocolChanged():
            return (
                public.DataSharingProtocolChangedV1(
                    protocol=id,
                    partner=event.partner,
                    in_force_from=event.in_force_from,
                    in_force_until=event.in_force_until,
                    reference=event.reference,
                ),
            )
        case DataSharingProtocolRetired():
            return (
                public.DataSharingProtocolRetiredV1(protocol=id, partner=event.partner, retired_on=event.retired_on),
            )
        case BridgeFigureListed():
            return (
                public.BridgeFigureListedV1(
                    bridge_figure=id,
                    name=event.name,
                    phone=event.phone,
                    languages=event.languages,
                    person=event.person,
                ),
            )
        case BridgeFigureChanged():
            return (
                public.BridgeFigureChangedV1(
                    bridge_figure=id,
                    name=event.name,
                    phone=event.phone,
                    languages=event.languages,
                    person=event.person,
                ),
            )
        case BridgeFigureRetired():
            return (public.BridgeFigureRetiredV1(bridge_figure=id, retired_on=event.retired_on),)
        case BridgeFigureRequested():
            return (
                public.BridgeFigureRequestedV1(
                    lease=event.lease,
                    request=id,
                    bridge_figure=event.bridge_figure,
                    requested_on=event.requested_on,
                    consent_on=event.consent_on,
                    person=event.person,
                    appointment_on=event.appointment_on,
                    slot=event.slot,
                    name=event.name,
                    language=event.language,
                    topic=event.topic,
                ),
            )
        case InterpreterListed():
            return (
                public.InterpreterListedV1(
                    interpreter=id, kind=event.kind, name=event.name, phone=event.phone, languages=event.languages
                ),
            )
        case InterpreterChanged():
            return (
                public.InterpreterChangedV1(
                    interpreter=id, kind=event.kind, name=event.name, phone=event.phone, languages=event.languages
                ),
            )
        case InterpreterRetired():
            return (public.InterpreterRetiredV1(interpreter=id, retired_on=event.retired_on),)
        case _:
            assert_never(event)


def _entry(entry: PartnerListed | PartnerChanged) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "description": entry.description,
        "email": entry.email,
        "website": entry.website,
        "phones": tuple(
            public.PartnerPhoneV1(number=phone.number, description=phone.description) for phone in entry.phones
        ),
        "locations": tuple(
            public.PartnerPlaceV1(
                name=place.name,
                address_1=place.address_1,
                city=place.city,
                postal_code=place.postal_code,
                country=place.country,
            )
            for place in entry.locations
        ),
        "services": tuple(
            public.PartnerServiceV1(
                name=offered.name,
                description=offered.description,
                eligibility_description=offered.eligibility_description,
                application_process=offered.application_process,
                fees_description=offered.fees_description,
                languages=offered.languages,
                needs=offered.needs,
            )
            for offered in entry.services
        ),
        "silent_after_days": entry.silent_after_days,
    }
