"""Calendars at secret addresses, and how the office is reached (contract 3)."""

from dataclasses import replace

from services.notifications.events import CalendarMade, CalendarRevoked, Helpline, OfficeDetailsAdopted
from services.notifications.rules.attempts import ATTEMPTS, attempt_refused
from services.notifications.rules.calendar import CALENDAR, make, revoke
from services.notifications.rules.office import OFFICE_DETAILS, adopt_details, current
from services.notifications.rules.refusals import ContentMissing
from shared.decisions import Named
from shared.refusals import WrongState
from tests.notifications.letters import FATMA
from tests.specification import given, state_of

MADE = CalendarMade(owner="renter", secret="5ec4e7", lease="l-1")
DETAILS = OfficeDetailsAdopted(
    id="d-1", address="Kaai 1", phone="+32 3 555 01 00", email="k@example.org", ocmw=Helpline(name="OCMW", phone="1")
)


def test_a_calendar_is_made_once() -> None:
    facts = {"owner": "renter", "secret": "5ec4e7", "lease": "l-1", "person": None}
    given(CALENDAR).when(make, **facts).then(MADE)
    given(CALENDAR, MADE).when(make, **facts).then_refused(WrongState)


def test_a_calendar_is_revoked_for_good() -> None:
    given(CALENDAR, MADE).when(revoke, by=FATMA).then(CalendarRevoked(by="fatma"))
    given(CALENDAR, MADE, CalendarRevoked(by="fatma")).when(revoke, by=FATMA).then_nothing_happens()


def test_the_last_details_of_the_office_hold() -> None:
    other = OfficeDetailsAdopted(id="d-2", address="Markt 2", phone="2", email="k@example.org")
    given(OFFICE_DETAILS).when(adopt_details, details=DETAILS).then(DETAILS)
    given(OFFICE_DETAILS, DETAILS).when(adopt_details, details=DETAILS).then_nothing_happens()
    given(OFFICE_DETAILS, DETAILS).when(adopt_details, details=other).then(other)
    assert current(state_of(OFFICE_DETAILS, DETAILS, other)) == other
    assert current(()) is None


def test_an_id_stands_for_what_the_office_said_once() -> None:
    other = OfficeDetailsAdopted(id="d-2", address="Markt 2", phone="2", email="k@example.org")
    taken = replace(other, id="d-1")
    given(OFFICE_DETAILS, DETAILS).when(adopt_details, details=taken).then_refused(WrongState)
    given(OFFICE_DETAILS, DETAILS, other).when(adopt_details, details=DETAILS).then_nothing_happens()


def test_an_attempt_that_was_refused_is_remembered_with_its_reasons() -> None:
    (attempt,) = attempt_refused(
        ContentMissing(Named("reasons"), Named("count")), lease="l-1", act="approve_communication", communication="c-1"
    )
    assert (attempt.about, attempt.code, attempt.named) == (
        "communication/c-1",
        "CONTENT_MISSING",
        ("reasons", "count"),
    )
    assert state_of(ATTEMPTS, attempt, attempt) == (attempt, attempt)
