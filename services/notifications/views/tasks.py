"""What is to be done: by whom, by when."""

from collections.abc import Mapping
from typing import Any

from services.notifications.rules.task import TASK, Task
from shared.views import Reserved, Resource


def show_task(_id: str, task: Task) -> Mapping[str, Any] | None:
    """Something to do: what, by whom, by when."""
    if task.opened is None:
        return None
    return {
        "state": task.state,
        "kind": task.opened.kind,
        "lease": task.opened.lease,
        "about": {"kind": task.opened.about_kind, "id": task.opened.about_id},
        "owner_role": task.opened.owner_role,
        "owner": task.owner,
        "due_on": task.opened.due_on,
        "done_by": task.done_by,
        "because": task.because,
    }


# That help was offered, or a yes to it taken back, only those know who may read the referral itself (domain 11, F).
OF_REFERRALS = Reserved("about.kind", "referral", frozenset({"counsellor", "coordinator", "auditor"}))
TASKS = Resource(
    "tasks",
    TASK,
    show_task,
    filters={
        "lease": "text",
        "state": "text",
        "kind": "text",
        "about": "text",
        "owner": "text",
        "owner_role": "text",
        "due_on": "date",
    },
    filter_values=lambda _id, task: {
        "lease": task.opened.lease,
        "state": task.state,
        "kind": task.opened.kind,
        "about": task.opened.about_id,
        "owner": task.owner,
        "owner_role": task.opened.owner_role,
        "due_on": task.opened.due_on,
    },
    reserved=(OF_REFERRALS,),
)
