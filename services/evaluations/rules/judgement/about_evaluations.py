"""People decide about an evaluation, a contest, an annulment (domain 3.5). Never a reaction, never a timer."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from services.evaluations.events import (
    ChecklistPublished,
    EvaluationAnnulled,
    EvaluationDecidedNegative,
    EvaluationEvent,
    EvaluationNotUpheld,
    EvaluationRecorded,
    EvaluationUpheld,
    EvaluationWithdrawn,
    PolicyAdopted,
)
from services.evaluations.rules import refusals
from services.evaluations.rules.case import Case
from services.evaluations.rules.checklist import by_code
from services.evaluations.rules.counting import Terms
from services.evaluations.rules.evaluation import Evaluation
from shared.contracts.evaluations import GroundToldOfV1, Heard
from shared.decisions import Named, Person, Refusal
from shared.refusals import OccurredInFuture, ReasonMissing, SelfApproval, Unknown, WrongState
from shared.sealed import Sealed


class NotHeard(Refusal):
    """The renter was neither heard about the contest nor invited to be."""


class NotNegative(Refusal):
    """The proposal is not for a negative evaluation, or the decision is for another outcome than it can be."""


def decide_negative(
    evaluation: Evaluation,
    *,
    reasons: Sealed | None,
    case: Case,
    policy: PolicyAdopted,
    checklist: ChecklistPublished,
    says_of_count: tuple[int, int, int],
    terms: Terms,
    on: date,
    today: date,
    by: Person,
) -> list[EvaluationEvent]:
    """Decide, with own reasons, that the evaluation is negative. It counts once the letter has reached the renter.

    :param says_of_count: count now, count if it were communicated today, threshold: what the letter must say.
    :param terms: how long the renter can contest and mend, and how long it can count: what the letter says too.
    :raises SelfApproval: the person proposed it, or is the counsellor of the lease.
    :raises WrongState: it is not proposed, or the lease has ended. :raises OccurredInFuture:
    :raises NotNegative: the proposal is not for a negative one.
    :raises NoGround: no ground stands any more.
    :raises ReasonsNotOwn: no reasons, or those of the proposal.
    :raises LandlordCommitmentOpen: the office itself owes something that touches a ground.
    """
    if _decided_already(evaluation, "decided_negative", reasons, by):
        return []
    _four_eyes(evaluation, case, on=on, by=by)
    if evaluation.state != "proposed" or case.ended is not None:  # nobody gets a letter about a lease that is over
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if evaluation.outcome != "negative":
        raise NotNegative
    findings = [
        finding
        for ground in evaluation.grounds
        if (finding := case.finding(ground.finding)) is not None and finding.is_renters
    ]
    if not findings:
        raise refusals.NoGround
    if reasons is None or not reasons.length or _said_before(evaluation, reasons):
        raise refusals.ReasonsNotOwn
    if owed := case.office_owes((finding.id for finding in findings), on=on):
        raise refusals.LandlordCommitmentOpen(
            *(Named("LANDLORD_COMMITMENT_OPEN", values={"agreement": note}) for note in owed)
        )
    items = by_code(checklist)
    before, after, threshold = says_of_count
    return [
        EvaluationDecidedNegative(
            reasons=reasons,
            decided_on=on,
            by=by.id,
            in_name_of=by.in_name_of,
            proposed_by=evaluation.proposer,
            grounds=tuple(
                GroundToldOfV1(
                    finding=finding.id,
                    item=finding.item,
                    label=items[finding.item].label if finding.item in items else finding.item,
                    occurred_on=finding.occurred_on,
                    seen_by=finding.established_by,
                    what_seen=finding.what_seen,
                    renter_said=finding.renter_said,
                )
                for finding in findings
            ),
            count_before=before,
            count_if_communicated=after,
            threshold=threshold,
            contest_days=terms.contest_days,
            cure_days=terms.cure_days,
            validity_months=terms.validity_months,
            policy_version=policy.version,
            checklist_version=checklist.version,
        )
    ]


def decide_not_upheld(
    evaluation: Evaluation, *, reasons: Sealed | None, case: Case, on: date, today: date, by: Person
) -> list[EvaluationEvent]:
    """Decide not to follow the proposal; it never existed for the renter's count.

    :raises SelfApproval: the person proposed it, or is the counsellor of the lease.
    :raises WrongState: it is not proposed. :raises OccurredInFuture: :raises ReasonMissing: no reason was given.
    """
    if _decided_already(evaluation, "not_upheld", reasons, by):
        return []
    _four_eyes(evaluation, case, on=on, by=by)
    if evaluation.state != "proposed":
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if reasons is None:
        raise ReasonMissing
    return [EvaluationNotUpheld(reasons=reasons, by=by.id, in_name_of=by.in_name_of)]


def record_outcome(
    evaluation: Evaluation,
    *,
    outcome: Literal["positive", "mixed"],
    reasons: Sealed | None,
    on: date,
    today: date,
    by: Person,
) -> list[EvaluationEvent]:
    """Record a positive or mixed evaluation. It is shown beside the negative ones and never subtracts.

    A proposal for a negative one may be recorded as better than that.

    :raises WrongState: it is not proposed. :raises OccurredInFuture:
    """
    if evaluation.state == "recorded" and evaluation.outcome == outcome:
        return []
    if evaluation.state != "proposed":
        raise WrongState
    if on > today:
        raise OccurredInFuture
    return [EvaluationRecorded(outcome=outcome, reasons=reasons, by=by.id, in_name_of=by.in_name_of)]


def withdraw_evaluation(
    evaluation: Evaluation, *, why: Sealed | None, on: date, today: date, by: Person
) -> list[EvaluationEvent]:
    """Take a negative evaluation back.

    :raises WrongState: it is not decided, communicated, upheld or final.
    :raises ReasonMissing: :raises OccurredInFuture:
    """
    if evaluation.state == "withdrawn":
        return []
    if evaluation.state not in ("decided_negative", "communicated", "upheld", "final"):
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if why is None:
        raise ReasonMissing
    return [EvaluationWithdrawn(why=why, by=by.id, in_name_of=by.in_name_of)]


def annul_evaluation(
    evaluation: Evaluation,
    *,
    why: Sealed | None,
    case: Case,
    count_after: int,
    threshold: int,
    on: date,
    today: date,
    by: Person,
) -> list[EvaluationEvent]:
    """Annul a communicated evaluation on the office's own motion.

    :raises SelfApproval: the person is the counsellor of the lease.
    :raises WrongState: it is not communicated, upheld or final. :raises ReasonMissing: :raises OccurredInFuture:
    """
    if evaluation.state == "annulled":
        return []
    if by.is_one_of(*case.counsellors(since=on)):
        raise SelfApproval
    if evaluation.state not in ("communicated", "upheld", "final"):
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if why is None:
        raise ReasonMissing
    return [
        EvaluationAnnulled(
            reasons=why,
            grounds_struck=(),
            own_motion=True,
            heard=None,
            by=by.id,
            in_name_of=by.in_name_of,
            count_after=count_after,
            threshold=threshold,
        )
    ]


def decide_contest(
    evaluation: Evaluation,
    *,
    outcome: Literal["upheld", "annulled"],
    grounds_struck: Sequence[str],
    reasons: Sealed | None,
    heard: Heard,
    case: Case,
    count_after: int,
    threshold: int,
    on: date,
    today: date,
    by: Person,
) -> list[EvaluationEvent]:
    """Decide a contest: reject it (the evaluation is upheld), accept it (annulled), or strike some grounds.

    Striking some grounds leaves the evaluation upheld on the others, whichever ``outcome`` was named.

    :raises SelfApproval: the person proposed or decided the evaluation, or is the counsellor of the lease.
    :raises WrongState: it is not contested. :raises OccurredInFuture:
    :raises NotHeard: the renter was neither heard nor invited between the contest and its decision.
    :raises Unknown: a ground struck is none of the evaluation's.
    :raises NoGround: all grounds are struck, so it cannot be upheld.
    :raises ReasonMissing: no reasons were given.
    """
    struck = tuple(dict.fromkeys(grounds_struck))
    left = {ground.finding for ground in evaluation.grounds} - evaluation.struck - set(struck)
    upheld = outcome == "upheld" or bool(struck and left)
    decided_last = evaluation.history[-1].actor if evaluation.history else None
    if evaluation.state == ("upheld" if upheld else "annulled") and by.id == decided_last:
        return []
    if by.is_one_of(*evaluation.proposers, *evaluation.deciders, *case.counsellors(since=on)):
        raise SelfApproval
    lodged_on = evaluation.contest_lodged_on
    if evaluation.state != "contested" or lodged_on is None:
        raise WrongState
    if on > today or any(day is not None and day > today for day in (heard.on, heard.invited_on)):
        raise OccurredInFuture
    if not any(day is not None and lodged_on <= day <= on for day in (heard.on, heard.invited_on)):
        raise NotHeard
    if not set(struck) <= {ground.finding for ground in evaluation.grounds}:
        raise Unknown
    if outcome == "upheld" and not left:
        raise refusals.NoGround
    if reasons is None:
        raise ReasonMissing
    if upheld:
        return [
            EvaluationUpheld(
                reasons=reasons,
                grounds_struck=struck,
                heard=heard,
                by=by.id,
                in_name_of=by.in_name_of,
                count_after=count_after,
                threshold=threshold,
            )
        ]
    return [
        EvaluationAnnulled(
            reasons=reasons,
            grounds_struck=struck,
            own_motion=False,
            heard=heard,
            by=by.id,
            in_name_of=by.in_name_of,
            count_after=count_after,
            threshold=threshold,
        )
    ]


def _four_eyes(evaluation: Evaluation, case: Case, *, on: date, by: Person) -> None:
    # The counsellor of the lease never decides on it, even with a second role; nor who became it since that day.
    if by.is_one_of(*evaluation.proposers, *case.counsellors(since=on)):
        raise SelfApproval


def _decided_already(evaluation: Evaluation, state: str, reasons: Sealed | None, by: Person) -> bool:
    if evaluation.state != state or not evaluation.history or by.id not in evaluation.deciders:
        return False
    said = evaluation.decided.reasons if evaluation.decided else None
    return state == "not_upheld" or (reasons is not None and reasons.says_the_same_as(said))


def _said_before(evaluation: Evaluation, reasons: Sealed) -> bool:
    texts = [getattr(told.event, "why", None) for told in evaluation.history]
    return any(reasons.says_the_same_as(text) for text in texts if isinstance(text, Sealed))
