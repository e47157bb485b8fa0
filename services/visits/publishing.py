"""What the others are told of an event, and what deliberately not."""

from typing import Any, assert_never, cast

from services.visits import events as own
from services.visits.rules.agreement import Agreement
from services.visits.rules.card import Card
from services.visits.rules.contact import Contact
from services.visits.rules.finding import Finding
from services.visits.rules.lease import Lease
from services.visits.rules.photo import Photo
from services.visits.rules.visit import Visit
from shared.contracts import visits as told
from shared.retold import retold


def published(event: own.Event, state: Any, stream_id: str) -> tuple[told.Contract, ...]:
    """Return the public contracts of an event, given the state of its stream after it; none for a private one."""
    match event:
        case (
            own.VisitPlanned()
            | own.VisitHandedOver()
            | own.VisitAnnounced()
            | own.AppointmentAgreed()
            | own.VisitRescheduled()
            | own.VisitCancelled()
            | own.VisitRecorded()
            | own.RenterNotHome()
            | own.AccessRefused()
            | own.ReportDrafted()
            | own.ReportFixed()
            | own.ReportLate()
            | own.ReportCorrected()
        ):
            return _of_visit(event, cast(Visit, state), stream_id)
        case (
            own.FindingEstablished()
            | own.FindingAttributed()
            | own.FindingReattributed()
            | own.FindingDiscussed()
            | own.FindingAgreed()
            | own.FollowUpRecorded()
            | own.FindingLinkedAsRepeat()
            | own.PersistenceComputed()
            | own.FindingMarkedMistaken()
            | own.FindingDateConfirmed()
        ):
            return _of_finding(event, cast(Finding, state), stream_id)
        case (
            own.AgreementDrafted()
            | own.AgreementProposed()
            | own.AgreementAccepted()
            | own.AgreementStarted()
            | own.AgreementRefused()
            | own.CommitmentFollowedUp()
            | own.CommitmentDue()
            | own.AgreementRevised()
            | own.AgreementKept()
            | own.AgreementPartlyKept()
            | own.AgreementBreached()
            | own.ReservationSettled()
            | own.AgreementLapsed()
        ):
            return _of_agreement(event, cast(Agreement, state), stream_id)
        case own.ContactLogged():
            return (retold(told.ContactLoggedV1, event, contact=stream_id),)
        case own.ContactAnswered():
            logged = cast(Contact, state).logged
            assert logged is not None
            return (retold(told.ContactAnsweredV1, event, lease=logged.lease, contact=stream_id, kind=logged.kind),)
        case own.CounsellorCardMade():
            return (retold(told.CounsellorCardMadeV1, event),)
        case own.CounsellorCardChanged():
            return (retold(told.CounsellorCardChangedV1, event, counsellor=cast(Card, state).counsellor),)
        case own.PhotoAdded():
            return (retold(told.PhotoAddedV1, event, photo=stream_id),)
        case own.PhotoErased():
            added = cast(Photo, state).added
            assert added is not None
            return (retold(told.PhotoErasedV1, event, lease=added.lease, photo=stream_id, sha256=added.sha256),)
        case own.ImportStarted() | own.ImportAdvanced() | own.ImportFinished():
            return ()  # the office's own bookkeeping: what was taken over is told by the leases and visits themselves
        case _:
            return _of_lease(event, cast(Lease, state), stream_id)


def _of_lease(event: own.LeaseEvent, lease: Lease, id: str) -> tuple[told.Contract, ...]:
    match event:
        case own.LeaseRegistered():
            parties = tuple(_party(party) for party in event.parties)
            return (retold(told.LeaseRegisteredV1, event, lease=id, parties=parties),)
        case own.CounsellorAssigned():
            return (retold(told.CounsellorAssignedV1, event, lease=id),)
        case own.FirstVisitDue():
            return (retold(told.FirstVisitDueV1, event, lease=id),)
        case own.LeaseStarted():
            assert lease.registered is not None and lease.counsellor is not None
            started = told.LeaseStartedV1(lease=id, start=lease.registered.start, counsellor=lease.counsellor)
            return (started,)
        case own.LeaseVisited():
            return ()  # VisitRecorded and CadenceSet tell it; this keeps the lease's own sum of them
        case own.FirstVisitOverdue():
            return (retold(told.FirstVisitOverdueV1, event, lease=id, counsellor=lease.counsellor),)
        case own.NextVisitOverdue():
            return (retold(told.NextVisitOverdueV1, event, lease=id, counsellor=lease.counsellor),)
        case own.CadenceSet():
            return (retold(told.CadenceSetV1, event, lease=id),)
        case own.BalanceRecorded():
            return (retold(told.BalanceRecordedV1, event, lease=id),)
        case own.RenterInformedOfPolicy():
            return (retold(told.RenterInformedOfPolicyV1, event, lease=id),)
        case own.PartyAdded():
            return (retold(told.PartyAddedV1, event, lease=id, party=_party(event.party)),)
        case own.PartyLeft():
            return (retold(told.PartyLeftV1, event, lease=id),)
        case own.AdministratorAppointed():
            contacts = tuple(_contact_point(point) for point in event.contacts)
            return (retold(told.AdministratorAppointedV1, event, lease=id, contacts=contacts),)
        case own.AdministratorEnded():
            return (retold(told.AdministratorEndedV1, event, lease=id),)
        case own.StandstillStarted():
            contacts = tuple(_contact_point(point) for point in event.mediator_contacts)
            return (retold(told.StandstillStartedV1, event, lease=id, mediator_contacts=contacts),)
        case own.StandstillEnded():
            return (retold(told.StandstillEndedV1, event, lease=id),)
        case own.LandlordChanged():
            return (retold(told.LandlordChangedV1, event, lease=id),)
        case own.OfficeChanged():
            return (retold(told.OfficeChangedV1, event, lease=id),)
        case own.LeaseTakenOver():
            return (retold(told.OfficeChangedV1, event, lease=id),)
        case own.HeadLeaseEnding():
            return (retold(told.HeadLeaseEndingV1, event, lease=id),)
        case own.NoticeRunning():
            return (retold(told.NoticeRunningV1, event, lease=id),)
        case own.NoticeStopped():
            return (retold(told.NoticeStoppedV1, event, lease=id),)
        case own.LeaseEnded():
            return (retold(told.LeaseEndedV1, event, lease=id),)
        case own.LeaseClosed():
            return (retold(told.LeaseClosedV1, event, lease=id),)
        case _:
            assert_never(event)


def _of_visit(event: own.VisitEvent, visit: Visit, id: str) -> tuple[told.Contract, ...]:
    whose = {"lease": visit.lease, "visit": id}
    assert visit.visit_on is not None and visit.day is not None
    appointment = {"visit_on": visit.visit_on, "slot": visit.slot}
    match event:
        case own.VisitPlanned():
            return (retold(told.VisitPlannedV1, event, visit=id),)
        case own.VisitHandedOver():
            return (retold(told.VisitHandedOverV1, event, **whose, **appointment),)
        case own.VisitAnnounced():
            come = {"purpose": visit.purpose, "counsellor": visit.counsellor}
            return (retold(told.VisitAnnouncedV1, event, **whose, **appointment, **come),)
        case own.AppointmentAgreed():
            return (retold(told.AppointmentAgreedV1, event, **whose, **appointment),)
        case own.VisitRescheduled():
            planned = {"visit_on": visit.visit_on, "counsellor": visit.counsellor}
            return (retold(told.VisitRescheduledV1, event, **whose, **planned),)
        case own.VisitCancelled():
            return (retold(told.VisitCancelledV1, event, **whose, visit_on=visit.visit_on),)
        case own.VisitRecorded():
            return (retold(told.VisitRecordedV1, event, **whose, visit_on=event.visited_on, purpose=visit.purpose),)
        case own.RenterNotHome():
            return (retold(told.RenterNotHomeV1, event, **whose, **appointment, agreed=visit.agreed),)
        case own.AccessRefused():
            known = {"agreed": visit.agreed, "announced_in_time": visit.told_in_time}
            return (retold(told.AccessRefusedV1, event, **whose, visit_on=visit.visit_on, **known),)
        case own.ReportDrafted():
            return ()  # a draft belongs to who wrote it, and to the coordinator
        case own.ReportFixed():
            return (retold(told.ReportFixedV1, event, **whose, visit_on=visit.day),)
        case own.ReportLate():
            return (retold(told.ReportLateV1, event, **whose, visit_on=visit.day),)
        case own.ReportCorrected():
            return (retold(told.ReportCorrectedV1, event, **whose),)
        case _:
            assert_never(event)


def _of_finding(event: own.FindingEvent, finding: Finding, id: str) -> tuple[told.Contract, ...]:
    whose = {"lease": finding.lease, "finding": id}
    on_item = {**whose, "item": finding.item}
    match event:
        case own.FindingEstablished():
            return (retold(told.FindingEstablishedV1, event, finding=id),)
        case own.FindingAttributed():
            return (retold(told.FindingAttributedV1, event, **on_item),)
        case own.FindingReattributed():
            return (retold(told.FindingReattributedV1, event, **on_item),)
        case own.FindingDiscussed():
            return (retold(told.FindingDiscussedV1, event, **whose),)
        case own.FindingAgreed():
            return (retold(told.FindingAgreedV1, event, **whose),)
        case own.FollowUpRecorded():
            return (retold(told.FollowUpRecordedV1, event, **on_item),)
        case own.FindingLinkedAsRepeat():
            return (retold(told.FindingLinkedAsRepeatV1, event, **on_item),)
        case own.PersistenceComputed():
            return ()  # follows from the other events; evaluations computes its own from the dates on which it judges
        case own.FindingMarkedMistaken():
            return (retold(told.FindingMarkedMistakenV1, event, **whose),)
        case own.FindingDateConfirmed():
            return (retold(told.FindingDateConfirmedV1, event, **whose),)
        case _:
            assert_never(event)


def _of_agreement(event: own.AgreementEvent, agreement: Agreement, id: str) -> tuple[told.Contract, ...]:
    assert agreement.drafted is not None
    whose = {"lease": agreement.lease, "agreement": id}
    about = {**whose, "findings": agreement.drafted.findings}
    match event:
        case own.AgreementDrafted():
            return (retold(told.AgreementDraftedV1, event, agreement=id),)
        case own.AgreementProposed():
            commitments = tuple(retold(told.CommitmentV1, one) for one in event.commitments)
            return (retold(told.AgreementProposedV1, event, **about, commitments=commitments),)
        case own.AgreementAccepted():
            return (retold(told.AgreementAcceptedV1, event, **about),)
        case own.AgreementStarted():
            return (retold(told.AgreementStartedV1, event, **whose),)
        case own.AgreementRefused():
            return (retold(told.AgreementRefusedV1, event, **whose),)
        case own.CommitmentFollowedUp():
            return (retold(told.CommitmentFollowedUpV1, event, **whose, by=_by(agreement, event.commitment)),)
        case own.CommitmentDue():
            return (retold(told.CommitmentDueV1, event, **whose, by=_by(agreement, event.commitment)),)
        case own.AgreementRevised():
            return (retold(told.AgreementRevisedV1, event, **whose),)
        case own.AgreementKept():
            return (retold(told.AgreementKeptV1, event, **about),)
        case own.AgreementPartlyKept():
            return (retold(told.AgreementPartlyKeptV1, event, **about),)
        case own.AgreementBreached():
            return (retold(told.AgreementBreachedV1, event, **about),)
        case own.ReservationSettled():
            return (retold(told.ReservationSettledV1, event, **whose),)
        case own.AgreementLapsed():
            return (retold(told.AgreementLapsedV1, event, **whose),)
        case _:
            assert_never(event)


def _by(agreement: Agreement, commitment: str) -> own.CommitmentBy:
    found = agreement.commitment(commitment)
    assert found is not None
    return found.by


def _party(party: own.Party) -> told.PartyV1:
    return retold(told.PartyV1, party, contacts=tuple(_contact_point(point) for point in party.contacts))


def _contact_point(point: own.ContactPoint) -> told.ContactPointV1:
    return retold(told.ContactPointV1, point)
