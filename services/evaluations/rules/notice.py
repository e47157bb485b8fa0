"""When a notice starts and ends, by every basis, with each step of the computation (domain 5.2)."""

from collections.abc import Iterable
from datetime import date, timedelta

from services.evaluations.events import NoticeDatesComputed
from shared.contracts.evaluations import BasisDates, NoticeBasis, NoticeDatesRow, NoticeStep
from shared.working_days import add_months, add_working_days, holidays

A_DAY = timedelta(days=1)
PRESUMED_AFTER = 3  # working days after posting (registered letter)
TOLD_AHEAD_DAYS = 60  # how far ahead the decision states the dates by day of posting


def receipt_presumed(posted_on: date) -> date:
    """Return the day a registered letter is presumed received."""
    return add_working_days(posted_on, PRESUMED_AFTER)


def receipt_by_slip(presented_on: date) -> date:
    """Return the day a registered letter with receipt slip counts as received: the day after it was presented."""
    return presented_on + A_DAY


def term_after(notified_on: date, months: int) -> tuple[date, date]:
    """Return the first and the last day of a notice of ``months`` months, notified on a day."""
    start = add_months(notified_on.replace(day=1), 1)
    return start, add_months(start, months) - A_DAY


def compute(
    *,
    posted_on: date,
    months: int,
    basis: NoticeBasis,
    receipts: Iterable[date] = (),
    not_before: date | None = None,
    recomputed: bool = False,
) -> NoticeDatesComputed:
    """Return the dates of a notice posted on a day, by the office's basis, and what every basis would give.

    :param receipts: days on which a letter was received by proof, where known; the latest holds for all.
    :param not_before: the start told earlier: a recomputation never brings it forward.
    """
    presumed = receipt_presumed(posted_on)
    proven = max(receipts, default=None)
    steps = [
        NoticeStep(rule="posted", result=posted_on),
        NoticeStep(rule="receipt_presumed", result=presumed),
    ]
    known: dict[str, date] = {"posting": posted_on, "presumed_receipt": presumed}
    if proven is not None:
        known["proven_receipt"] = proven
        steps.append(NoticeStep(rule="proven_receipt", result=proven))
    known["latest"] = max(known.values())
    notified_on = known[basis]
    start, end = term_after(notified_on, months)
    if not_before is not None and start < not_before:
        start, end = not_before, add_months(not_before, months) - A_DAY
    steps += [
        NoticeStep(rule=f"notified_by_{basis}", result=notified_on),
        NoticeStep(rule="start", result=start),
        NoticeStep(rule="end", result=end),
    ]
    bases = []
    for name, day in known.items():
        by_this = term_after(day, months)
        bases.append(BasisDates(basis=name, notified_on=day, start=by_this[0], end=by_this[1]))  # type: ignore[arg-type]
    return NoticeDatesComputed(
        posted_on=posted_on,
        basis=basis,
        months=months,
        start=start,
        end=end,
        bases=tuple(bases),
        steps=tuple(steps),
        recomputed=recomputed,
    )


def by_posting_day(*, from_: date, months: int, basis: NoticeBasis) -> tuple[NoticeDatesRow, ...]:
    """Return the dates for every day of posting from ``from_`` on, for the next 60 days, equal ones in one row."""
    rows: list[NoticeDatesRow] = []
    for ahead in range(TOLD_AHEAD_DAYS + 1):
        day = from_ + timedelta(days=ahead)
        dates = compute(posted_on=day, months=months, basis=basis)
        if rows and (rows[-1].start, rows[-1].end) == (dates.start, dates.end):
            rows[-1] = NoticeDatesRow(
                posted_from=rows[-1].posted_from, posted_until=day, start=dates.start, end=dates.end
            )
        else:
            rows.append(NoticeDatesRow(posted_from=day, posted_until=day, start=dates.start, end=dates.end))
    return tuple(rows)


def is_closed_day(posted_on: date, method: str) -> bool:
    """Whether a paper letter cannot have been handed in that day: Sunday or holiday, no counter service."""
    return method == "registered_paper" and (posted_on.weekday() == 6 or posted_on in holidays(posted_on.year))
