"""Refused attempts are remembered and change nothing (domain 0.3)."""

from services.evaluations.events import AttemptRefused
from services.evaluations.rules.attempts import ATTEMPTS, note_attempt
from services.evaluations.rules.refusals import GateOpen
from shared.decisions import Named
from tests.evaluations.a_lease import LEASE
from tests.specification import state_of


def test_an_attempt_is_noted_with_its_reason_and_what_that_names() -> None:
    refusal = GateOpen(Named("G1"), Named("G3"))
    noted = AttemptRefused(
        lease=LEASE, act="decide_termination", about="termination/T1", code="GATE_OPEN", named=("G1", "G3")
    )
    assert note_attempt(refusal, lease=LEASE, act="decide_termination", about="termination/T1") == [noted]
    assert state_of(ATTEMPTS, noted, noted) == (noted, noted)
