"""What an answer of the count rests on: exactly the events without which it would be another (issue 5, GDPR art. 15).

Sufficient: the answer counted again from the listed events alone is the same. Necessary: without one of them the
answer, a place or a reason differs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.evaluations.events import PolicyAdopted, ReviewDue, StandingEvent, ThresholdReached
from services.evaluations.rules.counting import RULE, Standing, Track, pins_of
from services.evaluations.rules.crossing import note_crossing
from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.irreducible import irreducible
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.policy import NoPolicyInForce
from shared.contracts.visits import (
    FindingAttributedV1,
    FindingDateConfirmedV1,
    FindingEstablishedV1,
    FindingMarkedMistakenV1,
    FindingReattributedV1,
    LeaseRegisteredV1,
    RenterInformedOfPolicyV1,
)
from shared.decisions import Recorded

BEARS_ON_THE_COUNT = (
    LeaseRegisteredV1,
    RenterInformedOfPolicyV1,
    FindingEstablishedV1,
    FindingAttributedV1,
    FindingReattributedV1,
    FindingMarkedMistakenV1,
    FindingDateConfirmedV1,
)


@dataclass(frozen=True, kw_only=True)
class Supplied:
    """A parameter that a policy version supplied, on a track of the count or (None) for a decision itself."""

    track: int | None
    parameter: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class OfPolicy:
    """A policy version that the answer rests on, and what it supplied."""

    version: str
    event: str
    supplied: tuple[Supplied, ...]
    in_force: bool
    office: str | None = None  # whose version, where it is not the own one's


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a standing rests on."""

    on: date
    events: tuple[Recorded[Any], ...]
    policies: tuple[OfPolicy, ...]
    checklists: tuple[tuple[str, str], ...]  # version, event
    rule: str = RULE


def rests_on(
    file: LeaseFile, *, on: date, crossing: StandingEvent | None = None, besides: Sequence[Recorded[Any]] = ()
) -> Provenance:
    """Return what the standing of a day rests on, of a file as it was known.

    :param crossing: a crossing noted that day, that must come of the same events. :param besides: what was recorded
        before it of earlier crossings and of termination files, which bear on it too.
    """
    stood = file.standing(on=on)
    wanted = _told(stood)

    def says_the_same(events: Sequence[Recorded[Any]]) -> bool:
        alone = counted_from(file, events, on=on)
        if alone is None or _told(alone) != wanted:
            return False
        return crossing is None or crossing in noted_again(file.made_of(events), crossing, alone)

    of_count = bearing(file)
    needed = irreducible([*besides, *of_count] if says_the_same([*besides, *of_count]) else of_count, says_the_same)
    return Provenance(
        on=on,
        events=tuple(sorted(needed, key=lambda one: (one.taken_in_at, one.recorded_at, one.stream, one.version))),
        policies=policies_of(file, stood),
        checklists=checklists_of(file, needed, on=on),
    )


def counted_from(file: LeaseFile, events: Iterable[Recorded[Any]], *, on: date) -> Standing | None:
    """Return the standing counted from these events alone; None where they are too few to count at all."""
    alone = file.made_of(events)
    try:
        return alone.standing(on=on)
    except NoPolicyInForce:
        return None


def noted_again(file: LeaseFile, crossing: StandingEvent, stood: Standing) -> list[StandingEvent]:
    """Return what is noted of a standing in a file: the crossing itself, where the file holds what it rests on."""
    return note_crossing(
        file.crossing,
        stood=stood,
        newly_counted={crossing.evaluation} if isinstance(crossing, ReviewDue) else (),
        open_review=file.open_review,
        new_review=crossing.termination if isinstance(crossing, ThresholdReached) else "",
    )


def bearing(file: LeaseFile) -> list[Recorded[Any]]:
    """Return the events that can bear on the count at all."""
    case = file.case
    used = {ground.finding for evaluation in file.evaluations.values() for ground in evaluation.grounds}
    histories = [case.of_lease, *(history for id, history in case.findings.items() if id in used)]
    of_case = [told for history in histories for told in history if isinstance(told.event, BEARS_ON_THE_COUNT)]
    return [*of_case, *(told for evaluation in file.evaluations.values() for told in evaluation.history)]


def _told(stood: Standing) -> Any:
    return (
        stood.policy_version,
        stood.reached,
        tuple(
            (track.pin, track.informed_on, track.parameters, track.places, track.next_expiry) for track in stood.tracks
        ),
    )


def _parameters(track: Track) -> dict[str, int | bool]:
    given = track.parameters
    return {
        "threshold_n": given.threshold,
        "validity_months": given.validity_months,
        "cure_days": given.cure_days,
        "contest_suspends": given.contest_suspends,
    }


def policies_of(file: LeaseFile, stood: Standing) -> tuple[OfPolicy, ...]:
    """Name for each parameter of each track the version that supplied it: the earliest the renter was told of."""
    current = in_force_here(file, on=stood.on)
    pinned = [
        adopted_by(file, pin.policy) for pin in pins_of(file.case, file.policies, on=stood.on, current=current.event)
    ]
    supplied: dict[tuple[str | None, str], list[Supplied]] = {_named(current): []}
    for place, track in enumerate(stood.tracks):
        candidates = [*pinned[place:], current]
        for name, value in _parameters(track).items():
            giver = next(one for one in candidates if getattr(one.event, name) == value)
            supplied.setdefault(_named(giver), []).append(Supplied(track=track.pin, parameter=name, value=value))
    by_name = {_named(told): told for told in file.policies}
    return tuple(
        OfPolicy(
            version=by_name[name].event.version,
            event=by_name[name].id,
            office=by_name[name].office,
            supplied=tuple(given),
            in_force=name == _named(current),
        )
        for name, given in supplied.items()
    )


def _named(told: Recorded[PolicyAdopted]) -> tuple[str | None, str]:
    """Return what tells a version from those of the same name of other offices."""
    return told.office, told.event.version


def adopted_by(file: LeaseFile, policy: PolicyAdopted) -> Recorded[PolicyAdopted]:
    """Return the event that adopted a policy of the file."""
    return next(told for told in file.policies if told.event is policy)


def in_force_here(file: LeaseFile, *, on: date) -> Recorded[PolicyAdopted]:
    """Return the event that adopted the policy in force on a day."""
    return adopted_by(file, file.policy(on=on))


def checklists_of(
    file: LeaseFile, needed: Iterable[Recorded[Any]], *, on: date, found_on: Iterable[date] = ()
) -> tuple[tuple[str, str], ...]:
    """Name the versions stamped on the evaluations that bear on the answer, and the one in force.

    :param found_on: the days of facts of which it was asked whether they last, by the checklist of that day.
    """
    stamped = {
        (told.office, told.event.checklist_version)
        for told in needed
        if told.stream.startswith(f"{EVALUATION.kind}/") and hasattr(told.event, "checklist_version")
    }
    current = file.checklist_or_none(on=on)
    if current is not None and stamped:
        stamped |= {(told.office, current.version) for told in file.checklists if told.event is current}
    found_by = [file.checklist_or_none(on=day) for day in found_on]
    stamped |= {
        (told.office, told.event.version) for told in file.checklists if any(told.event is one for one in found_by)
    }
    return tuple(
        (told.event.version, told.id) for told in file.checklists if (told.office, told.event.version) in stamped
    )
