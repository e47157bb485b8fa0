"""What an answer rests on, and what a draft policy would change (contract 3.2). Nothing here records anything."""

from collections.abc import Mapping
from typing import Annotated, Any

from services.evaluations.api.door import READERS, api
from services.evaluations.api.offices import AdoptPolicy, show_policy
from services.evaluations.rules.counting import Standing
from services.evaluations.rules.gates import GATES
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.office import OFFICE_ID
from services.evaluations.rules.policy import POLICIES, drafted
from services.evaluations.rules.provenance import Provenance, rests_on
from services.evaluations.rules.simulation import Difference, difference
from services.evaluations.rules.termination import TERMINATION
from services.evaluations.views import entry_of_event, files_with_evaluations, read_file
from shared import problems
from shared.bodies import is_uuid
from shared.clock import local_date
from shared.web import Caller, Day, Store, WebStore, may

OF_TERMINATIONS = frozenset(
    {"TerminationProposed", "TerminationDecided", "TerminationNotPursued", "GroundsConfirmed", "NoticeWithdrawn"}
)


@api.get("/decisions/{event}/provenance")
async def read_provenance(
    event: str, by: Annotated[Caller, may("read_provenance", *READERS, "auditor")], store: Store
) -> Any:
    """Exactly the events, policy, checklist and rule versions that a decision, count or crossing rests on."""
    entry = await entry_of_event(store, event, by=by) if is_uuid(event) else None
    if entry is None or entry["lease"] is None:
        raise problems.not_found()
    at = entry["taken_in_at"]
    file = (await read_file(store, entry["lease"], by=by)).as_known(at)
    on = local_date(at)
    if file.case.registered is None or file.policy_or_none(on=on) is None:
        raise problems.not_found()
    found = rests_on(file, on=on)
    told = {
        "event": event,
        "type": entry["type"],
        "lease": entry["lease"],
        "on": on,
        "as_known_at": at,
        "count": file.standing(on=on).count,
        **_shown(found),
    }
    if entry["type"] in OF_TERMINATIONS:
        told["decision"] = await _of_termination(store, entry, file, by)
    return told


def _shown(found: Provenance) -> Mapping[str, Any]:
    return {
        "rule_version": found.rule,
        "events": [
            {
                "id": told.id,
                "type": type(told.event).__name__.removesuffix("V1"),
                "stream": told.stream,
                "position": told.position,
                "occurred_on": told.occurred_on,
                "taken_in_at": told.taken_in_at,
            }
            for told in found.events
        ],
        "policies": [
            {
                "version": policy.version,
                "event": policy.event,
                "in_force": policy.in_force,
                "supplied": [
                    {"track": one.track, "parameter": one.parameter, "value": one.value} for one in policy.supplied
                ],
            }
            for policy in found.policies
        ],
        "checklists": [{"version": version, "event": event} for version, event in found.checklists],
    }


async def _of_termination(store: WebStore, entry: Any, file: LeaseFile, by: Caller) -> Mapping[str, Any]:
    """Return what a decision about the lease rests on beside the count: its grounds' facts, the proof of its gates."""
    termination = str(entry["stream"]).partition("/")[2]
    at = entry["taken_in_at"]
    state = TERMINATION.initial
    own = []
    for told in await store.history(TERMINATION, termination, by=by):
        if told.taken_in_at <= at:
            state = TERMINATION.after(state, told)
            own.append(told)
    findings = {ground.finding for ground in state.grounds}
    facts = [told for finding in sorted(findings) for told in file.case.findings.get(finding, ())]
    return {
        "termination": termination,
        "file": [told.id for told in own],
        "grounds": [told.id for told in facts],
        "help_and_ocmw": [told.id for told in file.case.help],
        "gates": [{"gate": gate, "proof": state.proof_events.get(gate)} for gate in GATES],
    }


class DraftPolicy(AdoptPolicy):
    """A draft policy; parameters left out stay as they are."""

    in_force_from: Day | None = None  # type: ignore[assignment]


@api.post("/simulations")
async def simulate(
    body: DraftPolicy, by: Annotated[Caller, may("simulate_policy", "coordinator", "director", "auditor")], store: Store
) -> Any:
    """What a draft policy would change for every lease of the office, from a day on; records nothing."""
    on = max(body.in_force_from or by.today, by.today)
    adopted = await store.state(POLICIES, OFFICE_ID, by=by)
    if not adopted:
        raise problems.not_found()
    draft = drafted(adopted[-1].event, version="draft", in_force_from=on, **body.chosen())
    looked = 0
    differences = []
    async for file in files_with_evaluations(store, by=by):
        looked += 1
        if file.case.registered is None or file.case.ended is not None:
            continue
        found = difference(file, draft, on=on, at=by.at)
        if found is not None:
            differences.append(_difference(found))
    return {
        "on": on,
        "draft": show_policy(draft),
        "leases_looked_at": looked,
        "leases": differences,
        "summary": {
            change: sum(1 for one in differences if one["change"] == change)
            for change in ("would_cross", "would_fall_back", "count_changes", "threshold_changes", "places_change")
        },
    }


def _difference(found: Difference) -> Mapping[str, Any]:
    return {
        "lease": found.lease,
        "change": found.change,
        "before": _stands(found.before),
        "after": _stands(found.after),
        "why": [{"id": moved.id, "before": moved.before, "after": moved.after} for moved in found.moved],
    }


def _stands(stood: Standing) -> Mapping[str, Any]:
    return {
        "count": stood.count,
        "threshold": stood.threshold,
        "reached": stood.reached,
        "track": stood.headline.pin,
    }
