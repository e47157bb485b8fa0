"""What visits does when evaluations tells it something."""

from typing import Any

from services.visits.rules.lease import LEASE, Lease, run_notice, stop_notice
from services.visits.rules.policy import CHECKLISTS, OFFICE, POLICIES
from services.visits.rules.termination import TERMINATIONS
from shared.authority import MANDATES
from shared.contracts.evaluations import (
    ChecklistPublishedV1,
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
    NoticePostedV1,
    NoticeWithdrawnV1,
    PolicyAdoptedV1,
    ReviewOpenedV1,
    TerminationClosedV1,
    TerminationLapsedV1,
    TerminationNotPursuedV1,
)
from shared.decisions import Elsewhere
from shared.event_sourcing import EventStore
from shared.holds import HOLDS
from shared.inbox import Reactions, Told

reactions = Reactions()

reactions.keep(POLICIES, PolicyAdoptedV1, of=lambda _told: OFFICE)
reactions.keep(CHECKLISTS, ChecklistPublishedV1, of=lambda _told: OFFICE)
reactions.keep(MANDATES, MandateGivenV1, MandateEndedV1, of=lambda _told: OFFICE)
reactions.keep(TERMINATIONS, ReviewOpenedV1, of=lambda told: told.data.lease)
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
    of=lambda told: told.data.lease,
)


@reactions.to(TerminationNotPursuedV1, JudgmentGivenV1, TerminationLapsedV1, TerminationClosedV1)
async def when_a_termination_comes_to_its_end(told: Told[Any], store: EventStore) -> None:
    """Its file is open no more, and neither is a claim in it."""
    lease = told.data.lease
    await store.decide(TERMINATIONS, lease, lambda _open: [told.data, Elsewhere(HOLDS, lease, told.data)], by=told)


@reactions.to(NoticePostedV1)
async def when_notice_posted(told: Told[NoticePostedV1], store: EventStore) -> None:
    """The lease stands under notice."""

    def noticed(lease: Lease) -> list[Any]:
        return [*run_notice(lease, told=told.data), Elsewhere(TERMINATIONS, told.data.lease, told.data)]

    await store.decide(LEASE, told.data.lease, noticed, by=told)


@reactions.to(NoticeWithdrawnV1)
async def when_notice_withdrawn(told: Told[NoticeWithdrawnV1], store: EventStore) -> None:
    """The lease runs on."""

    def stopped(lease: Lease) -> list[Any]:
        return [*stop_notice(lease, told=told.data), Elsewhere(TERMINATIONS, told.data.lease, told.data)]

    await store.decide(LEASE, told.data.lease, stopped, by=told)
