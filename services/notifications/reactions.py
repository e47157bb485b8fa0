"""What notifications does when another service tells it something: it keeps it, drafts letters, opens tasks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from services.notifications import views
from services.notifications.events import CommunicationDrafted
from services.notifications.letters import (
    OFFICE,
    ContestTerm,
    drafted_from_fact,
    facts_with,
    matter_of,
)
from services.notifications.names import letter_named, task_named
from services.notifications.rules.communication import (
    COMMUNICATION,
    SYSTEM,
    Communication,
    Letters,
    Untrue,
    post_with_notice,
    take_back_approval,
    unsent,
)
from services.notifications.rules.following import (
    Closing,
    Gone,
    Opening,
    Tasks,
    leave_tasks,
    take_in,
    task_events,
    to_approve,
)
from services.notifications.rules.kinds import OFFICIAL, POLICIES, Policies
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile, addressees_of, rests_on_arrears
from services.notifications.rules.office import OFFICE_CARD, OFFICE_DETAILS
from services.notifications.rules.task import TASK, Task
from shared.authority import MANDATES
from shared.codec import events_of
from shared.contracts.evaluations import (
    AttemptRefusedV1,
    ChecklistPublishedV1,
    ClaimFiledV1,
    EvaluationAnnulledV1,
    EvaluationCommunicatedV1,
    EvaluationCommunicationCorrectedV1,
    EvaluationContestedV1,
    EvaluationCountRestatedV1,
    EvaluationDecidedNegativeV1,
    EvaluationRecordedV1,
    EvaluationUpheldV1,
    EvaluationWithdrawnV1,
    GroundsConfirmedV1,
    GroundsDoubtfulV1,
    LateContestAdmittedV1,
    MandateEndedV1,
    MandateGivenV1,
    MandateWasEndedV1,
    NoticeDatesComputedV1,
    NoticePostedV1,
    NoticeWithdrawnV1,
    OfficeFoundedV1,
    PolicyAdoptedV1,
    ReviewDueV1,
    ReviewOpenedV1,
    TerminationClosedV1,
    TerminationDecidedV1,
    TerminationLapsedV1,
    TerminationNotPursuedV1,
    TerminationProposedV1,
)
from shared.contracts.notifications import About, Kind
from shared.contracts.referrals import (
    BridgeFigureRequestedV1,
    CalledTogetherV1,
    ContactDetailsGivenV1,
    IntakeConfirmedV1,
    OcmwConsultedV1,
    ReferralAccompaniedV1,
    ReferralBrokenOffV1,
    ReferralConsentAskedV1,
    ReferralConsentGivenV1,
    ReferralConsentRefusedV1,
    ReferralConsentWithdrawnV1,
    ReferralFellSilentV1,
    ReferralFinishedV1,
)
from shared.contracts.visits import (
    AdministratorAppointedV1,
    AdministratorEndedV1,
    AgreementAcceptedV1,
    AgreementBreachedV1,
    AgreementDraftedV1,
    AgreementKeptV1,
    AgreementLapsedV1,
    AgreementPartlyKeptV1,
    AgreementProposedV1,
    AgreementRevisedV1,
    AppointmentAgreedV1,
    BalanceRecordedV1,
    CommitmentDueV1,
    CommitmentFollowedUpV1,
    ContactAnsweredV1,
    ContactLoggedV1,
    CounsellorAssignedV1,
    CounsellorCardMadeV1,
    FindingEstablishedV1,
    FindingReattributedV1,
    FirstVisitDueV1,
    FirstVisitOverdueV1,
    HeadLeaseEndingV1,
    LandlordChangedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    NextVisitOverdueV1,
    OfficeChangedV1,
    PartyAddedV1,
    PartyLeftV1,
    RenterInformedOfPolicyV1,
    ReportFixedV1,
    StandstillEndedV1,
    StandstillStartedV1,
    VisitAnnouncedV1,
    VisitCancelledV1,
    VisitHandedOverV1,
    VisitPlannedV1,
    VisitRecordedV1,
    VisitRescheduledV1,
)
from shared.decisions import AnyStream, Elsewhere, HandOver, TooEarly
from shared.event_sourcing import EventStore, Read, every, one
from shared.inbox import Reactions, Told
from shared.working_days import add_working_days, next_working_day

reactions = Reactions()

_KEPT = events_of(LEASE_FILE)
_DAYS_TO_ACT = 5
_OF_A_VISIT: tuple[Kind, ...] = ("L-02", "L-16")
_OF_AN_EVALUATION: tuple[Kind, ...] = ("L-05", "L-07", "L-16")  # that it is so, that it stays, until when to contest it
_OF_A_TERMINATION: tuple[Kind, ...] = ("L-08", "L-09")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A letter that a fact asks for."""

    kind: Kind
    about_kind: About
    about_id: str
    replaces: str | None = None  # a letter that is dropped for it
    because: Untrue = "cause_gone"  # what that one says is so no more
    told: Any = None


@dataclass(frozen=True)
class Within:
    """The office that a lease comes from, as one that reads there."""

    office: str


async def follow(
    told: Told[Any],
    store: EventStore,
    *wanted: Wanted,
    gone: Gone | None = None,
    dropped: Mapping[str, Untrue] | None = None,
    taken_back: Iterable[str] = (),
    ask: Opening | None = None,
    over: Iterable[Closing] = (),
    from_office: str | None = None,
) -> None:
    """Keep a fact about a lease and record in one commit what follows from it: drafts, drops, tasks.

    :param gone: letters whose cause the fact takes away.
    :param dropped: letters that say what is so no more, in whose place nothing is drafted.
    :param ask: a further task, whose id may lie outside the lease.
    :param over: tasks outside the lease whose cause the fact takes away.
    :param from_office: from where the lease comes with this fact, and all that is known of it.
    """
    lease: str = told.data.lease
    file: LeaseFile = await store.state(LEASE_FILE, lease, by=told if from_office is None else Within(from_office))
    kept = isinstance(told.data, _KEPT)
    after = LEASE_FILE.evolve(file, told.data) if kept else file
    if after.registered is None and from_office is None:
        raise TooEarly(f"visits:lease/{lease}")
    # Nobody who died is written to (EC-18).
    drafts = [(_id_of(want, told), await _draft(want, told, store, after)) for want in wanted if not after.died]
    replaced = {want.replaces: (want.because, _id_of(want, told)) for want in wanted if want.replaces is not None}
    opens, closes = () if ask is None else (ask,), tuple(over)
    await store.decide(
        LEASE_FILE,
        lease,
        partial(
            _taken_in,
            told=told.data,
            within=partial(
                take_in,
                told=told.data,
                kept=kept,
                lease=lease,
                today=told.today,
                named=task_named,
                drafts=drafts,
                dropped={**replaced, **{id: (because, None) for id, because in (dropped or {}).items()}},
                gone=gone,
                taken_back=tuple(taken_back),
            ),
            opens=opens,
            closes=closes,
            comes=None
            if from_office is None
            else HandOver(lease=lease, from_office=from_office, to_office=told.office),
        ),
        by=told,
        reads={
            "file_there": one(LEASE_FILE, lease, office=from_office),
            "letters": every(COMMUNICATION, lease, office=from_office),
            "tasks": every(TASK, lease, office=from_office),
            **_their_tasks(*opens, *closes),
        },
    )


def _taken_in(
    file: LeaseFile,
    *,
    told: Any,
    within: Callable[..., list[Any]],
    opens: Iterable[Opening],
    closes: Iterable[Closing],
    comes: HandOver | None,
    file_there: LeaseFile,
    letters: Letters,
    tasks: Tasks,
    **beyond: Task,
) -> list[Any]:
    return [
        *(() if comes is None else (comes, *leave_tasks(tasks, told=told, office=comes.from_office))),
        *within(file_there if comes is not None else file, letters=letters, tasks=tasks),
        *task_events(opens, closes, lease=None, tasks=beyond, named=task_named, told=told),
    ]


def _their_tasks(*changing: Opening | Closing) -> dict[str, Read]:
    """Let a decision see the tasks outside a lease that open and close with it, each by its id."""
    ids = (task_named(each.kind, each.about_id or "") for each in changing)
    return {id: one(TASK, id) for id in ids}


def _id_of(want: Wanted, told: Told[Any]) -> str:
    return letter_named(want.kind, f"{told.id} {want.replaces or ''}")


async def _draft(want: Wanted, told: Told[Any], store: EventStore, file: LeaseFile) -> CommunicationDrafted:
    lease: str = told.data.lease
    about = (matter_of(file, want.about_kind, want.about_id), told.data)
    facts = await facts_with(store, lease, file, by=told, on=told.today, about=about)
    return await drafted_from_fact(
        store,
        by=told,
        facts=facts,
        kind=want.kind,
        about_kind=want.about_kind,
        about_id=want.about_id,
        addressees=addressees_of(file, kind=want.kind, on=told.today, arrears=rests_on_arrears(file, want.about_id)),
        told=want.told or told.data,
        replaces=want.replaces,
    )


def _anew(letters: Iterable[tuple[str, Communication]], because: Untrue) -> list[Wanted]:
    """Return what is drafted in the place of the official letters that the system drafted."""
    return [
        Wanted(kind=letter.kind, about_kind=letter.about_kind, about_id=letter.about_id, replaces=id, because=because)
        for id, letter in letters
        if _is_ours(letter)
    ]


def _is_ours(letter: Communication) -> bool:
    return letter.kind in OFFICIAL and letter.drafter == SYSTEM


# -- what is only kept ------------------------------------------------------------------------------------------------

reactions.keep(
    LEASE_FILE,
    LeaseRegisteredV1,
    StandstillStartedV1,
    StandstillEndedV1,
    BalanceRecordedV1,
    VisitPlannedV1,
    VisitHandedOverV1,
    AppointmentAgreedV1,
    FindingEstablishedV1,
    AgreementDraftedV1,
    AgreementProposedV1,
    of=lambda told: told.data.lease,
)
reactions.keep(MANDATES, MandateGivenV1, MandateEndedV1, of=lambda told: OFFICE)
reactions.keep(OFFICE_CARD, ChecklistPublishedV1, of=lambda told: OFFICE)


# -- the office -------------------------------------------------------------------------------------------------------


@reactions.to(OfficeFoundedV1)
async def when_office_founded(told: Told[OfficeFoundedV1], store: EventStore) -> None:
    """Keep its name, and ask for the details that letters show until it says how it is reached."""
    entered = bool(await store.state(OFFICE_DETAILS, OFFICE, by=told))
    ask = Opening(
        kind="office_details_missing",
        about_kind="office",
        about_id=told.office,
        owner_role="administration",
        due_on=add_working_days(told.today, _DAYS_TO_ACT),
    )
    await _keep(told, store, OFFICE_CARD, opens=() if entered else (ask,))


@reactions.to(PolicyAdoptedV1)
async def when_policy_adopted(told: Told[PolicyAdoptedV1], store: EventStore) -> None:
    """Keep it; of one that is not the first, somebody informs the renters, for only then can it hold against them.

    Nobody needs to tell of one before it any more.
    """
    before: Policies = await store.state(POLICIES, OFFICE, by=told)
    inform = Opening(
        kind="inform_of_policy",
        about_kind="policy",
        about_id=told.data.version,
        owner_role="administration",
        due_on=next_working_day(told.data.in_force_from),
    )
    await _keep(
        told,
        store,
        POLICIES,
        opens=() if told.data.founding else (inform,),
        closes=[_informed_of(policy.version) for policy in before if not policy.founding],
    )


@reactions.to(CounsellorCardMadeV1)
async def when_counsellor_card_made(told: Told[CounsellorCardMadeV1], store: EventStore) -> None:
    """Keep the card; letters show it from now on."""
    missing = Closing(kind="counsellor_card_missing", about_id=told.data.counsellor)
    await _keep(told, store, OFFICE_CARD, closes=(missing,))


async def _keep(
    told: Told[Any],
    store: EventStore,
    stream: AnyStream,
    *,
    opens: Sequence[Opening] = (),
    closes: Sequence[Closing] = (),
) -> None:
    """Keep a fact about the office, and open and close the tasks that follow from it."""
    await store.decide(
        stream,
        OFFICE,
        partial(_kept_with_tasks, told=told.data, opens=opens, closes=closes),
        by=told,
        reads=_their_tasks(*opens, *closes),
    )


def _kept_with_tasks(
    _state: Any, *, told: Any, opens: Iterable[Opening], closes: Iterable[Closing], **tasks: Task
) -> list[Any]:
    return [told, *task_events(opens, closes, lease=None, tasks=tasks, named=task_named, told=told)]


@reactions.to(MandateWasEndedV1)
async def when_mandate_was_ended(told: Told[MandateWasEndedV1], store: EventStore) -> None:
    """Make a letter that was approved under it a draft again, unless it was sent; the director is told."""
    kind, _, id = told.data.about.partition("/")
    tell = Opening(
        kind="mandate_was_ended",
        about_kind=kind or "event",
        about_id=told.data.event,
        owner_role="director",
        due_on=add_working_days(told.today, _DAYS_TO_ACT),
    )
    said = partial(_taken_back_and_told, tell=tell, lease=told.data.lease)
    act = (told.data.service, told.data.event_type, kind)
    if act != ("notifications", "CommunicationApproved", "communication"):
        await store.decide(TASK, task_named(tell.kind, tell.about_id), said, by=told, reads=_their_tasks(tell))
        return
    back = partial(take_back_approval, approval=told.data.event, mandate=told.data.mandate, person=told.data.person)
    await store.decide(
        COMMUNICATION,
        id,
        partial(said, back=back, approve_again=partial(to_approve, id, today=told.today)),
        by=told,
        reads=_their_tasks(tell, Closing(kind="letter_to_approve", about_id=id)),
    )


def _taken_back_and_told(
    state: Any,
    *,
    tell: Opening,
    lease: str | None,
    back: Callable[[Communication], Iterable[Any]] = lambda _letter: (),
    approve_again: Callable[[Communication], Iterable[Opening]] = lambda _letter: (),
    **tasks: Task,
) -> list[Any]:
    events = list(back(state))
    opens = [tell, *(approve_again(state) if events else ())]
    return [*events, *task_events(opens, (), lease=lease, tasks=tasks, named=task_named, told=None)]


# -- who lives there, and who guides ----------------------------------------------------------------------------------


@reactions.to(CounsellorAssignedV1)
async def when_counsellor_assigned(told: Told[CounsellorAssignedV1], store: EventStore) -> None:
    """Welcome the renters with the first counsellor (L-01); tell them of a later one (L-14).

    Who was taken over from another system has lived there for long, and is not welcomed.
    """
    kind: Kind = "L-01" if told.data.previous is None else "L-14"
    file: LeaseFile = await store.state(LEASE_FILE, told.data.lease, by=told)
    taken_over = file.registered is not None and file.registered.imported and kind == "L-01"
    wanted = Wanted(kind=kind, about_kind="lease", about_id=told.data.lease)
    card = (await store.state(OFFICE_CARD, OFFICE, by=told)).counsellors.get(told.data.counsellor)
    ask = Opening(
        kind="counsellor_card_missing",
        about_kind="counsellor",
        about_id=told.data.counsellor,
        owner_role="administration",
        due_on=add_working_days(told.today, _DAYS_TO_ACT),
    )
    await follow(
        told,
        store,
        *(() if taken_over else (wanted,)),
        ask=ask if card is None else None,
    )


@reactions.to(LandlordChangedV1, OfficeChangedV1)
async def when_landlord_or_office_changed(told: Told[LandlordChangedV1 | OfficeChangedV1], store: EventStore) -> None:
    """Tell the renters (L-14); what was not sent names the new one: drafted anew by us, approved anew by people.

    With the word of the office that a lease came to, all that was recorded about it under the other lies here too.
    What was sent there stays sent, once; of what has to be done the rest is to be done here.
    """
    from_office = told.data.from_office if isinstance(told.data, OfficeChangedV1) else None
    whose = told if from_office is None else Within(from_office)
    letters: Letters = await store.every(COMMUNICATION, told.data.lease, by=whose)
    begun = told.data.starts_on <= told.today  # one that begins later is seen when a letter is sent
    waiting = unsent(letters) if begun else []
    await follow(
        told,
        store,
        # The office that it left has told of it, or has drafted what tells it, which came along.
        *(() if from_office is not None else (Wanted(kind="L-14", about_kind="lease", about_id=told.data.lease),)),
        *_anew(waiting, "landlord_changed"),
        taken_back=[id for id, letter in waiting if not _is_ours(letter)],
        from_office=from_office,
    )


@reactions.to(PartyAddedV1, PartyLeftV1, AdministratorAppointedV1, AdministratorEndedV1)
async def when_addressees_changed(told: Told[Any], store: EventStore) -> None:
    """Draft anew the system's unsent official letters, for those whom they must reach now."""
    letters: Letters = await store.every(COMMUNICATION, told.data.lease, by=told)
    await follow(told, store, *_anew(unsent(letters), "addressees_changed"))


@reactions.to(LeaseEndedV1)
async def when_lease_ended(told: Told[LeaseEndedV1], store: EventStore) -> None:
    """Write no letter to somebody who died: what was not sent is dropped. Who left is told of no policy any more."""
    died = told.data.ground == "death_last_renter"
    left = await views.policies_left_for(store, told.data.lease, by=told)
    await follow(told, store, gone=Gone() if died else None, over=[_informed_of(policy) for policy in left])


@reactions.to(RenterInformedOfPolicyV1)
async def when_renter_informed_of_policy(told: Told[RenterInformedOfPolicyV1], store: EventStore) -> None:
    """Keep it; once the renters of every lease that runs were told of a policy, nobody has to tell of it any more.

    Two leases that are told at one moment do not see each other here; the day's work sees both.
    """
    left = await views.policies_left_for(store, told.data.lease, by=told)
    policy = told.data.policy_version
    await follow(told, store, over=[_informed_of(policy)] if policy in left else ())


def _informed_of(policy: str) -> Closing:
    return Closing(kind="inform_of_policy", about_id=policy)


# -- visits -----------------------------------------------------------------------------------------------------------


@reactions.to(VisitAnnouncedV1)
async def when_visit_announced(told: Told[VisitAnnouncedV1], store: EventStore) -> None:
    """Confirm the visit (L-02)."""
    await follow(told, store, Wanted(kind="L-02", about_kind="visit", about_id=told.data.visit))


@reactions.to(VisitRescheduledV1)
async def when_visit_rescheduled(told: Told[VisitRescheduledV1], store: EventStore) -> None:
    """Tell of the new day (L-02); what was not sent about the old one is dropped."""
    confirmed = Wanted(kind="L-02", about_kind="visit", about_id=told.data.new_visit)
    await follow(told, store, confirmed, gone=Gone(kinds=_OF_A_VISIT, about_id=told.data.visit))


@reactions.to(VisitCancelledV1)
async def when_visit_cancelled(told: Told[VisitCancelledV1], store: EventStore) -> None:
    """Drop what was not sent about it."""
    await follow(told, store, gone=Gone(kinds=_OF_A_VISIT, about_id=told.data.visit))


@reactions.to(ReportFixedV1)
async def when_report_fixed(told: Told[ReportFixedV1], store: EventStore) -> None:
    """Send the renters the report (L-03), once all is known that was seen: it would say that nothing was."""
    file: LeaseFile = await store.state(LEASE_FILE, told.data.lease, by=told)
    unknown = next((finding for finding in told.data.findings if finding not in file.findings), None)
    if unknown is not None:
        raise TooEarly(f"visits:finding/{unknown}")
    await follow(told, store, Wanted(kind="L-03", about_kind="visit", about_id=told.data.visit))


@reactions.to(AgreementAcceptedV1)
async def when_agreement_accepted(told: Told[AgreementAcceptedV1], store: EventStore) -> None:
    """Send the renters their copy of the note (L-04)."""
    await follow(told, store, Wanted(kind="L-04", about_kind="agreement", about_id=told.data.agreement))


# -- evaluations ------------------------------------------------------------------------------------------------------


@reactions.to(EvaluationDecidedNegativeV1)
async def when_evaluation_decided_negative(told: Told[EvaluationDecidedNegativeV1], store: EventStore) -> None:
    """Draft the letter (L-05)."""
    await follow(told, store, Wanted(kind="L-05", about_kind="evaluation", about_id=told.data.evaluation))


@reactions.to(EvaluationCountRestatedV1)
async def when_evaluation_count_restated(told: Told[EvaluationCountRestatedV1], store: EventStore) -> None:
    """Drop the unsent letter, since it tells another count, and draft it anew."""
    letters: Letters = await store.every(COMMUNICATION, told.data.lease, by=told)
    waiting = [id for id, _ in unsent(letters, "L-05", about=told.data.evaluation)]
    anew = [
        Wanted(
            kind="L-05", about_kind="evaluation", about_id=told.data.evaluation, replaces=id, because="count_restated"
        )
        for id in waiting[:1]
    ]
    await follow(told, store, *anew, dropped=dict.fromkeys(waiting[1:], "count_restated"))


@reactions.to(EvaluationRecordedV1)
async def when_evaluation_recorded(told: Told[EvaluationRecordedV1], store: EventStore) -> None:
    """Tell the good news (L-06); a mixed evaluation is talked over instead."""
    positive = told.data.outcome == "positive"
    wanted = Wanted(kind="L-06", about_kind="evaluation", about_id=told.data.evaluation)
    await follow(told, store, *((wanted,) if positive else ()))


@reactions.to(EvaluationUpheldV1)
async def when_evaluation_upheld(told: Told[EvaluationUpheldV1], store: EventStore) -> None:
    """Tell the decision on the contest (L-07)."""
    await follow(told, store, Wanted(kind="L-07", about_kind="evaluation", about_id=told.data.evaluation))


@reactions.to(EvaluationAnnulledV1)
async def when_evaluation_annulled(told: Told[EvaluationAnnulledV1], store: EventStore) -> None:
    """Tell it (L-07); a letter about the evaluation that was not sent, also one that it stays, is dropped."""
    decision = Wanted(kind="L-07", about_kind="evaluation", about_id=told.data.evaluation)
    await follow(told, store, decision, gone=Gone(kinds=_OF_AN_EVALUATION, about_id=told.data.evaluation))


@reactions.to(EvaluationWithdrawnV1)
async def when_evaluation_withdrawn(told: Told[EvaluationWithdrawnV1], store: EventStore) -> None:
    """Drop the letters about it that were not sent."""
    await follow(told, store, gone=Gone(kinds=_OF_AN_EVALUATION, about_id=told.data.evaluation))


@reactions.to(EvaluationCommunicatedV1)
async def when_evaluation_communicated(told: Told[EvaluationCommunicatedV1], store: EventStore) -> None:
    """Tell the renters until when they can contest, now that the exact day is known (L-16)."""
    term = ContestTerm(until=told.data.contest_until, begins=True)
    begins = Wanted(kind="L-16", about_kind="evaluation", about_id=told.data.evaluation, told=term)
    await follow(told, store, *((begins,) if told.data.contest_until >= told.today else ()))


@reactions.to(EvaluationCommunicationCorrectedV1)
async def when_evaluation_communication_corrected(
    told: Told[EvaluationCommunicationCorrectedV1], store: EventStore
) -> None:
    """Tell the renters the corrected last day to contest, if there is one still to come (L-16), and not the earlier."""
    until = told.data.contest_until
    terms = () if until is None or until < told.today else (ContestTerm(until=until, begins=True),)
    await follow(
        told,
        store,
        *(Wanted(kind="L-16", about_kind="evaluation", about_id=told.data.evaluation, told=term) for term in terms),
        gone=Gone(kinds=("L-16",), about_id=told.data.evaluation),
    )


# -- terminations -----------------------------------------------------------------------------------------------------


@reactions.to(TerminationDecidedV1)
async def when_termination_decided(told: Told[TerminationDecidedV1], store: EventStore) -> None:
    """Draft the notice (L-09); a person approves it, and only evaluations posts it."""
    await follow(told, store, Wanted(kind="L-09", about_kind="termination", about_id=told.data.termination))


@reactions.to(NoticePostedV1)
async def when_notice_posted(told: Told[NoticePostedV1], store: EventStore) -> None:
    """Mark the letters of the notice as sent."""
    lease = told.data.lease
    file: LeaseFile = await store.state(LEASE_FILE, lease, by=told)
    if file.registered is None:
        raise TooEarly(f"visits:lease/{lease}")
    tracked = dict(zip(told.data.communications, told.data.tracking, strict=False))
    sealed = {
        id: await store.seals.seal(told.office, lease, "C", "tracking", tracked.get(id))
        for id in told.data.communications
    }
    await store.decide(
        LEASE_FILE,
        lease,
        partial(_posted, told=told.data, tracking=sealed, today=told.today),
        by=told,
        reads={"letters": every(COMMUNICATION, lease), "tasks": every(TASK, lease)},
    )


def _posted(
    file: LeaseFile,
    *,
    told: NoticePostedV1,
    tracking: Mapping[str, Any],
    today: date,
    letters: Letters,
    tasks: Tasks,
) -> list[Any]:
    method: Any = told.method
    return [
        *take_in(
            file, told=told, kept=True, lease=told.lease, today=today, letters=letters, tasks=tasks, named=task_named
        ),
        *(
            Elsewhere(COMMUNICATION, id, event)
            for id in told.communications
            for event in post_with_notice(
                letters.get(id, Communication()), method=method, on=told.posted_on, file=file, tracking=tracking[id]
            )
        ),
    ]


@reactions.to(NoticeWithdrawnV1, TerminationNotPursuedV1)
async def when_lease_goes_on(told: Told[NoticeWithdrawnV1 | TerminationNotPursuedV1], store: EventStore) -> None:
    """Tell the renters (L-10); an invitation that was not sent, or a notice that was not posted, is dropped."""
    goes_on = Wanted(kind="L-10", about_kind="termination", about_id=told.data.termination)
    await follow(told, store, goes_on, gone=Gone(kinds=_OF_A_TERMINATION, about_id=told.data.termination))


@reactions.to(TerminationLapsedV1)
async def when_termination_lapsed(told: Told[TerminationLapsedV1], store: EventStore) -> None:
    """Drop the invitation and the notice that were not sent: the lease has ended without them."""
    await follow(told, store, gone=Gone(kinds=_OF_A_TERMINATION, about_id=told.data.termination))


@reactions.to(OcmwConsultedV1)
async def when_ocmw_consulted(told: Told[OcmwConsultedV1], store: EventStore) -> None:
    """Draft the letter to the OCMW (L-13)."""
    await follow(told, store, Wanted(kind="L-13", about_kind="ocmw_consultation", about_id=told.data.consultation))


@reactions.to(ClaimFiledV1)
async def when_claim_filed(told: Told[ClaimFiledV1], store: EventStore) -> None:
    """Draft the message to the OCMW, the same day (L-13)."""
    await follow(told, store, Wanted(kind="L-13", about_kind="termination", about_id=told.data.termination))


# -- facts that only open or close tasks ------------------------------------------------------------------------------


@reactions.to(
    FirstVisitDueV1,
    FirstVisitOverdueV1,
    NextVisitOverdueV1,
    VisitRecordedV1,
    CommitmentDueV1,
    CommitmentFollowedUpV1,
    AgreementRevisedV1,
    AgreementKeptV1,
    AgreementPartlyKeptV1,
    AgreementBreachedV1,
    AgreementLapsedV1,
    ContactLoggedV1,
    ContactAnsweredV1,
    HeadLeaseEndingV1,
    FindingReattributedV1,
    EvaluationContestedV1,
    LateContestAdmittedV1,
    AttemptRefusedV1,
    ReviewDueV1,
    ReviewOpenedV1,
    TerminationProposedV1,
    NoticeDatesComputedV1,
    GroundsDoubtfulV1,
    GroundsConfirmedV1,
    TerminationClosedV1,
    ReferralFellSilentV1,
    ReferralConsentAskedV1,
    ReferralConsentGivenV1,
    ReferralConsentRefusedV1,
    ReferralConsentWithdrawnV1,
    ContactDetailsGivenV1,
    CalledTogetherV1,
    ReferralAccompaniedV1,
    IntakeConfirmedV1,
    ReferralFinishedV1,
    ReferralBrokenOffV1,
    BridgeFigureRequestedV1,
)
async def when_somebody_has_to_act(told: Told[Any], store: EventStore) -> None:
    """Open and close the tasks that follow."""
    await follow(told, store)
