"""The figures of an office over a period (domain 12), each with what it was counted from. Never about one renter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from shared.shares import FEWEST, is_shown, proportion

WITHIN_DAYS = 14  # K-04: a visit so many days after its due date still kept the cadence
A_YEAR_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class Period:
    """Days, both ends included."""

    since: date
    until: date

    def holds(self, day: date | None) -> bool:
        """Whether a day lies in it."""
        return day is not None and self.since <= day <= self.until


@dataclass(frozen=True, kw_only=True)
class LeaseFacts:
    """Of a lease: when it ran, why it ended, when its first visit was due and done.

    :ivar started_on: None while nobody guides it; a visit that was due is missed all the same.
    """

    lease: str
    started_on: date | None
    ended_on: date | None
    ended_ground: str | None
    first_visit_due: date
    first_visit_on: date | None

    def days_in(self, period: Period) -> int:
        """Return on how many days of a period it ran."""
        if self.started_on is None:
            return 0
        first = max(self.started_on, period.since)
        last = min(self.ended_on or period.until, period.until)
        return max(0, (last - first).days + 1)

    def runs_on(self, day: date) -> bool:
        """Whether it ran on a day."""
        return self.started_on is not None and self.started_on <= day and (self.ended_on is None or self.ended_on > day)


@dataclass(frozen=True, kw_only=True)
class VisitFacts:
    """Of a visit carried out: its day, and when its report was due and fixed."""

    visit: str
    lease: str
    visited_on: date
    report_due_on: date | None  # None: taken over from before the platform
    fixed_on: date | None


@dataclass(frozen=True, kw_only=True)
class DueFacts:
    """Of a visit that the cadence asked for: the day, and the visit that came of it, if any."""

    lease: str
    due_on: date
    met_on: date | None


@dataclass(frozen=True, kw_only=True)
class NoteFacts:
    """Of a note: how it ended, and when."""

    agreement: str
    state: str
    ended_on: date | None


@dataclass(frozen=True, kw_only=True)
class DutyFacts:
    """Of a commitment or a repair: whose it is, since when, when it was due, and what somebody last saw of it."""

    about: str
    by: str
    since: date
    due_on: date
    seen_on: date | None
    kept: bool
    repair: bool = False

    def done_by(self, day: date) -> bool:
        """Whether somebody had seen by then that it was done; half done, or seen undone, it still is to do."""
        return self.kept and self.seen_on is not None and self.seen_on <= day


@dataclass(frozen=True, kw_only=True)
class BalanceFacts:
    """Of a balance: what was owed on a day, and a month's rent."""

    lease: str
    balance_on: date
    amount_cents: int
    month_rent_cents: int


Counted = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A part of a whole, with the things it was counted from: each in the whole, and whether it is in the part.

    :ivar value: the figure, where it is no simple share; ``out_of`` are then the two numbers it was made of.
    :ivar beside: further numbers that are shown with it.
    :ivar lists: what those, or the two numbers, were counted from, by name.
    """

    id: str
    name: str
    counted: Counted
    value: float | None = None
    out_of: tuple[int, int] | None = None
    beside: tuple[tuple[str, float | int | None], ...] = ()
    lists: tuple[tuple[str, Counted], ...] = ()

    @property
    def whole(self) -> int:
        """How many were looked at."""
        return len(self.counted)

    @property
    def part(self) -> int:
        """How many of them it counts."""
        return sum(counts for _, counts in self.counted)

    @property
    def suppressed(self) -> bool:
        """Whether the group is too small to be shown."""
        return not is_shown(self.whole)

    @property
    def share(self) -> float | None:
        """The figure itself, where it may be shown and there is anything to show."""
        counted = proportion(self.part, self.whole)
        return counted if counted is None or self.value is None else self.value


def first_visit_in_time(leases: Iterable[LeaseFacts], period: Period) -> Figure:
    """K-01: of the leases whose first visit fell due in the period, those visited by then."""
    due = [lease for lease in leases if period.holds(lease.first_visit_due)]
    counted = ((one.lease, one.first_visit_on is not None and one.first_visit_on <= one.first_visit_due) for one in due)
    return Figure(id="K-01", name="first visit in time", counted=tuple(counted))


def report_in_time(visits: Iterable[VisitFacts], period: Period) -> Figure:
    """K-02: of the visits whose report fell due in the period, those with a report fixed by then."""
    due = [(one, one.report_due_on) for one in visits if one.report_due_on and period.holds(one.report_due_on)]
    counted = ((one.visit, one.fixed_on is not None and one.fixed_on <= last) for one, last in due)
    return Figure(id="K-02", name="report in time", counted=tuple(counted))


def presence(leases: Sequence[LeaseFacts], visits: Sequence[VisitFacts], period: Period) -> Figure:
    """K-03: visits carried out over days of leases, as visits in a year of a lease; the median and the share of two.

    The list names the leases, and whether each had two visits or more.
    """
    days = {lease.lease: lease.days_in(period) for lease in leases}
    there = {lease: number for lease, number in days.items() if number}
    done = dict.fromkeys(there, 0)
    carried_out = [visit for visit in visits if visit.lease in done and period.holds(visit.visited_on)]
    for visit in carried_out:
        done[visit.lease] += 1
    a_year = {lease: done[lease] / there[lease] * A_YEAR_DAYS for lease in there}
    counted = tuple((lease, number >= 2) for lease, number in done.items())
    shown = len(there) >= FEWEST
    rate = round(sum(done.values()) / sum(there.values()) * A_YEAR_DAYS, 4) if there else None
    return Figure(
        id="K-03",
        name="presence",
        counted=counted,
        value=rate,
        out_of=(sum(done.values()), sum(there.values())),
        beside=(
            ("median", round(median(a_year.values()), 4) if shown else None),
            ("share_with_two", round(sum(two for _, two in counted) / len(counted), 4) if shown else None),
        ),
        lists=(("visits", tuple((visit.visit, True) for visit in carried_out)),),
    )


def cadence_kept(dues: Iterable[DueFacts], period: Period) -> Figure:
    """K-04: of the due dates that fell in the period, those met within a fortnight."""
    fallen = [due for due in dues if period.holds(due.due_on)]
    latest = timedelta(days=WITHIN_DAYS)
    counted = ((one.lease, one.met_on is not None and one.met_on <= one.due_on + latest) for one in fallen)
    return Figure(id="K-04", name="cadence kept", counted=tuple(counted))


def notes_concluded_well(notes: Sequence[NoteFacts], period: Period) -> Figure:
    """K-05: of the notes concluded in the period, those kept; refused, revised and lapsed ones apart."""
    ended = [note for note in notes if period.holds(note.ended_on)]
    concluded = [note for note in ended if note.state in ("kept", "partly", "broken")]
    shown = is_shown(len(ended))
    apart = {
        state: tuple((note.agreement, True) for note in ended if note.state == state)
        for state in ("refused", "revised", "lapsed")
    }
    return Figure(
        id="K-05",
        name="notes concluded well",
        counted=tuple((one.agreement, one.state == "kept") for one in concluded),
        beside=tuple((state, len(notes) if shown else None) for state, notes in apart.items()),
        lists=tuple(apart.items()),
    )


def own_strength(duties: Sequence[DutyFacts], period: Period) -> Figure:
    """K-06: of the renters' commitments followed up in the period, those kept; the office's own beside them."""
    followed = [duty for duty in duties if not duty.repair and period.holds(duty.seen_on)]
    theirs = tuple((one.about, one.kept) for one in followed if one.by == "renter")
    ours = tuple((one.about, one.kept) for one in followed if one.by == "office")
    shown = is_shown(len(ours))
    beside = (
        ("office_followed_up", len(ours) if shown else None),
        ("office_kept", sum(kept for _, kept in ours) if shown else None),
    )
    return Figure(id="K-06", name="renter's own strength", counted=theirs, beside=beside, lists=(("office", ours),))


def arrears(leases: Iterable[LeaseFacts], balances: Iterable[BalanceFacts], period: Period) -> Figure:
    """K-09: of the leases that ran on the last day, those that owed a month's rent or more by the last balance."""
    latest: dict[str, BalanceFacts] = {}
    for balance in sorted(balances, key=lambda one: one.balance_on):
        if balance.balance_on <= period.until:
            latest[balance.lease] = balance
    running = [lease.lease for lease in leases if lease.runs_on(period.until)]
    counted = tuple((lease, lease in latest and _a_month_behind(latest[lease])) for lease in running)
    return Figure(id="K-09", name="arrears", counted=counted)


def _a_month_behind(balance: BalanceFacts) -> bool:
    return balance.amount_cents > 0 and balance.amount_cents >= balance.month_rent_cents


def moved_on(leases: Iterable[LeaseFacts], period: Period) -> Figure:
    """K-14: of the leases that ended in the period, those whose renter moved on."""
    ended = [lease for lease in leases if period.holds(lease.ended_on)]
    return Figure(
        id="K-14", name="moved on", counted=tuple((one.lease, one.ended_ground == "moved_on") for one in ended)
    )


def own_duties(duties: Iterable[DutyFacts], period: Period) -> Figure:
    """K-16: of the office's own commitments and repairs that were open on the last day, those overdue then."""
    ours = [duty for duty in duties if duty.by in ("office", "owner") and duty.since <= period.until]
    still = [duty for duty in ours if not duty.done_by(period.until)]
    return Figure(id="K-16", name="own duties", counted=tuple((one.about, one.due_on < period.until) for one in still))
