"""Checklists: the 24 items, versions, and duties that never count (domain 7)."""

from dataclasses import replace
from datetime import date

import pytest

from services.evaluations.events import ChecklistPublished
from services.evaluations.rules.checklist import (
    CHECKLISTS,
    CL_1,
    ChecklistEmpty,
    ChecklistRetroactive,
    ItemCodeReused,
    NoChecklistInForce,
    StatutoryNotTerminable,
    by_code,
    first_checklist,
    in_force,
    publish,
)
from tests.specification import given, state_of

TODAY = date(2026, 3, 2)
FIRST = first_checklist(in_force_from=date(2025, 1, 1))
GARDEN = replace(CL_1[0], code="TUI-01", category="maintenance", label="Het gras is gemaaid.", severity=1)


def test_the_first_checklist_has_the_24_items_of_the_domain() -> None:
    assert len(CL_1) == 24
    items = by_code(FIRST)
    assert [code for code, item in items.items() if not item.terminable] == ["TAA-01"]
    assert (items["VEI-03"].severity, items["VEI-03"].lasting_after_days) == (4, 7)
    assert items["LEE-03"].consequences == ("nuisance", "danger")
    assert items["MED-01"].consequences == ()
    assert items["TAA-01"].lasting_after_days is None
    assert {item.category for item in CL_1} == {
        "safety", "maintenance", "damage", "waste", "liveability", "occupancy",
        "payment", "administration", "cooperation", "language",
    }  # fmt: skip


def test_a_version_adds_and_retires_items() -> None:
    items = (*CL_1[1:], GARDEN)
    given(CHECKLISTS, FIRST).when(publish, in_force_from=TODAY, items=items, today=TODAY).then(
        ChecklistPublished(version="CL-2", in_force_from=TODAY, items=items)
    )


def test_the_same_checklist_twice_is_one_version() -> None:
    second = ChecklistPublished(version="CL-2", in_force_from=TODAY, items=CL_1)
    given(CHECKLISTS, FIRST, second).when(publish, in_force_from=TODAY, items=CL_1, today=TODAY).then_nothing_happens()


def test_no_checklist_takes_force_in_the_past() -> None:
    given(CHECKLISTS, FIRST).when(publish, in_force_from=date(2026, 3, 1), items=CL_1, today=TODAY).then_refused(
        ChecklistRetroactive
    )


def test_a_checklist_has_items() -> None:
    given(CHECKLISTS, FIRST).when(publish, in_force_from=TODAY, items=(), today=TODAY).then_refused(ChecklistEmpty)


@pytest.mark.parametrize(
    "made_terminable",
    [
        replace(by_code(FIRST)["TAA-01"], terminable=True),
        replace(GARDEN, code="WER-01", category="employment", label="U bent ingeschreven."),
        replace(by_code(FIRST)["ADM-01"], label="U bent ingeschreven bij de VDAB."),
        replace(GARDEN, label="U leert Nederlands."),
    ],
)
def test_no_language_or_work_duty_is_made_terminable(made_terminable: object) -> None:
    rest = tuple(item for item in CL_1 if item.code != made_terminable.code)  # type: ignore[attr-defined]
    given(CHECKLISTS, FIRST).when(
        publish, in_force_from=TODAY, items=(*rest, made_terminable), today=TODAY
    ).then_refused(StatutoryNotTerminable, "STATUTORY_NOT_TERMINABLE")


def test_a_code_never_stands_twice() -> None:
    given(CHECKLISTS, FIRST).when(publish, in_force_from=TODAY, items=(*CL_1, CL_1[0]), today=TODAY).then_refused(
        ItemCodeReused, "ITEM_CODE_REUSED"
    )


def test_a_retired_code_does_not_come_back() -> None:
    second = ChecklistPublished(version="CL-2", in_force_from=TODAY, items=CL_1[1:])
    given(CHECKLISTS, FIRST, second).when(
        publish, in_force_from=date(2026, 3, 3), items=CL_1, today=TODAY
    ).then_refused(ItemCodeReused, "ITEM_CODE_REUSED")


def test_before_the_founding_no_checklist_was_in_force() -> None:
    with pytest.raises(NoChecklistInForce):
        in_force(state_of(CHECKLISTS, FIRST), on=date(2024, 12, 31))
