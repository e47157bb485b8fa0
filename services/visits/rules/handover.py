"""Another counsellor for a lease: open visits move along, and history keeps who did what (domain 3.1, 8)."""

from collections.abc import Mapping
from datetime import date

from services.visits.events import CounsellorAssigned, LeaseEvent, VisitHandedOver
from services.visits.rules.lease import Lease, may_visit
from services.visits.rules.visit import VISIT, Visit
from shared.authority import MandateRegister
from shared.decisions import Elsewhere
from shared.refusals import ReasonMissing, WrongState
from shared.sealed import Sealed


def change_counsellor(
    lease: Lease,
    *,
    counsellor: str,
    from_: date,
    reason: Sealed | None,
    today: date,
    mandates: MandateRegister,
    visits: Mapping[str, Visit],
) -> list[LeaseEvent | Elsewhere]:
    """Give the lease another counsellor. Open visits move along; none is dropped.

    :raises ReasonMissing: why was not said. :raises MandateEnded: the new one's mandate for visits ended.
    """
    if lease.runs and lease.counsellor == counsellor:
        return []
    may_visit(mandates, person=counsellor, days=(max(today, from_),))
    if not lease.runs:
        raise WrongState
    if reason is None:
        raise ReasonMissing
    moved = [
        Elsewhere(VISIT, moving, VisitHandedOver(counsellor=counsellor))
        for moving, visit in visits.items()
        if visit.open and visit.counsellor != counsellor
    ]
    changed = CounsellorAssigned(counsellor=counsellor, assigned_from=from_, previous=lease.counsellor, reason=reason)
    return [changed, *moved]
