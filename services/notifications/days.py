"""What the passing of time brings: reminders of the renter's own dates, and letters of which nothing was heard."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial
from typing import Any, assert_never

from services.notifications import views
from services.notifications.delivery import channels_here, keep_back_after_restore, to_settle
from services.notifications.events import CommunicationApproved, SendingChannel
from services.notifications.freezing import frozen_reminder
from services.notifications.letters import OFFICE, ContestTerm, drafted_from_fact, facts_of, wishes_of
from services.notifications.names import letter_named, sending_named, task_named
from services.notifications.rules.carrying import CARRYING, Carrying
from services.notifications.rules.communication import (
    COMMUNICATION,
    Communication,
    approve_reminder,
    draft_from_fact,
    drop_for,
    is_for_nobody,
    send_reminder,
)
from services.notifications.rules.following import Opening, task_events
from services.notifications.rules.kinds import POLICIES, policy_in_force
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile, addressees_of, contacts_of
from services.notifications.rules.preferences import Wishes, preferred
from services.notifications.rules.sending import SENDING, Sending, channel_of, doubt, leaves
from services.notifications.rules.task import TASK, close_task, open_task
from services.notifications.views import Due
from shared.clock import BRUSSELS
from shared.contracts.notifications import About
from shared.day import Day, Days
from shared.decisions import Elsewhere
from shared.event_sourcing import EventStore, one
from shared.working_days import add_working_days

days = Days()

DAYS_BEFORE_TERM_ENDS = 7
DAYS_BEFORE_APPOINTMENT = 2
DAYS_WITHOUT_OUTCOME = 21
PARKED_ALARM_DAYS = 14  # domain 6, where the office has no policy yet
WORKING_DAYS_TO_LOOK = 2


async def _due(day: Day, store: EventStore) -> Iterable[Due]:
    await keep_back_after_restore(store, day)
    policy = policy_in_force(await store.state(POLICIES, OFFICE, by=day), on=day.date)
    return await views.due_on(
        store,
        day=day.date,
        terms_until=day.date + timedelta(days=DAYS_BEFORE_TERM_ENDS),
        appointments_until=day.date + timedelta(days=DAYS_BEFORE_APPOINTMENT),
        unheard_since=day.date - timedelta(days=DAYS_WITHOUT_OUTCOME),
        parked_since=day.date - timedelta(days=policy.parked_alarm_days if policy else PARKED_ALARM_DAYS),
        by=day,
    )


@days.each("reminders, and letters and messages of which nothing was heard", _due)
async def do_what_is_due(thing: Due, day: Day, store: EventStore) -> None:
    """Remind renters of their own dates (L-16), and let somebody look after what is silent for too long."""
    match thing.what:
        case "contest_term":
            assert thing.lease is not None and thing.day is not None
            cause = f"{thing.id} {thing.day.isoformat()} ends"
            await _remind(day, store, thing.lease, "evaluation", thing.id, cause, ContestTerm(thing.day, begins=False))
        case "appointment":
            assert thing.lease is not None and thing.day is not None
            await _remind(day, store, thing.lease, "visit", thing.id, f"{thing.id} {thing.day.isoformat()}", None)
        case "reminder":
            await _approve(day, store, thing.id)
        case "unheard":
            await _ask(
                day,
                store,
                Opening(
                    kind="letter_not_delivered",
                    about_kind="communication",
                    about_id=thing.id,
                    owner_role="administration",
                    due_on=add_working_days(day.date, WORKING_DAYS_TO_LOOK),
                ),
                lease=thing.lease,
            )
        case "parked":
            await _ask(
                day,
                store,
                Opening(
                    kind="parked_too_long",
                    about_kind="message",
                    about_id=thing.id,
                    owner_role="coordinator",
                    due_on=add_working_days(day.date, WORKING_DAYS_TO_LOOK),
                ),
                lease=None,
            )
        case "arrived":
            task = task_named("parked_too_long", thing.id)
            await store.decide(TASK, task, partial(close_task, because="arrived"), by=day.about(f"close {task}"))
        case "told_to_all":
            task = task_named("inform_of_policy", thing.id)
            await store.decide(TASK, task, partial(close_task, because="told_to_all"), by=day.about(f"close {task}"))
        case _:
            assert_never(thing.what)


async def _remind(
    day: Day, store: EventStore, lease: str, about_kind: About, about_id: str, cause: str, told: Any
) -> None:
    id = letter_named("L-16", cause)
    if (await store.found(COMMUNICATION, id, by=day)).version:
        return
    facts = await facts_of(store, lease, by=day, on=day.date)
    addressees = addressees_of(facts.file, kind="L-16", on=day.date)
    if not addressees:
        return
    drafted = await drafted_from_fact(
        store,
        by=day,
        facts=facts,
        kind="L-16",
        about_kind=about_kind,
        about_id=about_id,
        addressees=addressees,
        told=told,
    )
    await store.decide(COMMUNICATION, id, partial(draft_from_fact, drafted=drafted), by=day.about(f"draft {id}"))
    await _approve(day, store, id)


async def _approve(day: Day, store: EventStore, id: str) -> None:
    """Freeze one of the system's own reminders; nothing else is approved without a person (domain 8)."""
    letter = await store.state(COMMUNICATION, id, by=day)
    made = await frozen_reminder(store, letter, by=day, today=day.date)
    if made is None:
        return
    carried, wishes = channels_here(), await wishes_of(store, (one.to for one in letter.addressed), by=day)
    file = await store.state(LEASE_FILE, letter.lease or "", by=day)
    decision = partial(
        _approved_and_sent,
        frozen=made,
        method=_way(letter, file, carried=carried, wishes=wishes, on=day.date),
        on=day.date,
        id=id,
        carried=carried,
        wishes=wishes,
        left_before=await _was_done_before_a_restore(day, store),
    )
    reads = {"file": one(LEASE_FILE, letter.lease or "")}
    await store.decide(COMMUNICATION, id, decision, by=day.about(f"approve {id}"), reads=reads)


async def _was_done_before_a_restore(day: Day, store: EventStore) -> bool:
    """Whether a day is done a second time, since the platform stands on a backup: what it sends may have left."""
    carrying: Carrying = await store.state(CARRYING, OFFICE, by=day)
    return carrying.noticed_at is not None and day.date <= carrying.noticed_at.astimezone(BRUSSELS).date()


def _way(
    letter: Communication, file: LeaseFile, *, carried: tuple[SendingChannel, ...], wishes: Wishes, on: date
) -> SendingChannel | None:
    """Return how a reminder leaves by itself: as its addressee asked, else as they can be reached; None: by people."""
    for addressed in letter.addressed:
        to = addressed.to
        asked = preferred(letter.kind, to.party, wishes, on=on)
        if asked is not None:
            return channel_of(asked, on=carried)
        known = {contact.kind for contact in contacts_of(file, to)}
        found = next((channel for channel in carried if channel in known), None)
        if found is not None:
            return found
    return None


def _approved_and_sent(
    letter: Communication,
    *,
    frozen: CommunicationApproved,
    method: SendingChannel | None,
    on: date,
    id: str,
    carried: tuple[SendingChannel, ...],
    wishes: Wishes,
    left_before: bool,
    file: LeaseFile,
) -> list[Any]:
    approved: list[Any] = list(approve_reminder(letter, frozen=frozen))
    if approved and is_for_nobody(letter, file=file, on=on):
        return list(drop_for(letter, because="addressees_changed"))
    if not approved or method is None:
        return approved
    sent = send_reminder(letter, method=method, on=on, file=file)
    waiting = leaves(letter, sent, id=id, carried=carried, wishes=wishes, named=sending_named)
    kept_back = [one for each in waiting for one in _kept_back(each, today=on)] if left_before else []
    return [*approved, *sent, *waiting, *kept_back]


def _kept_back(waiting: Elsewhere, *, today: date) -> list[Elsewhere]:
    """Let a person settle a message that may have left before a restore."""
    queued = waiting.event
    asked = task_events(
        (to_settle(waiting.id, today=today),), (), lease=queued.lease, tasks={}, named=task_named, told=None
    )
    return [*(Elsewhere(SENDING, waiting.id, event) for event in doubt(Sending(queued=queued))), *asked]


async def _ask(day: Day, store: EventStore, opening: Opening, *, lease: str | None) -> None:
    id = task_named(opening.kind, opening.about_id)
    await store.decide(TASK, id, partial(open_task, opened=opening.of(lease)), by=day.about(id))
