"""Tasks open once, are done by people, and close by themselves (issue of the notifications)."""

from datetime import date

from services.notifications.events import TaskClosed, TaskDone, TaskHandedOver, TaskOpened
from services.notifications.rules.task import TASK, close_task, do_task, hand_over_task, open_task
from shared.refusals import WrongState
from tests.notifications.letters import FATMA
from tests.specification import given, state_of

OPENED = TaskOpened(
    lease="l-1",
    kind="report_due",
    about_kind="visit",
    about_id="v-1",
    owner_role="counsellor",
    owner="fatma",
    due_on=date(2026, 3, 9),
)
GONE = TaskClosed(because="ReportFixed")


def test_what_is_open_is_not_opened_again() -> None:
    given(TASK).when(open_task, opened=OPENED).then(OPENED)
    given(TASK, OPENED).when(open_task, opened=OPENED).then_nothing_happens()


def test_a_cause_that_comes_back_opens_it_again() -> None:
    given(TASK, OPENED, GONE).when(open_task, opened=OPENED).then(OPENED)
    assert state_of(TASK, OPENED, GONE, OPENED).times == 2


def test_a_task_is_done_once() -> None:
    given(TASK, OPENED).when(do_task, by=FATMA).then(TaskDone(by="fatma"))
    given(TASK, OPENED, TaskDone(by="fatma")).when(do_task, by=FATMA).then_nothing_happens()


def test_what_nobody_needs_to_do_is_not_done() -> None:
    given(TASK, OPENED, GONE).when(do_task, by=FATMA).then_refused(WrongState)


def test_a_task_closes_when_its_cause_is_gone() -> None:
    given(TASK, OPENED).when(close_task, because="ReportFixed").then(GONE)
    given(TASK, OPENED, TaskDone(by="fatma")).when(close_task, because="ReportFixed").then_nothing_happens()
    given(TASK).when(close_task, because="ReportFixed").then_nothing_happens()


def test_a_task_goes_to_the_new_counsellor() -> None:
    given(TASK, OPENED).when(hand_over_task, from_="fatma", to="mia").then(TaskHandedOver(owner="mia"))
    given(TASK, OPENED).when(hand_over_task, from_="nora", to="mia").then_nothing_happens()
    given(TASK, OPENED, GONE).when(hand_over_task, from_="fatma", to="mia").then_nothing_happens()
