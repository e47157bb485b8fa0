"""Home visits and their reports, for those who guide and decide."""

from collections.abc import Mapping
from typing import Any

from services.visits.rules.visit import VISIT, Visit
from shared.views import Resource


def show_visit(_id: str, visit: Visit) -> Mapping[str, Any] | None:
    """A visit and its report. A draft is not shown here: it belongs to its authors and the coordinator."""
    if visit.visit_on is None:
        return None
    return {
        "state": visit.state,
        "lease": visit.lease,
        "date": visit.visit_on,
        "slot": visit.slot,
        "purpose": visit.purpose,
        "kind": "home",
        "counsellor": visit.counsellor,
        "rescheduled_from": visit.rescheduled_from,
        "rescheduled_to": visit.rescheduled.new_visit if visit.rescheduled else None,
        "reschedule_reason": visit.rescheduled.reason if visit.rescheduled else None,
        "announced": _announced(visit),
        "agreed": visit.agreed,
        "agreed_on": visit.agreed_on,
        "cancelled": _cancelled(visit),
        "occurred_on": visit.day if visit.took_place else None,
        "present": visit.recorded.present if visit.recorded else None,
        "imported": visit.imported,
        "interpreter": _interpreter(visit),
        "not_home": _not_home(visit),
        "access_refused": _access_refused(visit),
        "report": _report(visit),
    }


def _announced(visit: Visit) -> Mapping[str, Any] | None:
    told = visit.announced
    if told is None:
        return None
    return {
        "channel": told.channel,
        "announced_on": told.announced_on,
        "purpose_told": told.purpose_told,
        "in_time": told.in_time,
    }


def _cancelled(visit: Visit) -> Mapping[str, Any] | None:
    return {"by": visit.cancelled.cancelled_by, "reason": visit.cancelled.reason} if visit.cancelled else None


def _interpreter(visit: Visit) -> Mapping[str, Any] | None:
    if visit.recorded is None:
        return None
    return {"kind": visit.recorded.interpreter, "age_over_18": visit.recorded.interpreter_over_18}


def _not_home(visit: Visit) -> Mapping[str, Any] | None:
    if visit.not_home is None:
        return None
    return {"waited_minutes": visit.not_home.waited_minutes, "card_left": visit.not_home.card_left}


def _access_refused(visit: Visit) -> Mapping[str, Any] | None:
    told = visit.refused
    return {"by_whom": told.by_whom, "said": told.said, "reason_given": told.reason_given} if told else None


def _report(visit: Visit) -> Mapping[str, Any]:
    body: dict[str, Any] = {
        "state": visit.report_state,
        "authors": sorted({draft.author for draft in visit.drafts}),
        "due_on": visit.recorded.report_due_on if visit.recorded and not visit.imported else None,
    }
    if visit.report is None:
        return body
    fixed = visit.report
    return {
        **body,
        "fixed_on": fixed.fixed_on,
        "late": fixed.late,
        "goes_well": fixed.goes_well,
        "needs": fixed.needs,
        "can_do": fixed.can_do,
        "needs_support": fixed.needs_support,
        "findings": fixed.findings,
        "observed_by": fixed.observed_by,
        "corrections": [{"what": one.what, "why": one.why, "by": one.author} for one in visit.corrections],
    }


VISITS = Resource(
    collection="visits",
    stream=VISIT,
    show=show_visit,
    filters={
        "lease": "text not null",
        "state": "text not null",
        "counsellor": "text not null",
        "date": "date",
        "report": "text not null",
    },
    filter_values=lambda _id, visit: {
        "lease": visit.lease,
        "state": visit.state,
        "counsellor": visit.counsellor,
        "date": visit.visit_on,
        "report": visit.report_state,
    },
)
