"""What the passing of time brings: reminders of the renter's own dates, and letters of which nothing was heard."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from services.notifications import views
from services.notifications.letters import OFFICE, ContestTerm, drafted_from_fact, facts_of, frozen_reminder
from services.notifications.names import letter_named, task_named
from services.notifications.rules.communication import COMMUNICATION, approve_reminder, draft_from_fact
from services.notifications.rules.following import Opening, task_events
from services.notifications.rules.kinds import POLICIES, policy_in_force
from services.notifications.rules.lease_file import addressees_of
from services.notifications.rules.task import TASK
from shared.contracts.notifications import About
from shared.day import Day, Days
from shared.event_sourcing import EventStore, one
from shared.working_days import add_working_days

days = Days()

DAYS_BEFORE_TERM_ENDS = 7
DAYS_BEFORE_APPOINTMENT = 2
DAYS_WITHOUT_OUTCOME = 21
PARKED_ALARM_DAYS = 14  # domain 6, where the office has no policy yet


@days.each("contest terms that near their end")
async def remind_of_contest_terms(day: Day, store: EventStore) -> None:
    """Remind the renters of the last day to contest (L-16)."""
    near = day.date + timedelta(days=DAYS_BEFORE_TERM_ENDS)
    for evaluation, lease, until in await views.terms_that_end(store, since=day.date, until=near, by=day):
        cause = f"{evaluation} {until.isoformat()} ends"
        await _remind(day, store, lease, "evaluation", evaluation, cause, ContestTerm(until=until, begins=False))


@days.each("appointments that come near")
async def remind_of_appointments(day: Day, store: EventStore) -> None:
    """Remind the renters of an announced visit (L-16)."""
    near = day.date + timedelta(days=DAYS_BEFORE_APPOINTMENT)
    for visit, lease in await views.appointments_on(store, since=day.date, until=near, by=day):
        await _remind(day, store, lease, "visit", visit, f"{visit} comes near", None)


async def _remind(
    day: Day, store: EventStore, lease: str, about_kind: About, about_id: str, cause: str, told: Any
) -> None:
    id = letter_named("L-16", cause)
    if (await store.found(COMMUNICATION, id, by=day)).version:
        return
    facts = await facts_of(store, lease, by=day, on=day.date)
    drafted = await drafted_from_fact(
        store,
        by=day,
        facts=facts,
        kind="L-16",
        about_kind=about_kind,
        about_id=about_id,
        addressees=addressees_of(facts.file, kind="L-16", on=day.date),
        told=told,
    )
    await store.decide(COMMUNICATION, id, partial(draft_from_fact, drafted=drafted), by=day.about(id))


@days.each("reminders that can go")
async def approve_reminders(day: Day, store: EventStore) -> None:
    """Freeze the system's own reminders; nothing else is approved without a person (domain 8)."""
    for id in await views.reminders_to_approve(store, by=day):
        letter = await store.state(COMMUNICATION, id, by=day)
        made = await frozen_reminder(store, letter, by=day, today=day.date)
        if made is not None:
            await store.decide(COMMUNICATION, id, partial(approve_reminder, frozen=made), by=day.about(id))


@days.each("letters of which nothing was heard")
async def ask_after_letters(day: Day, store: EventStore) -> None:
    """Let somebody find out what became of an official letter that was sent weeks ago."""
    before = day.date - timedelta(days=DAYS_WITHOUT_OUTCOME)
    for letter, lease in await views.without_outcome(store, sent_before=before, by=day):
        opening = Opening(
            kind="letter_not_delivered",
            about_kind="communication",
            about_id=letter,
            owner_role="administration",
            due_on=add_working_days(day.date, 2),
        )
        await _ask(day, store, opening, lease=lease)


@days.each("messages that wait too long")
async def ask_after_parked_messages(day: Day, store: EventStore) -> None:
    """Let somebody look why a message of another service has waited for its predecessor for so long."""
    policy = policy_in_force(await store.state(POLICIES, OFFICE, by=day), on=day.date)
    alarm = policy.parked_alarm_days if policy else PARKED_ALARM_DAYS
    for waits_for in await views.parked_since(store, day=day.date - timedelta(days=alarm), by=day):
        opening = Opening(
            kind="parked_too_long",
            about_kind="message",
            about_id=waits_for,
            owner_role="coordinator",
            due_on=add_working_days(day.date, 2),
        )
        await _ask(day, store, opening, lease=None)


async def _ask(day: Day, store: EventStore, opening: Opening, *, lease: str | None) -> None:
    id = task_named(opening.kind, opening.about_id)
    await store.decide(
        TASK,
        id,
        partial(_asked, opening=opening, lease=lease, task=id),
        by=day.about(id),
        reads={"held": one(TASK, id)},
    )


def _asked(_task: Any, *, opening: Opening, lease: str | None, task: str, held: Any) -> Iterable[Any]:
    return task_events((opening,), (), lease=lease, tasks={task: held}, named=task_named, told=None)
