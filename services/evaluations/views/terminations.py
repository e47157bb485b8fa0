"""Termination files, and what came of them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from services.evaluations.rules.steps_of_law import ENDING_GROUND
from services.evaluations.rules.termination import TERMINATION, Termination
from shared.decisions import Recorded
from shared.reading_rights import Clear, OfSome
from shared.views import Resource, Row, Table, View


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


VIEWS = (View(TERMINATION, follow_files, (OPEN_FILES,)),)
