"""What follows from what we are told: the drafts and tasks of one fact, in one decision (domain 9.4)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.notifications.events import CommunicationDrafted, CommunicationSentAgain, OwnerRole, TaskKind, TaskOpened
from services.notifications.rules.communication import (
    COMMUNICATION,
    Addressed,
    Communication,
    Letters,
    Untrue,
    draft_from_fact,
    drop_for,
    take_back_for_new_landlord,
    unsent,
    with_outcome,
)
from services.notifications.rules.kinds import OFFICIAL
from services.notifications.rules.lease_file import LEASE_FILE, EvaluationTold, LeaseFile, Note, parties_on
from services.notifications.rules.task import TASK, Task, close_task, hand_over_task, open_task
from shared.contracts import evaluations, referrals, visits
from shared.contracts.evaluations import (
    AttemptRefusedV1,
    EvaluationAnnulledV1,
    EvaluationContestedV1,
    EvaluationUpheldV1,
    EvaluationWithdrawnV1,
    GroundsConfirmedV1,
    GroundsDoubtfulV1,
    LateContestAdmittedV1,
    NoticeDatesComputedV1,
    NoticePostedV1,
    NoticeWithdrawnV1,
    ReviewDueV1,
    ReviewOpenedV1,
    TerminationClosedV1,
    TerminationLapsedV1,
    TerminationNotPursuedV1,
    TerminationProposedV1,
)
from shared.contracts.notifications import Kind
from shared.contracts.referrals import (
    BridgeFigureRequestedV1,
    CalledTogetherV1,
    ContactDetailsGivenV1,
    IntakeConfirmedV1,
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
    AgreementBreachedV1,
    AgreementKeptV1,
    AgreementLapsedV1,
    AgreementPartlyKeptV1,
    AgreementRevisedV1,
    CommitmentDueV1,
    CommitmentFollowedUpV1,
    ContactAnsweredV1,
    ContactLoggedV1,
    CounsellorAssignedV1,
    FindingReattributedV1,
    FirstVisitDueV1,
    FirstVisitOverdueV1,
    HeadLeaseEndingV1,
    LeaseEndedV1,
    NextVisitOverdueV1,
    ReportFixedV1,
    VisitRecordedV1,
)
from shared.decisions import Elsewhere
from shared.working_days import add_working_days, next_working_day

Tasks = Mapping[str, Task]
NameOf = Callable[[TaskKind, str], str]  # the id of the task of a kind about a thing
LATE_CONTEST, GATE_OPEN = "CONTEST_TOO_LATE", "GATE_OPEN"
WORKING_DAYS_TO_ACT = 5
WORKING_DAYS_TO_SEND_AGAIN = 2
TO_REACH: tuple[TaskKind, ...] = (
    "letter_not_delivered",
    "notice_not_given",
)  # open while somebody is still to be reached


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A task that a fact opens."""

    kind: TaskKind
    about_kind: str
    about_id: str
    owner_role: OwnerRole
    due_on: date
    owner: str | None = None

    def of(self, lease: str | None) -> TaskOpened:
        """Return the task, as one of a lease, or of none."""
        return TaskOpened(
            lease=lease,
            kind=self.kind,
            about_kind=self.about_kind,
            about_id=self.about_id,
            owner_role=self.owner_role,
            owner=self.owner,
            due_on=self.due_on,
        )


@dataclass(frozen=True, kw_only=True)
class Closing:
    """A task whose cause a fact takes away.

    :ivar about_id: None: all of the kind that the lease has.
    """

    kind: TaskKind
    about_id: str | None


Follows = tuple[Iterable[Opening], Iterable[Closing]]  # the tasks that open, and those that close


@dataclass(frozen=True, kw_only=True)
class Gone:
    """Letters whose cause a fact takes away; those that were sent stay sent.

    :ivar kinds: empty: every kind. :ivar about_id: None: about anything.
    """

    kinds: tuple[Kind, ...] = ()
    about_id: str | None = None


def take_in(
    file: LeaseFile,
    *,
    told: Any,
    kept: bool,
    lease: str,
    today: date,
    letters: Letters,
    tasks: Tasks,
    named: NameOf,
    drafts: Iterable[tuple[str, CommunicationDrafted]] = (),
    dropped: Mapping[str, tuple[Untrue, str | None]] | None = None,
    gone: Gone | None = None,
    taken_back: Iterable[str] = (),
) -> list[Any]:
    """Keep a fact about a lease, with the drafts and tasks that follow from it.

    :param kept: whether the lease's file keeps this fact.
    :param drafts: letters the fact asks for, by id; those that exist are left alone.
    :param dropped: letters that the fact makes untrue, with why and what stands for each; those sent stay.
    :param taken_back: letters in people's words whose frozen frame no longer holds; approved anew they show what does.
    """
    events: list[Any] = [told] if kept else []
    awaiting: list[Opening] = []
    settled: list[Closing] = []
    untrue = dict(dropped or {})
    if gone is not None:
        for id, _ in unsent(letters, *gone.kinds, about=gone.about_id):
            untrue.setdefault(id, ("cause_gone", None))
    for id, (because, replaced_by) in untrue.items():
        letter = letters.get(id, Communication())
        events += [
            Elsewhere(COMMUNICATION, id, event) for event in drop_for(letter, because=because, replaced_by=replaced_by)
        ]
        settled.append(Closing(kind="letter_to_approve", about_id=id))
    for id in taken_back:
        letter = letters.get(id, Communication())
        events += [Elsewhere(COMMUNICATION, id, event) for event in take_back_for_new_landlord(letter)]
        awaiting += to_approve(id, letter, today=today)
    for id, drafted in drafts:
        if drafted.replaces is not None and letters.get(drafted.replaces, Communication()).stage in ("sent", "dropped"):
            continue  # it left, or was dropped, while this one was being written
        events += [
            Elsewhere(COMMUNICATION, id, event)
            for event in draft_from_fact(letters.get(id, Communication()), drafted=drafted)
        ]
        if id not in letters:
            awaiting += to_approve(id, drafted, today=today)
    after = LEASE_FILE.evolve(file, told) if kept else file
    opens, closes = tasks_of(told, file=after, today=today)
    return [
        *events,
        *task_events(
            (*opens, *awaiting),
            (*closes, *settled, *no_longer_to_deliver(told, letters)),
            lease=lease,
            tasks=tasks,
            named=named,
            told=told,
        ),
    ]


def to_approve(id: str, letter: CommunicationDrafted | Communication, *, today: date) -> list[Opening]:
    """Return the task that a letter gives to who answers for it; other letters can wait in the list.

    An official letter does, and one to the OCMW, which is due at once (5.8).
    """
    if letter.kind not in OFFICIAL and letter.kind != "L-13":
        return []
    return [
        Opening(
            kind="letter_to_approve",
            about_kind="communication",
            about_id=id,
            owner_role="director" if letter.kind in ("L-09", "L-10") else "coordinator",
            owner=next(iter(letter.senders), None),
            due_on=next_working_day(today) if letter.kind == "L-13" else add_working_days(today, WORKING_DAYS_TO_ACT),
        )
    ]


def tasks_of_reach(letter: Communication, events: list[Any], *, id: str, today: date) -> Follows:
    """Return the task that opens where a letter did not arrive, and those that close once it has nobody left to reach.

    :param events: what became of the letter, first.
    """
    told = events[0]
    left = {one.to.addressee: _task_to_reach(letter, one) for one in with_outcome(letter, told).yet_to_reach()}
    due = add_working_days(today, WORKING_DAYS_TO_SEND_AGAIN)
    opens = [
        Opening(kind=kind, about_kind="communication", about_id=id, owner_role="administration", due_on=due)
        for addressee, kind in left.items()
        if not isinstance(told, CommunicationSentAgain) and addressee == told.addressee
    ]
    return opens, [Closing(kind=kind, about_id=id) for kind in TO_REACH if kind not in left.values()]


def _task_to_reach(letter: Communication, one: Addressed) -> TaskKind:
    return "notice_not_given" if letter.kind == "L-09" and one.state == "returned" else "letter_not_delivered"


def task_events(
    opens: Iterable[Opening],
    closes: Iterable[Closing],
    *,
    lease: str | None,
    tasks: Tasks,
    named: NameOf,
    told: Any,
) -> list[Elsewhere]:
    """Return the events of the tasks that open and close."""
    events: list[Elsewhere] = []
    for closing in closes:
        because = type(told).__name__.removesuffix("V1")
        events += [
            Elsewhere(TASK, id, event)
            for id in _closed_by(closing, tasks, named)
            for event in close_task(tasks.get(id, Task()), because=because)
        ]
    for opening in opens:
        id = named(opening.kind, opening.about_id)
        task = tasks.get(id, Task())
        events += [Elsewhere(TASK, id, event) for event in open_task(task, opened=opening.of(lease))]
    if isinstance(told, CounsellorAssignedV1) and told.previous:
        events += [
            Elsewhere(TASK, id, event)
            for id, task in tasks.items()
            for event in hand_over_task(task, from_=told.previous, to=told.counsellor)
        ]
    return events


def leave_tasks(tasks: Tasks, *, told: Any, office: str) -> list[Elsewhere]:
    """Return the end of an office's open tasks about a lease that goes to another one, where the same stand open.

    What became of a message that the office sent only that office can find out: that task stays with it alone.
    """
    because = type(told).__name__.removesuffix("V1")
    return [
        Elsewhere(TASK, id, event, office=None if stays else office)
        for id, task in tasks.items()
        if task.opened is not None
        for stays in (task.opened.kind == "message_to_settle",)
        for event in close_task(task, because=because)
    ]


def _closed_by(closing: Closing, tasks: Tasks, named: NameOf) -> Iterable[str]:
    if closing.about_id is not None:
        return (named(closing.kind, closing.about_id),)
    return [id for id, task in tasks.items() if task.opened is not None and task.opened.kind == closing.kind]


def no_longer_to_deliver(told: Any, letters: Letters) -> list[Closing]:
    """Return the tasks of letters that need to reach nobody any more, since what they say no longer holds."""
    kinds: tuple[Kind, ...]
    match told:
        case EvaluationAnnulledV1() | EvaluationWithdrawnV1():
            kinds, about = ("L-05",), told.evaluation
        case NoticeWithdrawnV1() | TerminationNotPursuedV1() | TerminationLapsedV1():
            kinds, about = ("L-08", "L-09"), told.termination
        case _:
            return []
    return [
        Closing(kind=kind, about_id=id)
        for id, letter in letters.items()
        if letter.kind in kinds and letter.about_id == about
        for kind in TO_REACH
    ]


def tasks_of(told: Any, *, file: LeaseFile, today: date) -> Follows:
    """Return which tasks a fact opens and which it closes; most facts do neither."""
    if isinstance(told, visits.Contract):
        return _of_visits(told, file, today)
    if isinstance(told, referrals.Contract):
        return _of_referrals(told, file, today)
    if isinstance(told, evaluations.Contract):
        return _of_evaluations(told, file, today)
    return [], []


def _of_visits(told: visits.Contract, file: LeaseFile, today: date) -> Follows:
    counsellor = file.counsellor
    soon = add_working_days(today, WORKING_DAYS_TO_ACT)
    match told:
        case FirstVisitDueV1():
            return [Opening(kind="first_visit_due", about_kind="lease", about_id=told.lease, owner_role="counsellor",
                            owner=counsellor, due_on=told.due_on)], []  # fmt: skip
        case FirstVisitOverdueV1() | NextVisitOverdueV1():
            return [Opening(kind="visit_overdue", about_kind="lease", about_id=told.lease, owner_role="counsellor",
                            owner=told.counsellor or counsellor, due_on=told.due_on)], []  # fmt: skip
        case VisitRecordedV1():
            closes = [
                Closing(kind="first_visit_due", about_id=told.lease),
                Closing(kind="visit_overdue", about_id=told.lease),
            ]
            if told.interpreter == "bridge_figure":
                closes.append(Closing(kind="bridge_figure_to_ask", about_id=None))
            if told.imported:
                return [], closes
            due = told.report_due_on or add_working_days(told.visit_on, WORKING_DAYS_TO_ACT)
            return [Opening(kind="report_due", about_kind="visit", about_id=told.visit, owner_role="counsellor",
                            owner=counsellor, due_on=due)], closes  # fmt: skip
        case ReportFixedV1():
            return [], [Closing(kind="report_due", about_id=told.visit)]
        case CommitmentDueV1():
            return [Opening(kind="commitment_due", about_kind="commitment", about_id=told.commitment,
                            owner_role="counsellor", owner=counsellor, due_on=told.due_on)], []  # fmt: skip
        case CommitmentFollowedUpV1():
            return [], [Closing(kind="commitment_due", about_id=told.commitment)]
        case AgreementRevisedV1():
            return [], [Closing(kind="commitment_due", about_id=id) for id in told.dropped]
        case AgreementKeptV1() | AgreementPartlyKeptV1() | AgreementBreachedV1() | AgreementLapsedV1():
            note = file.notes.get(told.agreement, Note())
            commitments = note.proposed.commitments if note.proposed else ()
            return [], [Closing(kind="commitment_due", about_id=one.id) for one in commitments]
        case ContactLoggedV1() if told.answer_due_on is not None:
            repair = told.kind == "repair_report"
            return [Opening(kind="repair_due" if repair else "contact_to_answer", about_kind="contact",
                            about_id=told.contact, owner_role="technical" if repair else "counsellor",
                            owner=told.owner, due_on=told.answer_due_on)], []  # fmt: skip
        case ContactAnsweredV1():
            return [], [
                Closing(kind="contact_to_answer", about_id=told.contact),
                Closing(kind="repair_due", about_id=told.contact),
            ]
        case HeadLeaseEndingV1():
            return [Opening(kind="rehousing", about_kind="lease", about_id=told.lease, owner_role="coordinator",
                            due_on=next_working_day(told.ends_on))], []  # fmt: skip
        case LeaseEndedV1():
            ended: list[Closing] = [
                Closing(kind=kind, about_id=told.lease) for kind in ("first_visit_due", "visit_overdue", "rehousing")
            ]
            return [], [*ended, Closing(kind="bridge_figure_to_ask", about_id=None)]
        case FindingReattributedV1() if told.to != "renter":
            return [
                Opening(kind="annul_formally", about_kind="evaluation", about_id=id, owner_role="coordinator",
                        due_on=soon)
                for id, one in file.evaluations.items()
                if _rests_on(one, told.finding) and not one.is_gone
            ], []  # fmt: skip
        case _:
            return [], []


def _of_referrals(told: referrals.Contract, file: LeaseFile, today: date) -> Follows:
    counsellor = file.counsellor
    soon = add_working_days(today, WORKING_DAYS_TO_ACT)
    match told:
        case ReferralFellSilentV1():
            return [Opening(kind="referral_silent", about_kind="referral", about_id=told.referral,
                            owner_role="counsellor", owner=told.counsellor or counsellor, due_on=soon)], []  # fmt: skip
        case ReferralConsentWithdrawnV1():
            stop = Opening(kind="partner_to_tell", about_kind="referral", about_id=told.referral,
                           owner_role="counsellor", owner=told.counsellor or counsellor,
                           due_on=next_working_day(today))  # fmt: skip
            over = [Closing(kind="referral_silent", about_id=told.referral)]
            return [stop] if told.tell_partner else [], over
        case (
            ReferralConsentAskedV1()
            | ReferralConsentGivenV1()
            | ReferralConsentRefusedV1()
            | ContactDetailsGivenV1()
            | CalledTogetherV1()
            | ReferralAccompaniedV1()
            | IntakeConfirmedV1()
            | ReferralFinishedV1()
            | ReferralBrokenOffV1()
        ):
            return [], [Closing(kind="referral_silent", about_id=told.referral)]
        case BridgeFigureRequestedV1():
            due = min(soon, told.appointment_on) if told.appointment_on and told.appointment_on > today else soon
            return [Opening(kind="bridge_figure_to_ask", about_kind="bridge_figure_request", about_id=told.request,
                            owner_role="counsellor", owner=counsellor, due_on=due)], []  # fmt: skip
        case _:
            return [], []


def _of_evaluations(told: evaluations.Contract, file: LeaseFile, today: date) -> Follows:
    soon = add_working_days(today, WORKING_DAYS_TO_ACT)
    match told:
        case EvaluationContestedV1() | LateContestAdmittedV1():
            return [Opening(kind="contest_to_decide", about_kind="evaluation", about_id=told.evaluation,
                            owner_role="director", due_on=soon)], [
                Closing(kind="late_contest", about_id=told.evaluation)
            ]  # fmt: skip
        case EvaluationUpheldV1():
            return [], [Closing(kind="contest_to_decide", about_id=told.evaluation)]
        case EvaluationAnnulledV1() | EvaluationWithdrawnV1():
            return [], [
                Closing(kind="contest_to_decide", about_id=told.evaluation),
                Closing(kind="annul_formally", about_id=told.evaluation),
            ]
        case AttemptRefusedV1() if told.code == LATE_CONTEST:
            evaluation = told.about.removeprefix("evaluation/")
            return [Opening(kind="late_contest", about_kind="evaluation", about_id=evaluation,
                            owner_role="coordinator", due_on=soon)], []  # fmt: skip
        case ReviewDueV1():
            return [Opening(kind="review_due", about_kind="evaluation", about_id=told.evaluation,
                            owner_role="coordinator", due_on=soon)], []  # fmt: skip
        case _:
            return _of_terminations(told, file, today)


def _of_terminations(told: evaluations.Contract, file: LeaseFile, today: date) -> Follows:
    soon = add_working_days(today, WORKING_DAYS_TO_ACT)
    match told:
        case ReviewOpenedV1():
            return [Opening(kind="review_open", about_kind="termination", about_id=told.termination,
                            owner_role="coordinator", due_on=soon)], [
                Closing(kind="review_due", about_id=id) for id in told.evaluations
            ]  # fmt: skip
        case TerminationProposedV1():
            return [], [Closing(kind="review_open", about_id=told.termination)]
        case AttemptRefusedV1() if (told.act, told.code) == ("post_notice", GATE_OPEN):
            termination = told.about.removeprefix("termination/")
            return [Opening(kind="notice_blocked", about_kind="termination", about_id=termination,
                            owner_role="director", owner=_decider(file, termination),
                            due_on=next_working_day(today))], []  # fmt: skip
        case NoticePostedV1():
            slip = Opening(kind="posting_slip_to_ask", about_kind="termination", about_id=told.termination,
                           owner_role="administration", due_on=soon)  # fmt: skip
            return [slip] if told.posted_on_closed_day else [], [
                Closing(kind="notice_blocked", about_id=told.termination)
            ]
        case NoticeDatesComputedV1() if told.recomputed and _was_told_otherwise(told, file, today=today):
            return [Opening(kind="notice_dates_to_correct", about_kind="termination", about_id=told.termination,
                            owner_role="director", owner=_decider(file, told.termination),
                            due_on=soon)], []  # fmt: skip
        case GroundsDoubtfulV1():
            return [Opening(kind="grounds_doubtful", about_kind="termination", about_id=told.termination,
                            owner_role="director", owner=_decider(file, told.termination),
                            due_on=next_working_day(today))], []  # fmt: skip
        case GroundsConfirmedV1():
            return [], [Closing(kind="grounds_doubtful", about_id=told.termination)]
        case NoticeWithdrawnV1() | TerminationNotPursuedV1() | TerminationLapsedV1() | TerminationClosedV1():
            return [], [
                Closing(kind="grounds_doubtful", about_id=told.termination),
                Closing(kind="review_open", about_id=told.termination),
                Closing(kind="notice_blocked", about_id=told.termination),
                Closing(kind="notice_dates_to_correct", about_id=told.termination),
                Closing(kind="posting_slip_to_ask", about_id=told.termination),
            ]
        case _:
            return [], []


def _was_told_otherwise(dates: NoticeDatesComputedV1, file: LeaseFile, *, today: date) -> bool:
    """Whether somebody has a letter with earlier dates: where it was posted anew, whoever else had it already."""
    by_a_proof = any(step.rule == "proven_receipt" for step in dates.steps)
    return by_a_proof or len(parties_on(file, today)) > 1


def _decider(file: LeaseFile, termination: str) -> str | None:
    told = file.terminations.get(termination)
    return told.decided.decided_by if told and told.decided else None


def _rests_on(evaluation: EvaluationTold, finding: str) -> bool:
    return evaluation.decided is not None and any(ground.finding == finding for ground in evaluation.decided.grounds)


def and_tasks(
    state: Any,
    *,
    decision: Callable[..., list[Any]],
    follows: Callable[[Any, list[Any]], Follows] = lambda _state, _events: ((), ()),
    lease: str | None,
    named: NameOf,
    tasks: Tasks,
    **reads: Any,
) -> list[Any]:
    """Decide, and open and close the tasks that follow from what is recorded.

    :param follows: which those are, given the state before and the events.
    """
    events = list(decision(state, **reads))
    if not events:
        return events
    opens, closes = follows(state, events)
    return [*events, *task_events(opens, closes, lease=lease, tasks=tasks, named=named, told=events[0])]
