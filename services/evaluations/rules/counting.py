"""The counting rule, exact (domain 4): a pure function of what is known and of a day.

``standing`` answers how a lease stands on a day, as known at an instant. It is never stored as truth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from services.evaluations.events import PolicyAdopted
from services.evaluations.rules import checklist as checklists_
from services.evaluations.rules import policy as policies_
from services.evaluations.rules.case import INFORMED_WITHIN, Case, Finding
from services.evaluations.rules.checklist import Published
from services.evaluations.rules.evaluation import Evaluation, Status, status_on
from services.evaluations.rules.policy import Adopted
from shared.contracts.evaluations import ChecklistItem
from shared.decisions import Recorded
from shared.working_days import add_months

RULE = "count/1"  # the version of this rule; a later one gets its own name
NOTE = "The count opens a review. A person decides."

Reason = Literal["not_communicated", "contested", "annulled", "withdrawn", "no_valid_ground", "expired"]
MergeReason = Literal["same_moment", "within_cure"]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The evaluation counts."""

    id: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The evaluation counts together with another, once."""

    id: str
    into: str
    reason: MergeReason


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """The evaluation does not count."""

    id: str
    reason: Reason


Place = Counted | Merged | Excluded
NOTHING_SUPPOSED: Mapping[str, Status] = {}


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What applies on one track: the milder of its pin, every later pin and the policy in force."""

    threshold: int
    validity_months: int
    cure_days: int
    contest_suspends: bool


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a letter about an evaluation says of time: how long to contest, to mend, and how long it can count."""

    contest_days: int
    cure_days: int
    validity_months: int


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A policy version the renter was told of, and the facts it may be applied to.

    :ivar facts_from: the first day of facts it applies to, included.
    """

    number: int
    policy: PolicyAdopted
    informed_on: date
    facts_from: date


@dataclass(frozen=True, kw_only=True)
class Track:
    """The count by one pin."""

    pin: int
    informed_on: date
    parameters: Parameters
    places: tuple[Place, ...]  # in the order of (communicated_on, recorded_at, id)
    next_expiry: date | None

    @property
    def counted(self) -> tuple[str, ...]:
        """The evaluations that count, in order."""
        return tuple(place.id for place in self.places if isinstance(place, Counted))

    @property
    def count(self) -> int:
        """How many count."""
        return len(self.counted)

    @property
    def threshold(self) -> int:
        """The number that opens a review."""
        return self.parameters.threshold

    @property
    def reached(self) -> bool:
        """Whether the count is at the threshold or above."""
        return self.count >= self.threshold


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a lease stands on a day, as known at an instant."""

    lease: str
    on: date
    tracks: tuple[Track, ...]
    policy_version: str

    @property
    def headline(self) -> Track:
        """The reached track of the lowest pin; else the one that lacks least."""
        reached = [track for track in self.tracks if track.reached]
        return reached[0] if reached else min(self.tracks, key=lambda track: (track.threshold - track.count, track.pin))

    @property
    def reached(self) -> bool:
        """Whether some track is at its threshold."""
        return any(track.reached for track in self.tracks)

    @property
    def count(self) -> int:
        """The count of the headline."""
        return self.headline.count

    @property
    def threshold(self) -> int:
        """The threshold of the headline."""
        return self.headline.threshold

    def place_of(self, evaluation: str) -> Place | None:
        """Return the place of an evaluation on the headline track; None if it is not in the answer."""
        return next((place for place in self.headline.places if place.id == evaluation), None)


@dataclass(frozen=True, kw_only=True)
class Negative:
    """A negative evaluation as it stood, with the days of those of its grounds that are valid but for the track."""

    id: str
    moment: str
    status: Status
    facts: tuple[date, ...]

    @property
    def order(self) -> tuple[date, datetime, str]:
        """What evaluations are sorted by."""
        return (self.status.communicated_on or date.max, self.status.decided_at, self.id)


def standing(
    *,
    lease: str,
    on: date,
    case: Case,
    evaluations: Iterable[Evaluation],
    policies: Adopted,
    checklists: Published,
    known_at: datetime | None = None,
    expiry_on: date | None = None,
    supposing: Mapping[str, Status] = NOTHING_SUPPOSED,
    negatives: tuple[Negative, ...] | None = None,
) -> Standing:
    """Return how the lease stands on a day, of what was known at an instant (None: everything).

    :param supposing: how certain evaluations would stand instead: what a letter says of the count once it arrived.
    :param expiry_on: the day on which validity is looked at, where it differs from ``on``: once a notice was posted,
        time alone takes nothing from its grounds (domain 4.7).
    :param negatives: the evaluations ``as_they_stood``, where that is known already: no policy bears on it.
    :raises NoPolicyInForce: the office had no policy on that day, as known then.
    """
    case = case.known(known_at)
    current = policies_.in_force(policies, on=on, known_at=known_at)
    pins = pins_of(case, policies, on=on, current=current)
    if negatives is None:
        negatives = as_they_stood(
            case=case, evaluations=evaluations, checklists=checklists, on=on, known_at=known_at, supposing=supposing
        )
    first_letters = _first_letters(negatives, on=on)
    tracks = tuple(
        count(
            negatives,
            pin=pin,
            parameters=milder_of([later.policy for later in pins[pin.number :]], current),
            first_letters=first_letters,
            on=on,
            expiry_on=expiry_on or on,
        )
        for pin in pins
    )
    return Standing(lease=lease, on=on, tracks=tracks, policy_version=current.version)


def pins_of(case: Case, policies: Adopted, *, on: date, current: PolicyAdopted) -> tuple[Pin, ...]:
    """Return the pins of a lease on a day: what the renter was told at the start, and with proof later (domain 4.1).

    Whatever day was typed in, nobody was told of a later version before it was adopted.
    """
    registered = case.registered
    if registered is None:
        return (Pin(number=0, policy=current, informed_on=on, facts_from=date.min),)
    told_late = registered.imported or registered.informed_on > registered.start + INFORMED_WITHIN
    facts_from = registered.start
    if told_late and registered.informed_on > registered.start:
        facts_from = _day_after(registered.informed_on)
    given = policies_.version_of(policies, registered.policy_version, office=case.registered_under)
    first = given or current
    pins = [Pin(number=0, policy=first, informed_on=registered.informed_on, facts_from=facts_from)]
    informed = [
        (max(delivered_on, _adopted_on(told)), told.event)
        for version, delivered_on, office in case.informed_of(on=on)
        if (told := policies_.adoption_of(policies, version, office=office)) is not None
    ]
    for informed_on, policy in sorted(informed, key=lambda one: one[0]):  # of one day in their order: stable
        if informed_on > on or policy is pins[-1].policy:
            continue  # not yet, or told again of what they knew
        pins.append(Pin(number=len(pins), policy=policy, informed_on=informed_on, facts_from=_day_after(informed_on)))
    return tuple(pins)


def _adopted_on(told: Recorded[PolicyAdopted]) -> date:
    """Return the day before which nobody can have been told of a version; one laid down with the office is older."""
    return date.min if told.event.founding else told.recorded_at.date()  # in UTC: never later than the local day


def contest_days(pins: Sequence[Pin], current: PolicyAdopted, *, facts: Iterable[date]) -> int:
    """Return how long an evaluation of these facts can be contested: the longest that the renter may rely on.

    A shorter term than the renter was told of holds only where every fact is after the day they were told (4.1, 6).
    """
    first = min(facts, default=date.max)
    applies = max((pin.number for pin in pins if pin.facts_from <= first), default=0)
    return max(policy.contest_days for policy in (*(pin.policy for pin in pins[applies:]), current))


def _day_after(day: date) -> date:
    return day + timedelta(days=1)


def milder_of(told: Sequence[PolicyAdopted], current: PolicyAdopted) -> Parameters:
    """Return the mildest of what the renter was told from one pin on, and the policy in force."""
    every = (*told, current)
    return Parameters(
        threshold=max(policy.threshold_n for policy in every),
        validity_months=min(policy.validity_months for policy in every),
        cure_days=max(policy.cure_days for policy in every),
        contest_suspends=any(policy.contest_suspends for policy in every),
    )


def as_they_stood(
    *,
    case: Case,
    evaluations: Iterable[Evaluation],
    checklists: Published,
    on: date,
    known_at: datetime | None,
    supposing: Mapping[str, Status] = NOTHING_SUPPOSED,
) -> tuple[Negative, ...]:
    """Return the evaluations decided negative by a day, each with its status and the days of its valid grounds.

    What depends on the track (which facts its pin may be applied to) is left to ``count``.

    :param case: the file as known at ``known_at``.
    """
    current = checklists_.by_code(checklists_.in_force_or_none(checklists, on=on, known_at=known_at))
    found = []
    for evaluation in evaluations:
        status = supposing.get(evaluation.id) or status_on(evaluation, on=on, known_at=known_at)
        if status is None:
            continue
        stamped = checklists_.by_code(
            checklists_.version_of(checklists, evaluation.checklist_version, office=evaluation.proposed_under)
        )
        facts = tuple(
            finding.occurred_on
            for ground in evaluation.grounds  # they change while it is proposed only, and this one was decided
            if (finding := case.finding(ground.finding, on=on)) is not None
            and ground.finding not in status.struck
            and is_valid(finding, moment_on=evaluation.moment_on)
            and _terminable(finding.item, stamped)
            and _terminable(finding.item, current)
        )
        found.append(Negative(id=evaluation.id, moment=evaluation.moment, status=status, facts=facts))
    return tuple(sorted(found, key=lambda negative: negative.order))


def is_valid(finding: Finding, *, moment_on: date) -> bool:
    """Whether a ground's finding is the renter's, no mistake, and not later than the moment evaluated (4.2 step 3)."""
    return finding.is_renters and finding.occurred_on <= moment_on


def _terminable(item: str, items: Mapping[str, ChecklistItem]) -> bool:
    return item in items and items[item].terminable


def _first_letters(negatives: Iterable[Negative], *, on: date) -> Mapping[str, date]:
    """Return, by moment, the day of the first letter ever communicated about it, whatever became of that letter."""
    first: dict[str, date] = {}
    for negative in negatives:
        told = negative.status.communicated_on
        if told is not None and told <= on:
            first[negative.moment] = min(told, first.get(negative.moment, told))
    return first


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """What is left of one moment: one letter or several, counted once."""

    lead: Negative
    others: tuple[Negative, ...]
    communicated_on: date
    facts: tuple[date, ...]
    out_on: date  # the first day it is out


def count(
    negatives: Sequence[Negative],
    *,
    pin: Pin,
    parameters: Parameters,
    first_letters: Mapping[str, date],
    on: date,
    expiry_on: date,
) -> Track:
    """Count on one track: the seven steps of domain 4.2."""
    places: dict[str, Place] = {}
    by_moment: dict[str, list[tuple[Negative, tuple[date, ...]]]] = {}
    for negative in negatives:
        facts = tuple(fact for fact in negative.facts if fact >= pin.facts_from)
        reason = _why_out(negative.status, facts, on=on, suspends=parameters.contest_suspends)
        if reason is not None:
            places[negative.id] = Excluded(id=negative.id, reason=reason)
        else:
            by_moment.setdefault(negative.moment, []).append((negative, facts))
    units = []
    for moment, left in by_moment.items():
        unit = _unit(left, out_on=add_months(first_letters[moment], parameters.validity_months))
        if expiry_on >= unit.out_on:
            for negative in (unit.lead, *unit.others):
                places[negative.id] = Excluded(id=negative.id, reason="expired")
        else:
            units.append(unit)
    next_expiry = _space(sorted(units, key=lambda unit: unit.lead.order), parameters.cure_days, places)
    return Track(
        pin=pin.number,
        informed_on=pin.informed_on,
        parameters=parameters,
        places=tuple(places[negative.id] for negative in negatives),
        next_expiry=next_expiry,
    )


def _why_out(status: Status, facts: tuple[date, ...], *, on: date, suspends: bool) -> Reason | None:
    if status.withdrawn and status.communicated_on is None:
        return "withdrawn"
    if status.communicated_on is None or status.communicated_on > on:
        return "withdrawn" if status.withdrawn else "not_communicated"
    if status.contested and suspends:
        return "contested"
    if status.annulled:
        return "annulled"
    if status.withdrawn:
        return "withdrawn"
    return None if facts else "no_valid_ground"


def _unit(left: list[tuple[Negative, tuple[date, ...]]], *, out_on: date) -> _Unit:
    in_order = sorted(left, key=lambda one: one[0].order)
    lead = in_order[0][0]
    assert lead.status.communicated_on is not None
    return _Unit(
        lead=lead,
        others=tuple(negative for negative, _ in in_order[1:]),
        communicated_on=lead.status.communicated_on,
        facts=tuple(fact for _, facts in in_order for fact in facts),
        out_on=out_on,
    )


def _space(units: Sequence[_Unit], cure_days: int, places: dict[str, Place]) -> date | None:
    """Walk the units: the first counts; a next one when a fact of it lies after the cure period of the last counted."""
    last: _Unit | None = None
    next_expiry: date | None = None
    for unit in units:
        lead = unit.lead.id
        if last is None or any((fact - last.communicated_on).days > cure_days for fact in unit.facts):
            last = unit
            places[lead] = Counted(id=lead)
            next_expiry = unit.out_on if next_expiry is None else min(next_expiry, unit.out_on)
        else:
            places[lead] = Merged(id=lead, into=last.lead.id, reason="within_cure")
        for other in unit.others:
            places[other.id] = Merged(id=other.id, into=lead, reason="same_moment")
    return next_expiry


def valid_until(stood: Standing, evaluation: Evaluation, evaluations: Iterable[Evaluation]) -> date | None:
    """Return the first day on which an evaluation is out on every track; None while no letter of its moment arrived."""
    told = [
        other.communicated_on
        for other in evaluations
        if other.moment == evaluation.moment and other.decided is not None and other.communicated_on is not None
    ]
    if not told:
        return None
    return max(add_months(min(told), track.parameters.validity_months) for track in stood.tracks)


def answer(stood: Standing, *, as_known_at: datetime, ledger_position: int) -> dict[str, object]:
    """Return the answer in its fixed shape (domain 4.2)."""
    track = stood.headline
    merged = [place for place in track.places if isinstance(place, Merged)]
    excluded = [place for place in track.places if isinstance(place, Excluded)]
    return {
        "lease": stood.lease,
        "on": stood.on.isoformat(),
        "as_known_at": _instant(as_known_at),
        "count": track.count,
        "threshold": track.threshold,
        "reached": stood.reached,
        "track": track.pin,
        "tracks": [
            {
                "pin": one.pin,
                "informed_on": one.informed_on.isoformat(),
                "count": one.count,
                "threshold": one.threshold,
                "reached": one.reached,
            }
            for one in stood.tracks
        ],
        "counted": list(track.counted),
        "merged": [{"id": place.id, "into": place.into, "reason": place.reason} for place in merged],
        "excluded": [{"id": place.id, "reason": place.reason} for place in excluded],
        "next_expiry": track.next_expiry.isoformat() if track.next_expiry else None,
        "policy_version": stood.policy_version,
        "ledger_position": ledger_position,
        "note": NOTE,
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
