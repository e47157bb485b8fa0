"""The whole path of a problem on one page: what was seen, the renter's plan, who does what, what is open."""

from collections.abc import Mapping
from typing import Any

from services.visits.rules.agreement import Agreement
from services.visits.rules.finding import Finding
from services.visits.rules.visit import Visit
from services.visits.views.agreements import show_commitment
from services.visits.views.findings import show_finding


def path_of(
    id: str, *, findings: Mapping[str, Finding], visits: Mapping[str, Visit], agreements: Mapping[str, Agreement]
) -> dict[str, Any]:
    """Return the path of a finding, with the notes about it and the findings it repeats or that repeat it."""
    finding = findings[id]
    about = {note: known for note, known in agreements.items() if _is_about(known, id)}
    notes = [
        {
            "id": note,
            "state": known.state,
            "goes_wrong": known.drafted.goes_wrong,
            "why_renter_says": known.drafted.why_renter_says,
            "goal": known.drafted.goal,
            "renter_needs": known.drafted.renter_needs,
            "accepted_on": known.accepted.accepted_on if known.accepted else None,
            "reservation": known.accepted.reservation if known.accepted else None,
            "steps": [show_commitment(one, known) for one in known.commitments],
        }
        for note, known in about.items()
        if known.drafted
    ]
    said = finding.discussed
    return {
        "lease": finding.lease,
        "finding": {"id": id, **(show_finding(id, finding) or {})},
        "visit": _visit(finding, visits),
        "plan": said.renter_plan if said else None,
        "obstacles": said.obstacles if said else None,
        "obstacles_taken_on": [{"what": one.what, "by": one.by} for one in said.obstacles_taken_on] if said else [],
        "notes": notes,
        "earlier": _chain(findings, finding.repeats),
        "later": [other for other, known in findings.items() if known.repeats == id],
        "result": finding.follow_up.outcome if finding.follow_up else None,
        "open": _open(finding, about),
    }


def _is_about(agreement: Agreement, finding: str) -> bool:
    return agreement.drafted is not None and finding in agreement.drafted.findings


def _visit(finding: Finding, visits: Mapping[str, Visit]) -> dict[str, Any] | None:
    visit = visits.get(finding.visit) if finding.visit else None
    if visit is None:
        return None
    report = visit.report_state
    return {"id": finding.visit, "state": visit.state, "occurred_on": visit.day, "report": report}


def _chain(findings: Mapping[str, Finding], id: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while id is not None and id in findings and all(one["id"] != id for one in found):
        known = findings[id]
        found.append({"id": id, "occurred_on": known.seen_on, "state": known.state})
        id = known.repeats
    return found


def _open(finding: Finding, agreements: Mapping[str, Agreement]) -> list[dict[str, Any]]:
    """What waits for somebody: the next act on the finding, and every commitment nobody has followed up."""
    waiting: list[dict[str, Any]] = []
    next_act = {"established": "attribute", "attributed": "discuss", "discussed": "agree", "agreement": "follow-up"}
    if finding.state in next_act:
        waiting.append({"what": next_act[finding.state], "by": "counsellor"})
    for note, agreement in agreements.items():
        if agreement.state == "proposed":
            waiting.append({"what": "accept-or-refuse", "by": "renter", "agreement": note})
        if agreement.state == "running":
            waiting += [
                {"what": "commitment", "by": one.by, "agreement": note, "commitment": one.id, "due": one.due_on}
                for one in agreement.open_commitments
            ]
    return waiting
