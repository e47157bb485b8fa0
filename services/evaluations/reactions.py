"""What evaluations does when another service tells it something: it keeps it, and takes the count again at once.

Nothing here judges: decisions about people live in ``rules/judgement``, which this room may not import.
"""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from services.evaluations.rules.before import BEFORE, take_rules_over
from services.evaluations.rules.case import CASE, Case
from services.evaluations.rules.checklist import CHECKLISTS
from services.evaluations.rules.evaluation import EVALUATION, Evaluation, communicate
from services.evaluations.rules.lease_file import Act, LeaseFile, in_file, what_follows
from services.evaluations.rules.mandates import BREACH, MANDATES, note_ended_mandate
from services.evaluations.rules.office import OFFICE_ID
from services.evaluations.rules.policy import POLICIES
from services.evaluations.rules.steps_of_law import received, recompute_notice
from services.evaluations.rules.termination import TERMINATION
from services.evaluations.views import whole_file
from shared.clock import local_date
from shared.contracts.notifications import (
    CommunicationApprovalTakenBackV1,
    CommunicationApprovedV1,
    CommunicationDeliveredV1,
    CommunicationDroppedV1,
    CommunicationReturnedV1,
    CommunicationSentV1,
    LetterReachedV1,
    ProofCorrectedV1,
)
from shared.contracts.referrals import OcmwAnsweredV1, OcmwConsultedV1, ReferralOfferedV1
from shared.contracts.visits import (
    AccessRefusedV1,
    AdministratorAppointedV1,
    AdministratorEndedV1,
    AgreementAcceptedV1,
    AgreementBreachedV1,
    AgreementDraftedV1,
    AgreementKeptV1,
    AgreementLapsedV1,
    AgreementPartlyKeptV1,
    AgreementProposedV1,
    AgreementRefusedV1,
    AgreementRevisedV1,
    CommitmentFollowedUpV1,
    ContactAnsweredV1,
    ContactLoggedV1,
    CounsellorAssignedV1,
    FindingAgreedV1,
    FindingAttributedV1,
    FindingDateConfirmedV1,
    FindingDiscussedV1,
    FindingEstablishedV1,
    FindingLinkedAsRepeatV1,
    FindingMarkedMistakenV1,
    FindingReattributedV1,
    FollowUpRecordedV1,
    LeaseClosedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    LeaseStartedV1,
    OfficeChangedV1,
    PartyAddedV1,
    PartyLeftV1,
    RenterInformedOfPolicyV1,
    RenterNotHomeV1,
    ReportFixedV1,
    StandstillEndedV1,
    StandstillStartedV1,
    VisitRecordedV1,
)
from shared.decisions import AnyStream, Elsewhere, HandOver
from shared.event_sourcing import EventStore, one
from shared.inbox import Reactions, Told

reactions = Reactions()


def _act(told: Told[Any]) -> Act:
    return Act(
        on=told.occurred_on or told.today,
        today=told.today,
        at=told.at,
        actor=told.actor,
        recorded_at=told.recorded_at,
        new_review=str(uuid4()),
    )


async def _decide(
    told: Told[Any], store: EventStore, stream: AnyStream, id: str, decision: Callable[[Any, LeaseFile], Iterable[Any]]
) -> None:
    """Decide once about a stream of the lease, seeing the whole file; a mandate that had ended is noted with it."""
    lease = told.data.lease
    follows = in_file(decision, lease=lease, stream=stream, id=id, act=_act(told))

    def decide(state: Any, *, mandates: Any, breach: Any, **file: Any) -> list[Any]:
        ended = note_ended_mandate(
            breach,
            mandates=mandates,
            mandate=told.mandate,
            recorded_on=local_date(told.recorded_at),
            occurred_on=told.occurred_on or told.today,
            service=told.publisher,
            event=told.id,
            event_type=told.type,
            about=told.stream,
            lease=lease,
        )
        noted = [Elsewhere(BREACH, told.id, event, follows=True) for event in ended]
        return [*follows(state, **file), *noted]

    reads = {**whole_file(lease), "mandates": one(MANDATES, OFFICE_ID), "breach": one(BREACH, told.id)}
    await store.decide(stream, id, decide, by=told, reads=reads)


@reactions.to(
    LeaseRegisteredV1,
    LeaseStartedV1,
    RenterInformedOfPolicyV1,
    CounsellorAssignedV1,
    PartyAddedV1,
    PartyLeftV1,
    AdministratorAppointedV1,
    AdministratorEndedV1,
    StandstillStartedV1,
    StandstillEndedV1,
    LeaseEndedV1,
    LeaseClosedV1,
    VisitRecordedV1,
    RenterNotHomeV1,
    AccessRefusedV1,
    ReportFixedV1,
    FindingEstablishedV1,
    FindingAttributedV1,
    FindingReattributedV1,
    FindingDiscussedV1,
    FindingAgreedV1,
    FollowUpRecordedV1,
    FindingLinkedAsRepeatV1,
    FindingMarkedMistakenV1,
    FindingDateConfirmedV1,
    AgreementDraftedV1,
    AgreementProposedV1,
    AgreementAcceptedV1,
    AgreementRefusedV1,
    CommitmentFollowedUpV1,
    AgreementRevisedV1,
    AgreementKeptV1,
    AgreementPartlyKeptV1,
    AgreementBreachedV1,
    AgreementLapsedV1,
    ContactLoggedV1,
    ContactAnsweredV1,
    ReferralOfferedV1,
    OcmwConsultedV1,
    OcmwAnsweredV1,
    CommunicationApprovedV1,
    CommunicationApprovalTakenBackV1,
    CommunicationSentV1,
    CommunicationReturnedV1,
    CommunicationDroppedV1,
)
async def when_told_of_the_lease(told: Told[Any], store: EventStore) -> None:
    """Keep the fact in the file of its lease."""

    def keep(_case: Case, _file: LeaseFile) -> list[Any]:
        return [told.data]

    await _decide(told, store, CASE, told.data.lease, keep)


@reactions.to(OfficeChangedV1)
async def when_office_changed(told: Told[OfficeChangedV1], store: EventStore) -> None:
    """A lease came from another office: its whole file lies here from now on, and the count is taken by our rules.

    Those under which it stood there come along, for what the renter was told there holds here (domain 4.6).
    """
    change, lease = told.data, told.data.lease
    if change.from_office is None:
        await _decide(told, store, CASE, lease, lambda _case, _file: [change])
        return
    from_office, act = change.from_office, _act(told)

    def come(
        _case: Case, *, policies: Any, checklists: Any, before: Any, ours: Any, our_checklists: Any, **there: Any
    ) -> list[Any]:
        rules = take_rules_over(
            lease=lease,
            from_office=from_office,
            starts_on=change.starts_on,
            policies=policies,
            checklists=checklists,
        )
        left = LeaseFile.of(lease, policies=policies, checklists=checklists, before=before, **there)
        came = left.came(from_office, rules, policies=ours, checklists=our_checklists, before=before, act=act)
        going = HandOver(lease=lease, from_office=from_office, to_office=told.office)
        return [
            going,
            change,
            Elsewhere(BEFORE, lease, rules, follows=True),
            *what_follows(left, came.after(CASE, lease, [change], act), act),
        ]

    reads = {
        **whole_file(lease, office=from_office),
        "ours": one(POLICIES, OFFICE_ID),
        "our_checklists": one(CHECKLISTS, OFFICE_ID),
    }
    await store.decide(CASE, lease, come, by=told, reads=reads)


@reactions.to(CommunicationDeliveredV1, ProofCorrectedV1)
async def when_delivered(told: Told[CommunicationDeliveredV1 | ProofCorrectedV1], store: EventStore) -> None:
    """Keep what became of a letter; a notice received later than presumed ends later (domain 5.2)."""
    proof = told.data

    def keep(case: Case, file: LeaseFile) -> list[Any]:
        events: list[Any] = [proof]
        posted = file.terminations.get(proof.about_id)
        received_on = received(proof, case=case)
        if proof.kind == "L-09" and posted is not None and received_on is not None:
            later = recompute_notice(posted, received_on=received_on)
            events += [Elsewhere(TERMINATION, proof.about_id, event) for event in later]
        return events

    await _decide(told, store, CASE, proof.lease, keep)


@reactions.to(LetterReachedV1)
async def when_letter_reached(told: Told[LetterReachedV1], store: EventStore) -> None:
    """The letter about a negative evaluation has reached the renter: it is communicated, and counts from that day."""
    letter = told.data
    if letter.kind != "L-05" or letter.about_kind != "evaluation":
        await _decide(told, store, CASE, letter.lease, lambda _case, _file: [])
        return

    def reached(evaluation: Evaluation, file: LeaseFile) -> list[Any]:
        days = 0
        if evaluation.decided is not None:  # what the letter says, or longer where a milder policy came since
            days = max(evaluation.decided.contest_days, file.contest_days(letter.about_id, on=told.today))
        return list(
            communicate(
                evaluation,
                communication=letter.communication,
                communicated_on=letter.communicated_on,
                contest_days=days,
                today=told.today,
            )
        )

    await _decide(told, store, EVALUATION, letter.about_id, reached)
