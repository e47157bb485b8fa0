"""Tasks: what somebody has to do, by when; each closes by itself when its cause is gone."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from services.notifications.events import TaskClosed, TaskDone, TaskEvent, TaskHandedOver, TaskOpened
from shared.decisions import Person, Stream
from shared.refusals import WrongState


@dataclass(frozen=True, kw_only=True)
class Task:
    """One thing to do."""

    opened: TaskOpened | None = None
    state: Literal["open", "done", "closed"] = "open"
    owner: str | None = None
    done_by: str | None = None
    because: str | None = None
    times: int = 0  # how often its cause came back

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do it."""
        return self.opened is not None and self.state == "open"


def open_task(task: Task, *, opened: TaskOpened) -> list[TaskEvent]:
    """Give somebody something to do; what is open already stays as it is."""
    return [] if task.is_open else [opened]


def do_task(task: Task, *, by: Person) -> list[TaskEvent]:
    """Say that it is done. :raises WrongState: its cause went away, so there was nothing to do."""
    if task.state == "done":
        return []
    if not task.is_open:
        raise WrongState
    return [TaskDone(by=by.id)]


def close_task(task: Task, *, because: str) -> list[TaskEvent]:
    """Close a task whose cause is gone."""
    return [TaskClosed(because=because)] if task.is_open else []


def hand_over_task(task: Task, *, from_: str | None, to: str) -> list[TaskEvent]:
    """Give an open task of one person to another."""
    return [TaskHandedOver(owner=to)] if task.is_open and task.owner == from_ and from_ != to else []


def evolve(task: Task, event: TaskEvent) -> Task:
    match event:
        case TaskOpened():
            return Task(opened=event, owner=event.owner, times=task.times + 1)
        case TaskDone():
            return replace(task, state="done", done_by=event.by)
        case TaskClosed():
            return replace(task, state="closed", because=event.because)
        case TaskHandedOver():
            return replace(task, owner=event.owner)
        case _:
            assert_never(event)


TASK = Stream("task", initial=Task(), evolve=evolve, events=TaskEvent)
