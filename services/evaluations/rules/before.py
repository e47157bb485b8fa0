"""By which rules a lease stood under the offices it came from: they came along with it (domain 4.6).

Each office names its versions for itself: ``P-1`` of one is not ``P-1`` of another. What an event names is a version of
the office under which the event was recorded. In force on a day is a version of the office that was competent then.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from services.evaluations.events import ChecklistKept, PolicyKept, RulesTakenOver
from services.evaluations.rules.checklist import CHECKLISTS, Published
from services.evaluations.rules.policy import POLICIES, Adopted
from shared.decisions import DatedStream, Recorded

Before = tuple[Recorded[RulesTakenOver], ...]
ALWAYS_HERE: Before = ()
NEVER = date.max


def take_rules_over(
    *, lease: str, from_office: str, starts_on: date, policies: Adopted, checklists: Published
) -> RulesTakenOver:
    """Return the rules of the office that a lease comes from, as that office knows them."""
    return RulesTakenOver(
        lease=lease,
        from_office=from_office,
        starts_on=starts_on,
        policies=tuple(
            PolicyKept(event=told.id, recorded_at=told.recorded_at, taken_in_at=told.taken_in_at, policy=told.event)
            for told in policies
        ),
        checklists=tuple(
            ChecklistKept(
                event=told.id, recorded_at=told.recorded_at, taken_in_at=told.taken_in_at, checklist=told.event
            )
            for told in checklists
        ),
    )


def policies_of_lease(own: Adopted, before: Before, *, known_at: datetime | None = None) -> Adopted:
    """Return the policies as they hold for a lease: those of each office for as long as it was competent.

    :param known_at: as it was known at an instant: where the lease had not gone yet, nothing limits its office's.
    """
    return _as_they_hold(
        own, before, lambda rules: [_kept(kept, POLICIES.kind, kept.policy) for kept in rules.policies], known_at
    )


def checklists_of_lease(own: Published, before: Before, *, known_at: datetime | None = None) -> Published:
    """Return the checklists as they hold for a lease: those of each office for as long as it was competent.

    :param known_at: as it was known at an instant: where the lease had not gone yet, nothing limits its office's.
    """
    return _as_they_hold(
        own, before, lambda rules: [_kept(kept, CHECKLISTS.kind, kept.checklist) for kept in rules.checklists], known_at
    )


def _kept(kept: PolicyKept | ChecklistKept, kind: str, event: Any) -> Recorded[Any]:
    return Recorded(
        event=event,
        id=kept.event,
        stream=f"{kind}/office",
        version=0,
        occurred_on=event.in_force_from,
        recorded_at=kept.recorded_at,
        taken_in_at=kept.taken_in_at,
        actor="",
    )


def _as_they_hold(
    own: tuple[Recorded[Any], ...],
    before: Before,
    of: Callable[[RulesTakenOver], Iterable[Recorded[Any]]],
    known_at: datetime | None,
) -> tuple[Recorded[Any], ...]:
    ours = {told.id for told in own}  # also where they came back with the lease

    def brought(told: Recorded[RulesTakenOver]) -> list[Recorded[Any]]:
        office = told.event.from_office
        return [replace(one, office=None if one.id in ours else office) for one in of(told.event)]

    if known_at is not None:
        came = sum(told.taken_in_at <= known_at for told in before)
        competent = own if came == len(before) else brought(before[came])
        own, before = tuple(told for told in competent if told.taken_in_at <= known_at), before[:came]
    if not before:
        return own
    found: list[Recorded[Any]] = []
    since, known = date.min, None
    for told in before:
        found += _while_competent(brought(told), since=since, until=told.event.starts_on, known=known)
        since, known = told.event.starts_on, told.taken_in_at
    return (*found, *_while_competent(own, since=since, until=NEVER, known=known))


def _while_competent(
    versions: Iterable[Recorded[Any]], *, since: date, until: date, known: datetime | None
) -> list[Recorded[Any]]:
    """Let versions be in force from the day their office was competent, and none that took force only after it."""
    held = []
    for told in sorted(versions, key=lambda one: one.event.in_force_from):  # of one day the later one holds: stable
        in_force_from = max(told.event.in_force_from, since) if told.event.in_force_from < until else NEVER
        taken_in_at = told.taken_in_at if known is None else max(told.taken_in_at, known)
        held.append(replace(told, event=replace(told.event, in_force_from=in_force_from), taken_in_at=taken_in_at))
    return held


def evolve(before: Before, recorded: Recorded[RulesTakenOver]) -> Before:
    return (*before, recorded)


BEFORE = DatedStream("before", initial=ALWAYS_HERE, evolve=evolve, events=RulesTakenOver)
