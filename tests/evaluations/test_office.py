"""An office begins (domain 6)."""

from datetime import date
from typing import Any

from services.evaluations.events import OfficeFounded
from services.evaluations.rules.checklist import CHECKLISTS, first_checklist
from services.evaluations.rules.mandates import MANDATES, first_mandate
from services.evaluations.rules.office import OFFICE, found
from services.evaluations.rules.policy import POLICIES, first_policy
from shared.decisions import Elsewhere
from shared.refusals import WrongState
from tests.specification import given

DAY = date(2025, 1, 1)
WHAT: dict[str, Any] = {"code": "kn", "name": "Kantoor Noord", "director": "rita", "from_": DAY, "mandate": "m-0"}
FOUNDED = OfficeFounded(code="kn", name="Kantoor Noord", from_=DAY, director="rita")


def test_an_office_begins_with_policy_checklist_and_its_directors_mandate() -> None:
    given(OFFICE).when(found, **WHAT).then(
        FOUNDED,
        Elsewhere(POLICIES, "office", first_policy(in_force_from=DAY)),
        Elsewhere(CHECKLISTS, "office", first_checklist(in_force_from=DAY)),
        Elsewhere(MANDATES, "office", first_mandate(mandate="m-0", director="rita", from_=DAY)),
    )


def test_an_office_is_founded_once() -> None:
    given(OFFICE, FOUNDED).when(found, **{**WHAT, "mandate": "m-9"}).then_nothing_happens()
    given(OFFICE, FOUNDED).when(found, **{**WHAT, "name": "Iets anders"}).then_refused(WrongState)
