"""What referrals does when another service tells it something: it keeps what its rules look at, and no more."""

from services.referrals.rules.lease import LEASE
from services.referrals.rules.noted_needs import NOTED_NEEDS
from shared.authority import MANDATES
from shared.contracts.evaluations import (
    ClaimFiledV1,
    EvaluationAnnulledV1,
    EvaluationContestedV1,
    EvaluationUpheldV1,
    EvaluationWithdrawnV1,
    HoldLiftedV1,
    HoldPlacedV1,
    JudgmentGivenV1,
    LateContestAdmittedV1,
    MandateEndedV1,
    MandateGivenV1,
    TerminationClosedV1,
    TerminationLapsedV1,
    TerminationNotPursuedV1,
)
from shared.contracts.visits import (
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
from shared.decisions import HandOver
from shared.event_sourcing import EventStore
from shared.holds import HOLDS
from shared.inbox import Reactions, Told

reactions = Reactions()

reactions.keep(
    LEASE,
    LeaseRegisteredV1,
    CounsellorAssignedV1,
    LeaseStartedV1,
    NoticeRunningV1,
    NoticeStoppedV1,
    PartyAddedV1,
    PartyLeftV1,
    LeaseEndedV1,
    LeaseClosedV1,
    of=lambda told: told.data.lease,
)
reactions.keep(NOTED_NEEDS, ReportFixedV1, of=lambda told: told.data.visit)
reactions.keep(MANDATES, MandateGivenV1, MandateEndedV1, of=lambda told: "office")
reactions.keep(
    HOLDS,
    HoldPlacedV1,
    HoldLiftedV1,
    EvaluationContestedV1,
    LateContestAdmittedV1,
    EvaluationUpheldV1,
    EvaluationAnnulledV1,
    EvaluationWithdrawnV1,
    ClaimFiledV1,
    TerminationNotPursuedV1,
    JudgmentGivenV1,
    TerminationLapsedV1,
    TerminationClosedV1,
    of=lambda told: told.data.lease,
)


@reactions.to(OfficeChangedV1)
async def when_office_changed(told: Told[OfficeChangedV1], store: EventStore) -> None:
    """A lease came from another office: what was recorded of it there lies here too from now on."""
    change = told.data
    if change.from_office is not None:
        going = HandOver(lease=change.lease, from_office=change.from_office, to_office=told.office)
        await store.decide(LEASE, change.lease, lambda _lease: [going, change], by=told)
