"""What people look at. Made of events only: thrown away and built again, it is the same."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Protocol

from services.evaluations.events import (
    EvaluationAnnulled,
    EvaluationContested,
    EvaluationRecorded,
    EvaluationUpheld,
    EvaluationWithdrawn,
    LateContestAdmitted,
)
from services.evaluations.rules.before import BEFORE
from services.evaluations.rules.case import CASE, Case
from services.evaluations.rules.checklist import CHECKLISTS
from services.evaluations.rules.crossing import STANDING
from services.evaluations.rules.evaluation import BEARS_ON_ITS_PLACE, EVALUATION, Evaluation
from services.evaluations.rules.hold import HOLD, Hold
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.moment import MOMENT, Moment
from services.evaluations.rules.office import OFFICE_ID
from services.evaluations.rules.policy import POLICIES
from services.evaluations.rules.provenance import BEARS_ON_THE_COUNT
from services.evaluations.rules.steps_of_law import ENDING_GROUND
from services.evaluations.rules.termination import TERMINATION, Termination
from shared.contracts.visits import LeaseEndedV1, LeaseRegisteredV1
from shared.decisions import AnyStream, Recorded
from shared.event_sourcing import Read, every, one
from shared.reading_rights import Clear, OfSome
from shared.views import Asked, Resource, Row, Table, View


class AskedForFiles(Asked, Protocol):
    """Where the file of a lease is asked: besides views, for the things that are in it."""

    async def state(self, stream: AnyStream, id: str, *, by: Any) -> Any:
        """Return the state of a stream as it is now."""

    async def every(self, stream: AnyStream, lease: str, *, by: Any) -> dict[str, Any]:
        """Return all streams of a kind that belong to a lease."""

    async def many(
        self, stream: AnyStream, ids: Sequence[str], *, by: Any, only: Sequence[type] = ()
    ) -> dict[str, Any]:
        """Return the states of many streams of a kind."""


# The whole file of a lease


def whole_file(lease: str, *, office: str | None = None) -> Mapping[str, Read]:
    """Return what a decision that sees the whole file reads (``rules.lease_file``).

    :param office: whose file it is, where the lease comes from another one.
    """
    return {
        "policies": one(POLICIES, OFFICE_ID, office=office),
        "checklists": one(CHECKLISTS, OFFICE_ID, office=office),
        "before": one(BEFORE, lease, office=office),
        "case": one(CASE, lease, office=office),
        "evaluations": every(EVALUATION, lease, office=office),
        "terminations": every(TERMINATION, lease, office=office),
        "crossing": one(STANDING, lease, office=office),
    }


async def read_file(store: AskedForFiles, lease: str, *, by: Any) -> LeaseFile:
    """Return the whole file of a lease as it is now, for reading."""
    return LeaseFile.of(
        lease,
        policies=await store.state(POLICIES, OFFICE_ID, by=by),
        checklists=await store.state(CHECKLISTS, OFFICE_ID, by=by),
        before=await store.state(BEFORE, lease, by=by),
        case=await store.state(CASE, lease, by=by),
        evaluations=await store.every(EVALUATION, lease, by=by),
        terminations=await store.every(TERMINATION, lease, by=by),
        crossing=await store.state(STANDING, lease, by=by),
    )


AT_ONCE = 500  # files read together


async def files_with_evaluations(store: AskedForFiles, *, by: Any) -> AsyncIterator[LeaseFile]:
    """Yield the file of each lease of the office that ever had an evaluation, as far as it bears on the count."""
    policies = await store.state(POLICIES, OFFICE_ID, by=by)
    checklists = await store.state(CHECKLISTS, OFFICE_ID, by=by)
    rows = await store.rows("select lease, evaluation from followed where office = $1 order by 1, 2", by=by)
    of_lease: dict[str, list[str]] = {}
    for row in rows:
        of_lease.setdefault(row["lease"], []).append(row["evaluation"])
    leases = list(of_lease)
    for begin in range(0, len(leases), AT_ONCE):
        some = leases[begin : begin + AT_ONCE]
        cases = await store.many(CASE, some, by=by, only=(*BEARS_ON_THE_COUNT, LeaseEndedV1))
        ids = [id for lease in some for id in of_lease[lease]]
        evaluations = await store.many(EVALUATION, ids, by=by, only=BEARS_ON_ITS_PLACE)
        before = await store.many(BEFORE, some, by=by)
        for lease in some:
            await asyncio.sleep(0)  # counting is work: others are served in between
            if lease in cases:
                yield LeaseFile.of(
                    lease,
                    policies=policies,
                    checklists=checklists,
                    before=before.get(lease, BEFORE.initial),
                    case=cases[lease],
                    evaluations={id: evaluations[id] for id in of_lease[lease] if id in evaluations},
                    terminations={},
                )


async def files_that_time_can_change(
    store: AskedForFiles, *, since: date, on: date, by: Any
) -> AsyncIterator[LeaseFile | str]:
    """Yield the file of each lease in which the days since one can change something, as far as that depends on it.

    Many are read at once: where one of them cannot be read, only their names are known.
    """
    leases = await leases_that_time_can_change(store, since=since, on=on, by=by)
    for begin in range(0, len(leases), AT_ONCE):
        some: Sequence[LeaseFile | str] = leases[begin : begin + AT_ONCE]
        with contextlib.suppress(Exception):
            some = await files_of(store, leases[begin : begin + AT_ONCE], by=by)
        for file in some:
            await asyncio.sleep(0)  # counting is work: others are served in between
            yield file


async def as_file(known: LeaseFile | str, store: AskedForFiles, *, by: Any) -> LeaseFile:
    """Return a file of which perhaps only the name is known: then it is read by itself."""
    return (await files_of(store, [known], by=by))[0] if isinstance(known, str) else known


async def files_of(store: AskedForFiles, leases: Sequence[str], *, by: Any) -> list[LeaseFile]:
    """Return the files of leases, as far as their count depends on them."""
    policies = await store.state(POLICIES, OFFICE_ID, by=by)
    checklists = await store.state(CHECKLISTS, OFFICE_ID, by=by)
    cases = await store.many(CASE, leases, by=by, only=(*BEARS_ON_THE_COUNT, LeaseEndedV1))
    crossings = await store.many(STANDING, leases, by=by)
    before = await store.many(BEFORE, leases, by=by)
    evaluations = await _of_leases(store, EVALUATION, "select lease, evaluation as id from followed", leases, by)
    files = "select lease, termination as id from open_files"
    terminations = await _of_leases(store, TERMINATION, files, leases, by)
    return [
        LeaseFile.of(
            lease,
            policies=policies,
            checklists=checklists,
            before=before.get(lease, BEFORE.initial),
            case=cases.get(lease, CASE.initial),
            evaluations=evaluations.get(lease, {}),
            terminations=terminations.get(lease, {}),
            crossing=crossings.get(lease, STANDING.initial),
        )
        for lease in leases
    ]


async def _of_leases(
    store: AskedForFiles, stream: AnyStream, select: str, leases: Sequence[str], by: Any
) -> dict[str, dict[str, Any]]:
    rows = await store.rows(f"{select} where office = $1 and lease = any ($2) order by 1, 2", list(leases), by=by)
    states = await store.many(stream, [row["id"] for row in rows], by=by)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["id"] in states:
            found.setdefault(row["lease"], {})[row["id"]] = states[row["id"]]
    return found


async def entry_of_event(store: Asked, event: str, *, by: Any) -> Any:
    """Return the entry of an event in the office's ledger: place, type, lease, when it was taken in; None if none."""
    found = await store.rows(
        "select position, type, lease, taken_in_at from ledger where office = $1 and event = $2", event, by=by
    )
    return found[0] if found else None


async def events_after(store: Asked, position: int, *, lease: str, by: Any) -> frozenset[str]:
    """Return the events about a lease, or about the office itself, that stand later in its ledger."""
    found = await store.rows(
        "select event from ledger where office = $1 and position > $2 and (lease = $3 or lease is null)",
        position,
        lease,
        by=by,
    )
    return frozenset(row["event"] for row in found)


# Moments


def show_moment(_id: str, moment: Moment) -> Mapping[str, Any] | None:
    """A talk about the file that can be evaluated."""
    if moment.opened is None:
        return None
    opened = moment.opened
    return {"state": "open", "lease": opened.lease, "date": opened.on, "about": opened.about, "why": opened.why}


MOMENTS = Resource(
    "moments",
    MOMENT,
    show_moment,
    filters={"lease": "text", "state": "text"},
    filter_values=lambda _id, moment: {"lease": moment.opened.lease if moment.opened else None, "state": "open"},
)


# Evaluations


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


async def leases_that_time_can_change(store: AskedForFiles, *, since: date, on: date, by: Any) -> list[str]:
    """Return the leases with a live evaluation or an open termination file.

    Where a policy or a checklist took force after ``since`` also those with an expired one: longer validity revives it.
    """
    versions = (*await store.state(POLICIES, OFFICE_ID, by=by), *await store.state(CHECKLISTS, OFFICE_ID, by=by))
    revives = any(since < told.event.in_force_from <= on for told in versions)
    found = await store.rows(
        "select lease from followed where office = $1 and (live or (expired and $2))"
        " union select lease from open_files where office = $1 and is_open order by 1",
        revives,
        by=by,
    )
    return [row["lease"] for row in found]


# Termination files


def show_termination(_id: str, termination: Termination) -> Mapping[str, Any] | None:
    """A termination file; its gates, which are tested when it is read, stand beside it."""
    if termination.state == "unknown":
        return None
    decided, dates, judgment = termination.decided, termination.dates, termination.judgment
    note = termination.proportionality.last
    return {
        "state": termination.state,
        "lease": termination.lease,
        "route": termination.route,
        "opened_on": termination.opened_on,
        "opened_by": termination.opened_by,
        "findings": list(termination.findings),
        "evaluations": list(termination.evaluations),
        "why": termination.why,
        "doubtful": bool(termination.doubt),
        "doubtful_because": {
            "findings": sorted(termination.doubt.findings),
            "evaluations": sorted(termination.doubt.evaluations),
            "count_below_threshold": termination.doubt.count,
        },
        "hearings": [
            {"kind": type(said).__name__, "on": said.on, "invited_on": said.invited_on, "by": said.by}
            for said in (hearing.said for hearing in termination.hearings)
        ],
        "proportionality_note": note.said.note if note else None,
        "grounds": [asdict(ground) for ground in termination.grounds],
        "proposed_by": termination.proposer or None,
        "decided_by": decided.by if decided else None,
        "decided_on": decided.decided_on if decided else None,
        "reasons": decided.reasons if decided else None,
        "notice_kind": decided.notice_kind if decided else None,
        "notice_dates": [asdict(row) for row in decided.notice_dates] if decided else [],
        "measures": list(termination.measures),
        "posted": asdict(termination.posted) if termination.posted else None,
        "warnings": ["POSTED_ON_CLOSED_DAY"] if termination.posted and termination.posted.posted_on_closed_day else [],
        "notice": asdict(dates) if dates else None,
        "claim": asdict(termination.claim) if termination.claim else None,
        "conciliation": asdict(termination.conciliation) if termination.conciliation else None,
        "judgment": asdict(judgment) if judgment else None,
        "served_on": termination.served_on,
        "eviction": asdict(termination.eviction) if termination.eviction else None,
        "evicted_on": termination.evicted_on,
        "goods_kept_until": termination.goods_kept_until,
        "keys_on": termination.keys_on,
        "closed": asdict(termination.closed) if termination.closed else None,
    }


def _not_the_administrations(gate: Mapping[str, Any]) -> bool:
    return bool(gate["gate"] != "G8")


# What findings and evaluations say is theirs also where a file rests on it; the administration reads what it records.
OF_FILES: Clear = {
    **dict.fromkeys(
        ("findings", "evaluations", "doubtful_because", "hearings", "grounds", "positive", "to_weigh"), "C"
    ),
    **dict.fromkeys(
        (f"gates.{name}" for name in ("passes", "code", "why", "proof", "must_weigh")),
        OfSome("C", _not_the_administrations),
    ),
    **dict.fromkeys(
        ("claim", "conciliation", "judgment", "served_on", "eviction", "evicted_on", "goods_kept_until"), "D"
    ),
}

TERMINATIONS = Resource(
    "terminations",
    TERMINATION,
    show_termination,
    filters={"lease": "text", "state": "text", "route": "text", "doubtful": "boolean"},
    filter_values=lambda _id, termination: {
        "lease": termination.lease,
        "state": termination.state,
        "route": termination.route,
        "doubtful": bool(termination.doubt),
    },
    clear=OF_FILES,
)

OPEN_FILES = Table(
    name="open_files",
    columns={
        "termination": "text not null",
        "lease": "text not null",
        "is_open": "boolean not null",
        "route": "text not null",
        "closed_on": "date",
        "goes_on": "boolean not null",
        "evicted_on": "date",
        "ground": "text not null",
    },
    key=("termination",),
    indexes=(("is_open", "lease"), ("closed_on",), ("evicted_on",)),
)


def follow_files(termination: Termination, recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each termination file: whether it is open, and what came of it."""
    yield Row(
        OPEN_FILES,
        {
            "termination": recorded.thing,
            "lease": termination.lease,
            "is_open": termination.is_open,
            "route": termination.route,
            "closed_on": None if termination.is_open else recorded.occurred_on,
            "goes_on": termination.state == "closed_continue",
            "evicted_on": termination.evicted_on,
            "ground": _coded(termination),
        },
    )


def _coded(termination: Termination) -> str:
    """Return on what an eviction rests, in the groups in which they are counted (K-10)."""
    found = {ENDING_GROUND.get(ground.category, "other") for ground in termination.grounds}
    match sorted(found):
        case ["arrears"]:
            return "arrears_only"
        case ["arrears", "maintenance"]:
            return "arrears_and_maintenance"
        case ["maintenance"]:
            return "maintenance_only"
        case _:
            return "other"


# Leases


LEASES = Table(
    name="leases_known",
    columns={"lease": "text not null", "started_on": "date", "ended_on": "date"},
    key=("lease",),
    indexes=(("started_on",),),
)


def follow_leases(case: Case, recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each lease: from when until when it runs."""
    if case.registered is not None and isinstance(recorded.event, LeaseRegisteredV1 | LeaseEndedV1):
        ended_on = case.ended.ended_on if case.ended is not None else None
        yield Row(LEASES, {"lease": case.registered.lease, "started_on": case.registered.start, "ended_on": ended_on})


# Figures: each query answers the list it is counted from, and which of it counts


async def evictions(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, str]]:
    """K-10: each eviction carried out in a period, as termination and group of grounds."""
    found = await store.rows(
        "select termination, ground from open_files where office = $1 and evicted_on between $2 and $3"
        " order by evicted_on, termination",
        since,
        until,
        by=by,
    )
    return [(row["termination"], row["ground"]) for row in found]


async def running_leases(store: Asked, *, on: date, by: Any) -> list[str]:
    """Return the leases that run on a day."""
    found = await store.rows(
        "select lease from leases_known where office = $1 and started_on <= $2"
        " and (ended_on is null or ended_on >= $2) order by lease",
        on,
        by=by,
    )
    return [row["lease"] for row in found]


async def reviews_closed(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, bool, str]]:
    """K-12: each review closed in a period, whether the lease goes on, and its route."""
    found = await store.rows(
        "select termination, goes_on, route from open_files where office = $1 and closed_on between $2 and $3"
        " order by closed_on, termination",
        since,
        until,
        by=by,
    )
    return [(row["termination"], row["goes_on"], row["route"]) for row in found]


async def communicated_in(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, bool]]:
    """K-13: each evaluation communicated in a period, and whether the renter contested it."""
    found = await store.rows(
        "select evaluation, lodged_on is not null as contested from followed"
        " where office = $1 and communicated_on between $2 and $3 order by communicated_on, evaluation",
        since,
        until,
        by=by,
    )
    return [(row["evaluation"], row["contested"]) for row in found]


async def contests_decided(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, bool, int]]:
    """K-13: each contest decided in a period, whether it annulled, and how many days after it was lodged."""
    found = await store.rows(
        "select evaluation, annulled, contest_decided_on - lodged_on as days from followed"
        " where office = $1 and contest_decided_on between $2 and $3 and lodged_on is not null"
        " order by contest_decided_on, evaluation",
        since,
        until,
        by=by,
    )
    return [(row["evaluation"], row["annulled"], row["days"]) for row in found]


# Holds


def show_hold(_id: str, hold: Hold) -> Mapping[str, Any] | None:
    """A hold on a lease."""
    if hold.placed is None:
        return None
    return {
        "state": "lifted" if hold.lifted else "open",
        "lease": hold.placed.lease,
        "why": hold.placed.why,
        "placed_by": hold.placed.by,
        "lifted_by": hold.lifted.by if hold.lifted else None,
    }


HOLDS = Resource(
    "holds",
    HOLD,
    show_hold,
    filters={"lease": "text", "state": "text"},
    filter_values=lambda _id, hold: {
        "lease": hold.placed.lease if hold.placed else None,
        "state": "lifted" if hold.lifted else "open",
    },
)

RESOURCES = (MOMENTS, EVALUATIONS, TERMINATIONS, HOLDS)
VIEWS = (
    View(EVALUATION, follow_evaluations, (FOLLOWED,)),
    View(TERMINATION, follow_files, (OPEN_FILES,)),
    View(CASE, follow_leases, (LEASES,)),
)
