"""Taking over what was kept elsewhere before: leases, renters and past visits, marked as imported, never as witnessed.

Each decision is "already so" where the thing is there, so that the same file brings nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, assert_never

from services.visits.events import (
    CounsellorAssigned,
    FirstVisitDue,
    ImportAdvanced,
    ImportedLine,
    ImportEvent,
    ImportFinished,
    ImportStarted,
    LeaseEvent,
    LeaseStarted,
    Party,
    Purpose,
    VisitEvent,
    VisitPlanned,
    VisitRecorded,
)
from services.visits.rules.lease import LEASE, Lease, add_party, be_visited, may_visit, note_overdue, register
from services.visits.rules.policy import Policies
from services.visits.rules.visit import Visit, report_due_on
from shared.authority import MandateRegister
from shared.decisions import Elsewhere, Refusal, Stream
from shared.refusals import DateOrder, OccurredInFuture, WrongState
from shared.sealed import Sealed


class LeaseMissing(Refusal):
    """No lease has the reference that the line names."""


def take_over_lease(
    lease: Lease,
    *,
    party: Party,
    dwelling_reference: Sealed,
    dwelling_address: Sealed,
    landlord: Sealed,
    start: date,
    informed_on: date | None,
    policy_version: str | None,
    inventory_ref: Sealed | None,
    counsellor: str | None,
    visits_follow: bool,
    today: date,
    policies: Policies,
    mandates: MandateRegister,
) -> list[LeaseEvent]:
    """Take over a lease with its first renter, and its counsellor where one is named.

    :param visits_follow: the file has past visits of it, which come later: only then is known what is overdue.
    :raises RenterNotInformed: on which day the renter was given the policy is not said.
    :raises MandateEnded: the counsellor had a mandate for visits, and none is valid.
    """
    taken: list[LeaseEvent] = []
    if lease.state == "new":
        taken += register(
            lease,
            parties=(party,),
            dwelling_reference=dwelling_reference,
            dwelling_address=dwelling_address,
            landlord=landlord,
            start=start,
            informed_on=informed_on,
            policy_version=policy_version,
            inventory_ref=inventory_ref,
            today=today,
            policies=policies,
            imported=True,
        )
        lease = _after(lease, taken)
    if lease.state != "prepared" or lease.registered is None or lease.counsellor is not None or counsellor is None:
        return taken
    begins = lease.registered.start
    may_visit(mandates, person=counsellor, days=(max(today, begins),))
    guided: list[LeaseEvent] = [
        CounsellorAssigned(counsellor=counsellor, assigned_from=max(today, begins)),
        FirstVisitDue(due_on=lease.registered.first_visit_due),
        *([LeaseStarted()] if begins <= today else []),
    ]
    late = [] if visits_follow else note_overdue(_after(lease, guided), today=today)
    return [*taken, *guided, *late]


def _after(lease: Lease, events: Sequence[LeaseEvent]) -> Lease:
    for event in events:
        lease = LEASE.evolve(lease, event)
    return lease


def take_over_renter(lease: Lease, *, party: Party, joined_on: date | None, today: date) -> list[LeaseEvent]:
    """Take over a further renter or household member of a lease, from its start on where no day is said."""
    if any(one.id == party.id for one in lease.parties):
        return []
    if lease.registered is None:
        raise LeaseMissing
    if joined_on is not None and joined_on > today:
        raise OccurredInFuture
    return add_party(lease, party=party, on=joined_on or lease.registered.start, reason=None)


def take_over_visit(
    visit: Visit,
    *,
    id: str,
    lease_id: str,
    on: date,
    slot: str,
    purpose: Purpose,
    counsellor: str | None,
    today: date,
    lease: Lease,
    policies: Policies,
) -> list[VisitEvent | Elsewhere]:
    """Take over that somebody came by on a day. It has no report, and nothing can be established from it.

    :raises DateOrder: before the lease began.
    """
    if visit.state != "new":
        return []
    if lease.registered is None:
        raise LeaseMissing
    if not lease.runs:
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if on < lease.registered.start:
        raise DateOrder
    came = counsellor or lease.counsellor or ""
    return [
        VisitPlanned(lease=lease_id, visit_on=on, slot=slot, purpose=purpose, counsellor=came),
        VisitRecorded(
            visited_on=on,
            present=(),
            interpreter="none",
            interpreter_over_18=None,
            report_due_on=report_due_on(policies, visited_on=on),
            imported=True,
        ),
        *(Elsewhere(LEASE, lease_id, event) for event in be_visited(lease, visit=id, on=on, today=today)),
    ]


# --- the import itself ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Import:
    """How far an import is."""

    state: Literal["new", "running", "finished"] = "new"
    started: ImportStarted | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def start_import(known: Import, *, told: ImportStarted) -> list[ImportEvent]:
    """Begin with a file."""
    if known.state != "new":
        raise WrongState
    return [told]


def advance(known: Import, *, done: tuple[ImportedLine, ...]) -> list[ImportEvent]:
    """Note what became of some lines."""
    return [ImportAdvanced(done=done)] if known.state == "running" and done else []


def finish(known: Import) -> list[ImportEvent]:
    """Note that every line has its outcome."""
    return [ImportFinished()] if known.state == "running" else []


def evolve(known: Import, event: ImportEvent) -> Import:
    match event:
        case ImportStarted():
            return Import(state="running", started=event)
        case ImportAdvanced():
            counts = dict(known.counts)
            for one in event.done:
                counts[one.outcome] = counts.get(one.outcome, 0) + 1
            return replace(known, counts=counts)
        case ImportFinished():
            return replace(known, state="finished")
        case _:
            assert_never(event)


IMPORT = Stream("import", initial=Import(), evolve=evolve, events=ImportEvent)
