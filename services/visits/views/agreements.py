"""Agreement notes, for those who guide and decide; the technical service reads in them what the office promised."""

from collections.abc import Mapping
from typing import Any

from services.visits.events import Commitment
from services.visits.rules.agreement import AGREEMENT, Agreement
from shared.reading_rights import Clear, OfSome
from shared.views import Resource


def show_agreement(_id: str, agreement: Agreement) -> Mapping[str, Any] | None:
    """A note with its commitments, those of renter, office and third party side by side."""
    known = agreement.drafted
    if known is None:
        return None
    return {
        "state": agreement.state,
        "lease": known.lease,
        "goes_wrong": known.goes_wrong,
        "why_renter_says": known.why_renter_says,
        "goal": known.goal,
        "renter_needs": known.renter_needs,
        "findings": known.findings,
        "revises": known.revises,
        "revised_into": agreement.revised.into if agreement.revised else None,
        "proposed_on": agreement.proposed_on,
        "commitments": [show_commitment(one, agreement) for one in agreement.commitments],
        "accepted": _accepted(agreement),
        "refused": _refused(agreement),
        "settled": [_settled(one) for one in agreement.settled],
        "concluded": _concluded(agreement),
        "lapsed": {"cause": agreement.lapsed.cause, "why": agreement.lapsed.why} if agreement.lapsed else None,
    }


def show_commitment(one: Commitment, agreement: Agreement) -> Mapping[str, Any]:
    """A commitment and what became of it."""
    return {
        "id": one.id,
        "by": one.by,
        "action": one.action,
        "place": one.place,
        "measure": {"kind": one.measure, "target": one.target},
        "due": one.due_on,
        "needs": one.needs,
        "depends_on": one.depends_on,
        "agreed_by_renter": one.agreed_by_renter,
        "state": agreement.state_of(one.id),
        "disputed": one.id in agreement.disputed,
        "follow_ups": [
            {"on": seen.seen_on, "outcome": seen.outcome, "seen_by": seen.seen_by}
            for seen in agreement.follow_ups
            if seen.commitment == one.id
        ],
    }


def _accepted(agreement: Agreement) -> Mapping[str, Any] | None:
    told = agreement.accepted
    if told is None:
        return None
    return {
        "on": told.accepted_on,
        "signed": told.signed,
        "read_in_language": told.read_in_language,
        "interpreter": told.interpreter,
        "reservation": {"words": told.reservation, "commitments": told.disputed} if told.reservation else None,
    }


def _refused(agreement: Agreement) -> Mapping[str, Any] | None:
    return {"on": agreement.refused.refused_on, "reason": agreement.refused.reason} if agreement.refused else None


def _settled(one: Any) -> Mapping[str, Any]:
    return {
        "on": one.settled_on,
        "commitments": one.commitments,
        "office_said": one.office_said,
        "renter_said": one.renter_said,
    }


def _concluded(agreement: Agreement) -> Mapping[str, Any] | None:
    told = agreement.concluded
    return {"as": agreement.state, "on": told.concluded_on, "why": told.why} if told else None


def _not_the_offices(commitment: Mapping[str, Any]) -> bool:
    return bool(commitment["by"] != "office")


# The technical service reads what the office promised (domain 11, B): of other commitments no more than that they are
# there, which one of the office's can depend on; and nothing of how the note went.
OF_NOTES: Clear = {
    **dict.fromkeys(("accepted", "refused", "settled", "concluded", "lapsed"), "B"),
    **dict.fromkeys(
        (
            f"commitments.{name}"
            for name in ("measure", "due", "needs", "agreed_by_renter", "state", "disputed", "follow_ups")
        ),
        OfSome("B", _not_the_offices),
    ),
}

AGREEMENTS = Resource(
    collection="agreements",
    stream=AGREEMENT,
    show=show_agreement,
    filters={"lease": "text not null", "state": "text not null"},
    filter_values=lambda _id, agreement: {"lease": agreement.lease, "state": agreement.state},
    clear=OF_NOTES,
)
