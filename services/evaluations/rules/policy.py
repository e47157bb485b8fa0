"""The office's policy: its parameters, their ranges, and which version was in force on which day (domain 6)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any, cast

from services.evaluations.events import PolicyAdopted
from shared.contracts.evaluations import NoticeKind, NoticeMonths
from shared.decisions import DatedStream, Named, Recorded, Refusal

Adopted = tuple[Recorded[PolicyAdopted], ...]
NOTHING_YET: Adopted = ()
CADENCES = (1, 2, 3, 4, 6, 12)
NOTICE_BY_LAW = (NoticeMonths(kind="shortcoming", months=3), NoticeMonths(kind="property", months=6))


class PolicyRetroactive(Refusal):
    """A policy takes force on the day it is decided, or later."""


class PolicyOutOfRange(Refusal):
    """A parameter lies outside its range; each is named."""


class NoPolicyInForce(Refusal):
    """The office had no policy on that day."""


@dataclass(frozen=True)
class Between:
    """The range of a number, both ends included."""

    least: int
    most: int

    def holds(self, value: Any) -> bool:
        """Whether ``value`` lies within."""
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most


@dataclass(frozen=True)
class OneOf:
    """The values a parameter can take."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether ``value`` is one of them."""
        return value in self.values


@dataclass(frozen=True)
class SomeOf:
    """A list, not empty and without repeats, of some of these."""

    values: tuple[int, ...]

    def holds(self, value: Any) -> bool:
        """Whether ``value`` is such a list."""
        return bool(value) and len(set(value)) == len(value) and set(value) <= set(self.values)


@dataclass(frozen=True)
class Parameter:
    """A parameter of the policy: its default, its range, and where both come from."""

    default: Any
    range: Between | OneOf | SomeOf
    source: str


PARAMETERS: Mapping[str, Parameter] = {
    "threshold_n": Parameter(3, Between(2, 5), "default: seed article (third); range: study"),
    "validity_months": Parameter(24, Between(6, 36), "default: study; range: own"),
    "cure_days": Parameter(30, Between(14, 90), "default: study; range: own"),
    "contest_days": Parameter(30, Between(14, 60), "default: study; range: own"),
    "contest_suspends": Parameter(True, OneOf((True, False)), "study"),
    "bad_news_sender": Parameter("coordinator", OneOf(("coordinator", "counsellor")), "seed article"),
    "first_visit_days": Parameter(21, Between(14, 28), "seed article"),
    "cadence_options": Parameter(CADENCES, SomeOf(CADENCES), "seed article: monthly to yearly"),
    "max_open_commitments": Parameter(3, Between(1, 5), "seed article: small steps"),
    "late_report_working_days": Parameter(5, Between(1, 10), "study"),
    "notice_basis": Parameter("latest", OneOf(("posting", "presumed_receipt", "latest")), "study"),
    "notice_months": Parameter(NOTICE_BY_LAW, OneOf((NOTICE_BY_LAW,)), "law, by the study"),
    "visit_announce_days": Parameter(7, Between(2, 21), "own"),
    "hearing_notice_days": Parameter(7, Between(5, 21), "own"),
    "ocmw_answer_days": Parameter(14, Between(7, 30), "own"),
    "parked_alarm_days": Parameter(14, Between(1, 30), "own"),
    "clock_skew_minutes": Parameter(10, Between(1, 60), "own"),
    "uses_checklist": Parameter(True, OneOf((True, False)), "seed article"),
    "uses_agreement_notes": Parameter(True, OneOf((True, False)), "seed article"),
}


def first_policy(*, in_force_from: date) -> PolicyAdopted:
    """Return the policy an office is founded with: every parameter at its default. It may lie in the past."""
    return _policy("P-1", in_force_from, {name: parameter.default for name, parameter in PARAMETERS.items()}, True)


def adopt(adopted: Adopted, *, in_force_from: date, today: date, **chosen: Any) -> list[PolicyAdopted]:
    """Adopt a new version from ``in_force_from`` on; parameters not ``chosen`` stay as in the version before.

    :raises PolicyRetroactive: ``in_force_from`` lies before today.
    :raises PolicyOutOfRange: a parameter lies outside its range.
    """
    before = adopted[-1].event if adopted else first_policy(in_force_from=in_force_from)
    policy = drafted(before, version=f"P-{len(adopted) + 1}", in_force_from=in_force_from, **chosen)
    if adopted and replace(policy, version=before.version, founding=before.founding) == before:
        return []
    if in_force_from < today:
        raise PolicyRetroactive
    return [policy]


def drafted(before: PolicyAdopted, *, version: str, in_force_from: date, **chosen: Any) -> PolicyAdopted:
    """Return what would be adopted.

    :raises PolicyOutOfRange: a parameter lies outside its range.
    """
    wrong = [
        name for name, value in chosen.items() if name not in PARAMETERS or not PARAMETERS[name].range.holds(value)
    ]
    if wrong:
        raise PolicyOutOfRange(
            *(Named("POLICY_OUT_OF_RANGE", f"/{name}", {"parameter": name}) for name in sorted(wrong))
        )
    return _policy(version, in_force_from, {**parameters_of(before), **chosen}, False)


def parameters_of(policy: PolicyAdopted) -> dict[str, Any]:
    """Return the parameters of a version by name."""
    return {name: getattr(policy, name) for name in PARAMETERS}


def in_force(
    adopted: Iterable[Recorded[PolicyAdopted]], *, on: date, known_at: datetime | None = None
) -> PolicyAdopted:
    """Return the version in force on a day, of those known at an instant (None: all).

    :raises NoPolicyInForce: there was none yet.
    """
    found = in_force_or_none(adopted, on=on, known_at=known_at)
    if found is None:
        raise NoPolicyInForce
    return found


def in_force_or_none(
    adopted: Iterable[Recorded[PolicyAdopted]], *, on: date, known_at: datetime | None = None
) -> PolicyAdopted | None:
    """Return the version in force on a day, None if there was none yet. Of two from one day the later one holds."""
    effective = [
        (told.event.in_force_from, place, told.event)
        for place, told in enumerate(adopted)
        if told.event.in_force_from <= on and (known_at is None or told.taken_in_at <= known_at)
    ]
    return max(effective, key=lambda one: one[:2])[2] if effective else None


def version_of(
    adopted: Iterable[Recorded[PolicyAdopted]], version: str, *, office: str | None = None
) -> PolicyAdopted | None:
    """Return one version by its name. ``office``: whose, where it is not the own one's; each names its own."""
    told = adoption_of(adopted, version, office=office)
    return None if told is None else told.event


def adoption_of(
    adopted: Iterable[Recorded[PolicyAdopted]], version: str, *, office: str | None = None
) -> Recorded[PolicyAdopted] | None:
    """Return the adoption of one version, by its name. ``office``: as for ``version_of``."""
    return next((told for told in adopted if told.event.version == version and told.office == office), None)


def notice_months(policy: PolicyAdopted, kind: NoticeKind) -> int:
    """Return how many months a notice of this kind runs."""
    return next(row.months for row in policy.notice_months if row.kind == kind)


def _policy(version: str, in_force_from: date, parameters: Mapping[str, Any], founding: bool) -> PolicyAdopted:
    known = {field.name for field in fields(PolicyAdopted)}
    chosen = cast(Any, {name: value for name, value in parameters.items() if name in known})
    return PolicyAdopted(version=version, in_force_from=in_force_from, founding=founding, **chosen)


def evolve(adopted: Adopted, recorded: Recorded[PolicyAdopted]) -> Adopted:
    return (*adopted, recorded)


POLICIES = DatedStream("policies", initial=NOTHING_YET, evolve=evolve, events=PolicyAdopted)
