"""Holds: while one is open nothing of its lease is erased (domain 11)."""

from dataclasses import replace

from services.evaluations.events import HoldLifted, HoldPlaced
from services.evaluations.rules.hold import HOLD, lift_hold, place_hold
from shared.decisions import Person
from shared.refusals import ReasonMissing, WrongState
from tests.evaluations.a_lease import LEASE, text
from tests.specification import given

DPO = Person(id="dirk", roles=frozenset({"dpo"}))
PLACED = HoldPlaced(lease=LEASE, why=text("vordering loopt"), by="dirk")
LIFTED = HoldLifted(why=text("zaak gesloten"), by="dirk")


def test_a_hold_is_placed_with_a_reason_once() -> None:
    given(HOLD).when(place_hold, lease=LEASE, why=text("vordering loopt"), by=DPO).then(PLACED)
    given(HOLD, PLACED).when(place_hold, lease=LEASE, why=text("vordering loopt"), by=DPO).then_nothing_happens()
    given(HOLD).when(place_hold, lease=LEASE, why=None, by=DPO).then_refused(ReasonMissing)
    given(HOLD, replace(PLACED, lease="L2")).when(place_hold, lease=LEASE, why=text("x"), by=DPO).then_refused(
        WrongState
    )


def test_a_hold_with_another_reason_is_another_hold() -> None:
    given(HOLD, PLACED).when(place_hold, lease=LEASE, why=text("verzekering"), by=DPO).then_refused(WrongState)
    given(HOLD, PLACED, LIFTED).when(place_hold, lease=LEASE, why=PLACED.why, by=DPO).then_refused(WrongState)


def test_a_hold_is_lifted_with_a_reason_once() -> None:
    given(HOLD, PLACED).when(lift_hold, why=text("zaak gesloten"), by=DPO).then(LIFTED)
    given(HOLD, PLACED, LIFTED).when(lift_hold, why=text("zaak gesloten"), by=DPO).then_nothing_happens()
    given(HOLD, PLACED).when(lift_hold, why=None, by=DPO).then_refused(ReasonMissing)
