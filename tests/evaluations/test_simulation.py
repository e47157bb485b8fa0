"""A draft policy is tried on a lease without recording anything (issue 5)."""

from datetime import date
from typing import Any

import pytest

from services.evaluations.rules.policy import drafted
from services.evaluations.rules.simulation import Moved, difference
from tests.evaluations.a_lease import ALease, morning

DAY = date(2026, 5, 20)


def lease() -> ALease:
    it = ALease().evaluation("E1", date(2026, 1, 12), communicated=date(2026, 1, 20))
    it.evaluation("E2", date(2026, 3, 10), communicated=date(2026, 3, 18))
    return it.evaluation("E3", date(2026, 5, 5), communicated=date(2026, 5, 13))


@pytest.mark.parametrize(
    ("chosen", "change", "moved"),
    [
        ({"threshold_n": 4}, "would_fall_back", ()),
        ({"cure_days": 49}, "would_fall_back", (Moved(id="E2", before="counted", after="within_cure"),)),
        ({"threshold_n": 5}, "would_fall_back", ()),
        ({"threshold_n": 2}, None, ()),  # stricter, and the renter was not told: nothing differs
        ({"contest_days": 60}, None, ()),
    ],
)
def test_what_would_differ(chosen: dict[str, Any], change: str | None, moved: tuple[Moved, ...]) -> None:
    it = lease()
    before = it.file
    draft = drafted(it.file.policies[-1].event, version="draft", in_force_from=DAY, **chosen)
    found = difference(it.file, draft, on=DAY, at=morning(DAY))
    assert (found.change if found else None) == change
    assert (found.moved if found else ()) == moved
    assert it.file is before


def test_a_lease_with_fewer_evaluations_changes_its_count_or_its_threshold() -> None:
    it = ALease().evaluation("E1", date(2026, 1, 12), communicated=date(2026, 1, 20))
    it.evaluation("E2", date(2026, 3, 10), communicated=date(2026, 3, 18))
    policy = it.file.policies[-1].event
    longer = difference(
        it.file, drafted(policy, version="draft", in_force_from=DAY, cure_days=60), on=DAY, at=morning(DAY)
    )
    higher = difference(
        it.file, drafted(policy, version="draft", in_force_from=DAY, threshold_n=4), on=DAY, at=morning(DAY)
    )
    assert longer is not None and (longer.change, longer.after.count) == ("count_changes", 1)
    assert higher is not None and (higher.change, higher.after.threshold) == ("threshold_changes", 4)
