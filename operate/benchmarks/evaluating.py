"""What evaluations must be quick at: a what-if over a whole office, a long dossier, a count in a large office.

``python -m operate.benchmarks.evaluating`` starts a platform of its own, lays histories straight into its database, as
its events lie there, and asks over HTTP. It ends with 1 where a limit is missed. Three figures:

* a draft policy against 10,000 leases, each with visits, notes, contacts and up to four evaluations: under 10 s;
* ``GET /dossiers/{lease}`` of 1,000 events, page by page, beside the same rows read by hand and written as JSON: the
  95th percentile at most three times;
* a count in offices of 100, 1,000 and 10,000 leases: it grows with the lease's own events only.
"""

import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import msgspec

from operate.benchmarks.knocking import Connection, post
from operate.benchmarks.whole import Whole, whole
from operate.postgres import SUPERUSER
from shared.contracts import referrals, visits
from shared.sealed import Sealed

OFFICES = {"bench-100": 100, "bench-1000": 1_000, "bench-10000": 10_000}
LARGEST = "bench-10000"
FOUNDED = date(2024, 1, 1)
LONG = 1_000  # events in the long dossier
ENTRIES = "position, event, type, service, occurred_on, recorded_at, taken_in_at, actor, mandate"
PAGE = f"select {ENTRIES} from ledger where office = $1 and lease = $2 and position > $3 order by position limit 201"
COLUMNS = {
    "stored_events": ("originator_id", "originator_version", "topic", "state", "notification_id"),
    "stream_of_lease": ("office", "kind", "lease", "id"),
    "followed": ("office", "evaluation", "lease", "live", "expired", "annulled"),
}
WHAT_IF_SECONDS, DOSSIER_RATIO, COUNT_RATIO = 10.0, 3.0, 1.5
WORDS = Sealed(sealed="c2VhbGVk" * 20, key="k", digest="d" * 44, length=100)


@dataclass(frozen=True)
class Fact:
    """One event of a lease: where it stands, when it happened, what it says."""

    kind: str
    id: str
    name: str
    on: date
    data: Any


def history(lease: str, number: int) -> Iterator[Fact]:
    """Yield a realistic life of a lease: eight visits in two years, notes, contacts, and up to four evaluations."""
    start = FOUNDED + timedelta(days=number % 30)

    def told(publisher: str, data: Any, on: date) -> Fact:
        return Fact("case", lease, f"{publisher}.{type(data).__name__}", on, data)

    party = visits.PartyV1(id=_id(), name=WORDS, role="renter", language="nl")
    registered = visits.LeaseRegisteredV1(
        lease=lease,
        dwelling_reference=WORDS,
        dwelling_address=WORDS,
        landlord=WORDS,
        parties=(party,),
        start=start,
        informed_on=start,
        policy_version="P-1",
        first_visit_due=start + timedelta(days=21),
    )
    yield told("visits", registered, start)
    yield told("visits", visits.CounsellorAssignedV1(lease=lease, counsellor="c-1", assigned_from=start), start)
    yield told("visits", visits.LeaseStartedV1(lease=lease, start=start, counsellor="c-1"), start)
    yield told("referrals", referrals.ReferralOfferedV1(lease=lease, offered_on=start), start)
    for place in range(8):
        on = start + timedelta(days=30 + 85 * place)
        yield from (told("visits", fact, on) for fact in _visit(lease, _id(), on))
        if place % 2 and place // 2 < number % 5:  # none to four of them
            finding = _id()
            yield from (told("visits", fact, on) for fact in _finding(lease, finding, on))
            yield from _evaluation(lease, _id(), finding, on, contested=number % 7 == 0)


def _visit(lease: str, visit: str, on: date) -> Iterator[Any]:
    agreement, line = _id(), _id()
    yield visits.VisitRecordedV1(
        lease=lease, visit=visit, visit_on=on, purpose="individual", present=("renter",), interpreter="none"
    )
    yield visits.ReportFixedV1(
        lease=lease, visit=visit, visit_on=on, fixed_on=on, late=False, findings=(), goes_well=WORDS
    )
    yield visits.AgreementDraftedV1(
        lease=lease,
        agreement=agreement,
        findings=(),
        goes_wrong=WORDS,
        why_renter_says=WORDS,
        goal=WORDS,
        renter_needs=WORDS,
    )
    commitment = visits.CommitmentV1(
        id=line, by="renter", action=WORDS, place=WORDS, measure="photo", target=WORDS, due_on=on
    )
    yield visits.AgreementProposedV1(lease=lease, agreement=agreement, findings=(), commitments=(commitment,))
    yield visits.AgreementAcceptedV1(
        lease=lease, agreement=agreement, accepted_on=on, signed=True, read_in_language="nl", findings=()
    )
    yield visits.AgreementKeptV1(lease=lease, agreement=agreement, concluded_on=on, findings=())


def _finding(lease: str, finding: str, on: date) -> Iterator[Any]:
    yield visits.FindingEstablishedV1(
        lease=lease,
        finding=finding,
        item="ONH-02",
        checklist_version="CL-1",
        seen_on=on,
        source="visit",
        what_seen=WORDS,
    )
    yield visits.FindingAttributedV1(lease=lease, finding=finding, item="ONH-02", to="renter", severity=2, why=WORDS)
    yield visits.FindingDiscussedV1(
        lease=lease, finding=finding, discussed_with=("renter",), discussed_on=on, renter_said=WORDS, renter_plan=WORDS
    )


def _evaluation(lease: str, id: str, finding: str, on: date, *, contested: bool) -> Iterator[Fact]:
    """Yield an evaluation as evaluations stores it; operate knows no service, so by name and field."""

    def event(name: str, after: int, **data: Any) -> Fact:
        return Fact("evaluation", id, name, on + timedelta(days=after), data)

    ground = {"finding": finding, "item": "ONH-02", "occurred_on": on}
    versions = {"checklist_version": "CL-1"}
    yield event(
        "EvaluationProposed",
        0,
        lease=lease,
        moment=f"m-{id}",
        moment_kind="visit",
        moment_on=on,
        outcome="negative",
        grounds=[ground],
        why=WORDS,
        by="c-1",
        **versions,
    )
    yield event(
        "EvaluationDecidedNegative",
        1,
        reasons=WORDS,
        decided_on=on + timedelta(days=1),
        by="k-1",
        in_name_of=None,
        proposed_by="c-1",
        grounds=[],
        count_before=0,
        count_if_communicated=1,
        threshold=3,
        contest_days=30,
        cure_days=30,
        validity_months=24,
        policy_version="P-1",
        **versions,
    )
    told_on, until = on + timedelta(days=5), on + timedelta(days=35)
    yield event(
        "EvaluationCommunicated",
        5,
        communication=_id(),
        communicated_on=told_on,
        contest_until=until,
        contest_days=30,
    )
    if contested:
        yield event("EvaluationContested", 20, lodged_on=on + timedelta(days=20), channel="letter", words=WORDS)
        yield event(
            "EvaluationUpheld",
            40,
            reasons=WORDS,
            grounds_struck=[],
            heard={"on": on + timedelta(days=39), "invited_on": None},
            by="d-1",
            in_name_of=None,
            count_after=1,
            threshold=3,
        )
    else:
        yield event("EvaluationFinal", 36)


def _id() -> str:
    return str(uuid.uuid4())


async def laid(one: Whole, offices: dict[str, int]) -> dict[str, list[str]]:
    """Lay a history of each lease into the service's log, with the index and the view that stand beside it."""
    owner = await asyncpg.connect(one.on.url("evaluations", SUPERUSER))
    position = await owner.fetchval("select log from head")
    leases: dict[str, list[str]] = {}
    for office, size in offices.items():
        leases[office] = [_id() for _ in range(size)]
        for begin in range(0, size, 1_000):
            some = [(lease, list(history(lease, begin + n))) for n, lease in enumerate(leases[office][begin:][:1_000])]
            events: list[Any] = []
            index: set[Any] = set()
            followed: dict[str, Any] = {}
            for lease, facts in some:
                places: dict[str, int] = {}
                for fact in facts:
                    position += 1
                    stream = f"{office}/{fact.kind}/{fact.id}"
                    places[stream] = places.get(stream, 0) + 1
                    events.append((stream, places[stream], fact.name, _stored(fact), position))
                    index.add((office, fact.kind, lease, fact.id))
                    if fact.kind == "evaluation":
                        followed[fact.id] = (office, fact.id, lease, True, False, False)
            for table, rows in (("stored_events", events), ("stream_of_lease", index), ("followed", followed.values())):
                await owner.copy_records_to_table(table, records=list(rows), columns=COLUMNS[table])
    await owner.execute("update head set log = $1, batch = 'laid'", position)
    await owner.execute("analyze")
    await owner.close()
    return leases


def _stored(fact: Fact) -> bytes:
    at = datetime.combine(fact.on, time(9), tzinfo=UTC)
    beside = {"id": _id(), "occurred_on": fact.on, "recorded_at": at, "actor": "c-1", "correlation_id": "bench"}
    return msgspec.json.encode({"beside": beside, "data": fact.data})


async def a_long_dossier(one: Whole, office: str, lease: str) -> None:
    """Lay so many entries about a lease into the office's ledger, among as many about others."""
    owner = await asyncpg.connect(one.on.url("evaluations", SUPERUSER))
    await owner.execute(
        "insert into ledger (office, position, event, type, service, epoch, service_position, lease, occurred_on,"
        " recorded_at, taken_in_at, actor, envelope, envelope_hash, details_hash, hash)"
        " select $1, 1000 + n, gen_random_uuid()::text, 'VisitRecorded', 'visits', 1, n,"
        " case when n % 2 = 0 then $2 else gen_random_uuid()::text end, '2025-01-01', now(), now(), 'c-1',"
        " decode(repeat('7b', 900), 'hex'), '\\x00', '\\x00', '\\x00' from generate_series(1, $3::bigint * 2) n",
        office,
        lease,
        LONG,
    )
    await owner.execute("update ledger_head set position = 1000 + $2 where office = $1", office, LONG * 2)
    await owner.execute("analyze ledger")
    await owner.close()


async def what_if(one: Whole) -> dict[str, Any]:
    """Ask what a draft policy would change for every lease of the largest office."""
    connection = await Connection.open(one.platform.urls["evaluations"])
    asked = post(
        "/simulations",
        json.dumps({"threshold_n": 2, "cure_days": 60, "validity_months": 12}).encode(),
        _head(one, LARGEST),
    )
    seconds, body = [], b""
    for _ in range(3):
        begun = perf_counter()
        status, body = await connection.ask(asked)
        seconds.append(perf_counter() - begun)
        if status != 200:
            raise SystemExit(f"a simulation was answered {status}: {body[:300]!r}")
    connection.close()
    told = json.loads(body)
    slowest = max(seconds)
    return {
        "leases": OFFICES[LARGEST],
        "with_evaluations": told["leases_looked_at"],
        "differ": len(told["leases"]),
        "seconds": [round(taken, 2) for taken in seconds],
        "limit": WHAT_IF_SECONDS,
        "kept": slowest < WHAT_IF_SECONDS,
    }


async def dossier(one: Whole, lease: str) -> dict[str, Any]:
    """Read a long dossier over HTTP, and the same rows by hand."""
    connection = await Connection.open(one.platform.urls["evaluations"])
    by_hand = await asyncpg.connect(one.on.url("evaluations", "evaluations"))
    head = _head(one, LARGEST)

    async def over_http() -> int:
        seen, path = 0, f"/dossiers/{lease}?limit=200"
        while path:
            _, body = await connection.ask(_get(path, head))
            told = json.loads(body)
            seen += len(told["entries"])
            path = f"/dossiers/{lease}?limit=200&cursor={told['next']}" if told["next"] else ""
        return seen

    async def rows() -> int:
        seen, after = 0, 0
        while True:
            async with by_hand.transaction():
                await by_hand.execute("select set_config('app.office', $1, true)", LARGEST)
                page = (await by_hand.fetch(PAGE, LARGEST, lease, after))[:201]
            written = json.loads(msgspec.json.encode([dict(row) for row in page[:200]]))
            seen, after = seen + len(written), written[-1]["position"] if written else after
            if len(page) <= 200:
                return seen

    ours, theirs = [], []
    for _ in range(60):  # turn by turn
        ours.append(await _timed(over_http, LONG))
        theirs.append(await _timed(rows, LONG))
    connection.close()
    await by_hand.close()
    ratio = _p95(ours) / _p95(theirs)
    return {
        "events": LONG,
        "p95_ms": round(_p95(ours) * 1000, 1),
        "by_hand_p95_ms": round(_p95(theirs) * 1000, 1),
        "ratio": round(ratio, 2),
        "limit": DOSSIER_RATIO,
        "kept": ratio <= DOSSIER_RATIO,
    }


async def counts(one: Whole, leases: dict[str, list[str]]) -> dict[str, Any]:
    """Take the count of a lease with four evaluations in each office, in turn."""
    connection = await Connection.open(one.platform.urls["evaluations"])
    heads = {office: _head(one, office) for office in leases}
    taken: dict[str, list[float]] = {office: [] for office in leases}
    for turn in range(80):
        for office, ids in leases.items():
            lease = ids[(5 * turn + 4) % len(ids)]  # each with four evaluations, most of them not held in memory
            begun = perf_counter()
            status, body = await connection.ask(_get(f"/dossiers/{lease}/standing", heads[office]))
            taken[office].append(perf_counter() - begun)
            if status != 200 or len(json.loads(body)["why"]) != 4:
                raise SystemExit(f"a count was answered {status}: {body[:300]!r}")
    connection.close()
    medians = {office: sorted(times)[len(times) // 2] for office, times in taken.items()}
    ratio = medians[LARGEST] / medians["bench-100"]
    return {
        "p50_ms": {office: round(seconds * 1000, 2) for office, seconds in medians.items()},
        "ratio_100_to_10000": round(ratio, 2),
        "limit": COUNT_RATIO,
        "kept": ratio <= COUNT_RATIO,
    }


async def _timed(read: Callable[[], Awaitable[int]], wanted: int) -> float:
    begun = perf_counter()
    seen = await read()
    if seen != wanted:
        raise SystemExit(f"{seen} of {wanted} entries were read")
    return perf_counter() - begun


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _head(one: Whole, office: str) -> str:
    return f"Authorization: Bearer {one.platform.token(office=office, roles=['director'], person='d-1')}"


def _get(path: str, *head: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: bench", *head, "", ""]
    return "\r\n".join(lines).encode()


async def measured(folder: Path, offices: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Start a platform, lay the histories, and measure all three."""
    async with whole(folder, leases=0) as one:
        for office in offices:
            await asyncio.to_thread(one.platform.create_office, office, name=office, director="d-1", since=FOUNDED)
        await one.settled()
        leases = await laid(one, offices)
        told = {"what-if": await what_if(one), "count": await counts(one, leases)}
        await a_long_dossier(one, LARGEST, leases[LARGEST][0])
        return {**told, "dossier": await dossier(one, leases[LARGEST][0])}


def main() -> int:
    """Measure, print the figures as JSON, and end with 1 where a limit is missed."""
    with tempfile.TemporaryDirectory(prefix="huurspoor-bench-", ignore_cleanup_errors=True) as scratch:
        told = asyncio.run(measured(Path(scratch) / "evaluating", OFFICES))
    print(json.dumps(told, indent=1))
    return 0 if all(figure["kept"] for figure in told.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
