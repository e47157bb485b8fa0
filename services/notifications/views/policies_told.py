"""Of which policies the renters of each lease that runs were told."""

from collections.abc import Iterable
from typing import Any

from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from shared.contracts.visits import CounsellorAssignedV1, LeaseEndedV1, LeaseRegisteredV1, RenterInformedOfPolicyV1
from shared.decisions import Recorded
from shared.views import Asked, Row, Table, View

GUIDED = Table(name="guided", columns={"lease": "text not null"}, key=("lease",))
POLICY_TOLD = Table(
    name="policy_told",
    columns={"policy": "text not null", "lease": "text not null"},
    key=("policy", "lease"),
)


def keep_policies_told(file: LeaseFile, recorded: Recorded[Any]) -> Iterable[Row]:
    """Each lease that runs, and of which policies its renters were told."""
    lease = recorded.thing
    match recorded.event:
        case LeaseRegisteredV1() | RenterInformedOfPolicyV1() if recorded.office is not None:
            pass  # a version of the office that it came from, whatever it is called
        case LeaseRegisteredV1(policy_version=policy) | RenterInformedOfPolicyV1(policy_version=policy):
            yield Row(POLICY_TOLD, {"policy": policy, "lease": lease})
        case CounsellorAssignedV1() | LeaseEndedV1():
            yield Row(GUIDED, {"lease": lease}, gone=not file.is_guided)


TOLD_TO_ALL = (
    " from tasks where tasks.office = $1 and tasks.kind = 'inform_of_policy' and tasks.state = 'open'"
    " and not exists (select from guided where guided.office = $1 and not exists (select from policy_told"
    " where policy_told.office = $1 and policy_told.policy = tasks.about and policy_told.lease = guided.lease)"
)


async def policies_left_for(store: Asked, lease: str, *, by: Any) -> list[str]:
    """Return the policies of which the renters of at most this lease have still to be told."""
    found = await store.rows(f"select about {TOLD_TO_ALL} and guided.lease <> $2) order by about", lease, by=by)
    return [row["about"] for row in found]


VIEWS = (View(LEASE_FILE, keep_policies_told, (GUIDED, POLICY_TOLD)),)
