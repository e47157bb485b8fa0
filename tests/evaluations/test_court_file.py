"""Issuing the file for court (domain 10.3)."""

from datetime import UTC, datetime
from typing import Any

from services.evaluations.events import CourtFileIssued
from services.evaluations.rules.court_file import COURT_FILE, issue
from shared.decisions import Person
from shared.refusals import Unknown, WrongState
from tests.specification import given

RITA = Person(id="rita", roles=frozenset({"director"}))
NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
ASKED: dict[str, Any] = {"lease": "lease-1", "entries": 1, "ledger_position": 12, "as_known_at": NOON, "by": RITA}
ISSUED = CourtFileIssued(lease="lease-1", ledger_position=12, as_known_at=NOON, by="rita")


def test_a_file_is_pinned_to_a_place_in_the_ledger() -> None:
    given(COURT_FILE).when(issue, **ASKED).then(ISSUED)


def test_a_file_once_issued_stays_where_it_was_pinned() -> None:
    given(COURT_FILE, ISSUED).when(issue, **{**ASKED, "ledger_position": 20}).then_nothing_happens()


def test_a_file_of_a_moment_is_not_taken_for_that_of_another() -> None:
    asked = {**ASKED, "asked_for": True}
    given(COURT_FILE, ISSUED).when(issue, **asked).then_nothing_happens()
    given(COURT_FILE, ISSUED).when(issue, **{**asked, "ledger_position": 20}).then_refused(WrongState)


def test_one_id_is_the_file_of_one_lease() -> None:
    given(COURT_FILE, ISSUED).when(issue, **{**ASKED, "lease": "lease-2"}).then_refused(WrongState)


def test_there_is_no_file_of_what_was_not_known_yet() -> None:
    given(COURT_FILE).when(issue, **{**ASKED, "entries": 0}).then_refused(Unknown)
