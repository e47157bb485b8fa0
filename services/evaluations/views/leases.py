"""From when until when each lease runs."""

from collections.abc import Iterable
from typing import Any

from services.evaluations.rules.case import CASE, Case
from shared.contracts.visits import LeaseEndedV1, LeaseRegisteredV1
from shared.decisions import Recorded
from shared.views import Row, Table, View

LEASES = Table(
    name="leases_known",
    columns={"lease": "text not null", "started_on": "date", "ended_on": "date"},
    key=("lease",),
    indexes=(("started_on",),),
)


def follow_leases(case: Case, recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each lease: from when until when it runs."""
    if case.registered is not None and isinstance(recorded.event, LeaseRegisteredV1 | LeaseEndedV1):
        ended_on = case.ended.ended_on if case.ended is not None else None
        yield Row(LEASES, {"lease": case.registered.lease, "started_on": case.registered.start, "ended_on": ended_on})


VIEWS = (View(CASE, follow_leases, (LEASES,)),)
