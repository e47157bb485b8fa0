"""Taking over leases, renters and past visits: each line its own outcome, twice is once, and nobody witnessed it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg
import httpx
import pytest

from services.visits.api import import_work
from services.visits.api.import_lines import LeaseLine, read_lines
from services.visits.events import (
    CounsellorAssigned,
    FirstVisitDue,
    FirstVisitOverdue,
    ImportAdvanced,
    ImportedLine,
    ImportFinished,
    ImportStarted,
    LeaseRegistered,
    LeaseStarted,
    LeaseVisited,
    PartyAdded,
    VisitPlanned,
    VisitRecorded,
)
from services.visits.rules.finding import FINDING, ImportedNoFinding, establish
from services.visits.rules.importing import (
    IMPORT,
    LeaseMissing,
    advance,
    finish,
    start_import,
    take_over_lease,
    take_over_renter,
    take_over_visit,
)
from services.visits.rules.lease import LEASE, Lease, RenterNotInformed
from services.visits.rules.visit import VISIT, draft_report
from shared.decisions import Elsewhere
from shared.event_sourcing import StoreBusy
from shared.inbox_rows import Itself
from shared.keys import Seals
from shared.refusals import DateOrder, OccurredInFuture, WrongState
from tests.specification import given, state_of
from tests.visits.conftest import Visits
from tests.visits.examples import AMINA, CHECKLISTS, DENIZ, MANDATES, POLICIES, lease, text

TODAY = date(2026, 3, 2)
TOLD = {
    "party": AMINA,
    "dwelling_reference": text("KN-0417"),
    "dwelling_address": text("Lindestraat 12, 2060 Antwerpen"),
    "landlord": text("Woonmaatschappij Noord"),
    "start": date(2019, 5, 1),
    "policy_version": None,
    "inventory_ref": None,
    "visits_follow": True,
    "today": TODAY,
    "policies": POLICIES,
    "mandates": MANDATES,
}
TAKEN = LeaseRegistered(
    dwelling_reference=text("KN-0417"),
    dwelling_address=text("Lindestraat 12, 2060 Antwerpen"),
    landlord=text("Woonmaatschappij Noord"),
    parties=(AMINA,),
    start=date(2019, 5, 1),
    informed_on=date(2025, 6, 1),
    policy_version="P-1",
    first_visit_due=date(2019, 5, 22),
    imported=True,
)
GUIDED = (
    CounsellorAssigned(counsellor="fatma", assigned_from=TODAY),
    FirstVisitDue(due_on=date(2019, 5, 22)),
    LeaseStarted(),
)
CAME = (
    VisitPlanned(lease="L1", visit_on=date(2026, 1, 12), slot="00:00", purpose="individual", counsellor="fatma"),
    VisitRecorded(
        visited_on=date(2026, 1, 12),
        present=(),
        interpreter="none",
        interpreter_over_18=None,
        report_due_on=date(2026, 1, 19),
        imported=True,
    ),
)
VISIT_TOLD: dict[str, Any] = {
    "id": "v9",
    "lease_id": "L1",
    "slot": "00:00",
    "purpose": "individual",
    "counsellor": None,
    "today": TODAY,
    "policies": POLICIES,
}


def test_a_lease_is_taken_over_though_its_renter_was_informed_years_later_and_nothing_is_overdue_at_once() -> None:
    facts = {**TOLD, "informed_on": date(2025, 6, 1), "counsellor": "fatma"}
    given(LEASE).when(take_over_lease, **facts).then(TAKEN, *GUIDED)


def test_a_lease_of_which_the_file_has_no_visits_is_overdue_at_once() -> None:
    facts = {**TOLD, "informed_on": date(2025, 6, 1), "counsellor": "fatma", "visits_follow": False}
    late = FirstVisitOverdue(due_on=date(2019, 5, 22))
    given(LEASE).when(take_over_lease, **facts).then(TAKEN, *GUIDED, late)
    given(LEASE, TAKEN).when(take_over_lease, **facts).then(*GUIDED, late)


def test_the_same_lease_twice_is_one_lease_and_a_counsellor_may_come_later() -> None:
    facts = {**TOLD, "informed_on": date(2025, 6, 1)}
    given(LEASE, TAKEN, *GUIDED).when(take_over_lease, **facts, counsellor="mia").then_nothing_happens()
    given(LEASE, TAKEN).when(take_over_lease, **facts, counsellor="fatma").then(*GUIDED)


def test_a_lease_whose_renter_was_never_informed_is_not_taken_over() -> None:
    facts = {**TOLD, "informed_on": None, "counsellor": None}
    given(LEASE).when(take_over_lease, **facts).then_refused(RenterNotInformed)


def test_a_further_renter_is_taken_over_once_from_the_start_on() -> None:
    joined = PartyAdded(party=DENIZ, joined_on=date(2019, 5, 1))
    facts = {"party": DENIZ, "joined_on": None, "today": TODAY}
    given(LEASE, TAKEN).when(take_over_renter, **facts).then(joined)
    given(LEASE, TAKEN, joined).when(take_over_renter, **facts).then_nothing_happens()
    given(LEASE).when(take_over_renter, **facts).then_refused(LeaseMissing)
    given(LEASE, TAKEN).when(take_over_renter, **{**facts, "joined_on": date(2027, 1, 1)}).then_refused(
        OccurredInFuture
    )


def test_a_past_visit_is_taken_over_once_and_counts_for_what_is_due() -> None:
    facts = {**VISIT_TOLD, "on": date(2026, 1, 12), "lease": lease()}
    visited = Elsewhere(LEASE, "L1", LeaseVisited(visit="v9", visited_on=date(2026, 1, 12)))
    given(VISIT).when(take_over_visit, **facts).then(*CAME, visited)
    given(VISIT, *CAME).when(take_over_visit, **facts).then_nothing_happens()


def test_a_visit_that_cannot_have_been_is_not_taken_over() -> None:
    when = {**VISIT_TOLD, "lease": lease()}
    given(VISIT).when(take_over_visit, **when, on=date(2026, 3, 3)).then_refused(OccurredInFuture)
    given(VISIT).when(take_over_visit, **when, on=date(2001, 1, 1)).then_refused(DateOrder)
    nowhere = {**VISIT_TOLD, "lease": Lease(), "on": date(2026, 1, 12)}
    given(VISIT).when(take_over_visit, **nowhere).then_refused(LeaseMissing)
    prepared = {**VISIT_TOLD, "lease": state_of(LEASE, TAKEN), "on": date(2026, 1, 12)}
    given(VISIT).when(take_over_visit, **prepared).then_refused(WrongState)


def test_nothing_is_established_from_a_visit_that_was_taken_over_and_it_gets_no_report() -> None:
    given(FINDING).when(
        establish,
        lease_id="L1",
        item="ONH-02",
        place=None,
        what_seen=text("Vet."),
        on=date(2026, 1, 12),
        source="visit",
        visit_id="v9",
        source_identity=None,
        evidence=(),
        inventory_element=None,
        date_suspect=False,
        actor="fatma",
        lease=lease(),
        visits={"v9": state_of(VISIT, *CAME)},
        contacts={},
        photos={},
        checklists=CHECKLISTS,
    ).then_refused(ImportedNoFinding)
    given(VISIT, *CAME).when(
        draft_report, author="fatma", goes_well=text("Alles."), needs=(), can_do=(), needs_support=()
    ).then_refused(WrongState)


def test_an_import_counts_its_lines_until_it_is_finished() -> None:
    started = ImportStarted(rehearsal=False, file_sha256="ab", lines=1)
    done = ImportedLine(line=2, kind="lease", outcome="recorded", recorded=("LeaseRegistered",), lease="L1")
    given(IMPORT).when(start_import, told=started).then(started)
    given(IMPORT, started).when(start_import, told=started).then_refused(WrongState)
    given(IMPORT, started).when(advance, done=(done,)).then(ImportAdvanced(done=(done,)))
    given(IMPORT, started, ImportAdvanced(done=(done,))).when(finish).then(ImportFinished())
    given(IMPORT, started, ImportFinished()).when(finish).then_nothing_happens()
    assert state_of(IMPORT, started, ImportAdvanced(done=(done,))).counts == {"recorded": 1}


# --- over HTTP --------------------------------------------------------------------------------------------------------

HEAD = (
    "kind;reference;renter_reference;name;role;phone;dwelling_address;landlord;start;informed_on;counsellor;visited_on"
)
FILE = "\n".join(
    [
        HEAD,
        "visit;KN-1;;;;;;;;;;2026-01-12",
        'lease;KN-1;1;=cmd|"A1";reference_renter;+32 470 00 00 01;Lindestraat 12;Noord;2019-05-01;2019-05-01;fatma;',
        "renter;KN-1;2;Deniz Voorbeeld;spouse;;;;;;;",
        "lease;KN-2;1;Karim Voorbeeld;renter;;Kerkstraat 1;Noord;2019-05-01;;fatma;",
        "visit;KN-9;;;;;;;;;;2026-01-12",
        "lease;KN-3;1;Lien Voorbeeld;renter;;Kerkstraat 2;Noord;1 mei 2019;2019-05-01;;",
        "lease;KN-4",
    ]
)


async def sent(visits: Visits, content: bytes, *, who: str = "tom", **form: str) -> httpx.Response:
    headers = visits._as(who, None)
    return await visits.client.post("/leases/import", files={"file": ("oud.csv", content)}, data=form, headers=headers)


async def finished(visits: Visits, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    for _ in range(3000):
        known = await visits.seen(answer.headers["location"], who="tom")
        if known["state"] == "finished":
            return known
        await asyncio.sleep(0.02)
    raise AssertionError("the import does not finish")


async def lines(visits: Visits, answer: httpx.Response) -> list[dict[str, Any]]:
    return list((await visits.seen(answer.headers["location"] + "/lines", who="karel"))["items"])


async def test_a_file_is_rehearsed_then_taken_over_line_by_line_and_again_brings_nothing(visits: Visits) -> None:
    visits.at("2026-03-02T09:00")
    rehearsed = await sent(visits, FILE.encode(), dry_run="true")
    known = await finished(visits, rehearsed)
    assert known["counts"] == {"recorded": 0, "would_record": 3, "already": 0, "refused": 4}
    assert (await visits.seen("/leases", who="tom"))["items"] == []
    would = await lines(visits, rehearsed)
    taken = await sent(visits, FILE.encode())
    known = await finished(visits, taken)
    assert known["counts"] == {"recorded": 3, "would_record": 0, "already": 0, "refused": 4}
    report = await lines(visits, taken)
    assert [(one["line"], one["outcome"], one["reason"], one["columns"]) for one in report] == [
        (2, "recorded", None, []),
        (3, "recorded", None, []),
        (4, "recorded", None, []),
        (5, "refused", "renter-not-informed", []),
        (6, "refused", "lease-missing", []),
        (7, "refused", "invalid-request", ["start"]),
        (8, "refused", "line-unreadable", []),
    ]
    assert [one["recorded"] for one in would] == [one["recorded"] for one in report]
    assert report[0]["detail"].startswith("Geregistreerd: ")
    assert all(one["detail"] for one in report)

    (lease,) = (await visits.seen("/leases"))["items"]
    assert lease["imported"] and lease["state"] == "running"
    assert lease["parties"][0]["name"] == '=cmd|"A1"', "stored and shown literally"
    assert lease["last_visit_on"] == "2026-01-12" and not lease["overdue"]
    (visit,) = (await visits.seen("/visits"))["items"]
    assert visit["imported"] and visit["present"] == [] and visit["report"]["due_on"] is None
    due = await visits.seen("/visits/due?by=2027-01-01")
    assert [one["kind"] for one in due["items"]] == []
    told = [envelope for envelope in await visits.envelopes() if b'"lease/' in envelope]
    assert told and all(b'"import"' in envelope for envelope in told)

    again = await finished(visits, await sent(visits, FILE.encode(), who="karel"))
    assert again["counts"] == {"recorded": 0, "would_record": 0, "already": 3, "refused": 4}


def test_a_cell_of_more_marks_than_any_writing_has_is_refused_and_the_others_are_in_nfc() -> None:
    names = "kind;reference;name;dwelling_address;landlord;start"
    line = "lease;KN-1;Ze\u0301;Lindestraat 12;n{};2019-05-01"
    marked, plain = read_lines("\n".join((names, line.format("\u0301" * 31), line.format("\u0301"))).encode())
    assert (marked.reason, marked.columns) == ("invalid-request", ("landlord",))
    assert isinstance(plain.says, LeaseLine) and (plain.says.name, plain.says.landlord) == ("Z\u00e9", "\u0144")


def test_a_visit_at_a_time_that_clocks_skipped_is_no_visit() -> None:
    names = "kind,reference,visited_on,slot"
    skipped, plain = read_lines(f"{names}\nvisit,R1,2025-03-30,02:30\nvisit,R1,2025-03-30,03:30".encode())
    assert (skipped.says, skipped.reason, skipped.columns) == (None, "invalid-request", ("slot",))
    assert plain.says is not None


async def test_what_is_no_such_file_is_refused_and_nothing_is_kept(visits: Visits) -> None:
    visits.at("2026-03-02T09:00")
    assert (await sent(visits, FILE.encode("utf-16"))).status_code == 400
    assert (await sent(visits, "kind;reference\nlease;Zoë".encode("latin-1"))).status_code == 400
    assert (await sent(visits, b'kind,reference\nlease,"KN')).status_code == 400
    assert (await sent(visits, b"kind,reference,nationality\n")).status_code == 422
    assert (await sent(visits, b"kind,kind,reference\n")).status_code == 422
    assert (await sent(visits, FILE.encode(), who="fatma")).status_code == 403
    assert (await sent(visits, b"x" * (16 * 1024 * 1024))).status_code == 413
    assert (await visits.seen("/imports", who="tom"))["items"] == []


async def test_the_report_speaks_the_language_of_who_reads_it(visits: Visits) -> None:
    visits.at("2026-03-02T09:00")
    answer = await sent(visits, b"kind,reference\nvisit,KN-9\n", dry_run="true")
    await finished(visits, answer)
    headers = {**visits._as("tom", None), "Accept-Language": "en"}
    read = await visits.client.get(answer.headers["location"] + "/lines", headers=headers)
    assert read.json()["items"][0]["detail"].endswith("Look at: visited_on.")


class CutOff(BaseException):
    """The process was killed."""


async def _cut_off_after(
    visits: Visits, monkeypatch: pytest.MonkeyPatch, lines_before: int, how: type[BaseException]
) -> httpx.Response:
    """Bring the file; end the work after so many lines were recorded, before their outcome was noted."""
    recorded = 0
    bring = import_work._Bringing.outcome

    async def until_killed(self: Any, line: Any) -> ImportedLine:
        nonlocal recorded
        done = await bring(self, line)
        recorded += 1
        if recorded == lines_before:
            raise how
        return done

    with monkeypatch.context() as patched:
        patched.setattr(import_work._Bringing, "outcome", until_killed)
        answer = await sent(visits, FILE.encode())
        for _ in range(3000):
            if not import_work._under_way:
                break
            await asyncio.sleep(0.02)
    assert (await visits.seen(answer.headers["location"], who="tom"))["state"] == "running"
    return answer


@contextlib.asynccontextmanager
async def _going_on(visits: Visits) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Let imports that were cut off go on meanwhile; what it gives says whether a file lies there."""
    every_office: Any = await asyncpg.create_pool(visits.database.all_offices, min_size=1, max_size=2)
    going_on = asyncio.create_task(import_work.keep_going_on(visits.store, visits.clock, every_office))

    async def file_is_there() -> bool:
        return bool(await every_office.fetch("select 1 from import_file where office = $1", visits.office))

    try:
        yield file_is_there
    finally:
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)
        await every_office.close()


async def test_a_store_that_is_away_is_said_once_however_often_it_is_asked_for_imports(
    visits: Visits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_work, "LOOK_SECONDS", 0.0)
    asked = 0

    class Away:
        async def fetch(self, _query: str) -> list[Any]:
            nonlocal asked
            asked += 1
            raise StoreBusy

    going_on = asyncio.create_task(import_work.keep_going_on(visits.store, visits.clock, Away()))
    async with asyncio.timeout(10):
        while asked < 5:
            await asyncio.sleep(0)
    going_on.cancel()
    assert capsys.readouterr().out.count("imports-wait-for-the-store") == 1


@pytest.mark.parametrize(("lines_before", "how"), [(1, CutOff), (2, CutOff), (3, CutOff), (2, StoreBusy), (3, OSError)])
async def test_an_import_that_was_cut_off_goes_on_by_itself_and_its_report_is_whole(
    visits: Visits, monkeypatch: pytest.MonkeyPatch, lines_before: int, how: type[BaseException]
) -> None:
    """Killed, or with the store away: nothing is doubled, and each line says what it brought, before or after."""
    visits.at("2026-03-02T09:00")
    answer = await _cut_off_after(visits, monkeypatch, lines_before, how)
    async with _going_on(visits) as file_is_there:
        known, left = await finished(visits, answer), True
        for _ in range(3000):  # the file goes last
            left = await file_is_there()
            if not left:
                break
            await asyncio.sleep(0.02)
    assert not left
    assert known["counts"] == {"recorded": 3, "would_record": 0, "already": 0, "refused": 4}
    assert [(one["line"], one["outcome"]) for one in await lines(visits, answer)] == [
        (2, "recorded"),
        (3, "recorded"),
        (4, "recorded"),
        (5, "refused"),
        (6, "refused"),
        (7, "refused"),
        (8, "refused"),
    ]
    (lease,) = (await visits.seen("/leases"))["items"]
    assert len(lease["parties"]) == 2 and lease["last_visit_on"] == "2026-01-12"
    assert len((await visits.seen("/visits"))["items"]) == 1


async def test_a_file_whose_key_could_not_be_destroyed_stays_until_it_is(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits.at("2026-03-02T09:00")
    destroyed, away = Seals.destroy, [True]

    async def once_away(self: Seals, office: str, subject: str, category: Any = None) -> int:
        if away:
            away.pop()
            raise StoreBusy
        return await destroyed(self, office, subject, category)

    monkeypatch.setattr(Seals, "destroy", once_away)
    answer = await sent(visits, FILE.encode())
    id = answer.json()["id"]
    key = (await visits.store.state(IMPORT, id, by=Itself(office=visits.office))).started.file_key
    async with _going_on(visits) as file_is_there:
        await finished(visits, answer)
        for _ in range(3000):
            if not await file_is_there():
                break
            await asyncio.sleep(0.02)
    assert not away
    assert await visits.store.seals.open(visits.office, "file_key", key) is None


async def test_after_an_import_the_lease_list_says_what_is_overdue_as_the_list_of_what_is_due_does(
    visits: Visits,
) -> None:
    visits.at("2026-03-02T09:00")
    head = "kind;reference;name;dwelling_address;landlord;start;informed_on;counsellor;visited_on"
    rows = [
        head,
        "lease;KN-1;Amina Voorbeeld;Lindestraat 12;Noord;2019-05-01;2019-05-01;fatma;",
        "lease;KN-2;Deniz Voorbeeld;Lindestraat 14;Noord;2019-05-01;2019-05-01;fatma;",
        "visit;KN-2;;;;;;;2026-01-12",
        "lease;KN-3;Lien Voorbeeld;Lindestraat 16;Noord;2019-05-01;2019-05-01;fatma;",
        "visit;KN-3;;;;;;;2027-01-12",  # refused: so nobody came
    ]
    await finished(visits, await sent(visits, "\n".join(rows).encode()))
    late = [one["lease"] for one in (await visits.seen("/visits/due"))["items"] if one["overdue"]]
    listed = [one["id"] for one in (await visits.seen("/leases?overdue=true"))["items"]]
    assert len(late) == 2 and set(listed) == set(late)


async def test_a_national_number_in_a_line_has_that_line_refused_by_its_column(visits: Visits) -> None:
    visits.at("2026-03-02T09:00")
    rows = (
        "kind;reference;name;dwelling_address;landlord;start;informed_on\n"
        "lease;KN-1;Amina 93.05.18-223.61;Lindestraat 12;Noord;2019-05-01;2019-05-01\n"
    )
    for form in ({"dry_run": "true"}, {}):
        answer = await sent(visits, rows.encode(), **form)
        await finished(visits, answer)
        (line,) = await lines(visits, answer)
        assert (line["outcome"], line["reason"], line["columns"]) == ("refused", "invalid-request", ["name"])


async def test_a_rehearsal_is_asked_for_in_so_many_words(visits: Visits) -> None:
    visits.at("2026-03-02T09:00")
    for said in ("", " ", "ja", "yes", "1", "on", "True"):
        assert (await sent(visits, FILE.encode(), dry_run=said)).status_code == 422, said
    assert (await visits.seen("/imports", who="tom"))["items"] == [], "nothing was taken over instead"
    for said in ("true", "false"):
        answer = await sent(visits, b"kind,reference\nvisit,KN-9\n", dry_run=said)
        assert (await finished(visits, answer))["dry_run"] is (said == "true")


async def test_a_list_is_filtered_by_yes_or_no_in_so_many_words(visits: Visits) -> None:
    for said in ("", "ja", "yes", "1", "on", "True"):
        assert (await visits.read(f"/leases?overdue={said}")).status_code == 422, said
    for said in ("true", "false"):
        assert (await visits.read(f"/leases?overdue={said}")).status_code == 200
