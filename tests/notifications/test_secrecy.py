"""Messages and calendars say that there is something, and from which office; never what (domain 9, issue 6).

Every text that an office can hold of a case is a mark here; no mark may be in what others can see.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest

from services.notifications.delivery import Message, as_email, said
from services.notifications.events import SendingQueued
from services.notifications.letters import languages
from services.notifications.names import sending_named
from services.notifications.rules.sending import SENDING, queue
from shared.contracts.evaluations import OfficeFoundedV1
from shared.contracts.notifications import Kind
from shared.contracts.visits import (
    ContactPointV1,
    CounsellorAssignedV1,
    CounsellorCardMadeV1,
    LeaseRegisteredV1,
    PartyV1,
    VisitAnnouncedV1,
    VisitPlannedV1,
)
from shared.day import Day
from tests.notifications.carriers import Counted, Post
from tests.notifications.conftest import Notifications
from tests.notifications.examples import AN, FATMA, KAREL, LEASE, POLICY, VISIT
from tests.notifications.test_delivery import asked, carried, delivery, post

__all__ = ["asked", "delivery", "post"]  # fixtures

MARK = "merkteken"
KINDS: tuple[Kind, ...] = get_args(Kind)
CASE_WORDS = ("huur", "evaluatie", "opzeg", "achterstal", "bezoek", "gesprek", "afspra", "betwist", "ocmw", "L-")


def marks() -> Iterator[str]:
    """Return texts of which none may be seen outside."""
    chance = random.Random(6)
    for number in itertools.count():
        yield f"{MARK}{number}{chance.randint(10**6, 10**7)}"


async def a_marked_lease(notifications: Notifications) -> None:
    """Let a lease have been told of which every text is a mark."""
    mark = marks()
    seal = notifications.seal

    async def marked(field: str) -> Any:
        return await seal(field, next(mark), LEASE, "A")

    reached = {"email": "renter@voorbeeld.example", "sms": "+32470000001", "whatsapp": "+32470000002"}
    contacts = [
        ContactPointV1(kind=kind, value=await seal("value", value, LEASE, "A"))  # type: ignore[arg-type]
        for kind, value in reached.items()
    ]
    party = PartyV1(id=AN, name=await marked("name"), role="renter", language="nl", contacts=tuple(contacts))
    lease = LeaseRegisteredV1(
        lease=LEASE,
        dwelling_reference=await marked("dwelling_reference"),
        dwelling_address=await marked("dwelling_address"),
        landlord=await marked("landlord"),
        parties=(party,),
        start=date(2025, 11, 3),
        informed_on=date(2025, 11, 3),
        policy_version="P-1",
        first_visit_due=date(2025, 11, 24),
    )
    founded = OfficeFoundedV1(code=notifications.office, name="Kantoor Noord", from_=date(2025, 1, 1), director="rita")
    card = CounsellorCardMadeV1(counsellor="fatma", name=await marked("name"), phone=await marked("phone"))
    assigned = CounsellorAssignedV1(lease=LEASE, counsellor="fatma", assigned_from=date(2025, 11, 3))
    visit: dict[str, Any] = {
        "lease": LEASE,
        "visit": VISIT,
        "visit_on": notifications.today + timedelta(days=9),
        "slot": "14:00",
        "purpose": "individual",
        "counsellor": "fatma",
    }
    announced = VisitAnnouncedV1(
        **visit, channel="letter", announced_on=notifications.today, purpose_told=True, in_time=True
    )
    await notifications.told(founded, POLICY, card, lease, assigned, VisitPlannedV1(**visit), announced)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp"])
async def test_no_word_of_a_case_is_seen_outside_a_letter(
    notifications: Notifications, delivery: Any, post: Post, asked: Counted, channel: Any
) -> None:
    await a_marked_lease(notifications)
    letters = await notifications.letters(LEASE)
    assert MARK in str(letters), "the marks are in the letters themselves"
    for letter in letters:
        queued = SendingQueued(
            lease=LEASE, communication=letter["id"], addressee=AN, channel=channel, key=f"{letter['id']}.{AN}"
        )
        by = Day(office=notifications.office, date=notifications.today).of(letter["id"])
        await notifications.act(f"/communications/{letter['id']}/approve", **KAREL)
        await notifications.store.decide(
            SENDING, sending_named(letter["id"], AN), lambda state, queued=queued: queue(state, queued=queued), by=by
        )
    await carried(delivery)
    outside: list[str] = [str(told) for told in asked.asked]
    for mail in post.arrived:
        body: Any = mail.get_body()
        (attached,) = list(mail.iter_attachments())
        outside += [str(mail.items()), body.get_content(), str(attached.get_filename())]
    assert len(outside) >= len(letters)
    for text in outside:
        assert MARK not in text
        assert not [
            word
            for word in CASE_WORDS
            if word.lower() in text.lower().replace(notifications.office, "").replace("huurspoor", "")
        ]


@pytest.mark.parametrize("language", [*languages(), "tr"])
def test_what_is_said_outside_is_one_of_few_sentences(language: str) -> None:
    """It has no place for anything but the office and its number."""
    for office, phone in (("Kantoor Noord", "03 000 00 01"), ("Kantoor Noord", "")):
        told = said(language, office=office, phone=phone)
        rest = " ".join(told.values()).replace(office, "").replace(phone, "")
        assert not any(char.isdigit() for char in rest)
        assert not [word for word in CASE_WORDS if word.lower() in rest.lower()]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("owner", ["renter", "counsellor"])
async def test_a_calendar_shows_day_hour_and_office_and_nothing_else(notifications: Notifications, owner: str) -> None:
    await a_marked_lease(notifications)
    body = {"owner": "renter", "lease": LEASE} if owner == "renter" else {"owner": "counsellor"}
    made = await notifications.act("/calendars", body, **FATMA)
    assert made.status_code == 201, made.text
    feed = await notifications.client.get(made.json()["address"])
    assert feed.headers["content-type"] == "text/calendar; charset=utf-8"
    lines = feed.text.split("\r\n")
    assert lines[:4] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Huurspoor//nl", "CALSCALE:GREGORIAN"]
    assert [line for line in lines if line.startswith("SUMMARY")] == ["SUMMARY:Afspraak met Kantoor Noord"]
    names = {line.partition(":")[0] for line in lines if line}
    assert names == {
        "BEGIN", "VERSION", "PRODID", "CALSCALE", "UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "END",
    }  # fmt: skip
    assert MARK not in feed.text and LEASE not in feed.text
    assert feed.text.count("BEGIN:VEVENT") == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_calendar_line_is_never_longer_than_programs_read(notifications: Notifications) -> None:
    name = "Woonmaatschappij voor het hele land van de Schelde, de Leie en de Dender; kantoor Zuid-Oost één"
    await a_marked_lease(notifications)
    await notifications.told(
        OfficeFoundedV1(code=notifications.office, name=name, from_=date(2025, 1, 1), director="rita")
    )
    made = await notifications.act("/calendars", {"owner": "renter", "lease": LEASE}, **FATMA)
    feed = (await notifications.client.get(made.json()["address"])).text
    assert max(len(line.encode()) for line in feed.split("\r\n")) <= 75
    whole = feed.replace("\r\n ", "")
    assert "SUMMARY:Afspraak met " + name.replace(",", "\\,").replace(";", "\\;") in whole


def test_a_name_with_a_line_break_reaches_no_header() -> None:
    message = Message(
        key=str(uuid4()),
        channel="email",
        to="an@voorbeeld.example",
        office="kantoor-noord",
        office_name="Kantoor\r\nBcc: iemand@elders.example",
        reply_to=None,
        subject=said("nl", office="Kantoor\r\nBcc: x", phone="")["subject"],
        text="x",
        letter=None,
        language="nl",
        at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    mail = as_email(message, sender="svk@kantoor.example")
    assert mail["Bcc"] is None
    assert as_email(replace(message, office_name="Noord"), sender="svk@kantoor.example")["Bcc"] is None
