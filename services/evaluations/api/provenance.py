"""Exactly what a decision, a count or a crossing rests on (contract 3.2). Nothing here records anything."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from services.evaluations.api.door import READERS, api
from services.evaluations.events import ReviewDue, ThresholdNoLongerMet, ThresholdReached
from services.evaluations.rules.counting import RULE
from services.evaluations.rules.crossing import STANDING
from services.evaluations.rules.judgement.grounds_of_decisions import grounds_of
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.provenance import OfPolicy, rests_on
from services.evaluations.rules.termination import TERMINATION
from services.evaluations.views import entry_of_event, events_after, read_file
from shared import problems
from shared.bodies import is_uuid
from shared.clock import local_date
from shared.decisions import Recorded
from shared.web import Caller, Store, WebStore, may

CROSSINGS = (ThresholdReached, ThresholdNoLongerMet, ReviewDue)
Events = Sequence[Recorded[Any]]


@api.get("/decisions/{event}/provenance")
async def read_provenance(
    event: str, by: Annotated[Caller, may("read_provenance", *READERS, "auditor")], store: Store
) -> Any:
    """Exactly the events, policy, checklist and rule versions that a decision, count or crossing rests on.

    Of a decision or a crossing what it rests on itself; of any other event what the count rests on once it happened.
    """
    entry = await entry_of_event(store, event, by=by) if is_uuid(event) else None
    if entry is None or entry["lease"] is None:
        raise problems.not_found()
    file, events, at = await _known_with(store, entry, event, by)
    on = local_date(at)
    if file.case.registered is None or file.policy_or_none(on=on) is None:
        raise problems.not_found()
    told = next((one for one in events if one.id == event), None)
    before = [one for one in events if one.id != event]
    basis = await asyncio.to_thread(_basis, file, told, before, on=on, by=by)
    return {
        "event": event,
        "type": entry["type"],
        "lease": entry["lease"],
        "on": on,
        "as_known_at": at,
        "count": file.standing(on=on).count,
        **basis,
    }


async def _known_with(store: WebStore, entry: Any, event: str, by: Caller) -> tuple[LeaseFile, Events, datetime]:
    """Return the file as it was once an event had happened, all the events it was then made of, and when that was."""
    lease, at = entry["lease"], entry["taken_in_at"]
    later = await events_after(store, entry["position"], lease=lease, by=by)
    brought = await _brought_along(store, event, lease, by)
    if brought is not None:  # in this ledger since the lease came: it was known when the other office took it in
        at = brought.taken_in_at

    def known(told: Iterable[Recorded[Any]]) -> list[Recorded[Any]]:
        return [one for one in told if one.id not in later and one.taken_in_at <= at]

    whole = await read_file(store, lease, by=by)
    events = [told for history in whole.case.histories() for told in known(history)]
    events += [told for evaluation in whole.evaluations.values() for told in known(evaluation.history)]
    for termination in whole.terminations:
        events += known(await store.history(TERMINATION, termination, by=by))
    events += known(await store.history(STANDING, lease, by=by))
    rules = whole.as_known(at)
    file = LeaseFile(
        lease=lease,
        policies=tuple(told for told in rules.policies if told.id not in later),
        checklists=tuple(told for told in rules.checklists if told.id not in later),
        evaluations={},
        terminations={},
    )
    return file.made_of(events), events, at


async def _brought_along(store: WebStore, event: str, lease: str, by: Caller) -> Recorded[Any] | None:
    """Return an event that a lease brought along from another office; None where it happened here."""
    whole = await read_file(store, lease, by=by)
    histories: list[Events] = [*whole.case.histories(), *(one.history for one in whole.evaluations.values())]
    histories.append(await store.history(STANDING, lease, by=by))
    histories += [await store.history(TERMINATION, termination, by=by) for termination in whole.terminations]
    found = (told for history in histories for told in history if told.id == event)
    return next((told for told in found if told.office is not None), None)


def _basis(file: LeaseFile, told: Recorded[Any] | None, before: Events, *, on: date, by: Caller) -> Mapping[str, Any]:
    """Return what an event rests on, in the words of the answer. It is work for a thread of its own."""
    if told is not None:
        decision = grounds_of(file, told, before=before, today=local_date(told.recorded_at), reader=by.person)
        if decision is not None:
            return _shown(decision.rules, decision.events, decision.policies, decision.checklists)
    if told is not None and isinstance(told.event, CROSSINGS):
        besides = [one for one in before if one.stream.partition("/")[0] in (TERMINATION.kind, STANDING.kind)]
        found = rests_on(file.made_of(before), on=on, crossing=told.event, besides=besides)
    else:
        found = rests_on(file, on=on)
    return _shown((RULE,), found.events, found.policies, found.checklists)


def _shown(
    rules: Sequence[str], events: Events, policies: Sequence[OfPolicy], checklists: Sequence[tuple[str, str]]
) -> Mapping[str, Any]:
    return {
        "rule_version": rules[0],
        "rule_versions": list(rules),
        "events": [
            {
                "id": told.id,
                "type": type(told.event).__name__.removesuffix("V1"),
                "stream": told.stream,
                "position": told.position,
                "occurred_on": told.occurred_on,
                "taken_in_at": told.taken_in_at,
            }
            for told in events
        ],
        "policies": [
            {
                "version": policy.version,
                "event": policy.event,
                "in_force": policy.in_force,
                **({"office": policy.office} if policy.office is not None else {}),
                "supplied": [
                    {"track": one.track, "parameter": one.parameter, "value": one.value} for one in policy.supplied
                ],
            }
            for policy in policies
        ],
        "checklists": [{"version": version, "event": event} for version, event in checklists],
    }
