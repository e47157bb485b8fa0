"""The lease as visits knows it: who rents, who guides, when the next visit is due (domain 3.1, 5.3, 5.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal, TypeVar, assert_never

from services.visits.events import (
    AdministratorAppointed,
    AdministratorEnded,
    AdministratorScope,
    BalanceRecorded,
    CadenceSet,
    ContactPoint,
    CounsellorAssigned,
    FirstVisitDue,
    FirstVisitOverdue,
    HeadLeaseEnding,
    LandlordChanged,
    LeaseClosed,
    LeaseEnded,
    LeaseEvent,
    LeaseRegistered,
    LeaseStarted,
    LeaseTakenOver,
    LeaseVisited,
    NextVisitOverdue,
    NoticeRunning,
    NoticeStopped,
    OfficeChanged,
    Party,
    PartyAdded,
    PartyLeft,
    RenterInformedOfPolicy,
    StandstillEnded,
    StandstillKind,
    StandstillStarted,
)
from services.visits.rules.due import overdue
from services.visits.rules.policy import Policies, policy_called, policy_on
from services.visits.rules.refusals import NotPermitted
from shared.authority import MandateRegister, mandate_for
from shared.contracts.evaluations import NoticePostedV1, NoticeWithdrawnV1
from shared.decisions import Person, Refusal, Stream
from shared.refusals import DateOrder, NoProof, OccurredInFuture, ReasonMissing, Unknown, WrongState, has_begun
from shared.sealed import Sealed, is_the_same
from shared.working_days import add_months, next_working_day

INFORMED_AT_LATEST_DAYS = 30  # domain 3.1: the policy is given at the latest so many days after the start
Lasting = TypeVar("Lasting", AdministratorAppointed, StandstillStarted)  # begins, lasts, and is ended by its id
LeaseState = Literal["new", "prepared", "running", "notice_running", "ended", "closed"]


@dataclass(frozen=True, kw_only=True)
class Informed:
    """The renters were given a policy version."""

    policy_version: str
    on: date
    office: str | None = None  # whose version, where the lease came from another office since


@dataclass(frozen=True, kw_only=True)
class Landlord:
    """Who lets, from when."""

    name: Sealed
    starts_on: date


@dataclass(frozen=True, kw_only=True)
class Lease:
    """As much of a lease as rules and readers must know."""

    state: LeaseState = "new"
    registered: LeaseRegistered | None = None
    parties: tuple[Party, ...] = ()
    joined: Mapping[str, date] = field(default_factory=dict)  # who came after the start, and from which day
    left: Mapping[str, date] = field(default_factory=dict)
    counsellor: str | None = None
    counsellor_from: date | None = None
    informed: tuple[Informed, ...] = ()
    first_visit_due: date | None = None
    first_visit_on: date | None = None
    last_visit_on: date | None = None
    cadence_months: int | None = None
    next_due_on: date | None = None  # by the cadence; None before the first visit and while no cadence is set
    fallen_due: tuple[tuple[date, date | None], ...] = ()  # each day the cadence asked for, and the visit that met it
    overdue_noted: frozenset[date] = frozenset()
    balances: Mapping[date, BalanceRecorded] = field(default_factory=dict)  # by the day on which so much was owed
    landlords: tuple[Landlord, ...] = ()
    offices: tuple[OfficeChanged, ...] = ()
    taken_over: tuple[LeaseTakenOver, ...] = ()
    administrators: Mapping[str, AdministratorAppointed] = field(default_factory=dict)  # those of now, by id
    standstills: Mapping[str, StandstillStarted] = field(default_factory=dict)  # the same
    over: Mapping[str, date] = field(default_factory=dict)  # the last day of each of these that ended
    head_lease_ends_on: date | None = None
    terminations: frozenset[str] = frozenset()  # whose notice was posted, and not withdrawn
    ended: LeaseEnded | None = None

    @property
    def goes_over(self) -> OfficeChanged | None:
        """The next office it goes to and has not gone to yet; None where it stays."""
        return self.offices[len(self.taken_over)] if len(self.offices) > len(self.taken_over) else None

    @property
    def balance(self) -> BalanceRecorded | None:
        """What was owed on the latest day of which that is known."""
        return self.balances[max(self.balances)] if self.balances else None

    @property
    def runs(self) -> bool:
        """Whether the lease goes on, under notice or not: visits, notes and findings are possible."""
        return self.state in ("running", "notice_running")

    @property
    def renters(self) -> tuple[Party, ...]:
        """The parties to the lease now; household members are none."""
        return tuple(party for party in self.parties if party.id not in self.left and party.role != "household_member")

    @property
    def next_visit_due(self) -> date | None:
        """The last day on which the next visit is in time; None: see ``no_visit_due_because``."""
        if not self.runs:
            return None
        return self.first_visit_due if self.last_visit_on is None else self.next_due_on

    @property
    def overdue(self) -> bool:
        """Whether it was noted that the next visit is overdue."""
        return self.next_visit_due is not None and self.next_visit_due in self.overdue_noted

    @property
    def missed(self) -> tuple[tuple[date, date | None], ...]:
        """The day the cadence asked for, where it passed without a visit: another cadence does not undo that."""
        due = self.next_due_on
        return ((due, None),) if due is not None and due in self.overdue_noted else ()

    @property
    def no_visit_due_because(self) -> Literal["not_running", "cadence_not_set"] | None:
        """Why there is no next visit due date; None where there is one."""
        if self.next_visit_due is not None:
            return None
        return "cadence_not_set" if self.runs else "not_running"

    def renters_on(self, day: date) -> tuple[Party, ...]:
        """Return the parties to the lease on a day: from the one on which they joined until that before they left."""
        return tuple(
            party
            for party in self.parties
            if party.role != "household_member"
            and self.joined.get(party.id, day) <= day
            and (party.id not in self.left or day < self.left[party.id])
        )

    def is_party(self, who: str, *, on: date) -> bool:
        """Whether ``who`` (a party id, or "renter") is a party to the lease on a day."""
        return who == "renter" or any(party.id == who for party in self.renters_on(on))


class PartyMissing(Refusal):
    """A lease needs a party; somebody who only lives there is none."""


class RenterNotInformed(Refusal):
    """The renter was not given the policy in time."""


class LastParty(Refusal):
    """The last party does not leave: then the lease ends."""


class PeriodOverlap(Refusal):
    """The new period does not begin after the one before."""


class CadenceNotOffered(Refusal):
    """The office does not offer this cadence."""


def register(
    lease: Lease,
    *,
    parties: tuple[Party, ...],
    dwelling_reference: Sealed,
    dwelling_address: Sealed,
    landlord: Sealed,
    start: date,
    informed_on: date | None,
    policy_version: str | None,
    inventory_ref: Sealed | None,
    today: date,
    policies: Policies,
    imported: bool = False,
) -> list[LeaseEvent]:
    """Write a lease down, with the policy version its renters were given: by default the one in force at the start.

    :raises PartyMissing: nobody is party to it. :raises Unknown: the office has no such policy version.
    :raises RenterNotInformed: the policy was not given, or later than 30 days after the start.
    """
    if lease.state != "new":
        raise WrongState
    if all(party.role == "household_member" for party in parties):
        raise PartyMissing
    # Who was let in before the platform may have been informed later: then only later facts count (domain 4.1).
    at_latest = date.max if imported else start + timedelta(days=INFORMED_AT_LATEST_DAYS)
    if informed_on is None or informed_on > at_latest:
        raise RenterNotInformed
    if informed_on > today:
        raise OccurredInFuture
    given = policy_on(policies, on=start) if policy_version is None else policy_called(policies, policy_version)
    if given is None:
        raise Unknown
    return [
        LeaseRegistered(
            dwelling_reference=dwelling_reference,
            dwelling_address=dwelling_address,
            landlord=landlord,
            parties=parties,
            start=start,
            informed_on=informed_on,
            policy_version=given.version,
            first_visit_due=next_working_day(start + timedelta(days=given.first_visit_days)),
            inventory_ref=inventory_ref,
            imported=imported,
        )
    ]


def assign_counsellor(
    lease: Lease, *, counsellor: str, from_: date, today: date, mandates: MandateRegister
) -> list[LeaseEvent]:
    """Give a prepared lease its counsellor. It runs at once when its start has come, else on that day.

    :raises MandateEnded: the person had a mandate for visits, and none is valid.
    """
    if lease.state == "prepared" and lease.counsellor == counsellor:
        return []
    may_visit(mandates, person=counsellor, days=(max(today, from_),))
    if lease.state != "prepared" or lease.registered is None:
        raise WrongState
    assigned: list[LeaseEvent] = [
        CounsellorAssigned(counsellor=counsellor, assigned_from=from_, previous=lease.counsellor)
    ]
    if lease.counsellor is None:
        assigned.append(FirstVisitDue(due_on=lease.registered.first_visit_due))
    if lease.registered.start <= today:
        assigned.append(LeaseStarted())
    return _and_overdue(lease, assigned, today=today)


def may_visit(mandates: MandateRegister, *, person: str, days: tuple[date, ...]) -> None:
    """Ask whether somebody may carry out visits on these days.

    :raises MandateEnded: the person had a mandate for visits, and none is valid.
    """
    mandate_for(mandates, person=person, act="record_visit", needed=False, on_days=days)


def start(lease: Lease, *, today: date) -> list[LeaseEvent]:
    """Let a prepared lease that has its counsellor run from its start on."""
    if lease.state != "prepared" or lease.registered is None or lease.counsellor is None:
        return []
    return _and_overdue(lease, [LeaseStarted()], today=today) if lease.registered.start <= today else []


def be_visited(lease: Lease, *, visit: str, on: date, today: date) -> list[LeaseEvent]:
    """Note that a visit was carried out. The next one follows from the latest one and the cadence (domain 5.4)."""
    latest = on if lease.last_visit_on is None else max(on, lease.last_visit_on)
    visited = LeaseVisited(visit=visit, visited_on=on, next_due_on=_next_due(latest, lease.cadence_months))
    return _and_overdue(lease, [visited], today=today)


def _next_due(last_visit_on: date, months: int | None) -> date | None:
    return None if months is None else next_working_day(add_months(last_visit_on, months))


def set_cadence(
    lease: Lease, *, months: int, reason: Sealed | None, on: date, today: date, by: Person, policies: Policies
) -> list[LeaseEvent]:
    """Choose how often to visit, after the first visit carried out. Counsellors do so for their own leases.

    :raises WrongState: no visit was carried out by then, or the lease does not run.
    :raises CadenceNotOffered: not among the office's options. :raises ReasonMissing: why was not said.
    """
    if "coordinator" not in by.roles and not by.is_one_of(lease.counsellor):
        raise NotPermitted
    if not lease.runs or lease.last_visit_on is None or on < (lease.first_visit_on or on):
        raise WrongState
    if months not in policy_on(policies, on=on).cadence_options:
        raise CadenceNotOffered
    if reason is None:
        raise ReasonMissing
    due = next_working_day(add_months(lease.last_visit_on, months))
    chosen = CadenceSet(months=months, reason=reason, next_due_on=due)
    return _and_overdue(lease, [*note_overdue(lease, today=today), chosen], today=today)


def note_overdue(lease: Lease, *, today: date) -> list[LeaseEvent]:
    """Note, once for each due date, that it passed without a visit carried out."""
    due = lease.next_visit_due
    if due is None or not overdue(due, on=today) or due in lease.overdue_noted:
        return []
    return [FirstVisitOverdue(due_on=due)] if lease.last_visit_on is None else [NextVisitOverdue(due_on=due)]


def _and_overdue(lease: Lease, events: list[LeaseEvent], *, today: date) -> list[LeaseEvent]:
    """Add what is overdue at once: an act entered late need not wait for the next day's work."""
    after = lease
    for event in events:
        after = evolve(after, event)
    return [*events, *note_overdue(after, today=today)]


def record_balance(
    lease: Lease, *, on: date, amount_cents: int, month_rent_cents: int, source: Sealed | None
) -> list[LeaseEvent]:
    """Note what was owed on a day."""
    noted = BalanceRecorded(balance_on=on, amount_cents=amount_cents, month_rent_cents=month_rent_cents, source=source)
    known = lease.balances.get(on)
    if known is not None and replace(known, source=source) == noted:
        return []
    if not lease.runs:
        raise WrongState
    return [noted]


def inform_of_policy(
    lease: Lease, *, policy_version: str, delivered_on: date | None, proof: Sealed | None, policies: Policies
) -> list[LeaseEvent]:
    """Note that the renters were given a later policy version.

    :raises Unknown: the office has no such version. :raises NoProof: when it was delivered is not shown.
    """
    known = {informed.policy_version for informed in lease.informed if informed.office is None}
    if policy_version in known and lease.runs:
        return []
    if not lease.runs:
        raise WrongState
    if policy_called(policies, policy_version) is None:
        raise Unknown
    if delivered_on is None:
        raise NoProof
    return [RenterInformedOfPolicy(policy_version=policy_version, delivered_on=delivered_on, proof=proof)]


def add_party(lease: Lease, *, party: Party, on: date, reason: Sealed | None) -> list[LeaseEvent]:
    """Let somebody join the lease, or the household.

    :raises WrongState: another party has this id; who left and comes back is another party.
    """
    known = next((one for one in lease.parties if one.id == party.id), None)
    if party.id not in lease.left and is_the_same(known, party):
        return []
    _not_closed(lease)
    if known is not None:
        raise WrongState
    return [PartyAdded(party=party, joined_on=on, reason=reason)]


def party_leaves(lease: Lease, *, party: str, on: date, reason: Sealed | None) -> list[LeaseEvent]:
    """Let a party leave the lease.

    :raises Unknown: nobody of that id is in it. :raises LastParty: nobody would be left; the lease must be ended.
    """
    if lease.left.get(party) == on:
        return []
    _not_closed(lease)
    if party in lease.left or all(one.id != party for one in lease.parties):
        raise Unknown
    if [renter.id for renter in lease.renters] == [party]:
        raise LastParty
    return [PartyLeft(party=party, left_on=on, reason=reason)]


def appoint_administrator(
    lease: Lease,
    *,
    administrator: str,
    from_: date,
    scope: AdministratorScope,
    judgment_ref: Sealed | None,
    name: Sealed | None,
    party: str | None,
    contacts: tuple[ContactPoint, ...],
) -> list[LeaseEvent]:
    """Note that a judge appointed an administrator.

    :raises NoProof: the judgment is not named. :raises Unknown: the protected person is no party here.
    :raises WrongState: the id is another administration's.
    """
    if judgment_ref is None:
        _not_closed(lease)
        raise NoProof
    appointed = AdministratorAppointed(
        administrator=administrator,
        appointed_from=from_,
        scope=scope,
        judgment_ref=judgment_ref,
        name=name,
        party=party,
        contacts=contacts,
    )
    if _goes_on(lease, appointed, id=administrator, among=lease.administrators):
        return []
    if party is not None and all(one.id != party for one in lease.parties):
        raise Unknown
    return [appointed]


def end_administration(lease: Lease, *, administrator: str | None, on: date) -> list[LeaseEvent]:
    """End an administration; without an id, the only one.

    :raises Unknown: there is none, or which one is not clear. :raises DateOrder: it would end before it began.
    """
    if administrator is not None and lease.over.get(administrator) == on:
        return []
    _not_closed(lease)
    ends = _the_only_one(lease.administrators, id=administrator)
    if on < ends.appointed_from:
        raise DateOrder
    return [AdministratorEnded(administrator=ends.administrator, ended_on=on)]


def start_standstill(
    lease: Lease,
    *,
    standstill: str,
    from_: date,
    kind: StandstillKind,
    ref: Sealed | None,
    mediator_name: Sealed | None,
    mediator_contacts: tuple[ContactPoint, ...],
) -> list[LeaseEvent]:
    """Note that steps against arrears are blocked.

    :raises WrongState: the id is another standstill's.
    """
    started = StandstillStarted(
        standstill=standstill,
        starts_on=from_,
        kind=kind,
        ref=ref,
        mediator_name=mediator_name,
        mediator_contacts=mediator_contacts,
    )
    return [] if _goes_on(lease, started, id=standstill, among=lease.standstills) else [started]


def end_standstill(lease: Lease, *, standstill: str | None, on: date) -> list[LeaseEvent]:
    """End a standstill; without an id, the only one.

    :raises Unknown: there is none, or which one is not clear. :raises DateOrder: it would end before it began.
    """
    if standstill is not None and lease.over.get(standstill) == on:
        return []
    _not_closed(lease)
    ends = _the_only_one(lease.standstills, id=standstill)
    if on < ends.starts_on:
        raise DateOrder
    return [StandstillEnded(standstill=ends.standstill, ended_on=on)]


def _goes_on(lease: Lease, begun: Lasting, *, id: str, among: Mapping[str, Lasting]) -> bool:
    """Whether what begins was told before, and lasts.

    :raises WrongState: the id is another's, or the lease is closed.
    """
    if has_begun(among.get(id), begun):
        return True
    _not_closed(lease)
    if id in lease.over:
        raise WrongState
    return False


def _the_only_one(among: Mapping[str, Lasting], *, id: str | None) -> Lasting:
    """Return the one of that id; without an id, the only one. :raises Unknown: there is none, or which is not clear."""
    found = [one for known, one in among.items() if id in (None, known)]
    if len(found) != 1:
        raise Unknown
    return found[0]


def change_landlord(lease: Lease, *, to: Sealed, from_: date) -> list[LeaseEvent]:
    """Note that another legal entity is landlord. No new lease, no count begun anew.

    :raises PeriodOverlap: the present one's period begins on that day or later.
    """
    if not lease.runs:
        raise WrongState
    if from_ <= lease.landlords[-1].starts_on:
        raise PeriodOverlap
    return [LandlordChanged(landlord=to, starts_on=from_)]


def change_office(lease: Lease, *, to: str, from_: date, own: str) -> list[LeaseEvent]:
    """Note that another office is competent.

    :param own: the office in which the lease was registered.
    :raises PeriodOverlap: the present one's period begins on that day or later.
    """
    if not lease.runs or lease.registered is None:
        raise WrongState
    if to == (lease.offices[-1].to_office if lease.offices else own):
        return []
    begun = lease.offices[-1].starts_on if lease.offices else lease.registered.start
    if from_ <= begun:
        raise PeriodOverlap
    return [OfficeChanged(to_office=to, starts_on=from_)]


def report_head_lease_end(lease: Lease, *, on: date) -> list[LeaseEvent]:
    """Mark that the owner ends the head lease. Nothing against the renter follows from it."""
    if not lease.runs:
        raise WrongState
    return [] if lease.head_lease_ends_on == on else [HeadLeaseEnding(ends_on=on)]


def run_notice(lease: Lease, *, told: NoticePostedV1) -> list[LeaseEvent]:
    """Stand under notice, since it was posted; a lease that ended stays ended."""
    if not lease.runs or told.termination in lease.terminations:
        return []
    return [NoticeRunning(termination=told.termination)]


def stop_notice(lease: Lease, *, told: NoticeWithdrawnV1) -> list[LeaseEvent]:
    """Run on, since the notice was withdrawn."""
    if lease.state != "notice_running" or told.termination not in lease.terminations:
        return []
    return [NoticeStopped(termination=told.termination)]


def _not_closed(lease: Lease) -> None:
    if lease.state in ("new", "closed"):
        raise WrongState


def evolve(lease: Lease, event: LeaseEvent) -> Lease:
    match event:
        case LeaseRegistered():
            return replace(
                lease,
                state="prepared",
                registered=event,
                parties=event.parties,
                informed=(Informed(policy_version=event.policy_version, on=event.informed_on),),
                first_visit_due=event.first_visit_due,
                landlords=(Landlord(name=event.landlord, starts_on=event.start),),
            )
        case CounsellorAssigned():
            return replace(lease, counsellor=event.counsellor, counsellor_from=event.assigned_from)
        case FirstVisitDue():
            return replace(lease, first_visit_due=event.due_on)
        case LeaseStarted():
            return replace(lease, state="running")
        case LeaseVisited():
            first = min(event.visited_on, lease.first_visit_on or event.visited_on)
            last = max(event.visited_on, lease.last_visit_on or event.visited_on)
            met = () if lease.next_due_on in (None, event.next_due_on) else ((lease.next_due_on, event.visited_on),)
            return replace(
                lease,
                first_visit_on=first,
                last_visit_on=last,
                next_due_on=event.next_due_on,
                fallen_due=(*lease.fallen_due, *met),
            )
        case FirstVisitOverdue() | NextVisitOverdue():
            return replace(lease, overdue_noted=lease.overdue_noted | {event.due_on})
        case CadenceSet():
            missed = () if event.next_due_on == lease.next_due_on else lease.missed
            return replace(
                lease,
                cadence_months=event.months,
                next_due_on=event.next_due_on,
                fallen_due=(*lease.fallen_due, *missed),
            )
        case BalanceRecorded():
            return replace(lease, balances={**lease.balances, event.balance_on: event})
        case RenterInformedOfPolicy():
            informed = Informed(policy_version=event.policy_version, on=event.delivered_on)
            return replace(lease, informed=(*lease.informed, informed))
        case PartyAdded():
            return replace(
                lease,
                parties=(*lease.parties, event.party),
                joined={**lease.joined, event.party.id: event.joined_on},
            )
        case PartyLeft():
            return replace(lease, left={**lease.left, event.party: event.left_on})
        case AdministratorAppointed():
            return replace(lease, administrators={**lease.administrators, event.administrator: event})
        case AdministratorEnded():
            still = {id: one for id, one in lease.administrators.items() if id != event.administrator}
            return replace(lease, administrators=still, over={**lease.over, event.administrator: event.ended_on})
        case StandstillStarted():
            return replace(lease, standstills={**lease.standstills, event.standstill: event})
        case StandstillEnded():
            still_on = {id: one for id, one in lease.standstills.items() if id != event.standstill}
            return replace(lease, standstills=still_on, over={**lease.over, event.standstill: event.ended_on})
        case LandlordChanged():
            return replace(
                lease, landlords=(*lease.landlords, Landlord(name=event.landlord, starts_on=event.starts_on))
            )
        case OfficeChanged():
            return replace(lease, offices=(*lease.offices, event))
        case LeaseTakenOver():
            # Versions of policies are named by each office for itself.
            told = tuple(replace(one, office=one.office or event.from_office) for one in lease.informed)
            return replace(lease, taken_over=(*lease.taken_over, event), informed=told)
        case HeadLeaseEnding():
            return replace(lease, head_lease_ends_on=event.ends_on)
        case NoticeRunning():
            return replace(lease, state="notice_running", terminations=lease.terminations | {event.termination})
        case NoticeStopped():
            remaining = lease.terminations - {event.termination}
            return replace(lease, state="notice_running" if remaining else "running", terminations=remaining)
        case LeaseEnded():
            return replace(lease, state="ended", ended=event, fallen_due=(*lease.fallen_due, *lease.missed))
        case LeaseClosed():
            return replace(lease, state="closed")
        case _:
            assert_never(event)


LEASE = Stream("lease", initial=Lease(), evolve=evolve, events=LeaseEvent)
