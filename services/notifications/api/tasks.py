"""What somebody has to do, by when."""

from functools import partial
from typing import Annotated

from services.notifications import views
from services.notifications.api.door import STAFF, api
from services.notifications.rules.task import TASK, Task, do_task
from shared.problems import not_permitted
from shared.web import Acted, Caller, Store, may


@api.post("/tasks/{task}/done")
async def task_done(task: str, by: Annotated[Caller, may("do_task", *STAFF, of=TASK)], store: Store) -> Acted:
    """Say that a task is done."""
    state: Task = await store.state(TASK, task, by=by)
    if views.TASKS.is_reserved_from(by.roles, views.TASKS.show(task, state) or {}):
        raise not_permitted()
    return await store.decide(TASK, task, partial(do_task, by=by.person), by=by)


api.collection(views.TASKS, readers=STAFF)
