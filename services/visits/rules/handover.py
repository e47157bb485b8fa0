"""Another counsellor, or another office, for a lease: what is open moves along, history keeps who did what.

Domain 3.1, 4.6 and 8.
"""

from collections.abc import Mapping
from datetime import date
from functools import reduce

from services.visits.events import CounsellorAssigned, LeaseEvent, LeaseTakenOver, VisitHandedOver
from services.visits.rules import lease as lease_
from services.visits.rules.lease import LEASE, Lease, may_visit
from services.visits.rules.policy import Policies
from services.visits.rules.visit import VISIT, Visit
from shared.authority import MandateRegister
from shared.decisions import Elsewhere, HandOver
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


def change_office(
    lease: Lease, *, to: str, from_: date, own: str, id: str, today: date, there: Policies
) -> list[LeaseEvent | Elsewhere | HandOver]:
    """Note that another office is competent; when that day has come the lease goes over to it at once.

    :raises PeriodOverlap: the present one's period begins on that day or later.
    """
    changed = lease_.change_office(lease, to=to, from_=from_, own=own)
    after = reduce(lease_.evolve, changed, lease)
    return [*changed, *(go_over(after, id=id, own=own, today=today, there=there) if changed else ())]


def go_over(
    lease: Lease, *, id: str, own: str, today: date, there: Policies
) -> list[LeaseEvent | Elsewhere | HandOver]:
    """Let a lease go over to the office it was said to go to, once that day has come.

    :param own: the office that it is with. :param there: the policies of the other one: without any it is none yet.
    """
    change = lease.goes_over
    if change is None or change.starts_on > today or not there:
        return []
    taken = LeaseTakenOver(from_office=own, to_office=change.to_office, starts_on=change.starts_on)
    return [
        HandOver(lease=id, from_office=own, to_office=change.to_office),
        Elsewhere(LEASE, id, taken, follows=True, office=change.to_office),
    ]
