"""Messages leave once: over a real SMTP server and a real gateway that fail, delay, fall silent and answer twice."""

import asyncio
import base64
import itertools
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller

from operate.children import free_port
from operate.nats import Nats
from operate.supervisor import carriers
from services.notifications import days
from services.notifications.api import communications
from services.notifications.delivery import PUT_OFF, Delivery, Gateway, Mail, NotSent, _notices, carry, channels, said
from services.notifications.events import SendingQueued
from services.notifications.main import SERVICE
from services.notifications.names import sending_named
from services.notifications.rules.sending import SENDING, begin, doubt, queue
from shared.contracts.evaluations import OfficeFoundedV1
from shared.contracts.visits import (
    ContactPointV1,
    CounsellorAssignedV1,
    LeaseRegisteredV1,
    PartyAddedV1,
    PartyLeftV1,
    PartyV1,
    VisitAnnouncedV1,
    VisitPlannedV1,
)
from shared.day import Day
from shared.event_sourcing import StoreBusy
from shared.settings import Settings
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabases, settings_of
from tests.notifications.carriers import SECRET, Counted, Post, gateway, mail_server
from tests.notifications.conftest import Notifications, at_work
from tests.notifications.examples import (
    AN,
    BERT,
    FATMA,
    KAREL,
    LEASE,
    POLICY,
    TOM,
    VISIT,
    communicated,
    reason,
    recorded,
)
from tests.one_service import laid_out
from tests.shared.shop import Issuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = (
    "U betaalt 420,50 euro per maand. Op 1 maart 2026 stond nog 300 euro open. "
    "Wij ontvingen 120,50 euro. Wij stellen een afbetaalplan voor."
)
AT: dict[Any, str] = {"email": "an.peeters@voorbeeld.example", "sms": "+32470000001", "whatsapp": "+32470000002"}
PATIENCE = 30.0  # in seconds, for each step of a carrier that answers in the end
LITTLE_PATIENCE = 4.0  # with one that never does; for all steps before that it must suffice
CASE_WORDS = ("achterstal", "afbetaal", "euro", "huur", "brief over", "L-12", "opzeg", "evaluatie", "Peeters")


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    with mail_server(tmp_path_factory.mktemp("post")) as running:
        yield running


@pytest.fixture(scope="module")
def asked() -> Iterator[Counted]:
    with gateway() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def delivery(
    notifications: Notifications, post: Post, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Delivery]:
    """Carriers that are switched on, not looking by themselves."""
    monkeypatch.setattr(communications, "channels_here", lambda: ("email", "sms", "whatsapp"))
    post.arrived.clear()
    post.plan.clear()
    post.speaks.clear()
    asked.asked.clear()
    asked.keys.clear()
    asked.plan.clear()
    short = Gateway(asked.address, secret=SECRET, clock=notifications.clock, seconds=PATIENCE)
    mail = Mail(
        f"smtp://127.0.0.1:{post.port}", password=None, sender="svk@kantoor.example", trust=post.trust, seconds=PATIENCE
    )
    async with asyncpg.create_pool(notifications.database.all_offices, min_size=0, max_size=2) as pool:
        only = _OfOffice(pool, notifications.office)
        yield Delivery(notifications.store, {"email": mail, "sms": short, "whatsapp": short}, notifications.clock, only)


class _OfOffice:
    """The queue of the office of one test, as the tests of a module share a database."""

    def __init__(self, pool: asyncpg.Pool, office: str) -> None:
        self._pool = pool
        self._office = office

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        return [row for row in await self._pool.fetch(query, *values) if row["office"] == self._office]


async def a_lease(notifications: Notifications, *, without: tuple[str, ...] = (), language: str = "nl") -> None:
    """Let an office with its details, and a lease whose renter can be reached, have been told."""
    seal = notifications.seal
    contacts = [
        ContactPointV1(kind=kind, value=await seal("value", value, LEASE, "A"))
        for kind, value in AT.items()
        if kind not in without
    ]
    party = PartyV1(
        id=AN,
        name=await seal("name", "An Peeters", LEASE, "A"),
        role="reference_renter",
        language=language,
        contacts=tuple(contacts),
    )
    founded = OfficeFoundedV1(code=notifications.office, name="Kantoor Noord", from_=date(2025, 1, 1), director="rita")
    lease = LeaseRegisteredV1(
        lease=LEASE,
        dwelling_reference=await seal("dwelling_reference", "KN-0012", LEASE, "A"),
        dwelling_address=await seal("dwelling_address", "Vaartstraat 12, 2000 Antwerpen", LEASE, "A"),
        landlord=await seal("landlord", "Woonmaatschappij Noord", LEASE, "A"),
        parties=(party,),
        start=date(2025, 11, 3),
        informed_on=date(2025, 11, 3),
        policy_version="P-1",
        first_visit_due=date(2025, 11, 24),
    )
    assigned = CounsellorAssignedV1(lease=LEASE, counsellor="fatma", assigned_from=date(2025, 11, 3))
    await notifications.told(founded, POLICY, lease, assigned)
    details = {"address": "Markt 1, 2000 Antwerpen", "phone": "03 000 00 01", "email": "noord@kantoor.example"}
    assert (await notifications.act("/office-details", details, **KAREL)).status_code == 201


async def sent(notifications: Notifications, method: str | None = "email", *, kind: str = "L-12") -> dict[str, Any]:
    """Let a letter have been sent by a method that the platform carries itself."""
    body: dict[str, Any] = {"kind": kind, "lease": LEASE, "text_nl": WORDS}
    drafted = await notifications.act("/communications", body, **FATMA)
    path = f"/communications/{drafted.json()['id']}"
    approved = await notifications.act(f"{path}/approve", **KAREL)
    assert approved.status_code == 200, approved.text
    body = {"on": notifications.today.isoformat(), "method": method}
    answer = await notifications.act(f"{path}/send", body, **TOM)
    assert recorded(answer) == ["CommunicationSent", "SendingQueued"]
    told: dict[str, Any] = answer.json()
    return told


async def carried(delivery: Delivery) -> None:
    """Let one look be taken a moment later, and what it begins be finished."""
    clock: Any = delivery._clock
    clock.at += timedelta(seconds=1)
    async with asyncio.timeout(60):
        await delivery.look()
        await delivery.finish()


def soon_impatient(delivery: Delivery) -> None:
    """Let carriers be waited for as little as can be, where one falls silent."""
    for carrier in delivery._carriers.values():
        assert isinstance(carrier, Mail | Gateway)
        carrier._seconds = LITTLE_PATIENCE


async def sending(notifications: Notifications) -> dict[str, Any]:
    """Return the only sending of the office."""
    answer = await notifications.read("/sendings", **TOM)
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["items"]
    found: dict[str, Any] = one
    return found


def later(notifications: Notifications, **much: int) -> None:
    """Let time pass."""
    notifications.clock.at += timedelta(**much)


async def test_an_email_leaves_once_with_the_letter_as_frozen(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    letter = await sent(notifications)
    assert (await sending(notifications))["state"] == "queued"
    await carried(delivery)
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], found["attempts"]) == ("sent", 1)
    (mail,) = post.arrived
    assert mail["Message-ID"] == f"<{letter['id']}.{AN}@{notifications.office}.huurspoor>"
    assert (mail["To"], mail["Reply-To"]) == (AT["email"], "noord@kantoor.example")
    pdf = await notifications.read(f"/communications/{letter['id']}.pdf")
    (attached,) = list(mail.iter_attachments())
    assert attached.get_content() == pdf.content
    assert not await notifications.to_do(kind="message_to_settle")


@pytest.mark.parametrize("email", ["noord@", "<", "noord@[1.2", "wij hebben er geen"])
async def test_an_address_of_the_office_that_is_none_keeps_no_email_back(
    notifications: Notifications, delivery: Delivery, post: Post, email: str
) -> None:
    await a_lease(notifications)
    notifications.clock.at += timedelta(days=1)
    details = {"address": "Markt 1, 2000 Antwerpen", "phone": "03 000 00 01", "email": email}
    assert (await notifications.act("/office-details", details, **KAREL)).status_code == 201
    await sent(notifications)
    await carried(delivery)
    await carried(delivery)
    assert (await sending(notifications))["state"] == "sent"
    (mail,) = post.arrived
    assert mail["Reply-To"] is None


async def test_an_email_says_outside_the_letter_no_word_of_the_case(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    await carried(delivery)
    (mail,) = post.arrived
    body: Any = mail.get_body()
    outside = f"{mail.items()}\n{body.get_content()}"
    assert mail["Subject"] == "Een bericht van Kantoor Noord"
    assert "03 000 00 01" in outside
    assert not [word for word in CASE_WORDS if word.lower() in body.get_content().lower()]
    assert not [word for word in CASE_WORDS if word.lower() in str(mail["Subject"]).lower()]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nl", "Kantoor Noord heeft een bericht voor u. Bel 03 000 00 01."),
        ("fr", "Kantoor Noord a un message pour vous. Appelez le 03 000 00 01."),
        ("tr", "Kantoor Noord heeft een bericht voor u. Bel 03 000 00 01."),
    ],
)
async def test_a_short_message_says_that_there_is_one_and_from_which_office(language: str, text: str) -> None:
    assert said(language, office="Kantoor Noord", phone="03 000 00 01")["short"] == text
    assert said("nl", office="Kantoor Noord", phone="")["short"] == "Kantoor Noord heeft een bericht voor u."


async def a_text_message(notifications: Notifications) -> None:
    """Let a short message about an appointment wait for the gateway."""
    letter = await notifications.letter(LEASE, kind="L-01")
    queued = SendingQueued(
        lease=LEASE, communication=letter["id"], addressee=AN, channel="sms", key=f"{letter['id']}.{AN}"
    )
    by = Day(office=notifications.office, date=notifications.today).of("test")
    await notifications.store.decide(
        SENDING, sending_named(letter["id"], AN), lambda state: queue(state, queued=queued), by=by
    )


async def test_a_short_message_goes_to_the_gateway_signed_and_under_its_key(
    notifications: Notifications, delivery: Delivery, asked: Counted
) -> None:
    await a_lease(notifications)
    await a_text_message(notifications)
    await carried(delivery)
    (told,) = asked.asked
    assert (told["to"], told["channel"]) == (AT["sms"], "sms")
    assert told["text"] == "Kantoor Noord heeft een bericht voor u. Bel 03 000 00 01."
    assert (told["id"], asked.forged) == (asked.keys[0], 0)
    found = await sending(notifications)
    assert (found["state"], found["reference"]) == ("sent", "ref-1")


@pytest.mark.parametrize("refusals", [["451"], ["451", "451"]])
async def test_what_the_server_cannot_take_now_goes_later_and_ever_later(
    notifications: Notifications, delivery: Delivery, post: Post, refusals: list[str]
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    post.plan[:] = refusals
    waits = []
    for _ in refusals:
        await carried(delivery)
        found = await sending(notifications)
        assert (found["state"], found["because"]) == ("queued", "refused_by_server")
        await carried(delivery)  # too soon
        assert (await sending(notifications))["attempts"] == found["attempts"]
        waits.append(found["again_at"])
        later(notifications, seconds=31)
    await carried(delivery)
    assert (await sending(notifications))["state"] == "sent"
    assert len(post.arrived) == 1
    assert waits == sorted(waits)


async def test_what_is_refused_for_good_is_a_task_and_goes_again_when_a_person_says_so(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    post.plan[:] = ["550"]
    await carried(delivery)
    found = await sending(notifications)
    assert found["state"] == "failed"
    assert await notifications.to_do(kind="message_to_settle") == ["message_to_settle"]
    path = f"/sendings/{found['id']}/settle"
    assert reason(await notifications.act(path, {"outcome": "send_again"}, **TOM)) == (409, "reason-missing")
    assert reason(await notifications.act(path, {"outcome": "sent", "why": "Gezien."}, **TOM)) == (409, "wrong-state")
    answer = await notifications.act(path, {"outcome": "send_again", "why": "Adres werkt weer."}, **TOM)
    assert recorded(answer) == ["SendingSettled", "TaskClosed"]
    await carried(delivery)
    assert ((await sending(notifications))["state"], len(post.arrived)) == ("sent", 1)


async def test_a_server_that_answers_twice_has_the_message_once(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    post.plan[:] = ["twice"]
    await carried(delivery)
    await carried(delivery)
    assert ((await sending(notifications))["state"], len(post.arrived)) == ("sent", 1)


async def test_a_server_that_dies_before_the_data_is_asked_again(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    post.plan[:] = ["dead"]
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], found["because"]) == ("queued", "server_away")
    later(notifications, seconds=6)
    await carried(delivery)
    assert ((await sending(notifications))["state"], len(post.arrived)) == ("sent", 1)


@pytest.mark.parametrize("silence", ["cut", "silent"])
async def test_an_email_of_which_nobody_knows_is_never_tried_again_without_a_person(
    notifications: Notifications, delivery: Delivery, post: Post, silence: str
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    post.plan[:] = [silence]
    if silence == "silent":
        soon_impatient(delivery)
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], found["because"]) == ("unknown", "cut")
    later(notifications, days=40)
    await carried(delivery)
    assert len(post.arrived) == 1
    assert await notifications.to_do(kind="message_to_settle") == ["message_to_settle"]
    body = {"outcome": "sent", "why": "De huurder las het mij voor."}
    answer = await notifications.act(f"/sendings/{found['id']}/settle", body, **TOM)
    assert recorded(answer) == ["SendingSettled", "TaskClosed"]
    assert recorded(await notifications.act(f"/sendings/{found['id']}/settle", body, **TOM)) == []
    await carried(delivery)
    assert len(post.arrived) == 1


@pytest.mark.parametrize(
    ("planned", "state", "taken"),
    [
        ("503", "queued", 0),
        ("422", "failed", 0),
        ("500", "unknown", 0),
        ("cut", "unknown", 1),
        ("dead", "unknown", 0),
        ("silent", "unknown", 1),
        ("twice", "sent", 1),
        ("endless", "sent", 1),
        ("garbled", "sent", 1),
        ("busy and garbled", "queued", 0),
        ("nul", "sent", 1),
        ("surrogate", "sent", 1),
    ],
)
async def test_each_answer_of_the_gateway_has_its_meaning(
    notifications: Notifications, delivery: Delivery, asked: Counted, planned: str, state: str, taken: int
) -> None:
    await a_lease(notifications)
    await a_text_message(notifications)
    asked.plan[:] = [planned]
    if planned == "silent":
        soon_impatient(delivery)
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], len(asked.asked)) == (state, taken)
    later(notifications, seconds=6)
    await carried(delivery)
    assert len(asked.asked) == (1 if state == "queued" else taken)


class _Carrier:
    """A carrier that calls each message by a name of its own."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        self.handed_over: list[str] = []

    async def hand_over(self, message: Any) -> str:
        self.handed_over.append(message.key)
        return self.reference


async def test_an_outcome_that_the_store_refuses_is_a_task_and_is_not_tried_for_ever(
    notifications: Notifications,
    delivery: Delivery,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran = itertools.count(step=10)
    monkeypatch.setattr("services.notifications.delivery.seconds_running", lambda: next(ran))
    await a_lease(notifications)
    await a_text_message(notifications)
    carrier = _Carrier("no text\0")
    delivery._carriers = {"sms": carrier}
    await carried(delivery)
    assert "sending-failed" in capsys.readouterr().out
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], found["because"], len(carrier.handed_over)) == ("unknown", "ended", 1)
    assert await notifications.to_do(kind="message_to_settle") == ["message_to_settle"]


@pytest.mark.parametrize("where", ["made", "lost"])
async def test_a_message_that_fails_here_keeps_no_other_back_and_is_tried_ever_more_seldom(
    notifications: Notifications,
    delivery: Delivery,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    await a_lease(notifications)
    await a_text_message(notifications)
    poison = (await sending(notifications))["id"]
    carrier, tried, ran = _Carrier("ref-1"), list[str](), 0.0
    delivery._carriers = {"sms": carrier}
    if where == "lost":  # begun by a process that went
        by = Day(office=notifications.office, date=notifications.today).of("test")
        await notifications.store.decide(SENDING, poison, partial(begin, now=notifications.clock.at), by=by)
    make, record = delivery._message, delivery._record

    async def cannot_be_made(office: str, one: Any) -> Any:
        if one.queued.key.endswith(AN):
            tried.append("made")
            raise ValueError("a bug")
        return await make(office, one)

    async def cannot_be_recorded(office: str, id: str, decision: Any) -> Any:
        if where == "lost" and id == poison:
            tried.append("lost")
            raise asyncpg.UntranslatableCharacterError("no text")
        return await record(office, id, decision)

    monkeypatch.setattr(delivery, "_message", cannot_be_made)
    monkeypatch.setattr(delivery, "_record", cannot_be_recorded)
    monkeypatch.setattr("services.notifications.delivery.seconds_running", lambda: ran)
    await many_messages(notifications, {"sms": 1})
    for _ in range(3):
        await carried(delivery)
    assert len(carrier.handed_over) == 1
    assert tried == [where]
    for seconds in (1, 2, 4):
        ran += seconds
        await carried(delivery)
        await carried(delivery)
    assert tried == [where] * 4
    assert PUT_OFF._value.get() == 1
    by = Day(office=notifications.office, date=notifications.today).of("test")
    await notifications.store.decide(SENDING, poison, doubt, by=by)  # it waits no longer
    ran += 8
    await carried(delivery)
    assert PUT_OFF._value.get() == 0
    assert capsys.readouterr().out.count("sending-failed") == 4


async def test_a_store_that_is_away_is_said_once_however_often_it_is_asked(
    notifications: Notifications,
    delivery: Delivery,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("services.notifications.delivery.LOOK_SECONDS", 0.001)
    asked = 0

    async def away() -> None:
        nonlocal asked
        asked += 1
        raise StoreBusy

    monkeypatch.setattr(delivery, "look", away)
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(10):
        while asked < 5:
            await asyncio.sleep(0)
    running.cancel()
    assert capsys.readouterr().out.count("sending-waits-for-the-store") == 1


async def test_a_template_that_is_missing_puts_its_messages_off_and_is_no_store_that_is_away(
    notifications: Notifications,
    delivery: Delivery,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await a_lease(notifications)
    await a_text_message(notifications)
    delivery._carriers = {"sms": _Carrier("ref-1")}
    monkeypatch.setattr("services.notifications.delivery.HERE", tmp_path)
    monkeypatch.setattr("services.notifications.delivery._notices", _notices.__wrapped__)
    await carried(delivery)
    said = capsys.readouterr().out
    assert "sending-failed" in said and "waits-for-the-store" not in said
    assert len(delivery._put_off) == 1


async def test_who_has_no_address_is_a_task(notifications: Notifications, delivery: Delivery, post: Post) -> None:
    await a_lease(notifications, without=("email",))
    await sent(notifications)
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], found["because"], len(post.arrived)) == ("failed", "no_address", 0)
    answer = await notifications.act(f"/sendings/{found['id']}/settle", {"outcome": "given_up", "why": "Brief."}, **TOM)
    assert answer.json()["state"] == "given_up"


async def test_a_server_that_is_away_is_tried_until_a_person_must_look(
    notifications: Notifications, delivery: Delivery
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    dead = Mail("smtp://127.0.0.1:9", password=None, sender="svk@kantoor.example", seconds=1)
    away = Delivery(
        notifications.store, {"email": dead}, notifications.clock, delivery._every_office, delays=(timedelta(hours=1),)
    )
    await carried(away)
    assert (await sending(notifications))["because"] == "server_away"
    later(notifications, hours=2)
    await carried(away)
    assert (await sending(notifications))["state"] == "failed"


async def test_nothing_leaves_in_the_clear(notifications: Notifications, delivery: Delivery, post: Post) -> None:
    """Not to a server without STARTTLS, nor to one that nobody vouches for, nor to a plain gateway."""
    await a_lease(notifications)
    await sent(notifications)
    plain: Any = Controller(post, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    plain.start()
    try:
        for port, trust in ((plain.port, post.trust), (post.port, None)):
            mail = Mail(f"smtp://127.0.0.1:{port}", password=None, sender="svk@kantoor.example", trust=trust, seconds=1)
            stubborn = Delivery(notifications.store, {"email": mail}, notifications.clock, delivery._every_office)
            await carried(stubborn)
            found = await sending(notifications)
            assert (found["state"], found["because"], post.arrived) == ("queued", "server_away", [])
            later(notifications, minutes=5)
    finally:
        plain.stop()
    gateway = Gateway("http://gateway.example", secret=SECRET, clock=notifications.clock, seconds=1)
    with pytest.raises(NotSent) as why:
        await gateway.hand_over(None)  # type: ignore[arg-type] # it is not looked at
    assert why.value.because == "not_encrypted"


async def test_nothing_leaves_twice_by_rebuild_repetition_or_a_view_that_lies(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    letter = await sent(notifications)
    await carried(delivery)
    owner = notifications.database.owner
    await notifications.rebuild()
    await carried(delivery)
    body = {"on": notifications.today.isoformat(), "method": "email"}
    assert recorded(await notifications.act(f"/communications/{letter['id']}/send", body, **TOM)) == []
    connection = await asyncpg.connect(owner)
    await connection.execute("select set_config('app.office', $1, false)", notifications.office)
    await connection.execute(
        "insert into sending_queue (office, sending, channel, state, due_at) values ($1, $2, 'email', 'queued', $3)",
        notifications.office,
        sending_named(letter["id"], AN),
        notifications.clock.now(),
    )
    await connection.close()
    later(notifications, days=1000)
    await carried(delivery)
    assert len(post.arrived) == 1
    assert (await sending(notifications))["state"] == "sent"


async def test_a_carrier_that_is_slow_keeps_no_message_of_another_channel_back(
    notifications: Notifications, delivery: Delivery, post: Post, asked: Counted
) -> None:
    await a_lease(notifications)
    await many_messages(notifications, {"email": 6, "sms": 3})
    post.plan[:] = ["silent"] * 6
    clock: Any = delivery._clock
    clock.at += timedelta(seconds=1)
    await delivery.look()
    for _ in range(400):
        await asyncio.sleep(0.05)
        if len(delivery._under_way) == 4:
            break
    there = (len(asked.asked), len(delivery._under_way))
    post.speaks.set()
    await delivery.finish()
    assert there == (3, 4), "the short messages are gone while the e-mails are still with their carrier"


async def many_messages(notifications: Notifications, channels: dict[Any, int]) -> None:
    """Let short messages and e-mails about one approved letter wait for their carriers."""
    drafted = await notifications.act("/communications", {"kind": "L-12", "lease": LEASE, "text_nl": WORDS}, **FATMA)
    letter = drafted.json()["id"]
    await notifications.act(f"/communications/{letter}/approve", **KAREL)
    for channel, number in ((channel, number) for channel, count in channels.items() for number in range(count)):
        key = f"{letter}.{channel}-{number}"
        queued = SendingQueued(lease=LEASE, communication=letter, addressee=AN, channel=channel, key=key)
        by = Day(office=notifications.office, date=notifications.today).of(key)
        await notifications.store.decide(
            SENDING, sending_named(letter, key), lambda state, queued=queued: queue(state, queued=queued), by=by
        )


# Restored from a backup


async def test_what_waited_in_the_backup_is_unknown_after_a_restore_until_a_person_says(
    notifications: Notifications, delivery: Delivery, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    monkeypatch.setattr(Writer, "epoch", 2)
    await carried(delivery)
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], found["because"], len(post.arrived)) == ("unknown", "restored", 0)
    assert await notifications.to_do(kind="message_to_settle") == ["message_to_settle"]
    body = {"outcome": "send_again", "why": "De huurder kreeg niets."}
    answer = await notifications.act(f"/sendings/{found['id']}/settle", body, **TOM)
    assert recorded(answer) == ["SendingSettled", "TaskClosed"]
    await carried(delivery)
    assert ((await sending(notifications))["state"], len(post.arrived)) == ("sent", 1)


async def test_a_message_of_after_the_restore_leaves_as_any_other(
    notifications: Notifications, delivery: Delivery, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_lease(notifications)
    monkeypatch.setattr(Writer, "epoch", 2)
    monkeypatch.setattr(days, "channels_here", lambda: ("email",))
    await notifications.day(notifications.today)
    await sent(notifications)
    await carried(delivery)
    assert ((await sending(notifications))["state"], len(post.arrived)) == ("sent", 1)


async def test_a_day_that_is_done_again_after_a_restore_reminds_nobody_twice(
    notifications: Notifications, delivery: Delivery, post: Post, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "channels_here", lambda: ("email", "sms", "whatsapp"))
    await a_lease(notifications)
    await a_visit_soon(notifications)
    monkeypatch.setattr(Writer, "epoch", 2)
    before = notifications.today + timedelta(days=1)
    notifications.set_day(before)  # the day of the restore; its work was done before it, and reminded the renter
    await notifications.day(before)
    await carried(delivery)
    found = await sending(notifications)
    assert (found["state"], found["because"]) == ("unknown", "restored")
    assert (post.arrived, asked.asked) == ([], [])
    assert await notifications.to_do(kind="message_to_settle") == ["message_to_settle"]


async def a_visit_soon(notifications: Notifications) -> None:
    """Let a visit in three days have been announced."""
    visit: dict[str, Any] = {
        "lease": LEASE,
        "visit": VISIT,
        "visit_on": notifications.today + timedelta(days=3),
        "slot": "14:00",
        "purpose": "individual",
        "counsellor": "fatma",
    }
    announced = VisitAnnouncedV1(
        **visit, channel="letter", announced_on=notifications.today, purpose_told=True, in_time=False
    )
    await notifications.told(VisitPlannedV1(**visit), announced)


async def test_a_reminder_leaves_once_whatever_is_told_or_done_again(
    notifications: Notifications, delivery: Delivery, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "channels_here", lambda: ("email", "sms", "whatsapp"))
    await a_lease(notifications)
    reached = communicated(notifications.today, until=notifications.today + timedelta(days=30), evaluation=str(uuid4()))
    id = str(uuid4())
    await notifications.told(reached, id=id)
    tomorrow = notifications.today + timedelta(days=1)
    for _ in range(3):
        await notifications.told(reached, id=id)  # delivered again, or published again after a loss
        await notifications.day(tomorrow)
        await carried(delivery)
        await notifications.rebuild()
        await carried(delivery)
    assert len(post.arrived) == 1
    assert (await sending(notifications))["state"] == "sent"


async def test_a_reminder_to_who_left_is_dropped_and_keeps_no_other_back(
    notifications: Notifications, delivery: Delivery, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "channels_here", lambda: ("email", "sms", "whatsapp"))
    await a_lease(notifications)
    reached = communicated(notifications.today, until=notifications.today + timedelta(days=30), evaluation=str(uuid4()))
    bert = PartyV1(
        id=BERT,
        name=await notifications.seal("name", "Bert Wouters", LEASE, "A"),
        role="renter",
        language="nl",
        contacts=(ContactPointV1(kind="email", value=await notifications.seal("value", AT["email"], LEASE, "A")),),
    )
    await notifications.told(
        reached,
        PartyAddedV1(lease=LEASE, party=bert, joined_on=notifications.today),
        PartyLeftV1(lease=LEASE, party=AN, left_on=notifications.today),
    )
    await a_visit_soon(notifications)
    await notifications.day(notifications.today + timedelta(days=1))
    states = {one["about"]["kind"]: one["state"] for one in await notifications.letters(LEASE, kind="L-16")}
    assert states == {"evaluation": "dropped", "visit": "sent"}
    await carried(delivery)
    assert len(post.arrived) == 1


async def test_without_carriers_people_send(notifications: Notifications) -> None:
    assert channels(Settings(smtp="", gateway="")) == ()
    assert channels(Settings(smtp="smtp://mail.example", smtp_from="svk@kantoor.example")) == ("email",)
    assert channels(Settings(gateway="https://sms.example", gateway_channels="sms")) == ("sms",)
    await a_lease(notifications)
    drafted = await notifications.act("/communications", {"kind": "L-12", "lease": LEASE, "text_nl": WORDS}, **FATMA)
    path = f"/communications/{drafted.json()['id']}"
    await notifications.act(f"{path}/approve", **KAREL)
    body = {"on": notifications.today.isoformat(), "method": "email"}
    assert recorded(await notifications.act(f"{path}/send", body, **TOM)) == ["CommunicationSent"]


async def test_what_came_back_goes_again_to_the_new_address(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    letter = await sent(notifications)
    await carried(delivery)
    path = f"/communications/{letter['id']}"
    back = {"addressee": AN, "on": notifications.today.isoformat()}
    assert recorded(await notifications.act(f"{path}/returned", back, **TOM)) == ["CommunicationReturned", "TaskOpened"]
    body = {"method": "email", "addresses": [{"addressee": AN, "address": "nieuw@voorbeeld.example"}]}
    again = await notifications.act(f"{path}/send-again", body, **TOM)
    assert recorded(again) == ["CommunicationSentAgain", "CommunicationRepeated", "SendingQueued", "TaskClosed"]
    await carried(delivery)
    first, second = post.arrived
    assert (first["To"], second["To"]) == (AT["email"], "nieuw@voorbeeld.example")
    assert first["Message-ID"] != second["Message-ID"]


async def test_what_was_under_way_becomes_unknown_also_where_no_carrier_is_set_any_more(
    notifications: Notifications, delivery: Delivery
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    cut = await sending(notifications)
    by = Day(office=notifications.office, date=notifications.today).of("test")
    await notifications.store.decide(SENDING, cut["id"], partial(begin, now=notifications.clock.now()), by=by)
    bare = Settings.model_construct(smtp=None, gateway=None)
    work = asyncio.create_task(carry(notifications.store, bare, notifications.clock, delivery._every_office))
    try:
        async with asyncio.timeout(20):
            while (await sending(notifications))["state"] == "sending":
                await asyncio.sleep(0.05)
    finally:
        work.cancel()
    assert (await sending(notifications))["state"] == "unknown"


async def test_what_a_displaced_process_may_still_hold_leaves_again_only_once_it_must_have_let_go(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    await sent(notifications)
    held = await sending(notifications)
    by = Day(office=notifications.office, date=notifications.today).of("the other process")
    await notifications.store.decide(SENDING, held["id"], partial(begin, now=notifications.clock.now()), by=by)
    await carried(delivery)
    assert (await sending(notifications))["because"] == "ended"
    body = {"outcome": "send_again", "why": "De huurder kreeg niets."}
    answer = await notifications.act(f"/sendings/{held['id']}/settle", body, **TOM)
    assert answer.json()["again_at"] is not None
    later(notifications, seconds=119)  # as long as the other process may take
    await carried(delivery)
    assert ((await sending(notifications))["state"], len(post.arrived)) == ("queued", 0)
    later(notifications, seconds=30)
    await carried(delivery)
    assert ((await sending(notifications))["state"], len(post.arrived)) == ("sent", 1)


async def test_the_platform_hands_the_settings_of_carriers_to_the_service() -> None:
    told = {"HUURSPOOR_SMTP": "smtp://m", "HUURSPOOR_GATEWAY_SECRET_FILE": "f", "HUURSPOOR_PORT": "1", "PATH": "/bin"}
    assert carriers(told) == {"HUURSPOOR_SMTP": "smtp://m", "HUURSPOOR_GATEWAY_SECRET_FILE": "f"}


def with_carriers(folder: Path, post: Post, asked: Counted) -> dict[str, str]:
    """Return the environment of a service of its own with both carriers."""
    (folder / "master").write_bytes(base64.b64encode(bytes(32)))
    (folder / "secret").write_bytes(SECRET)
    return {
        **os.environ,
        "HUURSPOOR_PORT": "0",
        "HUURSPOOR_MASTER_KEY_FILE": str(folder / "master"),
        "HUURSPOOR_JWKS": str(folder / "jwks.json"),
        "HUURSPOOR_SMTP": f"smtp://127.0.0.1:{post.port}",
        "HUURSPOOR_SMTP_FROM": "svk@kantoor.example",
        "HUURSPOOR_SMTP_TRUST_FILE": str(post.trust),
        "HUURSPOOR_GATEWAY": asked.address,
        "HUURSPOOR_GATEWAY_SECRET_FILE": str(folder / "secret"),
    }


def started(environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start notifications as a process of its own."""
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "services.notifications.main"], env=environment, stdout=nowhere, stderr=nowhere
    )


async def test_a_service_that_starts_on_a_restored_database_sends_nothing_that_waited_in_it(
    databases: ScratchDatabases, nats: Nats, tmp_path: Path, post: Post, asked: Counted
) -> None:
    own = laid_out(SERVICE, databases)
    async with at_work(own, Issuer(tmp_path)) as service:
        notifications = replace(service, office="kantoor-noord")
        await a_lease(notifications)
        await many_messages(notifications, {"email": 3, "sms": 3})
    post.arrived.clear()
    asked.keys.clear()
    owner = await asyncpg.connect(own.service.owner)
    await owner.execute("update head set epoch = 2")  # as a restore does
    await owner.close()
    child = started({**with_carriers(tmp_path, post, asked), **settings_of(own.service, own.keys, nats)})
    states: dict[str, str] = {}
    try:
        for _ in range(240):
            await asyncio.sleep(0.25)
            states = await _states(own.service.all_offices)
            if set(states.values()) == {"unknown"}:
                break
        await asyncio.sleep(1)
    finally:
        child.terminate()
        assert await asyncio.to_thread(child.wait, 60) == 0
    assert list(states.values()) == ["unknown"] * 6
    assert (post.arrived, asked.keys) == ([], [])


async def test_what_a_slow_carrier_takes_while_the_service_is_asked_to_end_is_recorded(
    databases: ScratchDatabases, nats: Nats, tmp_path: Path, post: Post, asked: Counted
) -> None:
    own = laid_out(SERVICE, databases)
    async with at_work(own, Issuer(tmp_path)) as service:
        notifications = replace(service, office="kantoor-noord")
        await a_lease(notifications)
        await many_messages(notifications, {"sms": 1})
    asked.keys.clear()
    asked.plan[:] = ["slow"]
    child = started({**with_carriers(tmp_path, post, asked), **settings_of(own.service, own.keys, nats)})
    try:
        await _until_more(than=0, post=post, asked=asked, seconds=120)
    finally:
        child.terminate()
        assert await asyncio.to_thread(child.wait, 60) == 0
    assert list((await _states(own.service.all_offices)).values()) == ["sent"]


async def test_what_was_not_with_its_carrier_when_the_service_is_asked_to_end_waits(
    notifications: Notifications, delivery: Delivery, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_lease(notifications)
    await a_text_message(notifications)
    later(notifications, seconds=1)
    make, being_made, go_on = delivery._message, asyncio.Event(), asyncio.Event()

    async def make_slowly(*arguments: Any) -> Any:
        being_made.set()
        await go_on.wait()
        return await make(*arguments)

    monkeypatch.setattr(delivery, "_message", make_slowly)
    running = asyncio.create_task(delivery.run())
    await being_made.wait()
    running.cancel()
    await asyncio.wait((running,), timeout=0.1)
    go_on.set()
    await asyncio.gather(running, return_exceptions=True)
    assert asked.asked == []
    assert (await sending(notifications))["state"] == "queued"
    monkeypatch.setattr(delivery, "_message", make)


MESSAGES: dict[Any, int] = {"email": 50, "sms": 25, "whatsapp": 25}
KILLS = 6


async def test_killed_at_any_moment_each_of_a_hundred_leaves_once_or_is_visibly_unknown(
    databases: ScratchDatabases, nats: Nats, tmp_path: Path, post: Post, asked: Counted
) -> None:
    own = laid_out(SERVICE, databases)
    async with at_work(own, Issuer(tmp_path)) as service:
        notifications = replace(service, office="kantoor-noord")
        await a_lease(notifications)
        await many_messages(notifications, MESSAGES)
    chance = random.Random(6)  # seeded: the same faults at every run; the moments of the kills are the machine's
    post.arrived.clear()
    # What is to be tried again comes first, so that no message waits for its third or fourth try.
    post.plan[:] = ["451", "dead", "451", *chance.choices(["250", "250", "cut", "slow", "twice"], k=40)]
    asked.keys.clear()
    asked.plan[:] = ["503", "503", "503", *chance.choices(["202", "202", "cut", "slow", "twice", "500"], k=40)]
    environment = {**with_carriers(tmp_path, post, asked), **settings_of(own.service, own.keys, nats)}
    states: dict[str, str] = {}
    places = ["before the send:3", "after the send:4", *["at random"] * KILLS, ""]
    for place in places:
        child = started({**environment, "HUURSPOOR_FAIL_POINT": "" if place == "at random" else place})
        try:
            if place == "at random":
                await _until_more(than=len(post.arrived) + len(asked.keys), post=post, asked=asked)
                await asyncio.sleep(chance.uniform(0, 0.4))
                child.kill()
            if place:
                assert await asyncio.to_thread(child.wait, 60) == -signal.SIGKILL
                continue
            for _ in range(720):
                await asyncio.sleep(0.25)
                states = await _states(own.service.all_offices)
                if not {"queued", "sending"} & set(states.values()):
                    break
        finally:
            if child.poll() is None:
                child.terminate()
                # Where nothing was left to do it may be told to end before it listens to signals.
                assert await asyncio.to_thread(child.wait, 60) in (0, -signal.SIGTERM)
    arrived = Counter(
        [str(one["Message-ID"]).strip(" <").partition("@")[0] for one in post.arrived]
        + [key.partition("@")[0] for key in asked.keys]
    )
    assert max(arrived.values()) == 1, "nothing left twice"
    assert len(states) == sum(MESSAGES.values())
    assert set(states.values()) == {"sent", "unknown"}
    connection = await asyncpg.connect(own.service.all_offices)
    keys_of = {row["id"]: row["key"] for row in await connection.fetch("select id, body->>'key' as key from sendings")}
    to_settle = await connection.fetch("select about from tasks where kind = 'message_to_settle' and state = 'open'")
    await connection.close()
    lost = [id for id, state in states.items() if state == "sent" and keys_of[id] not in arrived]
    assert [keys_of[id] for id in lost] == [], "what counts as sent was taken"
    unknown = [id for id, state in states.items() if state == "unknown"]
    assert sorted(row["about"] for row in to_settle) == sorted(unknown)


async def _until_more(*, than: int, post: Post, asked: Counted, seconds: int = 15) -> None:
    """Wait until a carrier was given something by the process that runs now, or a while when nothing is due."""
    for _ in range(seconds * 20):
        if len(post.arrived) + len(asked.keys) > than:
            return
        await asyncio.sleep(0.05)


async def _states(address: str) -> dict[str, str]:
    connection = await asyncpg.connect(address)
    try:
        return {row["id"]: row["state"] for row in await connection.fetch("select id, state from sendings")}
    finally:
        await connection.close()


async def prefers(notifications: Notifications, *channels: str, **other: Any) -> Any:
    """Let An say how messages shall come."""
    body = {"lease": LEASE, "party": AN, "channels": list(channels), **other}
    return await notifications.act("/contact-preferences", body, **FATMA)


async def test_a_letter_goes_the_way_its_addressee_asked_for(
    notifications: Notifications, delivery: Delivery, post: Post
) -> None:
    await a_lease(notifications)
    assert recorded(await prefers(notifications, "sms", "email")) == ["PreferencesStated"]
    assert recorded(await prefers(notifications, "sms", "email")) == []
    assert reason(await prefers(notifications, "sms", party="5b1f6f0a-0000-4f0a-9a51-0d6f4a6f0001")) == (409, "unknown")
    letter = await sent(notifications, method=None)
    assert letter["method"] == "email", "a reminder of arrears goes by no text message"
    await carried(delivery)
    assert len(post.arrived) == 1


@pytest.mark.parametrize(
    ("asked_for", "channel", "text"),
    [
        (("whatsapp",), "whatsapp", "Kantoor Noord a un message pour vous. Appelez le 03 000 00 01."),
        (("letter",), None, ""),
        ((), "email", ""),
    ],
)
async def test_a_reminder_leaves_by_itself_as_the_renter_asked(
    notifications: Notifications,
    delivery: Delivery,
    asked: Counted,
    post: Post,
    monkeypatch: pytest.MonkeyPatch,
    asked_for: tuple[str, ...],
    channel: str | None,
    text: str,
) -> None:
    monkeypatch.setattr(days, "channels_here", lambda: ("email", "sms", "whatsapp"))
    await a_lease(notifications)
    if asked_for:
        await prefers(notifications, *asked_for, language="fr", **{"from": "2026-01-01"})
    await a_visit_soon(notifications)
    await notifications.day(notifications.today + timedelta(days=1))
    letter = await notifications.letter(LEASE, kind="L-16")
    assert (letter["state"], letter["method"]) == (("sent", channel) if channel else ("approved", None))
    await carried(delivery)
    await notifications.day(notifications.today)
    await carried(delivery)
    assert [one["text"] for one in asked.asked] == ([text] if text else [])
    assert len(post.arrived) == (1 if channel == "email" else 0)
