"""The home visit and its report (domain 3.2, 5.5): told of beforehand, never unannounced, what goes well first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Literal, Protocol, assert_never

from services.visits.events import (
    AccessRefused,
    AppointmentAgreed,
    Channel,
    InterpreterKind,
    Purpose,
    RenterNotHome,
    ReportCorrected,
    ReportDrafted,
    ReportFixed,
    ReportLate,
    VisitAnnounced,
    VisitCancelled,
    VisitEvent,
    VisitHandedOver,
    VisitPlanned,
    VisitRecorded,
    VisitRescheduled,
)
from services.visits.rules.lease import LEASE, Lease, be_visited
from services.visits.rules.policy import Policies, policy_on
from services.visits.rules.refusals import InterpreterIsMinor
from shared.decisions import Elsewhere, Refusal, Stream
from shared.refusals import DateOrder, OccurredInFuture, ReasonMissing, Unknown, WrongState
from shared.sealed import Sealed
from shared.working_days import add_working_days

WAIT_AT_LEAST_MINUTES = 15  # domain 3.2, record_not_home
VisitState = Literal[
    "new", "planned", "announced", "rescheduled", "cancelled", "carried_out", "not_home", "access_refused"
]
ReportState = Literal["none", "draft", "fixed", "corrected"]


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A home visit, from the plan to its report."""

    state: VisitState = "new"
    lease: str = ""
    visit_on: date | None = None
    slot: str = ""
    purpose: Purpose = "individual"
    counsellor: str = ""
    rescheduled_from: str | None = None
    announced: VisitAnnounced | None = None
    agreed_on: date | None = None
    rescheduled: VisitRescheduled | None = None
    cancelled: VisitCancelled | None = None
    recorded: VisitRecorded | None = None
    not_home: RenterNotHome | None = None
    refused: AccessRefused | None = None
    drafts: tuple[ReportDrafted, ...] = ()
    report: ReportFixed | None = None
    late: ReportLate | None = None
    corrections: tuple[ReportCorrected, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it is still to come."""
        return self.state in ("planned", "announced")

    @property
    def agreed(self) -> bool:
        """Whether the renter had agreed to the appointment; being told of it is not enough."""
        return self.agreed_on is not None

    @property
    def told_in_time(self) -> bool:
        """Whether the renter was told early enough, or said yes to a shorter notice."""
        return self.announced is not None and (self.announced.in_time or self.agreed)

    @property
    def took_place(self) -> bool:
        """Whether somebody went: it was carried out, nobody was home, or access was refused."""
        return self.state in ("carried_out", "not_home", "access_refused")

    @property
    def imported(self) -> bool:
        """Whether it was taken over from elsewhere: it tells when somebody came, and is no evidence of anything."""
        return self.recorded is not None and self.recorded.imported

    @property
    def day(self) -> date | None:
        """The day on which it was carried out or tried; before that, for which it is planned."""
        return self.recorded.visited_on if self.recorded else self.visit_on

    @property
    def report_state(self) -> ReportState:
        """How far the report is."""
        if self.report is None:
            return "draft" if self.drafts else "none"
        return "corrected" if self.corrections else "fixed"


class AnnouncedTooLate(Refusal):
    """Less than the office's days ahead, and the renter did not say yes to that."""


class NoPermission(Refusal):
    """The renter did not let anybody in; unannounced or forced entry does not exist."""


class ActorNotPresent(Refusal):
    """Who records a visit was there."""


class TooEarly(Refusal):
    """Before the appointment, or waited less than a quarter of an hour."""


class NotAParty(Refusal):
    """Somebody who is no party to the lease cannot refuse access; nobody was home."""


class GoesWellMissing(Refusal):
    """What goes well is asked first, and cannot be empty (seed P21)."""


class NoSource(Refusal):
    """A finding of a report comes from this visit."""


def plan(
    visit: Visit,
    *,
    lease_id: str,
    on: date,
    slot: str,
    purpose: Purpose,
    counsellor: str | None,
    lease: Lease,
) -> list[VisitEvent]:
    """Plan a home visit, by default by the lease's counsellor.

    :raises WrongState: the lease does not run.
    """
    if visit.state != "new" or not lease.runs:
        raise WrongState
    comes = counsellor or lease.counsellor or ""
    return [VisitPlanned(lease=lease_id, visit_on=on, slot=slot, purpose=purpose, counsellor=comes)]


def announce(
    visit: Visit,
    *,
    channel: Channel,
    on: date,
    purpose_told: bool,
    agreed_on: date | None,
    today: date,
    lease: Lease,
    policies: Policies,
) -> list[VisitEvent]:
    """Tell the renter of the visit, so many days ahead as the office's policy says.

    :param on: the day the renter was told; :param agreed_on: the renter said yes, which allows a shorter notice.
    :raises WrongState: the lease ended before the day of the visit.
    :raises AnnouncedTooLate: too few days ahead, without the renter's yes.
    :raises DateOrder: told, or agreed, after the day of the visit. :raises OccurredInFuture: agreed after today.
    """
    if visit.state != "planned" or visit.visit_on is None:
        told, again = visit.announced, (channel, on, purpose_told, agreed_on)
        if told is None or visit.state != "announced":
            raise WrongState
        if (told.channel, told.announced_on, told.purpose_told, told.agreed_on) == again:
            return []
        raise WrongState
    if lease.ended is not None and visit.visit_on > lease.ended.ended_on:
        raise WrongState
    if agreed_on is not None and agreed_on > today:
        raise OccurredInFuture
    if agreed_on is not None and agreed_on > visit.visit_on:
        raise DateOrder
    if agreed_on is not None and on > visit.visit_on:
        raise DateOrder
    ahead = timedelta(days=policy_on(policies, on=on).visit_announce_days)
    in_time = on + ahead <= visit.visit_on
    if not in_time and agreed_on is None:
        raise AnnouncedTooLate
    return [
        VisitAnnounced(
            channel=channel, announced_on=on, purpose_told=purpose_told, in_time=in_time, agreed_on=agreed_on
        )
    ]


def renter_agrees(visit: Visit, *, on: date, channel: Channel) -> list[VisitEvent]:
    """Note that the renter agreed to the appointment.

    :raises DateOrder: that was after the day of the visit.
    """
    if visit.state != "announced" or visit.visit_on is None:
        raise WrongState
    if visit.agreed:
        return []
    if on > visit.visit_on:
        raise DateOrder
    return [AppointmentAgreed(agreed_on=on, channel=channel)]


def reschedule(
    visit: Visit,
    *,
    id: str,
    new_visit: str,
    new_on: date,
    new_slot: str | None,
    asked_by: str,
    reason: Sealed | None,
    lease: Lease,
    already: Visit,
) -> list[VisitEvent | Elsewhere]:
    """Put another visit in its place. A renter who asks before the day has neither refused nor missed anything.

    :param already: what there is under the new visit's id. :raises WrongState: a visit, this one or any other.
    """
    if not visit.open or not lease.runs or already.state != "new":
        raise WrongState
    slot = new_slot or visit.slot
    moved = VisitRescheduled(new_visit=new_visit, new_visit_on=new_on, new_slot=slot, asked_by=asked_by, reason=reason)
    planned = VisitPlanned(
        lease=visit.lease,
        visit_on=new_on,
        slot=slot,
        purpose=visit.purpose,
        counsellor=visit.counsellor,
        rescheduled_from=id,
    )
    return [moved, Elsewhere(VISIT, new_visit, planned)]


def cancel(visit: Visit, *, by: str, reason: Sealed | None) -> list[VisitEvent]:
    """Cancel a visit that is still to come.

    :raises ReasonMissing: why was not said.
    """
    if visit.state == "cancelled":
        return []
    if not visit.open:
        raise WrongState
    if reason is None:
        raise ReasonMissing
    return [VisitCancelled(cancelled_by=by, reason=reason)]


def record(
    visit: Visit,
    *,
    id: str,
    on: date,
    present: tuple[str, ...],
    permission: bool,
    interpreter: InterpreterKind,
    interpreter_over_18: bool | None,
    actor: str,
    today: date,
    lease: Lease,
    policies: Policies,
) -> list[VisitEvent | Elsewhere]:
    """Record a visit that was carried out.

    :raises NoPermission: the renter did not let anybody in. :raises InterpreterIsMinor: a child never interprets.
    :raises ActorNotPresent: who records it was not there. :raises DateOrder: before the renter was told of it.
    """
    if visit.state != "announced" or visit.announced is None:
        raise WrongState
    if not permission:
        raise NoPermission
    if interpreter != "none" and interpreter_over_18 is False:
        raise InterpreterIsMinor
    if actor not in present:
        raise ActorNotPresent
    if on < visit.announced.announced_on:
        raise DateOrder
    done = VisitRecorded(
        visited_on=on,
        present=present,
        interpreter=interpreter,
        interpreter_over_18=interpreter_over_18,
        report_due_on=report_due_on(policies, visited_on=on),
    )
    return [done, *(Elsewhere(LEASE, visit.lease, event) for event in be_visited(lease, visit=id, on=on, today=today))]


def report_due_on(policies: Policies, *, visited_on: date) -> date:
    """Return the last day on which the report of a visit is in time (domain 5.5)."""
    return add_working_days(visited_on, policy_on(policies, on=visited_on).late_report_working_days)


def record_not_home(
    visit: Visit, *, on: date, now: time | None, waited_minutes: int, card_left: bool
) -> list[VisitEvent]:
    """Record that nobody opened.

    :param now: the local time, where it is recorded on the very day of the visit, else None.
    :raises TooEarly: before the appointment, or less than a quarter of an hour was waited.
    """
    if visit.state != "announced" or visit.visit_on is None:
        raise WrongState
    if on < visit.visit_on or (now is not None and on == visit.visit_on and now < time.fromisoformat(visit.slot)):
        raise TooEarly
    if waited_minutes < WAIT_AT_LEAST_MINUTES:
        raise TooEarly
    return [RenterNotHome(waited_minutes=waited_minutes, card_left=card_left)]


def record_access_refused(
    visit: Visit, *, on: date, by_whom: str, said: Sealed | None, reason_given: Sealed | None, lease: Lease
) -> list[VisitEvent]:
    """Record that a party to the lease refused access.

    :param by_whom: a party id, or "renter". :raises NotAParty: no party on the day of the visit; nobody was home.
    :raises DateOrder: before the day of the visit.
    """
    if visit.state != "announced" or visit.visit_on is None:
        raise WrongState
    if not lease.is_party(by_whom, on=visit.visit_on):
        raise NotAParty
    if on < visit.visit_on:
        raise DateOrder
    return [AccessRefused(by_whom=by_whom, said=said, reason_given=reason_given)]


def draft_report(
    visit: Visit,
    *,
    author: str,
    goes_well: Sealed | None,
    needs: tuple[Sealed, ...],
    can_do: tuple[Sealed, ...],
    needs_support: tuple[Sealed, ...],
) -> list[VisitEvent]:
    """Write at the report. Every draft is kept; none overwrites another's words."""
    if not visit.took_place or visit.imported or visit.report is not None:
        raise WrongState
    draft = ReportDrafted(author=author, goes_well=goes_well, needs=needs, can_do=can_do, needs_support=needs_support)
    return [draft]


class Sourced(Protocol):
    """What the report asks of a finding: which visit it comes from."""

    @property
    def visit(self) -> str | None: ...


def fix_report(
    visit: Visit,
    *,
    id: str,
    goes_well: Sealed | None,
    needs: tuple[Sealed, ...],
    can_do: tuple[Sealed, ...],
    needs_support: tuple[Sealed, ...],
    findings: tuple[str, ...] | None,
    observed_by: str | None,
    author: str,
    today: date,
    known_findings: Mapping[str, Sourced],
    policies: Policies,
) -> list[VisitEvent]:
    """Let the report stand as it is written; afterwards it is only corrected. Late, it stays valid and is marked.

    A report that was not drafted before is drafted by the same act.

    :param findings: of this report; None: all that come from this visit.
    :raises GoesWellMissing: after a visit carried out, what goes well is there.
    :raises Unknown: no such finding. :raises NoSource: a finding comes from elsewhere.
    """
    if not visit.took_place or visit.imported or visit.report is not None or visit.day is None:
        raise WrongState
    if visit.state == "carried_out" and goes_well is None:
        raise GoesWellMissing
    from_here = tuple(finding for finding, known in known_findings.items() if known.visit == id)
    for finding in findings or ():
        if finding not in known_findings:
            raise Unknown
        if finding not in from_here:
            raise NoSource
    # What was said when the visit was recorded holds, whatever policy, or office, came after it.
    due = visit.recorded.report_due_on if visit.recorded else report_due_on(policies, visited_on=visit.day)
    fixed = ReportFixed(
        fixed_on=today,
        late=today > due,
        findings=from_here if findings is None else findings,
        goes_well=goes_well,
        needs=needs,
        can_do=can_do,
        needs_support=needs_support,
        observed_by=observed_by,
    )
    draft = ReportDrafted(author=author, goes_well=goes_well, needs=needs, can_do=can_do, needs_support=needs_support)
    drafted: list[VisitEvent] = [] if visit.drafts else [draft]
    late: list[VisitEvent] = [ReportLate(due_on=due, fixed_on=today)] if fixed.late else []
    return [*drafted, fixed, *late]


def correct_report(visit: Visit, *, what: Sealed, why: Sealed | None, author: str) -> list[VisitEvent]:
    """Put a correction beside a report that stands; its text stays readable.

    :raises ReasonMissing: why was not said.
    """
    if visit.report is None:
        raise WrongState
    if why is None:
        raise ReasonMissing
    return [ReportCorrected(what=what, why=why, author=author)]


def evolve(visit: Visit, event: VisitEvent) -> Visit:
    match event:
        case VisitPlanned():
            return Visit(
                state="planned",
                lease=event.lease,
                visit_on=event.visit_on,
                slot=event.slot,
                purpose=event.purpose,
                counsellor=event.counsellor,
                rescheduled_from=event.rescheduled_from,
            )
        case VisitHandedOver():
            return replace(visit, counsellor=event.counsellor)
        case VisitAnnounced():
            return replace(visit, state="announced", announced=event, agreed_on=event.agreed_on)
        case AppointmentAgreed():
            return replace(visit, agreed_on=event.agreed_on)
        case VisitRescheduled():
            return replace(visit, state="rescheduled", rescheduled=event)
        case VisitCancelled():
            return replace(visit, state="cancelled", cancelled=event)
        case VisitRecorded():
            return replace(visit, state="carried_out", recorded=event)
        case RenterNotHome():
            return replace(visit, state="not_home", not_home=event)
        case AccessRefused():
            return replace(visit, state="access_refused", refused=event)
        case ReportDrafted():
            return replace(visit, drafts=(*visit.drafts, event))
        case ReportFixed():
            return replace(visit, report=event)
        case ReportLate():
            return replace(visit, late=event)
        case ReportCorrected():
            return replace(visit, corrections=(*visit.corrections, event))
        case _:
            assert_never(event)


VISIT = Stream("visit", initial=Visit(), evolve=evolve, events=VisitEvent)
