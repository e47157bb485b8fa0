"""What a draft policy would change for every lease of the office (contract 3.2). Nothing here records anything."""

from collections.abc import Mapping
from typing import Annotated, Any

from services.evaluations.api.door import api
from services.evaluations.api.offices import AdoptPolicy, show_policy
from services.evaluations.rules.counting import Standing
from services.evaluations.rules.office import OFFICE_ID
from services.evaluations.rules.policy import POLICIES, drafted
from services.evaluations.rules.simulation import Difference, difference
from services.evaluations.views import files_with_evaluations
from shared import problems
from shared.web import Caller, Day, Store, may


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
    await store.note_read(by, [one["lease"] for one in differences], "simulations")
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
