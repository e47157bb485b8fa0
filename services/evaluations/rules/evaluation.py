"""One evaluation: its state, and the acts that do not judge (domain 3.5). What people decide is in ``judgement``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, assert_never, cast

from services.evaluations.events import (
    EvaluationAmended,
    EvaluationAnnulled,
    EvaluationCommunicated,
    EvaluationCommunicationCorrected,
    EvaluationContested,
    EvaluationCountRestated,
    EvaluationDecidedNegative,
    EvaluationEvent,
    EvaluationExpired,
    EvaluationFinal,
    EvaluationNotUpheld,
    EvaluationProposed,
    EvaluationRecorded,
    EvaluationUpheld,
    EvaluationWithdrawn,
    LateContestAdmitted,
    ProposalAdopted,
)
from services.evaluations.rules import refusals
from services.evaluations.rules.case import Case
from services.evaluations.rules.checklist import by_code
from services.evaluations.rules.states import changed
from shared.contracts.evaluations import Ground, MomentKind, Outcome
from shared.decisions import DatedStream, Named, Person, Recorded, Refusal
from shared.refusals import OccurredInFuture, ReasonMissing, WrongState, has_begun
from shared.sealed import Sealed
from shared.working_days import roll

State = Literal[
    "unknown",
    "proposed",
    "decided_negative",
    "not_upheld",
    "recorded",
    "communicated",
    "contested",
    "upheld",
    "final",
    "withdrawn",
    "annulled",
    "expired",
]
BEARS_ON_ITS_PLACE = (
    EvaluationProposed,
    EvaluationAmended,
    EvaluationDecidedNegative,
    EvaluationCommunicated,
    EvaluationCommunicationCorrected,
    EvaluationWithdrawn,
    EvaluationContested,
    LateContestAdmitted,
    EvaluationUpheld,
    EvaluationAnnulled,
)  # what the place of an evaluation in a count can depend on
COMMUNICATED = (EvaluationCommunicated, EvaluationCommunicationCorrected)


class NotDiscussed(Refusal):
    """A ground's finding was not yet talked over with the renter."""


class NotRenter(Refusal):
    """A ground's finding is not attributed to the renter."""


class ReportNotFixed(Refusal):
    """The report of the visit does not stand yet."""


class DateUnconfirmed(Refusal):
    """The day of a ground's finding came from a wrong clock and was not confirmed."""


class OnlyNonTerminable(Refusal):
    """No ground is on an item that can ground a termination."""


class ContestTooLate(Refusal):
    """The contest came after its term; a person may admit it."""


class MomentAlreadyProposed(Refusal):
    """The moment has a proposed evaluation: what is added goes into that one (domain 4.4)."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """An evaluation as it stands, and its whole history for questions about another day or another moment."""

    id: str = ""
    history: tuple[Recorded[Any], ...] = ()
    state: State = "unknown"
    lease: str = ""
    moment: str = ""
    moment_kind: MomentKind = "visit"
    moment_on: date = date.min
    outcome: Outcome = "negative"
    grounds: tuple[Ground, ...] = ()
    why: Sealed | None = None
    checklist_version: str = ""
    proposed_under: str | None = None  # the office whose checklist that is, where it is not the own one
    proposer: str = ""
    proposers: frozenset[str] = frozenset()  # everybody who ever stood for the proposal, deputies' principals included
    decided: EvaluationDecidedNegative | None = None
    deciders: frozenset[str] = frozenset()
    restated: EvaluationCountRestated | None = None
    communicated_on: date | None = None
    communicated_by: str | None = None  # the letter that reached the renter first
    contest_until: date | None = None
    contest_days: int = 0
    struck: frozenset[str] = frozenset()

    @property
    def as_proposed(self) -> tuple[Any, ...] | None:
        """What was said and by whom when it was proposed, before anybody amended it; None before that."""
        if not self.history:
            return None
        first = self.history[0].event
        grounds = sorted(ground.finding for ground in first.grounds)
        return (first.lease, first.moment, first.outcome, grounds, first.why, first.by)

    @property
    def contest_lodged_on(self) -> date | None:
        """The day on which it was last contested."""
        contest = _contest(self)
        return contest[0] if contest is not None else None

    @property
    def says_of_count(self) -> tuple[int, int, int] | None:
        """What the letter must say: count before, count if communicated, threshold. As decided or last restated."""
        told = self.restated or self.decided
        return None if told is None else (told.count_before, told.count_if_communicated, told.threshold)


def propose(
    evaluation: Evaluation,
    *,
    lease: str,
    moment: str,
    moment_kind: MomentKind,
    moment_on: date,
    outcome: Outcome,
    grounds: tuple[str, ...],
    why: Sealed | None,
    case: Case,
    evaluations: Mapping[str, "Evaluation"],
    checklist: Any,
    on: date,
    today: date,
    by: Person,
) -> list[EvaluationEvent]:
    """Propose an evaluation of a moment; ``grounds`` are findings, ``evaluations`` the others of the lease.

    :raises MomentAlreadyProposed: the moment has one that is not decided yet: amend that one.
    :raises OccurredInFuture: ``on`` lies after today.
    :raises WrongState: the lease has ended, or the id belongs to what was proposed otherwise.
    :raises ReportNotFixed: the moment is a visit and its report does not stand.
    :raises NoGround: a negative one without a ground.
    :raises DateUnconfirmed: :raises NotDiscussed: :raises NotRenter: of a ground; each is named.
    :raises OnlyNonTerminable: a negative one on items that can never ground a termination only.
    """
    if has_begun(evaluation.as_proposed, (lease, moment, outcome, sorted(set(grounds)), why, by.id)):
        return []
    if proposed_on(evaluations, moment) is not None:
        raise MomentAlreadyProposed
    found = _grounds(grounds, moment=moment, moment_kind=moment_kind, outcome=outcome, case=case, checklist=checklist)
    if on > today:
        raise OccurredInFuture
    return [
        EvaluationProposed(
            lease=lease,
            moment=moment,
            moment_kind=moment_kind,
            moment_on=moment_on,
            outcome=outcome,
            grounds=found,
            why=why,
            checklist_version=checklist.version,
            by=by.id,
            in_name_of=by.in_name_of,
        )
    ]


def proposed_on(evaluations: Mapping[str, Evaluation], moment: str) -> str | None:
    """Return the evaluation of a moment that is proposed and not decided yet."""
    return next((id for id, known in evaluations.items() if known.moment == moment and known.state == "proposed"), None)


def amend(
    evaluation: Evaluation,
    *,
    outcome: Outcome | None = None,
    grounds: tuple[str, ...],
    why: Sealed | None,
    case: Case,
    checklist: Any,
    by: Person,
) -> list[EvaluationEvent]:
    """Add grounds to a proposal, or change its outcome or words. Grounds it has stay.

    :raises WrongState: it was decided already.
    :raises ReportNotFixed: and the other reasons of ``propose``.
    """
    outcome = outcome or evaluation.outcome
    before = {ground.finding: ground for ground in evaluation.grounds}
    said_already = why is None or why.says_the_same_as(evaluation.why)
    if (
        evaluation.state != "unknown"
        and before.keys() >= set(grounds)
        and outcome == evaluation.outcome
        and said_already
    ):
        return []
    if evaluation.state != "proposed":
        raise WrongState
    every = tuple(dict.fromkeys((*before, *grounds)))
    found = _grounds(
        every,
        moment=evaluation.moment,
        moment_kind=evaluation.moment_kind,
        outcome=outcome,
        case=case,
        checklist=checklist,
    )
    return [
        EvaluationAmended(outcome=outcome, grounds=found, why=why or evaluation.why, by=by.id, in_name_of=by.in_name_of)
    ]


def _grounds(
    findings: tuple[str, ...], *, moment: str, moment_kind: MomentKind, outcome: Outcome, case: Case, checklist: Any
) -> tuple[Ground, ...]:
    if case.ended is not None:
        raise WrongState
    if moment_kind == "visit" and not case.report_is_fixed(moment):
        raise ReportNotFixed
    if outcome == "negative" and not findings:
        raise refusals.NoGround
    stood = [case.finding(id) for id in dict.fromkeys(findings)]
    known = [finding for finding in stood if finding is not None]
    if outcome == "negative":
        for refusal, holds in (
            (DateUnconfirmed, lambda finding: not finding.date_suspect),
            (NotDiscussed, lambda finding: finding.discussed_on is not None),
            (NotRenter, lambda finding: finding.is_renters),
        ):
            wrong = [finding for finding in known if not holds(finding)]
            if wrong:
                raise refusal(*(Named(refusal.code(), values={"finding": finding.id}) for finding in wrong))
        items = by_code(checklist)
        if not any(finding.item in items and items[finding.item].terminable for finding in known):
            raise OnlyNonTerminable
    return tuple(Ground(finding=finding.id, item=finding.item, occurred_on=finding.occurred_on) for finding in known)


def adopt_proposal(evaluation: Evaluation, *, why: Sealed | None, by: Person) -> list[EvaluationEvent]:
    """Stand for a proposal of another; the adopter is its proposer from now on.

    :raises ReasonMissing: no reason was given.
    :raises WrongState: it was decided already.
    """
    if evaluation.state == "proposed" and evaluation.proposer == by.id:
        return []
    if evaluation.state != "proposed":
        raise WrongState
    if why is None:
        raise ReasonMissing
    return [ProposalAdopted(why=why, by=by.id, in_name_of=by.in_name_of)]


def communicate(
    evaluation: Evaluation, *, communication: str, communicated_on: date | None, contest_days: int, today: date
) -> list[EvaluationEvent]:
    """Note that the letter reached the renter, or that a corrected proof says otherwise (domain 9.3).

    The contest term is that of the day; a correction never shortens a term already told of, nor do two of them. Another
    letter about it that arrives later changes nothing: the first that reached the renter counts (domain 4.2 step 5).
    """
    match evaluation.state:
        case "decided_negative":
            if communicated_on is None:
                return []
            return [
                EvaluationCommunicated(
                    communication=communication,
                    communicated_on=communicated_on,
                    contest_until=_never_earlier(evaluation, contest_until(communicated_on, contest_days)),
                    contest_days=contest_days,
                    late_registered=communicated_on < today,
                )
            ]
        case "communicated" | "final" | "contested" | "upheld":
            if communicated_on == evaluation.communicated_on:
                return []
            if communication != evaluation.communicated_by and not _earlier(communicated_on, evaluation):
                return []
            until = None
            if communicated_on is not None:
                until = _never_earlier(evaluation, contest_until(communicated_on, evaluation.contest_days))
            elif evaluation.state in ("contested", "upheld"):
                return []  # the renter knew it: they contested it
            return [
                EvaluationCommunicationCorrected(
                    communication=communication, communicated_on=communicated_on, contest_until=until
                )
            ]
        case _:
            return []


def _earlier(communicated_on: date | None, evaluation: Evaluation) -> bool:
    known = evaluation.communicated_on
    return communicated_on is not None and (known is None or communicated_on < known)


def _never_earlier(evaluation: Evaluation, until: date) -> date:
    """Return the last day to contest: none that the renter was told of is shortened, whatever was corrected since."""
    told = (told.event.contest_until for told in evaluation.history if isinstance(told.event, COMMUNICATED))
    return max((until, *(day for day in told if day is not None)))


def contest_until(communicated_on: date, contest_days: int) -> date:
    """Return the last day, included, on which the renter may contest (domain 5.6)."""
    return roll(communicated_on + timedelta(days=contest_days))


def contest(
    evaluation: Evaluation, *, lodged_on: date, channel: str, words: Sealed | None, today: date
) -> list[EvaluationEvent]:
    """Note that the renter objects. What was lodged within the term is in time, whenever it is typed in.

    :raises OccurredInFuture: it was lodged after today.
    :raises ContestTooLate: it was lodged after the term.
    :raises WrongState: there is nothing to contest, or it was contested already.
    """
    if evaluation.state == "contested" and _contest(evaluation) == (lodged_on, channel):
        return []
    if lodged_on > today:
        raise OccurredInFuture
    if evaluation.state not in ("communicated", "final"):
        raise WrongState
    assert evaluation.contest_until is not None
    if lodged_on > evaluation.contest_until:
        raise ContestTooLate
    return [EvaluationContested(lodged_on=lodged_on, channel=channel, words=words)]


def admit_late_contest(
    evaluation: Evaluation,
    *,
    lodged_on: date,
    channel: str,
    words: Sealed | None,
    why: Sealed | None,
    today: date,
    by: Person,
) -> list[EvaluationEvent]:
    """Treat a contest after its term all the same.

    :raises OccurredInFuture: it was lodged after today.
    :raises WrongState: it is not final.
    :raises ReasonMissing: no reason was given.
    """
    if evaluation.state == "contested" and _contest(evaluation) == (lodged_on, channel):
        return []
    if lodged_on > today:
        raise OccurredInFuture
    if evaluation.state not in ("communicated", "final"):
        raise WrongState
    if why is None:
        raise ReasonMissing
    return [LateContestAdmitted(lodged_on=lodged_on, channel=channel, words=words, why=why, by=by.id)]


def _contest(evaluation: Evaluation) -> tuple[date, str] | None:
    for told in reversed(evaluation.history):
        if isinstance(told.event, EvaluationContested | LateContestAdmitted):
            return told.event.lodged_on, told.event.channel
    return None


def become_final(evaluation: Evaluation, *, today: date) -> list[EvaluationEvent]:
    """Let the contest term be over, from the day after its last."""
    if evaluation.state != "communicated" or evaluation.contest_until is None or today <= evaluation.contest_until:
        return []
    return [EvaluationFinal()]


def expire(evaluation: Evaluation, *, valid_until: date, today: date) -> list[EvaluationEvent]:
    """Let its validity be over; ``valid_until`` is the first day it counts no more, on the track that holds longest."""
    if evaluation.state not in ("communicated", "upheld", "final") or today < valid_until:
        return []
    return [EvaluationExpired()]


def restate_count(evaluation: Evaluation, *, says: tuple[int, int, int]) -> list[EvaluationEvent]:
    """Restate what the letter must say of the count, while it has not reached the renter."""
    if evaluation.state != "decided_negative" or evaluation.says_of_count == says:
        return []
    before, after, threshold = says
    return [EvaluationCountRestated(count_before=before, count_if_communicated=after, threshold=threshold)]


def evolve(evaluation: Evaluation, recorded: Recorded[Any]) -> Evaluation:
    event = cast(EvaluationEvent, recorded.event)
    history = (*evaluation.history, recorded)
    match event:
        case EvaluationProposed():
            return changed(
                evaluation,
                history=history,
                id=recorded.thing,
                state="proposed",
                lease=event.lease,
                moment=event.moment,
                moment_kind=event.moment_kind,
                moment_on=event.moment_on,
                outcome=event.outcome,
                grounds=event.grounds,
                why=event.why,
                checklist_version=event.checklist_version,
                proposed_under=recorded.office,
                proposer=event.by,
                proposers=_persons(event.by, event.in_name_of),
            )
        case EvaluationAmended():
            return changed(
                evaluation,
                history=history,
                outcome=event.outcome,
                grounds=event.grounds,
                why=event.why,
                proposers=evaluation.proposers | _persons(event.by, event.in_name_of),
            )
        case ProposalAdopted():
            return changed(
                evaluation,
                history=history,
                proposer=event.by,
                proposers=evaluation.proposers | _persons(event.by, event.in_name_of),
            )
        case EvaluationDecidedNegative():
            return changed(
                evaluation,
                history=history,
                state="decided_negative",
                decided=event,
                deciders=_persons(event.by, event.in_name_of),
            )
        case EvaluationCountRestated():
            return changed(evaluation, history=history, restated=event)
        case EvaluationNotUpheld():
            return changed(
                evaluation, history=history, state="not_upheld", deciders=_persons(event.by, event.in_name_of)
            )
        case EvaluationRecorded():
            return changed(
                evaluation,
                history=history,
                state="recorded",
                outcome=event.outcome,
                deciders=_persons(event.by, event.in_name_of),
            )
        case EvaluationCommunicated():
            return changed(
                evaluation,
                history=history,
                state="communicated",
                communicated_on=event.communicated_on,
                communicated_by=event.communication,
                contest_until=event.contest_until,
                contest_days=event.contest_days,
            )
        case EvaluationCommunicationCorrected():
            return _corrected(changed(evaluation, history=history), event)
        case EvaluationWithdrawn():
            return changed(evaluation, history=history, state="withdrawn")
        case EvaluationContested() | LateContestAdmitted():
            return changed(evaluation, history=history, state="contested")
        case EvaluationUpheld():
            return changed(
                evaluation, history=history, state="upheld", struck=evaluation.struck | frozenset(event.grounds_struck)
            )
        case EvaluationAnnulled():
            return changed(
                evaluation,
                history=history,
                state="annulled",
                struck=evaluation.struck | frozenset(event.grounds_struck),
            )
        case EvaluationFinal():
            return changed(evaluation, history=history, state="final")
        case EvaluationExpired():
            return changed(evaluation, history=history, state="expired")
        case _:
            assert_never(event)


def _corrected(evaluation: Evaluation, event: EvaluationCommunicationCorrected) -> Evaluation:
    state = evaluation.state
    if event.communicated_on is None:
        state = "decided_negative"
    elif state == "final":
        state = "communicated"  # its term is computed anew; the day's work makes it final again
    return changed(
        evaluation,
        state=state,
        communicated_on=event.communicated_on,
        communicated_by=event.communication,
        contest_until=event.contest_until,
    )


def _persons(by: str, in_name_of: str | None) -> frozenset[str]:
    return frozenset({by} if in_name_of is None else {by, in_name_of})


EVALUATION = DatedStream("evaluation", initial=Evaluation(), evolve=evolve, events=EvaluationEvent)


@dataclass(frozen=True, kw_only=True)
class Status:
    """An evaluation that was decided negative, as it stood on a day and as known at an instant."""

    communicated_on: date | None
    contested: bool
    annulled: bool
    withdrawn: bool
    struck: frozenset[str]
    decided_at: datetime


def status_on(evaluation: Evaluation, *, on: date, known_at: datetime | None = None) -> Status | None:
    """Return how a negative evaluation stood on a day; None if it had not been decided by then.

    Each fact has its own day: a contest the day it was lodged, a decision the day it was taken. The day of
    communication is what was last known of it.
    """
    status: Status | None = None
    for told in evaluation.history:
        if known_at is not None and told.taken_in_at > known_at:
            continue
        event = cast(EvaluationEvent, told.event)
        if isinstance(event, EvaluationDecidedNegative):
            if event.decided_on > on:
                return None
            status = Status(
                communicated_on=None,
                contested=False,
                annulled=False,
                withdrawn=False,
                struck=frozenset(),
                decided_at=told.recorded_at,
            )
        elif status is not None:
            status = _status_after(status, event, told.occurred_on, on=on)
    return status


def _status_after(status: Status, event: EvaluationEvent, occurred_on: date, *, on: date) -> Status:
    match event:
        case EvaluationCommunicated() | EvaluationCommunicationCorrected():
            return changed(status, communicated_on=event.communicated_on)
        case EvaluationContested() | LateContestAdmitted() if event.lodged_on <= on:
            return changed(status, contested=True)
        case EvaluationUpheld() if occurred_on <= on:
            return changed(status, contested=False, struck=status.struck | frozenset(event.grounds_struck))
        case EvaluationAnnulled() if occurred_on <= on:
            return changed(status, contested=False, annulled=True)
        case EvaluationWithdrawn() if occurred_on <= on:
            return changed(status, withdrawn=True)
        case _:
            return status
