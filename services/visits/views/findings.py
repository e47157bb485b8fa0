"""Findings, for those who guide and decide, and for the technical service, which says whose one is."""

from collections.abc import Mapping
from typing import Any

from services.visits.rules.finding import FINDING, Finding
from shared.views import Resource


def show_finding(_id: str, finding: Finding) -> Mapping[str, Any] | None:
    """A finding: what was seen, whose it is, what the renter said, what became of it; serious and lasting apart."""
    seen = finding.established
    if seen is None:
        return None
    lasts = finding.persistence
    return {
        "state": finding.state,
        "lease": seen.lease,
        "item": seen.item,
        "checklist_version": seen.checklist_version,
        "place": seen.place,
        "what_seen": seen.what_seen,
        "occurred_on": finding.seen_on,
        "source": {"kind": seen.source, "visit": seen.visit, "identity": seen.source_identity},
        "evidence": seen.evidence,
        "inventory_element": seen.inventory_element,
        "baseline": "inventory" if seen.inventory_element else "none",
        "established_by": seen.established_by,
        "clock_suspect": finding.date_suspect,
        "date_confirmed": _date_confirmed(finding),
        "attribution": _attribution(finding),
        "reattributions": [{"to": one.to, "from": one.previously, "why": one.why} for one in finding.reattributions],
        "discussed": _discussed(finding),
        "agreed": _agreed(finding),
        "follow_up": _follow_up(finding),
        "repeats": finding.repeats,
        "serious": finding.serious,
        "lasting": lasts.lasting if lasts else False,
        "persistent_days": lasts.persistent_days if lasts else 0,
        "observations": lasts.observations if lasts else 0,
        "mistaken": {"why": finding.mistaken.why} if finding.mistaken else None,
    }


def _date_confirmed(finding: Finding) -> Mapping[str, Any] | None:
    told = finding.date_confirmed
    return {"occurred_on": told.seen_on, "why": told.why} if told else None


def _attribution(finding: Finding) -> Mapping[str, Any] | None:
    told = finding.attributed
    if told is None:
        return None
    return {"to": finding.to, "severity": told.severity, "consequence": told.consequence, "why": told.why}


def _discussed(finding: Finding) -> Mapping[str, Any] | None:
    told = finding.discussed
    if told is None:
        return None
    return {
        "with": told.discussed_with,
        "on": told.discussed_on,
        "renter_said": told.renter_said,
        "no_reaction": told.renter_said is None,
        "invited_on": told.invited_on,
        "renter_plan": told.renter_plan,
        "obstacles": told.obstacles,
        "obstacles_taken_on": [{"what": one.what, "by": one.by} for one in told.obstacles_taken_on],
    }


def _agreed(finding: Finding) -> Mapping[str, Any] | None:
    told = finding.agreed
    return {"agreement_id": told.agreement, "commitment_id": told.commitment} if told else None


def _follow_up(finding: Finding) -> Mapping[str, Any] | None:
    told = finding.follow_up
    return {"on": told.seen_on, "outcome": told.outcome, "seen_by": told.seen_by} if told else None


FINDINGS = Resource(
    collection="findings",
    stream=FINDING,
    show=show_finding,
    filters={"lease": "text not null", "state": "text not null", "item": "text not null", "visit": "text"},
    filter_values=lambda _id, finding: {
        "lease": finding.lease,
        "state": finding.state,
        "item": finding.item,
        "visit": finding.visit,
    },
)
