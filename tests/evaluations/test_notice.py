"""When a notice starts and ends: the golden vectors GV-01 to GV-07, and I-10 over random days (domain 5.2)."""

from datetime import date, timedelta

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from services.evaluations.rules.notice import (
    by_posting_day,
    compute,
    is_closed_day,
    receipt_by_slip,
    receipt_presumed,
)
from shared.contracts.evaluations import NoticeDatesRow


def d(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("posted", "months", "receipt", "by_posting", "by_latest"),
    [
        ("2026-03-15", 3, "2026-03-18", ("2026-04-01", "2026-06-30"), ("2026-04-01", "2026-06-30")),  # GV-01
        ("2026-03-27", 3, "2026-04-01", ("2026-04-01", "2026-06-30"), ("2026-05-01", "2026-07-31")),  # GV-02
        ("2026-04-30", 3, "2026-05-06", ("2026-05-01", "2026-07-31"), ("2026-06-01", "2026-08-31")),  # GV-03
        ("2026-11-30", 3, "2026-12-03", ("2026-12-01", "2027-02-28"), ("2027-01-01", "2027-03-31")),  # GV-04
        ("2023-04-29", 3, "2023-05-04", ("2023-05-01", "2023-07-31"), ("2023-06-01", "2023-08-31")),  # GV-05
        ("2026-10-28", 6, "2026-11-02", ("2026-11-01", "2027-04-30"), ("2026-12-01", "2027-05-31")),  # GV-06
    ],
)
def test_gv_01_to_06(
    posted: str, months: int, receipt: str, by_posting: tuple[str, str], by_latest: tuple[str, str]
) -> None:
    assert receipt_presumed(d(posted)) == d(receipt)
    dates = compute(posted_on=d(posted), months=months, basis="latest")
    assert (dates.start, dates.end) == (d(by_latest[0]), d(by_latest[1]))
    of_basis = {one.basis: (one.start, one.end) for one in dates.bases}
    assert of_basis["posting"] == (d(by_posting[0]), d(by_posting[1]))
    assert of_basis["presumed_receipt"] == of_basis["latest"] == (dates.start, dates.end)


def test_gv_07_a_receipt_slip_moves_the_dates_back() -> None:
    receipt = receipt_by_slip(d("2026-04-30"))
    assert receipt == d("2026-05-01")
    dates = compute(posted_on=d("2026-04-27"), months=3, basis="latest", receipts=(receipt,))
    assert (dates.start, dates.end) == (d("2026-06-01"), d("2026-08-31"))


def test_each_step_is_told() -> None:
    dates = compute(posted_on=d("2026-03-27"), months=3, basis="latest")
    assert [(step.rule, step.result.isoformat()) for step in dates.steps] == [
        ("posted", "2026-03-27"),
        ("receipt_presumed", "2026-04-01"),
        ("notified_by_latest", "2026-04-01"),
        ("start", "2026-05-01"),
        ("end", "2026-07-31"),
    ]


def test_a_proven_receipt_never_shortens() -> None:
    before = compute(posted_on=d("2026-03-27"), months=3, basis="latest")
    early = compute(posted_on=d("2026-03-27"), months=3, basis="latest", receipts=(d("2026-03-28"),))
    assert (early.start, early.end) == (before.start, before.end)
    kept = compute(posted_on=d("2026-03-27"), months=3, basis="posting", not_before=before.start)
    assert kept.start == before.start


def test_the_dates_by_day_of_posting_are_told_in_rows() -> None:
    rows = by_posting_day(from_=d("2026-03-23"), months=3, basis="latest")
    assert rows[0] == NoticeDatesRow(
        posted_from=d("2026-03-23"), posted_until=d("2026-03-26"), start=d("2026-04-01"), end=d("2026-06-30")
    )
    assert rows[1].posted_from == d("2026-03-27")
    assert rows[-1].posted_until == d("2026-03-23") + timedelta(days=60)


def test_a_paper_letter_is_not_posted_on_a_sunday_or_holiday() -> None:
    assert is_closed_day(d("2026-03-15"), "registered_paper")  # a Sunday
    assert is_closed_day(d("2026-05-01"), "registered_paper")
    assert not is_closed_day(d("2026-03-14"), "registered_paper")  # a Saturday
    assert is_closed_day(d("2026-08-15"), "registered_paper")  # a Saturday, and Assumption Day
    assert not is_closed_day(d("2026-03-15"), "registered_electronic")


@over(
    st.dates(min_value=d("2020-01-01"), max_value=d("2035-12-31")),
    st.sampled_from([3, 6]),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_i_10_a_notice_runs_whole_months_and_latest_is_the_latest(posted: date, months: int, late: list[int]) -> None:
    receipts = tuple(posted + timedelta(days=days) for days in late)
    dates = compute(posted_on=posted, months=months, basis="latest", receipts=receipts)
    notified = dates.steps[-3].result
    assert dates.start.day == 1 and (dates.end + timedelta(days=1)).day == 1
    assert dates.start > notified
    after = dates.end + timedelta(days=1)
    assert (after.year - dates.start.year) * 12 + after.month - dates.start.month == months
    assert all(dates.start >= one.start and dates.end >= one.end for one in dates.bases)
