"""Evaluations, and what time does to them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from services.evaluations.events import (
    EvaluationAnnulled,
    EvaluationContested,
    EvaluationRecorded,
    EvaluationUpheld,
    EvaluationWithdrawn,
    LateContestAdmitted,
)
from services.evaluations.rules.evaluation import EVALUATION, Evaluation
from shared.decisions import Recorded
from shared.views import Asked, Resource, Row, Table, View


def show_evaluation(_id: str, evaluation: Evaluation) -> Mapping[str, Any] | None:
    """An evaluation: what it is about, who proposed and decided it, what became of it."""
    if evaluation.state == "unknown":
        return None
    decided = evaluation.decided
    says = evaluation.says_of_count
    return {
        "state": evaluation.state,
        "lease": evaluation.lease,
        "moment": evaluation.moment,
        "moment_kind": evaluation.moment_kind,
        "moment_on": evaluation.moment_on,
        "outcome": evaluation.outcome,
        "grounds": [{**asdict(ground), "struck": ground.finding in evaluation.struck} for ground in evaluation.grounds],
        "why": evaluation.why,
        "checklist_version": evaluation.checklist_version,
        "proposed_by": evaluation.proposer,
        "decided_by": decided.by if decided else _last(evaluation, EvaluationRecorded, "by"),
        "decided_on": decided.decided_on if decided else None,
        "reasons": decided.reasons if decided else _last(evaluation, EvaluationRecorded, "reasons"),
        "policy_version": decided.policy_version if decided else None,
        "count_before": says[0] if says else None,
        "count_if_communicated": says[1] if says else None,
        "threshold": says[2] if says else None,
        "communicated_on": evaluation.communicated_on,
        "contest_until": evaluation.contest_until,
        "contest": _contest(evaluation),
        "contest_decision": _contest_decision(evaluation),
        "withdrawn": _last(evaluation, EvaluationWithdrawn, "why"),
    }


def _last(evaluation: Evaluation, kind: type, field: str) -> Any:
    told = [recorded.event for recorded in evaluation.history if isinstance(recorded.event, kind)]
    return getattr(told[-1], field) if told else None


def _contest(evaluation: Evaluation) -> Mapping[str, Any] | None:
    told = [one.event for one in evaluation.history if isinstance(one.event, EvaluationContested | LateContestAdmitted)]
    if not told:
        return None
    late = isinstance(told[-1], LateContestAdmitted)
    return {"lodged_on": told[-1].lodged_on, "channel": told[-1].channel, "words": told[-1].words, "late": late}


def _contest_decision(evaluation: Evaluation) -> Mapping[str, Any] | None:
    told = [one for one in evaluation.history if isinstance(one.event, EvaluationUpheld | EvaluationAnnulled)]
    if not told:
        return None
    event = told[-1].event
    return {
        "outcome": "upheld" if isinstance(event, EvaluationUpheld) else "annulled",
        "own_motion": isinstance(event, EvaluationAnnulled) and event.own_motion,
        "decided_on": told[-1].occurred_on,
        "decided_by": event.by,
        "reasons": event.reasons,
        "grounds_struck": list(event.grounds_struck),
        "heard": asdict(event.heard) if event.heard else None,
        "count_after": event.count_after,
        "threshold": event.threshold,
    }


EVALUATIONS = Resource(
    "evaluations",
    EVALUATION,
    show_evaluation,
    filters={"lease": "text", "state": "text", "moment": "text", "outcome": "text"},
    filter_values=lambda _id, evaluation: {
        "lease": evaluation.lease,
        "state": evaluation.state,
        "moment": evaluation.moment,
        "outcome": evaluation.outcome,
    },
)

FOLLOWED = Table(
    name="followed",
    columns={
        "evaluation": "text not null",
        "lease": "text not null",
        "live": "boolean not null",
        "expired": "boolean not null",
        "final_after": "date",
        "communicated_on": "date",
        "lodged_on": "date",
        "contest_decided_on": "date",
        "annulled": "boolean not null",
    },
    key=("evaluation",),
    indexes=(("live", "lease"), ("final_after",), ("communicated_on",), ("contest_decided_on",)),
)
COUNTS_OR_MAY = frozenset({"decided_negative", "communicated", "contested", "upheld", "final"})


def follow_evaluations(evaluation: Evaluation, recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each evaluation: whether time can still change it, when its contest term ends, what came of one."""
    contest, settled = _contest(evaluation), _contest_decision(evaluation)
    decided = settled is not None and not settled["own_motion"]
    yield Row(
        FOLLOWED,
        {
            "evaluation": recorded.thing,
            "lease": evaluation.lease,
            "live": evaluation.state in COUNTS_OR_MAY,
            "expired": evaluation.state == "expired",
            "final_after": evaluation.contest_until if evaluation.state == "communicated" else None,
            "communicated_on": evaluation.communicated_on,
            "lodged_on": contest["lodged_on"] if contest is not None else None,
            "contest_decided_on": settled["decided_on"] if settled is not None and decided else None,
            "annulled": settled is not None and decided and settled["outcome"] == "annulled",
        },
    )


async def contest_terms_over(store: Asked, *, on: date, by: Any) -> list[tuple[str, str]]:
    """Return evaluation and lease of each communicated evaluation whose contest term ended before ``on``."""
    found = await store.rows(
        "select evaluation, lease from followed where office = $1 and final_after < $2"
        " order by final_after, evaluation",
        on,
        by=by,
    )
    return [(row["evaluation"], row["lease"]) for row in found]


VIEWS = (View(EVALUATION, follow_evaluations, (FOLLOWED,)),)
