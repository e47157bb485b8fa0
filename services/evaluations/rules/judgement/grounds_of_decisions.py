"""What a decision of people rests on: exactly the events without which it would have been another, or refused.

A decision is taken again, with the words and on the day of the person who took it, on a file that holds certain events
only. Sufficient: the same event comes of it, byte for byte. Necessary: without one of them it does not. Nothing is
recorded by it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, cast

from services.evaluations.events import (
    EvaluationAnnulled,
    EvaluationDecidedNegative,
    EvaluationNotUpheld,
    EvaluationRecorded,
    EvaluationUpheld,
    EvaluationWithdrawn,
    GroundsConfirmed,
    NoticeWithdrawn,
    PolicyAdopted,
    TerminationDecided,
    TerminationNotPursued,
    TerminationProposed,
)
from services.evaluations.rules import gates
from services.evaluations.rules.counting import RULE as COUNT
from services.evaluations.rules.evaluation import EVALUATION, Evaluation
from services.evaluations.rules.irreducible import irreducible
from services.evaluations.rules.judgement import about_evaluations as on_evaluations
from services.evaluations.rules.judgement import about_terminations as on_terminations
from services.evaluations.rules.lease_file import Act, LeaseFile
from services.evaluations.rules.policy import version_of
from services.evaluations.rules.provenance import (
    OfPolicy,
    Supplied,
    adopted_by,
    checklists_of,
    in_force_here,
    policies_of,
)
from services.evaluations.rules.termination import Termination, propose_termination
from shared.contracts.evaluations import Heard
from shared.decisions import Person, Recorded, Refusal

EVALUATION_RULE, TERMINATION_RULE = "evaluation/1", "termination/1"  # the versions of the rules of 3.5 and 3.6
NOT_HEARD = Heard(on=None, invited_on=None)
Again = Callable[[LeaseFile, str, Recorded[Any], Person, date], Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class GroundsOfDecision:
    """What a decision rests on."""

    events: tuple[Recorded[Any], ...]
    policies: tuple[OfPolicy, ...]
    checklists: tuple[tuple[str, str], ...]  # version, event
    rules: tuple[str, ...]


def grounds_of(
    file: LeaseFile, told: Recorded[Any], *, before: Sequence[Recorded[Any]], today: date, reader: Person
) -> GroundsOfDecision | None:
    """Return what a decision rests on; None where it is no decision of people.

    :param file: the office's policies and checklists as known when it was taken. :param before: everything of the lease
        that was recorded or taken in before it. :param today: the day on which it was recorded.
    :param reader: who asks; the decision is taken again as if by the person who took it.
    """
    if type(told.event) not in AGAIN:
        return None

    def comes_of(events: Sequence[Recorded[Any]]) -> bool:
        return bool(decided_again(file.made_of(events), told, today=today, reader=reader) == told.event)

    if not comes_of(before):
        return None  # it was taken by an earlier version of the rules
    events = irreducible(before, comes_of)
    whole = file.made_of(events)
    counts = isinstance(told.event, SAYS_THE_COUNT)
    rule = EVALUATION_RULE if told.stream.startswith(EVALUATION.kind) else TERMINATION_RULE
    policies = policies_of(whole, whole.standing(on=today)) if counts else ()
    return GroundsOfDecision(
        events=tuple(sorted(events, key=lambda one: (one.taken_in_at, one.recorded_at, one.stream, one.version))),
        policies=_merged((*policies, *_of_the_day(whole, told, today=today))),
        checklists=checklists_of(whole, [*events, told], on=today, found_on=_found_on(told.event)),
        rules=(COUNT, rule) if counts else (rule,),
    )


def _found_on(event: Any) -> tuple[date, ...]:
    if not isinstance(event, TerminationProposed | TerminationDecided):
        return ()
    return tuple(named.occurred_on for named in event.grounds)


def decided_again(file: LeaseFile, told: Recorded[Any], *, today: date, reader: Person) -> Any:
    """Return the event that comes of taking a decision again on a file; None where it is refused, or the lease unknown.

    :param today: the day on which it was recorded.
    """
    event = told.event
    by, id = replace(reader, id=event.by, in_name_of=event.in_name_of), told.thing
    if file.case.registered is None:
        return None
    try:
        events = list(AGAIN[type(event)](file, id, told, by, today))
    except Refusal:
        return None
    return events[0] if events else None


def _negative(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    event: EvaluationDecidedNegative = told.event
    evaluation, at = file.evaluations.get(id, Evaluation()), told.recorded_at
    if evaluation.state != "proposed":
        return []
    return on_evaluations.decide_negative(
        evaluation,
        reasons=event.reasons,
        case=file.case,
        policy=file.policy(on=event.decided_on),
        checklist=file.checklist(on=event.decided_on),
        says_of_count=file.says_of_count(id, today=today, at=at),
        terms=file.terms_of(id, today=today, at=at),
        on=event.decided_on,
        today=today,
        by=by,
    )


def _not_upheld(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    evaluation, on = file.evaluations.get(id, Evaluation()), told.occurred_on
    return on_evaluations.decide_not_upheld(
        evaluation, reasons=told.event.reasons, case=file.case, on=on, today=today, by=by
    )


def _recorded(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    event: EvaluationRecorded = told.event
    outcome = cast(Literal["positive", "mixed"], event.outcome)
    return on_evaluations.record_outcome(
        file.evaluations.get(id, Evaluation()),
        outcome=outcome,
        reasons=event.reasons,
        on=told.occurred_on,
        today=today,
        by=by,
    )


def _withdrawn(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    evaluation = file.evaluations.get(id, Evaluation())
    return on_evaluations.withdraw_evaluation(evaluation, why=told.event.why, on=told.occurred_on, today=today, by=by)


def _annulled(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    event: EvaluationAnnulled = told.event
    if not event.own_motion:
        return _settled(file, id, told, by, today)

    def decided(count_after: int, threshold: int) -> Sequence[Any]:
        return on_evaluations.annul_evaluation(
            file.evaluations.get(id, Evaluation()),
            why=event.reasons,
            case=file.case,
            count_after=count_after,
            threshold=threshold,
            on=told.occurred_on,
            today=today,
            by=by,
        )

    return _with_count_after(file, id, told, decided, today)


def _settled(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    event: EvaluationUpheld | EvaluationAnnulled = told.event

    def decided(count_after: int, threshold: int) -> Sequence[Any]:
        return on_evaluations.decide_contest(
            file.evaluations.get(id, Evaluation()),
            outcome="upheld" if isinstance(event, EvaluationUpheld) else "annulled",
            grounds_struck=event.grounds_struck,
            reasons=event.reasons,
            heard=event.heard or NOT_HEARD,
            case=file.case,
            count_after=count_after,
            threshold=threshold,
            on=told.occurred_on,
            today=today,
            by=by,
        )

    return _with_count_after(file, id, told, decided, today)


def _with_count_after(
    file: LeaseFile, id: str, told: Recorded[Any], decided: Callable[[int, int], Sequence[Any]], today: date
) -> Sequence[Any]:
    tried = decided(0, 0)
    act = Act(on=told.occurred_on, today=today, at=told.recorded_at, actor=told.actor, new_review="")
    stood = file.after(EVALUATION, id, tried, act).standing(on=today)
    return decided(stood.count, stood.threshold)


def _termination(file: LeaseFile, id: str) -> Termination:
    return file.terminations.get(id, Termination())


def _proposed(file: LeaseFile, id: str, told: Recorded[Any], by: Person, _today: date) -> Sequence[Any]:
    event: TerminationProposed = told.event
    judged = (
        gates.ground(
            named.finding,
            case=file.case,
            checklists=file.checklists,
            evaluations=file.evaluations.values(),
            on=told.occurred_on,
        )
        for named in event.grounds
    )
    grounds = tuple(ground for ground in judged if ground is not None)
    return propose_termination(_termination(file, id), grounds=grounds, why=event.why, by=by)


def _terminated(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    event: TerminationDecided = told.event
    termination, stood = _termination(file, id), file.standing(on=today)
    as_proposed = event.grounds == termination.grounds
    return on_terminations.decide_termination(
        termination,
        reasons=event.reasons,
        findings=() if as_proposed else tuple(ground.finding for ground in event.grounds),
        notice_kind=event.notice_kind,
        case=file.case,
        evaluations=file.evaluations,
        policies=file.policies,
        checklists=file.checklists,
        count=stood.count,
        threshold=stood.threshold,
        on=event.decided_on,
        today=today,
        by=by,
    )


def _continued(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    event: TerminationNotPursued = told.event
    return on_terminations.decide_continue(
        _termination(file, id),
        reasons=event.reasons,
        measures=event.measures,
        case=file.case,
        on=told.occurred_on,
        today=today,
        by=by,
    )


def _confirmed(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    event: GroundsConfirmed = told.event
    termination = _termination(file, id)
    posted_on = termination.posted.posted_on if termination.posted is not None else None
    stood = file.standing(on=today, expiry_on=posted_on)
    return on_terminations.confirm_grounds(
        termination,
        remaining_grounds=event.remaining_grounds,
        reasons=event.reasons,
        case=file.case,
        evaluations=file.evaluations,
        checklist=file.checklist(on=today),
        count=stood.count,
        threshold_met=stood.reached,
        today=today,
        by=by,
    )


def _taken_back(file: LeaseFile, id: str, told: Recorded[Any], by: Person, today: date) -> Sequence[Any]:
    return on_terminations.withdraw_notice(
        _termination(file, id), why=told.event.why, case=file.case, on=told.occurred_on, today=today, by=by
    )


AGAIN: Mapping[type, Again] = {
    EvaluationDecidedNegative: _negative,
    EvaluationNotUpheld: _not_upheld,
    EvaluationRecorded: _recorded,
    EvaluationWithdrawn: _withdrawn,
    EvaluationAnnulled: _annulled,
    EvaluationUpheld: _settled,
    TerminationProposed: _proposed,
    TerminationDecided: _terminated,
    TerminationNotPursued: _continued,
    GroundsConfirmed: _confirmed,
    NoticeWithdrawn: _taken_back,
}
SAYS_THE_COUNT = (
    EvaluationDecidedNegative,
    EvaluationAnnulled,
    EvaluationUpheld,
    TerminationDecided,
    GroundsConfirmed,
)


def _merged(policies: Sequence[OfPolicy]) -> tuple[OfPolicy, ...]:
    merged: dict[tuple[str | None, str], OfPolicy] = {}
    for one in policies:
        known = merged.get((one.office, one.version), one)
        supplied = one.supplied if known is one else (*known.supplied, *one.supplied)
        merged[(one.office, one.version)] = replace(known, supplied=supplied)
    return tuple(merged.values())


def _of_the_day(file: LeaseFile, told: Recorded[Any], *, today: date) -> tuple[OfPolicy, ...]:
    """Name the versions that supplied what a decision takes from a policy besides the count."""
    event = told.event
    if isinstance(event, EvaluationDecidedNegative):
        days = event.contest_days
        return _supplied(file, _giver(file, "contest_days", days, today=today), today=today, contest_days=days)
    if isinstance(event, TerminationDecided):
        gave = {"notice_months": event.notice_months, "notice_basis": event.notice_basis}
        return _supplied(file, in_force_here(file, on=event.decided_on), today=today, **gave)
    return ()


def _giver(file: LeaseFile, parameter: str, value: Any, *, today: date) -> Recorded[PolicyAdopted]:
    """Return the first version the renter was told of, or else the one in force, that says this value."""
    case, current = file.case, in_force_here(file, on=today)
    known = [] if case.registered is None else [(case.registered.policy_version, case.registered_under)]
    known += [(version, office) for version, _, office in case.informed_of(on=today)]
    told = [version_of(file.policies, version, office=office) for version, office in known]
    candidates = [*(adopted_by(file, policy) for policy in told if policy is not None), current]
    return next(one for one in candidates if getattr(one.event, parameter) == value)


def _supplied(file: LeaseFile, adopted: Recorded[PolicyAdopted], *, today: date, **gave: Any) -> tuple[OfPolicy, ...]:
    supplied = tuple(Supplied(track=None, parameter=name, value=value) for name, value in gave.items())
    return (
        OfPolicy(
            version=adopted.event.version,
            event=adopted.id,
            office=adopted.office,
            supplied=supplied,
            in_force=adopted is in_force_here(file, on=today),
        ),
    )
