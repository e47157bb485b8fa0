"""Which event becomes which public contract, and which deliberately none."""

from dataclasses import fields
from typing import Any, TypeVar, assert_never

from services.evaluations import events as e
from shared.contracts import evaluations as told

C = TypeVar("C")


def published(event: e.Event, state: Any, id: str) -> tuple[told.Contract, ...]:
    """Return what the others are told of an event, given its stream's state after it and the stream's id."""
    match event:
        case e.OfficeFounded():
            return (_as(told.OfficeFoundedV1, event),)
        case e.PolicyAdopted():
            return (_as(told.PolicyAdoptedV1, event),)
        case e.ChecklistPublished():
            return (_as(told.ChecklistPublishedV1, event),)
        case e.MandateGiven():
            return (_as(told.MandateGivenV1, event),)
        case e.MandateEnded():
            return (_as(told.MandateEndedV1, event),)
        case e.MandateWasEnded():
            return (_as(told.MandateWasEndedV1, event),)
        case e.AttemptRefused():
            return (_as(told.AttemptRefusedV1, event),)
        case e.ThresholdReached():
            return (_as(told.ThresholdReachedV1, event),)
        case e.ThresholdNoLongerMet():
            return (_as(told.ThresholdNoLongerMetV1, event),)
        case e.ReviewDue():
            return (_as(told.ReviewDueV1, event),)
        case e.EvaluationMomentOpened():
            return (_as(told.EvaluationMomentOpenedV1, event, moment=id),)
        case e.EvaluationProposed():
            return (_as(told.EvaluationProposedV1, event, evaluation=id),)
        case e.EvaluationAmended():
            return (_as(told.EvaluationAmendedV1, event, evaluation=id, lease=state.lease),)
        case e.ProposalAdopted():
            return (_as(told.ProposalAdoptedV1, event, evaluation=id, lease=state.lease),)
        case e.EvaluationDecidedNegative():
            return (
                _as(told.EvaluationDecidedNegativeV1, event, evaluation=id, decided_by=event.by, **_moment_of(state)),
            )
        case e.EvaluationCountRestated():
            return (_as(told.EvaluationCountRestatedV1, event, evaluation=id, lease=state.lease),)
        case e.EvaluationNotUpheld():
            return (_as(told.EvaluationNotUpheldV1, event, evaluation=id, lease=state.lease, decided_by=event.by),)
        case e.EvaluationRecorded():
            moment = _moment_of(state)
            return (_as(told.EvaluationRecordedV1, event, evaluation=id, decided_by=event.by, why=state.why, **moment),)
        case e.EvaluationCommunicated():
            return (_as(told.EvaluationCommunicatedV1, event, evaluation=id, lease=state.lease),)
        case e.EvaluationCommunicationCorrected():
            return (_as(told.EvaluationCommunicationCorrectedV1, event, evaluation=id, lease=state.lease),)
        case e.EvaluationWithdrawn():
            return (_as(told.EvaluationWithdrawnV1, event, evaluation=id, lease=state.lease),)
        case e.EvaluationContested():
            return (_as(told.EvaluationContestedV1, event, evaluation=id, lease=state.lease),)
        case e.LateContestAdmitted():
            return (_as(told.LateContestAdmittedV1, event, evaluation=id, lease=state.lease),)
        case e.EvaluationUpheld():
            return (_as(told.EvaluationUpheldV1, event, evaluation=id, lease=state.lease, decided_by=event.by),)
        case e.EvaluationAnnulled():
            return (_as(told.EvaluationAnnulledV1, event, evaluation=id, lease=state.lease, decided_by=event.by),)
        case e.EvaluationFinal():
            return (_as(told.EvaluationFinalV1, event, evaluation=id, lease=state.lease),)
        case e.EvaluationExpired():
            return (_as(told.EvaluationExpiredV1, event, evaluation=id, lease=state.lease),)
        case e.ReviewOpened():
            return (_as(told.ReviewOpenedV1, event, termination=id),)
        case e.AttributionChecked():
            return (_as(told.AttributionCheckedV1, event, termination=id, lease=state.lease),)
        case e.ProportionalityNoteWritten():
            return (_as(told.ProportionalityNoteWrittenV1, event, termination=id, lease=state.lease),)
        case e.AddresseesChecked():
            return (_as(told.AddresseesCheckedV1, event, termination=id, lease=state.lease),)
        case e.LandlordDutiesChecked():
            return (_as(told.LandlordDutiesCheckedV1, event, termination=id, lease=state.lease),)
        case e.HearingHeld():
            return (_as(told.HearingHeldV1, event, termination=id, lease=state.lease),)
        case e.HearingDeclined():
            return (_as(told.HearingDeclinedV1, event, termination=id, lease=state.lease),)
        case e.HearingMissed():
            return (_as(told.HearingMissedV1, event, termination=id, lease=state.lease),)
        case e.TerminationProposed():
            return (_as(told.TerminationProposedV1, event, termination=id, lease=state.lease),)
        case e.TerminationDecided():
            file = {"termination": id, "lease": state.lease, "route": state.route}
            return (_as(told.TerminationDecidedV1, event, decided_by=event.by, **file),)
        case e.TerminationNotPursued():
            return (_as(told.TerminationNotPursuedV1, event, termination=id, lease=state.lease, decided_by=event.by),)
        case e.NoticePosted():
            return (_as(told.NoticePostedV1, event, termination=id, lease=state.lease),)
        case e.NoticeDatesComputed():
            return (_as(told.NoticeDatesComputedV1, event, termination=id, lease=state.lease),)
        case e.NoticeWithdrawn():
            return (_as(told.NoticeWithdrawnV1, event, termination=id, lease=state.lease),)
        case e.GroundsDoubtful():
            return (_as(told.GroundsDoubtfulV1, event, termination=id, lease=state.lease),)
        case e.GroundsConfirmed():
            return (_as(told.GroundsConfirmedV1, event, termination=id, lease=state.lease),)
        case e.ClaimFiled():
            return (_as(told.ClaimFiledV1, event, termination=id, lease=state.lease),)
        case e.OcmwToldOfClaim():
            return (_as(told.OcmwToldOfClaimV1, event, termination=id, lease=state.lease),)
        case e.ConciliationHeld():
            return (_as(told.ConciliationHeldV1, event, termination=id, lease=state.lease),)
        case e.JudgmentGiven():
            return (_as(told.JudgmentGivenV1, event, termination=id, lease=state.lease),)
        case e.JudgmentServed():
            return (_as(told.JudgmentServedV1, event, termination=id, lease=state.lease),)
        case e.EvictionAnnounced():
            return (_as(told.EvictionAnnouncedV1, event, termination=id, lease=state.lease),)
        case e.EvictionCarriedOut():
            return (_as(told.EvictionCarriedOutV1, event, termination=id, lease=state.lease),)
        case e.RenterLeft():
            return (_as(told.RenterLeftV1, event, termination=id, lease=state.lease),)
        case e.TerminationLapsed():
            return (_as(told.TerminationLapsedV1, event, termination=id, lease=state.lease),)
        case e.TerminationClosed():
            return (_as(told.TerminationClosedV1, event, termination=id, lease=state.lease),)
        case e.HoldPlaced():
            return (_as(told.HoldPlacedV1, event, hold=id),)
        case e.HoldLifted():
            return (_as(told.HoldLiftedV1, event, hold=id, lease=state.placed.lease),)
        case e.RulesTakenOver():
            return ()  # the other office told of its rules when it adopted them
        case e.CourtFileIssued():
            return ()  # a file was made for somebody to read: nobody else acts on it
        case _:
            assert_never(event)


def _moment_of(state: Any) -> dict[str, Any]:
    return {
        "lease": state.lease,
        "moment": state.moment,
        "moment_kind": state.moment_kind,
        "moment_on": state.moment_on,
    }


def _as(contract: type[C], event: Any, **besides: Any) -> C:
    """Return the contract with what the event says, and what its stream knows besides."""
    names = {field.name for field in fields(contract)}  # type: ignore[arg-type]
    said = {field.name: getattr(event, field.name) for field in fields(event) if field.name in names}
    return contract(**{**said, **besides})
