"""Contacts outside home visits, and the counsellor's card (domain 3.2, seed P09, P10, P12)."""

from dataclasses import replace
from datetime import date
from typing import Any

from services.visits.events import ContactAnswered, ContactLogged, CounsellorCardChanged, CounsellorCardMade
from services.visits.rules.card import CARD, change_card, make_card
from services.visits.rules.contact import CONTACT, OfLease, answer, log_contact
from services.visits.rules.lease import LEASE
from shared.decisions import Elsewhere
from shared.refusals import DateOrder, WrongState
from tests.specification import given, state_of
from tests.visits.examples import lease, text

DAY = date(2026, 2, 2)
GIST = text("De kraan lekt.")
OF = OfLease(lease_id="L1", lease=lease(), contact="k1", gist=GIST)


def _contact(**other: Any) -> dict[str, Any]:
    asked = {
        "of": [OF],
        "kind": "repair_report",
        "channel": "whatsapp",
        "direction": "incoming",
        "on": DAY,
        "purpose": "individual",
        "group": None,
        "owner": None,
        "answer_due_on": date(2026, 2, 16),
        "repair_by": "office",
        "logged_by": "tom",
    }
    return {**asked, **other}


REPORTED = ContactLogged(
    lease="L1",
    kind="repair_report",
    channel="whatsapp",
    direction="incoming",
    contact_on=DAY,
    gist=GIST,
    owner="fatma",
    answer_due_on=date(2026, 2, 16),
    repair_by="office",
)


def test_what_is_reported_by_any_channel_is_somebody_s_task_with_a_day() -> None:
    given(CONTACT).when(log_contact, **_contact()).then(REPORTED)
    given(CONTACT).when(log_contact, **_contact(owner="bart")).then(replace(REPORTED, owner="bart"))
    assert state_of(CONTACT, REPORTED).open_repair


def test_a_presence_contact_is_nobody_s_task() -> None:
    given(CONTACT).when(log_contact, **_contact(kind="presence_contact")).then(
        replace(REPORTED, kind="presence_contact", owner=None, answer_due_on=None, repair_by=None)
    )


def test_what_the_office_says_itself_is_nobody_s_task() -> None:
    given(CONTACT).when(log_contact, **_contact(kind="question", direction="outgoing")).then_it_holds(
        lambda events: events[0].owner is None
    )


def test_a_group_moment_stands_in_the_log_of_each_lease() -> None:
    other = OfLease(lease_id="L2", lease=lease(), contact="k2", gist=None)
    given(CONTACT).when(
        log_contact, **_contact(of=[OF, other], kind="presence_contact", purpose="participation", group="k1")
    ).then_it_holds(
        lambda events: (
            events[0].lease == "L1"
            and isinstance(events[1], Elsewhere)
            and (events[1].id, events[1].event.lease, events[1].event.group) == ("k2", "L2", "k1")
        )
    )


def test_a_contact_is_logged_once_for_a_lease_that_is_known() -> None:
    given(CONTACT, REPORTED).when(log_contact, **_contact()).then_refused(WrongState)
    unknown = replace(OF, lease=state_of(LEASE))
    given(CONTACT).when(log_contact, **_contact(of=[unknown])).then_refused(WrongState)


def test_nothing_is_due_before_it_was_asked() -> None:
    given(CONTACT).when(log_contact, **_contact(answer_due_on=date(2026, 2, 1))).then_refused(DateOrder)


def test_whose_day_nobody_named_the_office_named_beforehand() -> None:
    named = _contact(answer_due_on=None, repair_by=None)
    given(CONTACT).when(log_contact, **named).then(replace(REPORTED, answer_due_on=date(2026, 3, 4)))
    question = replace(REPORTED, kind="question", answer_due_on=date(2026, 2, 16), repair_by=None)
    given(CONTACT).when(log_contact, **{**named, "kind": "question"}).then(question)


def test_before_a_lease_has_its_counsellor_who_took_the_message_owns_the_task() -> None:
    alone = replace(OF, lease=replace(OF.lease, counsellor=None))
    given(CONTACT).when(log_contact, **_contact(of=[alone])).then(replace(REPORTED, owner="tom"))


def test_what_was_asked_is_answered_once() -> None:
    answered = ContactAnswered(answered_on=DAY, answered_by="bart")
    given(CONTACT, REPORTED).when(answer, on=DAY, by="bart", answer=None).then(answered)
    given(CONTACT, REPORTED, answered).when(answer, on=DAY, by="bart", answer=None).then_nothing_happens()
    given(CONTACT, REPORTED).when(answer, on=date(2026, 2, 1), by="bart", answer=None).then_refused(DateOrder)
    given(CONTACT, replace(REPORTED, owner=None)).when(answer, on=DAY, by="bart", answer=None).then_refused(WrongState)
    assert not state_of(CONTACT, REPORTED, answered).open


# --- the card ---

MADE = CounsellorCardMade(counsellor="fatma", name=text("Fatma"), phone=text("+32 3 555 01 01"), channels=("phone",))


def test_every_renter_can_put_a_face_to_the_counsellor() -> None:
    asked = {"name": MADE.name, "phone": MADE.phone, "hours": None, "channels": ("phone",), "photo": None}
    given(CARD).when(make_card, counsellor="fatma", **asked).then(MADE)
    given(CARD, MADE).when(make_card, counsellor="fatma", **asked).then_refused(WrongState)
    given(CARD, MADE).when(change_card, **asked).then(
        CounsellorCardChanged(name=text("Fatma"), phone=MADE.phone, channels=("phone",))
    )
    given(CARD).when(change_card, **asked).then_refused(WrongState)


def test_a_card_keeps_whose_it_is() -> None:
    changed = CounsellorCardChanged(name=text("Fatma V."))
    assert state_of(CARD, MADE, changed).counsellor == "fatma"
