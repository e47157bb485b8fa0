"""What the others are told of an event, and what deliberately not."""

from typing import Any, assert_never, cast

from services.referrals import events as own
from services.referrals.rules.ocmw_consultation import OcmwConsultation
from services.referrals.rules.referral import Referral
from shared.contracts import referrals as told
from shared.retold import retold


def published(event: own.Event, state: Any, id: str) -> tuple[Any, ...]:
    """Return what is told of an event: its contract, or nothing where it is private on purpose.

    :param state: the event's stream after it.
    :param id: the stream's id without its kind.
    """
    match event:
        case own.ReferralOffered():
            return (retold(told.ReferralOfferedV1, event),)
        case own.OcmwConsulted():
            return (retold(told.OcmwConsultedV1, event, consultation=id),)
        case own.OcmwAnswered():
            consulted = cast(OcmwConsultation, state).consulted
            assert consulted is not None
            return (retold(told.OcmwAnsweredV1, event, lease=consulted.lease, consultation=id),)
        case own.PartnerListed():
            return (retold(told.PartnerListedV1, event, partner=id, **_parts(event)),)
        case own.PartnerChanged():
            return (retold(told.PartnerChangedV1, event, partner=id, **_parts(event)),)
        case own.PartnerRetired():
            return (retold(told.PartnerRetiredV1, event, partner=id),)
        case own.PartnerCovered() | own.PartnerNoLongerCovered():
            return ()  # beside the protocol's own event, which is published, for the rules of this service only
        case own.DataSharingProtocolListed():
            return (retold(told.DataSharingProtocolListedV1, event, protocol=id),)
        case own.DataSharingProtocolChanged():
            return (retold(told.DataSharingProtocolChangedV1, event, protocol=id),)
        case own.DataSharingProtocolRetired():
            return (retold(told.DataSharingProtocolRetiredV1, event, protocol=id),)
        case own.BridgeFigureListed():
            return (retold(told.BridgeFigureListedV1, event, bridge_figure=id),)
        case own.BridgeFigureChanged():
            return (retold(told.BridgeFigureChangedV1, event, bridge_figure=id),)
        case own.BridgeFigureRetired():
            return (retold(told.BridgeFigureRetiredV1, event, bridge_figure=id),)
        case own.BridgeFigureRequested():
            return (retold(told.BridgeFigureRequestedV1, event, request=id),)
        case own.InterpreterListed():
            return (retold(told.InterpreterListedV1, event, interpreter=id),)
        case own.InterpreterChanged():
            return (retold(told.InterpreterChangedV1, event, interpreter=id),)
        case own.InterpreterRetired():
            return (retold(told.InterpreterRetiredV1, event, interpreter=id),)
        case _:
            return _of_referral(event, cast(Referral, state), id)


def _of_referral(event: own.ReferralEvent, referral: Referral, id: str) -> tuple[Any, ...]:
    whose = {"lease": referral.lease, "referral": id}
    match event:
        case own.ReferralProposed():
            return (retold(told.ReferralProposedV1, event, referral=id),)
        case own.ReferralConsentAsked():
            return (retold(told.ReferralConsentAskedV1, event, **whose),)
        case own.ReferralConsentGiven():
            return (retold(told.ReferralConsentGivenV1, event, **whose),)
        case own.ReferralConsentRefused():
            return (retold(told.ReferralConsentRefusedV1, event, **whose),)
        case own.ReferralConsentWithdrawn():
            assert referral.proposed is not None
            return (retold(told.ReferralConsentWithdrawnV1, event, **whose, partner=referral.proposed.partner),)
        case own.ContactDetailsGiven():
            return (retold(told.ContactDetailsGivenV1, event, **whose),)
        case own.CalledTogether():
            return (retold(told.CalledTogetherV1, event, **whose),)
        case own.ReferralAccompanied():
            return (retold(told.ReferralAccompaniedV1, event, **whose),)
        case own.IntakeConfirmed():
            return (retold(told.IntakeConfirmedV1, event, **whose),)
        case own.ReferralFinished():
            return (retold(told.ReferralFinishedV1, event, **whose),)
        case own.ReferralBrokenOff():
            return (retold(told.ReferralBrokenOffV1, event, **whose),)
        case own.ReferralFellSilent():
            return (retold(told.ReferralFellSilentV1, event, **whose),)
        case own.ReferralForgotten():
            return ()  # each service that kept something of it kept it sealed under the key that is gone
        case _:
            assert_never(event)


def _parts(entry: own.PartnerListed | own.PartnerChanged) -> dict[str, Any]:
    return {
        "phones": tuple(retold(told.PartnerPhoneV1, phone) for phone in entry.phones),
        "locations": tuple(retold(told.PartnerPlaceV1, place) for place in entry.locations),
        "services": tuple(retold(told.PartnerServiceV1, offered) for offered in entry.services),
    }
