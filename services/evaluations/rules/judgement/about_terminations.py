"""People decide about the lease: to end it, to go on, to weigh grounds anew, to take a notice back (domain 3.6).

A count, a timer, a message never gets here: every function asks for a ``Person``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from services.evaluations.events import (
    ChecklistPublished,
    GateTested,
    GroundsConfirmed,
    NoticeWithdrawn,
    TerminationDecided,
    TerminationEvent,
    TerminationNotPursued,
)
from services.evaluations.rules import gates, notice, refusals
from services.evaluations.rules.case import Case
from services.evaluations.rules.checklist import Published
from services.evaluations.rules.evaluation import Evaluation
from services.evaluations.rules.policy import Adopted, in_force, notice_months
from services.evaluations.rules.termination import BEFORE_DECISION, Termination
from shared.contracts.evaluations import NoticeKind
from shared.decisions import Person
from shared.refusals import OccurredInFuture, ReasonMissing, SelfApproval, WrongState
from shared.sealed import Sealed

OWN_WORDS = 100  # characters that reasons of a termination have at least


def decide_termination(
    termination: Termination,
    *,
    reasons: Sealed | None,
    findings: Sequence[str],
    notice_kind: NoticeKind,
    case: Case,
    evaluations: Mapping[str, Evaluation],
    policies: Adopted,
    checklists: Published,
    count: int,
    threshold: int,
    on: date,
    today: date,
    by: Person,
) -> list[TerminationEvent]:
    """Decide, with own reasons, that notice is given.

    :param findings: the grounds; none: those proposed.
    :raises SelfApproval: the person proposed it, or is the counsellor of the lease.
    :raises WrongState: it is not proposed. :raises OccurredInFuture:
    :raises ReasonsNotOwn: fewer than 100 characters, or the words of an earlier text of the file.
    :raises NonTerminableGround: a ground can never carry it.
    :raises GateOpen: of G1 to G7, G9 and G10; each open one is named.
    """
    before = termination.decided
    if termination.state == "decided" and before is not None and before.by == by.id:  # noqa: SIM102 - one thought each
        if reasons is not None and reasons.says_the_same_as(before.reasons):
            return []
    _four_eyes(termination, case, on=on, by=by)
    if termination.state != "proposed":
        raise WrongState
    if on > today:
        raise OccurredInFuture
    named = termination.grounds
    if findings:
        judged = (
            gates.ground(id, case=case, checklists=checklists, evaluations=evaluations.values(), on=on)
            for id in findings
        )
        named = tuple(ground for ground in judged if ground is not None)
    texts = (*termination.texts, *texts_of(evaluations.values()))
    if reasons is None or reasons.length < OWN_WORDS or any(reasons.says_the_same_as(text) for text in texts):
        raise refusals.ReasonsNotOwn
    tested = gates.tested(
        termination,
        case=case,
        evaluations=evaluations,
        policies=policies,
        checklists=checklists,
        on=on,
        grounds=named,
    )
    if closed := gates.open_gates(tested, gates.AT_DECISION):
        raise refusals.GateOpen(*closed)
    policy = in_force(policies, on=on)
    months = notice_months(policy, notice_kind)
    return [
        TerminationDecided(
            grounds=named,
            reasons=reasons,
            notice_kind=notice_kind,
            notice_months=months,
            notice_basis=policy.notice_basis,
            notice_dates=notice.by_posting_day(from_=today, months=months, basis=policy.notice_basis),
            gates=tuple(GateTested(gate=gate.gate, passes=gate.passes, why=gate.why) for gate in tested),
            decided_on=on,
            by=by.id,
            in_name_of=by.in_name_of,
            proposed_by=termination.proposer,
            count=count,
            threshold=threshold,
        )
    ]


def decide_continue(
    termination: Termination,
    *,
    reasons: Sealed | None,
    measures: tuple[Sealed, ...],
    case: Case,
    on: date,
    today: date,
    by: Person,
) -> list[TerminationEvent]:
    """Decide that the lease goes on; the file is closed.

    :raises SelfApproval: the person proposed the termination, or is the counsellor of the lease.
    :raises WrongState: it is neither under review nor proposed. :raises OccurredInFuture: :raises ReasonMissing:
    """
    if termination.state == "closed_continue" and termination.ended_by == "not_pursued":
        return []
    _four_eyes(termination, case, on=on, by=by)
    if termination.state not in BEFORE_DECISION:
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if reasons is None:
        raise ReasonMissing
    return [TerminationNotPursued(reasons=reasons, measures=measures, by=by.id, in_name_of=by.in_name_of)]


def confirm_grounds(
    termination: Termination,
    *,
    remaining_grounds: tuple[str, ...],
    reasons: Sealed | None,
    case: Case,
    evaluations: Mapping[str, Evaluation],
    checklist: ChecklistPublished,
    count: int,
    threshold_met: bool,
    today: date,
    by: Person,
) -> list[TerminationEvent]:
    """Weigh doubtful grounds anew and go on with those that remain.

    :param count: the count today, and ``threshold_met`` whether it is reached.
    :raises SelfApproval: the person proposed the termination, or is the counsellor of the lease.
    :raises WrongState: the file is closed, or nothing is doubtful. :raises ReasonMissing:
    :raises NoGround: no remaining ground stands; or on the threshold route the count is below and none is serious.
    """
    _four_eyes(termination, case, on=today, by=by)
    if not termination.is_open or not termination.doubt:
        raise WrongState
    if reasons is None:
        raise ReasonMissing
    gone_findings, gone_evaluations = gates.fallen(
        termination, case=case, checklist=checklist, evaluations=evaluations, on=today
    )
    of_file = {named.finding: named for named in termination.grounds}
    findings = case.findings_on(on=today)
    left = [
        findings[id]
        for id in remaining_grounds
        if id in findings
        and id not in gone_findings
        and findings[id].is_renters
        and not (id in of_file and of_file[id].evaluation in gone_evaluations)
        and (not of_file or id in of_file)
    ]
    below = termination.route == "threshold" and not threshold_met
    if not left or (below and not any(finding.serious for finding in left)):
        raise refusals.NoGround
    return [
        GroundsConfirmed(
            remaining_grounds=tuple(finding.id for finding in left),
            reasons=reasons,
            by=by.id,
            in_name_of=by.in_name_of,
            count=count,
        )
    ]


def withdraw_notice(
    termination: Termination, *, why: Sealed | None, case: Case, on: date, today: date, by: Person
) -> list[TerminationEvent]:
    """Take the notice back; the lease goes on.

    :raises SelfApproval: the person proposed the termination, or is the counsellor of the lease.
    :raises WrongState: no notice runs. :raises OccurredInFuture: :raises ReasonMissing:
    """
    if termination.state == "closed_continue" and termination.ended_by == "withdrawn":
        return []
    _four_eyes(termination, case, on=on, by=by)
    if termination.state != "notice_running":
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if why is None:
        raise ReasonMissing
    return [NoticeWithdrawn(why=why, by=by.id, in_name_of=by.in_name_of)]


def texts_of(evaluations: Iterable[Evaluation]) -> tuple[Sealed, ...]:
    """Return every reason written in the evaluations of a lease."""
    found: list[Sealed] = []
    for evaluation in evaluations:
        for told in evaluation.history:
            found += [
                text for name in ("why", "reasons") if isinstance(text := getattr(told.event, name, None), Sealed)
            ]
    return tuple(found)


def _four_eyes(termination: Termination, case: Case, *, on: date, by: Person) -> None:
    if by.is_one_of(*termination.proposers, *case.counsellors(since=on)):
        raise SelfApproval
