"""The figures of visits (domain 12)."""

from dataclasses import replace
from datetime import date, timedelta

from services.visits.rules.figures import (
    BalanceFacts,
    DueFacts,
    DutyFacts,
    LeaseFacts,
    NoteFacts,
    Period,
    VisitFacts,
    arrears,
    cadence_kept,
    first_visit_in_time,
    moved_on,
    notes_concluded_well,
    own_duties,
    own_strength,
    presence,
    report_in_time,
)
from tests.visits.conftest import Visits
from tests.visits.test_doors import LEASE as LEASE_TOLD
from tests.visits.test_doors import a_lease, a_visit, was_there

YEAR = Period(since=date(2026, 1, 1), until=date(2026, 12, 31))
DUE = date(2026, 3, 23)
LEASE = LeaseFacts(
    lease="l0",
    started_on=date(2026, 1, 1),
    ended_on=None,
    ended_ground=None,
    first_visit_due=DUE,
    first_visit_on=DUE,
)
FIVE = [replace(LEASE, lease=f"l{number}") for number in range(5)]
VISIT = VisitFacts(visit="v0", lease="l0", visited_on=DUE, report_due_on=date(2026, 3, 30), fixed_on=date(2026, 3, 30))


def test_k_01_a_first_visit_on_its_due_day_is_in_time() -> None:
    late = replace(LEASE, lease="late", first_visit_on=DUE + timedelta(days=1))
    never = replace(LEASE, lease="never", first_visit_on=None)
    before = replace(LEASE, lease="before", first_visit_due=date(2025, 12, 31))
    unguided = replace(LEASE, lease="unguided", started_on=None, first_visit_on=None)
    figure = first_visit_in_time([*FIVE, late, never, before, unguided], YEAR)
    assert (figure.part, figure.whole, figure.share) == (5, 8, 0.625)
    assert not unguided.runs_on(DUE) and unguided.days_in(YEAR) == 0
    assert ("late", False) in figure.counted


def test_a_group_under_five_is_not_shown() -> None:
    assert first_visit_in_time(FIVE[:4], YEAR).suppressed
    assert first_visit_in_time(FIVE[:4], YEAR).share is None
    assert not first_visit_in_time(FIVE, YEAR).suppressed
    assert not first_visit_in_time([], YEAR).suppressed


def test_k_02_a_report_on_its_last_day_is_in_time() -> None:
    late = replace(VISIT, visit="late", fixed_on=date(2026, 3, 31))
    figure = report_in_time([VISIT, late, replace(VISIT, visit="open", fixed_on=None)], YEAR)
    assert figure.counted == (("v0", True), ("late", False), ("open", False))


def test_k_03_presence_is_visits_in_a_year_of_a_lease() -> None:
    visits = [replace(VISIT, visit=f"v{number}", lease=f"l{number % 5}") for number in range(10)]
    figure = presence(FIVE, visits, YEAR)
    assert figure.share == 2.0
    assert figure.out_of == (10, 5 * 365), "visits carried out over days of leases"
    assert [visit for visit, _ in dict(figure.lists)["visits"]] == [visit.visit for visit in visits]
    assert dict(figure.beside) == {"median": 2.0, "share_with_two": 1.0}
    half = [replace(lease, ended_on=date(2026, 7, 1)) for lease in FIVE]
    rate = presence(half, visits, YEAR).share
    assert rate is not None and rate > 4 - 0.05


def test_k_04_a_cadence_is_kept_within_a_fortnight() -> None:
    dues = [
        DueFacts(lease="a", due_on=DUE, met_on=DUE + timedelta(days=14)),
        DueFacts(lease="b", due_on=DUE, met_on=DUE + timedelta(days=15)),
        DueFacts(lease="c", due_on=DUE, met_on=None),
        DueFacts(lease="d", due_on=date(2027, 1, 1), met_on=None),
    ]
    assert cadence_kept(dues, YEAR).counted == (("a", True), ("b", False), ("c", False))


def test_k_05_refused_revised_and_lapsed_notes_stand_apart() -> None:
    few = [NoteFacts(agreement=state, state=state, ended_on=DUE) for state in ("refused", "lapsed")]
    assert set(dict(notes_concluded_well(few, YEAR).beside).values()) == {None}, "so few could be recognised"
    states = ("kept", "partly", "broken", "refused", "revised", "lapsed")
    notes = [NoteFacts(agreement=state, state=state, ended_on=DUE) for state in states]
    figure = notes_concluded_well(notes, YEAR)
    assert figure.counted == (("kept", True), ("partly", False), ("broken", False))
    assert dict(figure.beside) == {"refused": 1, "revised": 1, "lapsed": 1}
    assert dict(figure.lists) == {state: ((state, True),) for state in ("refused", "revised", "lapsed")}


DUTY = DutyFacts(about="c0", by="renter", since=date(2026, 2, 2), due_on=DUE, seen_on=DUE, kept=True)


def test_k_06_the_renters_strength_and_the_office_s_stand_side_by_side() -> None:
    theirs = [replace(DUTY, about=f"c{number}", kept=number > 0) for number in range(5)]
    ours = [replace(DUTY, about=f"o{number}", by="office") for number in range(5)]
    figure = own_strength([*theirs, *ours, replace(DUTY, seen_on=None)], YEAR)
    assert (figure.part, figure.whole) == (4, 5)
    assert dict(figure.beside) == {"office_followed_up": 5, "office_kept": 5}
    assert dict(figure.lists) == {"office": tuple((f"o{number}", True) for number in range(5))}
    assert dict(own_strength(ours[:2], YEAR).beside) == {"office_followed_up": None, "office_kept": None}


def test_k_09_arrears_are_a_month_s_rent_by_the_last_balance() -> None:
    owed = BalanceFacts(lease="l0", balance_on=DUE, amount_cents=42_000, month_rent_cents=42_000)
    paid = BalanceFacts(lease="l1", balance_on=DUE, amount_cents=90_000, month_rent_cents=42_000)
    balances = [owed, paid, replace(paid, balance_on=date(2026, 12, 1), amount_cents=0)]
    figure = arrears([*FIVE, replace(LEASE, lease="ended", ended_on=date(2026, 6, 1))], balances, YEAR)
    assert (figure.part, figure.whole) == (1, 5)
    assert arrears(FIVE, [replace(owed, month_rent_cents=0, amount_cents=0)], YEAR).part == 0


def test_k_14_moving_on_is_a_share_of_the_leases_that_ended() -> None:
    ended = [replace(lease, ended_on=DUE, ended_ground="arrears") for lease in FIVE]
    figure = moved_on([*ended, replace(LEASE, lease="on", ended_on=DUE, ended_ground="moved_on"), LEASE], YEAR)
    assert (figure.part, figure.whole) == (1, 6)


def test_k_16_own_duties_are_overdue_when_nobody_saw_them_done() -> None:
    late = replace(DUTY, about="late", by="office", seen_on=None)
    open_ = replace(DUTY, about="open", by="office", seen_on=None, due_on=date(2027, 1, 10))
    repair = replace(DUTY, about="repair", by="owner", seen_on=date(2027, 2, 1), repair=True)
    half = replace(DUTY, about="half", by="office", kept=False)
    after = replace(DUTY, about="after", by="office", since=date(2027, 1, 2), due_on=date(2027, 1, 10), seen_on=None)
    done = replace(DUTY, about="done", by="office")
    figure = own_duties([late, open_, repair, half, after, done, DUTY], YEAR)
    assert figure.counted == (("late", True), ("open", False), ("repair", True), ("half", True))


async def test_the_figures_name_the_lists_they_were_counted_from(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    leases = [await a_lease(visits, start="2026-01-05", informed_on="2026-01-05") for _ in range(5)]
    alone = {**LEASE_TOLD, "start": "2026-01-05", "informed_on": "2026-01-05"}
    leases.append((await visits.done("/leases", alone, who="tom"))["id"])
    visit = await a_visit(visits, leases[0], "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T11:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    answer = await visits.seen("/kpis?from=2026-01-01&until=2026-01-31", who="rita")
    shown = {figure["id"]: figure for figure in answer["kpis"]}
    assert list(shown) == ["K-01", "K-02", "K-03", "K-04", "K-05", "K-06", "K-09", "K-14", "K-16"]
    assert (shown["K-01"]["numerator"], shown["K-01"]["denominator"], shown["K-01"]["value"]) == (1, 6, 0.1667)
    assert shown["K-02"]["suppressed"] is True
    listed = await visits.seen(shown["K-01"]["list"], who="rita")
    assert {one["id"] for one in listed["items"]} == set(leases)
    presence = shown["K-03"]
    assert (presence["numerator"], presence["denominator"]) == (1, 5 * 27)
    (came,) = (await visits.seen(presence["lists"]["visits"], who="rita"))["items"]
    assert came == {"id": visit, "counts": True}
    assert (await visits.seen(shown["K-05"]["lists"]["lapsed"], who="rita"))["items"] == []
    assert (await visits.read("/kpis/K-99/list?from=2026-01-01&until=2026-01-31", who="rita")).status_code == 404


async def test_a_cadence_that_was_met_is_counted(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits, start="2026-01-05", informed_on="2026-01-05")
    for day, announced in (("2026-01-19", "2026-01-12"), ("2026-02-19", "2026-02-12")):
        visits.at(f"{announced}T09:00")
        visit = await a_visit(visits, lease, day, announced=announced)
        visits.at(f"{day}T11:00")
        await visits.done(f"/visits/{visit}/record", was_there(day))
        if day == "2026-01-19":
            await visits.done(f"/leases/{lease}/set-cadence", {"months": 1, "reason": "Dichtbij."})
    listed = await visits.seen("/kpis/K-04/list?from=2026-01-01&until=2026-02-28")
    assert listed["items"] == [{"id": lease, "counts": True}]
