"""How a lease ends and its file is closed (domain 3.1)."""

from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any, get_args

import pytest

from services.visits.events import (
    AgreementLapsed,
    ContactAnswered,
    ContactLogged,
    EndingGround,
    EndingMode,
    LeaseClosed,
    LeaseEnded,
    NoticeRunning,
)
from services.visits.rules.agreement import AGREEMENT
from services.visits.rules.contact import CONTACT
from services.visits.rules.ending import ModeGroundMismatch, OpenMatters, close, end, may_go_together
from services.visits.rules.lease import LEASE
from services.visits.rules.termination import TERMINATIONS
from shared.contracts.evaluations import (
    JudgmentGivenV1,
    NoticePostedV1,
    NoticeWithdrawnV1,
    ReviewOpenedV1,
    TerminationLapsedV1,
)
from shared.decisions import Elsewhere
from shared.refusals import DateOrder, WrongState
from tests.specification import given, state_of
from tests.visits.examples import DRAFTED, PROPOSED, REGISTERED, RUNNING, RUNS, agreement, text

ON = date(2026, 6, 30)


def _end(**other: Any) -> dict[str, Any]:
    asked = {
        "mode": "renter_notice",
        "ground": "moved_on",
        "secondary_grounds": (),
        "on": ON,
        "judgment_says_neglect": False,
        "agreements": {},
    }
    return {**asked, **other}


ENDED = LeaseEnded(mode="renter_notice", ground="moved_on", ended_on=ON)


def test_a_lease_ends_in_one_way_for_one_main_reason() -> None:
    given(LEASE, *RUNNING).when(end, **_end()).then(ENDED)
    given(LEASE, *RUNNING, NoticeRunning(termination="t1")).when(end, **_end()).then(ENDED)


def test_how_and_why_are_both_said() -> None:
    given(LEASE, *RUNNING).when(end, **_end(mode=None)).then_refused(ModeGroundMismatch)
    given(LEASE, *RUNNING).when(end, **_end(ground=None)).then_refused(ModeGroundMismatch)


ONLY = {
    "death_last_renter": {"by_law"},
    "moved_within_landlord": {"by_law"},
    "moved_on": {"renter_notice", "mutual"},
    "care_home": {"renter_notice", "mutual"},
    "head_lease_ended": {"by_law", "renter_notice", "mutual"},
}


@pytest.mark.parametrize(("mode", "ground"), list(product(get_args(EndingMode), get_args(EndingGround))))
def test_which_ways_and_reasons_go_together(mode: EndingMode, ground: EndingGround) -> None:
    assert may_go_together(mode, ground) is (mode in ONLY.get(ground, set(get_args(EndingMode))))


def test_a_secondary_reason_must_go_with_the_way_too() -> None:
    given(LEASE, *RUNNING).when(end, **_end(secondary_grounds=("death_last_renter",))).then_refused(ModeGroundMismatch)


def test_a_lease_does_not_end_before_it_began_nor_twice() -> None:
    given(LEASE, *RUNNING).when(end, **_end(on=date(2025, 11, 2))).then_refused(DateOrder)
    given(LEASE, *RUNNING, ENDED).when(end, **_end()).then_refused(WrongState)
    given(LEASE, REGISTERED).when(end, **_end()).then_refused(WrongState)


@pytest.mark.parametrize(
    ("mode", "ground", "says_neglect", "barred"),
    [
        ("judicial_dissolution", "nuisance", False, True),
        ("judicial_dissolution", "neglect", False, True),
        ("judicial_dissolution", "maintenance", True, True),
        ("judicial_dissolution", "maintenance", False, False),
        ("judicial_dissolution", "arrears", True, False),
        ("landlord_notice", "nuisance", True, False),
    ],
)
def test_registration_is_barred_only_where_the_judge_said_so(
    mode: EndingMode, ground: EndingGround, says_neglect: bool, barred: bool
) -> None:
    until = date(2029, 6, 30) if barred else None
    given(LEASE, *RUNNING).when(end, **_end(mode=mode, ground=ground, judgment_says_neglect=says_neglect)).then(
        LeaseEnded(mode=mode, ground=ground, ended_on=ON, registration_bar_until=until)
    )


def test_open_notes_lapse_with_the_lease() -> None:
    """EC-18."""
    notes = {"a1": agreement(*RUNS), "a2": agreement(DRAFTED, PROPOSED), "a3": agreement(DRAFTED)}
    lapsed = AgreementLapsed(cause="lease_ended")
    given(LEASE, *RUNNING).when(end, **_end(mode="by_law", ground="death_last_renter", agreements=notes)).then(
        LeaseEnded(mode="by_law", ground="death_last_renter", ended_on=ON),
        Elsewhere(AGREEMENT, "a1", lapsed),
        Elsewhere(AGREEMENT, "a2", lapsed),
    )


# --- closing ---

ASKED = ContactLogged(lease="L1", kind="question", channel="phone", direction="incoming", contact_on=ON, owner="fatma")


def test_a_file_is_closed_when_nothing_is_open() -> None:
    asked: dict[str, Any] = {"out_inventory_ref": None, "terminations": frozenset(), "contacts": {}}
    given(LEASE, *RUNNING, ENDED).when(close, **asked).then(LeaseClosed())
    given(LEASE, *RUNNING, ENDED, LeaseClosed()).when(close, **asked).then_nothing_happens()
    given(LEASE, *RUNNING).when(close, **asked).then_refused(WrongState)


def test_what_is_open_is_named() -> None:
    asked = {"out_inventory_ref": None}
    given(LEASE, *RUNNING, ENDED).when(
        close, terminations=frozenset({"t1"}), contacts={"k1": state_of(CONTACT, ASKED)}, **asked
    ).then_refused(OpenMatters, "termination_open", "request_open")
    answered = ContactAnswered(answered_on=ON, answered_by="fatma")
    given(LEASE, *RUNNING, ENDED).when(
        close, terminations=frozenset(), contacts={"k1": state_of(CONTACT, ASKED, answered)}, **asked
    ).then(LeaseClosed())


def test_a_termination_file_is_open_until_evaluations_tells_that_it_is_not() -> None:
    opened = ReviewOpenedV1(
        lease="L1", termination="t1", route="threshold", findings=(), evaluations=(), why=None, by=None
    )
    posted = NoticePostedV1(
        lease="L1",
        termination="t1",
        posted_on=ON,
        method="registered_paper",
        communications=(),
        tracking=(),
        posted_on_closed_day=False,
    )
    withdrawn = NoticeWithdrawnV1(lease="L1", termination="t1", why=text("Opgelost."), by="rita")
    judged = JudgmentGivenV1(
        lease="L1",
        termination="t1",
        on=ON,
        result="rejected",
        ground=None,
        says_neglect=False,
        condition_until=None,
        term_set_by_judge=None,
    )
    assert state_of(TERMINATIONS, opened) == {"t1"}
    assert state_of(TERMINATIONS, opened, posted, withdrawn) == frozenset()
    assert state_of(TERMINATIONS, opened, judged) == frozenset()
    assert state_of(TERMINATIONS, opened, replace(judged, result="dissolved")) == {"t1"}
    assert state_of(TERMINATIONS, opened, TerminationLapsedV1(lease="L1", termination="t1")) == frozenset()
