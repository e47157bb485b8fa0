"""The office's ledger and the file for court, on a real database behind the real door."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
import rfc8785

from services.evaluations.court.api import add_doors
from services.evaluations.events import EvaluationMomentOpened
from services.evaluations.ledger import (
    LEDGER,
    LONG_AGO,
    Head,
    OfficeLedger,
    entries_about,
    entries_from,
    hash_of_entry,
    head_of,
    origin,
)
from services.evaluations.publishing import published
from services.evaluations.rules.court_file import COURT_FILE
from services.evaluations.rules.moment import MOMENT
from shared.authority import MANDATES
from shared.contracts.evaluations import MandateGivenV1
from shared.contracts.visits import FindingEstablishedV1
from shared.decisions import Elsewhere, Stream
from shared.epochs import letter_of
from shared.event_sourcing import EventStore
from shared.inbox_rows import Itself
from shared.keys import Seals
from shared.outbox import PLATFORM, envelope
from shared.sealed import Sealed
from shared.settings import Settings
from shared.web import Caller, Doors, WebStore, application
from shared.wording import Wording
from shared.writer.acts import Message
from shared.writer.companions import Entered
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabase
from tests.one_service import Laid, small_store, small_writer
from tests.shared.shop import FixedClock, Issuer
from tests.specification import recorded
from verifier.checks import NotGenuine, Report, verify

NOORD, MIDDEN = "kantoor-noord", "kantoor-midden"
LEASE, OTHER = str(uuid4()), str(uuid4())
MONDAY = date(2026, 3, 2)
FINDINGS = Stream[int, FindingEstablishedV1](
    "finding", initial=0, evolve=lambda number, _: number + 1, events=FindingEstablishedV1
)


@dataclass(kw_only=True)
class By(Itself):
    """Somebody, or a message, that answers for an act."""

    office: str = NOORD
    actor: str = "karel"
    source: str = "web"


@dataclass
class Described:
    """The small service as the door must know it."""

    api: Doors
    name: str = "evaluations"
    resources: tuple[()] = ()
    authority: None = None


@dataclass
class House:
    """Evaluations at work, as far as the ledger is concerned."""

    store: EventStore
    clock: FixedClock
    database: ScratchDatabase
    client: httpx.AsyncClient
    issuer: Issuer
    reopened: Callable[[], Writer]
    told_before: dict[str, int] = field(default_factory=dict)
    position: int = 0

    def later(self, **by: float) -> None:
        self.clock.at += timedelta(**by)

    async def opens_moment(self, lease: str = LEASE, office: str = NOORD, on: date = MONDAY) -> None:
        """Let this service publish something of its own."""
        texts = await self.store.seals.seal_all(
            office, lease, "C", {"about": "huurschuld", "why": "drie maanden achterstand"}
        )
        about, why = texts["about"], texts["why"]
        assert about is not None
        assert why is not None
        opened = EvaluationMomentOpened(lease=lease, on=on, about=about, why=why)
        await self.store.decide(MOMENT, str(uuid4()), lambda _: [opened], by=By(office=office, occurred_on=on))

    async def told(self, contract: Any, *, on: date = MONDAY, office: str = NOORD, follows: Any = None) -> Message:
        """Let visits tell something."""
        self.position += 1
        id = str(uuid4())
        whole = recorded(contract, on=on, at=self.clock.at, actor="fatma", id=f"visits-{self.position}", version=1)
        whole = replace(whole, stream=f"finding/{id}")
        body = envelope(
            "visits",
            office,
            whole,
            contract,
            position=self.position,
            epoch=1,
            stream_version=1,
            previous=0,
            versions=[1],
            correlation_id="c-2",
            causation_id=None,
            clock="simulated",
        ).body
        message = Message(
            publisher="visits",
            epoch=1,
            position=self.position,
            stream=whole.stream,
            version=1,
            previous=0,
            type=type(contract).__name__.removesuffix("V1"),
            digest=hashlib.sha256(body).digest(),
            envelope=body,
            event_id=whole.id,
            occurred_on=on,
            recorded_at=whole.recorded_at,
            actor="fatma",
            mandate=None,
            policy_version=None,
            checklist_version=None,
            source="web",
            subject=json.loads(body)["subject"],
        )
        await self.takes_in(message, contract, id, office=office, follows=follows)
        return message

    async def takes_in(
        self, message: Message, contract: Any, id: str, *, office: str = NOORD, follows: Any = None
    ) -> None:
        events = [contract, *([Elsewhere(MOMENT, str(uuid4()), follows)] if follows else [])]
        by = By(office=office, message=message)
        stream = MANDATES if isinstance(contract, MandateGivenV1) else FINDINGS
        await self.store.decide(stream, id, lambda _: events, by=by)

    async def finding(self, what_seen: str, lease: str = LEASE, office: str = NOORD) -> FindingEstablishedV1:
        seen = await self.store.seals.seal(office, lease, "B", "what_seen", what_seen)
        assert isinstance(seen, Sealed)
        return FindingEstablishedV1(
            lease=lease,
            finding=str(uuid4()),
            item="VOC-01",
            checklist_version="CL-1",
            seen_on=MONDAY,
            source="visit",
            what_seen=seen,
        )

    async def get(self, path: str, role: str = "director", /, **asked: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.issuer.token(role, office=asked.pop('office', NOORD))}"}
        return await self.client.get(path, params=asked, headers=headers)

    async def post(self, path: str, body: Any, role: str = "director", **headers: str) -> httpx.Response:
        token = {"Authorization": f"Bearer {self.issuer.token(role)}"}
        return await self.client.post(path, json=body, headers={**token, **headers})

    async def sql(self, query: str, *values: Any, role: str = "all_offices") -> list[Any]:
        connection = await asyncpg.connect(getattr(self.database, role))
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()


async def standing(store: WebStore, by: Caller, lease: str, on: date, known_at: datetime) -> Mapping[str, Any]:
    """Answer a count of nothing."""
    return {"lease": lease, "on": on, "as_known_at": known_at, "count": 0}


async def _ready() -> Mapping[str, Any]:
    return {"ready": True, "why": []}


@pytest.fixture
async def house(laid: Laid, tmp_path: Path) -> AsyncIterator[House]:
    own = laid.emptied()
    database, keys = own.service, own.keys
    streams = (FINDINGS, MOMENT, COURT_FILE, MANDATES)
    how: dict[str, Any] = {"published": published, "companions": (OfficeLedger(),)}
    clock, issuer = FixedClock(), Issuer(tmp_path)
    seals = await Seals.connect(keys.url("evaluations"), bytes(32))

    def a_writer() -> Writer:
        return small_writer(database, *streams, clock=clock, **how)

    api = Doors("evaluations")
    add_doors(api, standing=standing)
    async with small_store(database, *streams, seals=seals, clock=clock, **how) as store:
        app: Any = application(
            Described(api),
            store,
            seals,
            Settings(jwks=str(issuer.jwks)),
            clock=clock,
            wording=Wording(),
            ready=_ready,
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://evaluations") as client:
            yield House(store, clock, database, client, issuer, a_writer)
    await seals.close()


def genuine(content: bytes) -> Report:
    report = Report()
    verify(content, key=None, report=report)
    return report


# -- the chain --------------------------------------------------------------------------------------------------------


async def test_what_is_told_and_what_is_taken_in_is_chained_in_one_ledger(house: House) -> None:
    message = await house.told(await house.finding("schimmel"))
    await house.opens_moment()
    first, second = await entries_from(house.store, 1, limit=10, by=By())
    assert (first.position, first.service, first.type, first.lease) == (1, "visits", "FindingEstablished", LEASE)
    assert first.envelope == message.envelope
    assert (second.position, second.service, second.type) == (2, "evaluations", "EvaluationMomentOpened")
    assert second.envelope == (await house.sql("select envelope from outbox"))[0]["envelope"]
    # By hand, from the description alone:
    previous = hashlib.sha256(b"huurspoor ledger\n" + NOORD.encode()).hexdigest()
    assert origin(NOORD).hex() == previous
    for entry in (first, second):
        details: dict[str, Any] = {
            "envelope_sha256": hashlib.sha256(entry.envelope).hexdigest(),
            "epoch": 1,
            "event": entry.event,
            "service": entry.service,
            "service_position": 1,
            "taken_in_at": entry.taken_in_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "type": entry.type,
        }
        hashed = hashlib.sha256(rfc8785.dumps(details)).hexdigest()
        told: dict[str, Any] = {"details": hashed, "position": entry.position, "previous": previous}
        previous = hashlib.sha256(rfc8785.dumps(told)).hexdigest()
        assert entry.hash.hex() == previous
    head = await head_of(house.store, by=By())
    assert (head.position, head.hash.hex()) == (2, previous)


def test_rows_that_are_begun_on_top_of_others_follow_them_in_the_chain() -> None:
    ledger = OfficeLedger()
    ledger._heads["office-1"] = Head(0, origin("office-1"), LONG_AGO)
    first = ledger.batch()
    first.add(_entered("office-1", 1))
    second = ledger.batch(first)  # while the first is being committed
    second.add(_entered("office-1", 2))
    first.committed()
    second.add(_entered("office-1", 3))
    rows = [change.values for batch in (first, second) for change in batch.changes() if change.table is LEDGER]
    assert [row["position"] for row in rows] == [1, 2, 3]
    previous = origin("office-1").hex()
    for row in rows:
        details, hashed = row["details_hash"].removeprefix("\\x"), row["hash"].removeprefix("\\x")
        entry = hash_of_entry(
            position=row["position"], details=bytes.fromhex(details), previous=bytes.fromhex(previous)
        )
        assert entry.hex() == hashed
        previous = hashed


def _entered(office: str, position: int) -> Entered:
    at = datetime(2026, 3, 2, 9, position, tzinfo=UTC)
    return Entered(
        office=office,
        publisher="visits",
        epoch=1,
        position=position,
        event_id=f"event-{position}",
        type="VisitPlanned",
        subject=f"office/{office}",
        occurred_on=at.date(),
        recorded_at=at,
        taken_in_at=at,
        actor="SYS",
        mandate=None,
        envelope=b"{}",
    )


async def test_a_message_stands_before_what_follows_from_it_and_only_once(house: House) -> None:
    finding = await house.finding("schimmel")
    follows = EvaluationMomentOpened(lease=LEASE, on=MONDAY, about=finding.what_seen, why=finding.what_seen)
    message = await house.told(finding, follows=follows)
    await house.takes_in(message, finding, message.stream.split("/")[1])
    entries = await entries_from(house.store, 1, limit=10, by=By())
    assert [entry.type for entry in entries] == ["FindingEstablished", "EvaluationMomentOpened"]
    assert entries[0].taken_in_at == entries[1].taken_in_at


async def test_each_office_has_a_ledger_of_its_own(house: House) -> None:
    await asyncio.gather(*(house.opens_moment(office=office) for office in (NOORD, MIDDEN) for _ in range(5)))
    for office in (NOORD, MIDDEN):
        entries = await entries_from(house.store, 1, limit=10, by=By(office=office))
        assert [entry.position for entry in entries] == [1, 2, 3, 4, 5]
        assert all(json.loads(entry.envelope)["office"] == office for entry in entries)
        times = [entry.taken_in_at for entry in entries]
        assert times == sorted(times)


async def test_what_is_not_recorded_is_not_in_the_ledger(house: House) -> None:
    def fail(_state: Any) -> list[Any]:
        raise ValueError("a bug")

    outcomes = await asyncio.gather(
        house.opens_moment(),
        house.store.decide(MOMENT, str(uuid4()), fail, by=By()),
        house.opens_moment(),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], ValueError)
    assert [entry.position for entry in await entries_from(house.store, 1, limit=10, by=By())] == [1, 2]


async def test_another_process_goes_on_from_the_stored_head(house: House) -> None:
    await house.opens_moment()
    before = await head_of(house.store, by=By())
    ledger = OfficeLedger()
    connection = await asyncpg.connect(house.database.at_work)
    await ledger.load(connection, {NOORD, MIDDEN})
    await connection.close()
    assert ledger._heads[NOORD] == before
    assert ledger._heads[MIDDEN].hash == origin(MIDDEN)


async def test_the_service_can_neither_change_nor_remove_an_entry(house: House) -> None:
    await house.opens_moment()
    for statement in ("update ledger set actor = 'x'", "delete from ledger", "truncate ledger"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.sql(statement, role="at_work")
    assert await house.sql("select * from ledger", role="at_work") == []  # without an office nothing is seen


# -- reading ----------------------------------------------------------------------------------------------------------


async def test_the_timeline_tells_what_happened_in_a_lease(house: House) -> None:
    await house.told(await house.finding("schimmel"))
    await house.told(await house.finding("lek", lease=OTHER))
    house.later(hours=2)
    await house.opens_moment(on=MONDAY)
    told = (await house.get(f"/dossiers/{LEASE}", "counsellor")).json()
    assert [(entry["position"], entry["type"]) for entry in told["entries"]] == [
        (1, "FindingEstablished"),
        (3, "EvaluationMomentOpened"),
    ]
    first = told["entries"][0]
    assert first["summary"] == "Vaststelling gedaan"
    assert (first["occurred_on"], first["actor"], first["mandate"]) == ("2026-03-02", "fatma", None)
    assert (told["ledger_position"], told["next"]) == (3, None)
    english = await house.client.get(
        f"/dossiers/{LEASE}",
        headers={"Authorization": f"Bearer {house.issuer.token('auditor')}", "Accept-Language": "en"},
    )
    assert english.json()["entries"][0]["summary"] == "Finding established"


async def test_the_timeline_is_read_page_by_page(house: House) -> None:
    for _ in range(5):
        await house.opens_moment()
    seen, cursor = [], None
    while True:
        asked = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await house.get(f"/dossiers/{LEASE}", **asked)).json()
        seen += [entry["position"] for entry in page["entries"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [1, 2, 3, 4, 5]


async def test_an_answer_for_a_past_instant_never_changes(house: House) -> None:
    await house.told(await house.finding("schimmel"))
    known = (house.clock.at + timedelta(minutes=1)).isoformat()
    house.later(days=3)
    before = (await house.get(f"/dossiers/{LEASE}", known_at=known)).json()
    await house.opens_moment(on=MONDAY - timedelta(days=1))
    assert (await house.get(f"/dossiers/{LEASE}", known_at=known)).json() == before
    assert before["ledger_position"] == 1
    on_monday = (await house.get(f"/dossiers/{LEASE}", valid_on=str(MONDAY - timedelta(days=1)))).json()
    assert [entry["type"] for entry in on_monday["entries"]] == ["EvaluationMomentOpened"]
    both = (await house.get(f"/dossiers/{LEASE}", valid_on=str(MONDAY - timedelta(days=1)), known_at=known)).json()
    assert both["entries"] == []


async def is_restored(house: House, message: Message) -> None:
    """Let visits be restored from a backup that holds nothing from a message on, as the inbox takes that in."""
    lost = {"office": NOORD, "epoch": 1, "position": message.position, "stream": message.stream}
    row = {**lost, "type": message.type, "version": 1, "taken_at": message.recorded_at}
    letter = letter_of(row, "visits", [], at=house.clock.at)
    news = msgspec.structs.replace(message, position=message.position + 1, event_id=str(uuid4()), stream="log-head/1")
    await house.store.keep(by=By(office=PLATFORM, message=news), rows=[letter])


async def test_the_timeline_says_what_a_restore_made_void_and_since_when(house: House) -> None:
    await house.told(await house.finding("schimmel"))
    lost = await house.told(await house.finding("lek"))
    house.later(hours=1)
    before = house.clock.at.isoformat()
    house.later(hours=1)
    since = house.clock.at
    await is_restored(house, lost)
    entries = (await house.get(f"/dossiers/{LEASE}")).json()["entries"]
    told = [entry["void_since"] for entry in entries]
    assert told[0] is None and datetime.fromisoformat(told[1]) == since
    entries = (await house.get(f"/dossiers/{LEASE}", known_at=before)).json()["entries"]
    assert [entry["void_since"] for entry in entries] == [None, None]


async def test_another_offices_lease_does_not_exist_here(house: House) -> None:
    await house.opens_moment()
    for path in (f"/dossiers/{LEASE}", f"/dossiers/{LEASE}/court/{uuid4()}.json", f"/dossiers/{LEASE}/court/{uuid4()}"):
        assert (await house.get(path, office=MIDDEN)).status_code == 404
    for path in (f"/dossiers/{uuid4()}", "/dossiers/x", f"/dossiers/{LEASE.upper()}"):
        assert (await house.get(path)).status_code == 404


@pytest.mark.parametrize("asked", [{"limit": "0"}, {"limit": "201"}, {"valid_on": "x"}, {"known_at": "2026-03-02"}])
async def test_a_timeline_is_asked_for_in_one_way(house: House, asked: dict[str, str]) -> None:
    await house.opens_moment()
    assert (await house.get(f"/dossiers/{LEASE}", **asked)).status_code == 422


# -- exports ----------------------------------------------------------------------------------------------------------


async def test_the_ledger_as_it_is_answered_proves_itself_page_by_page(house: House) -> None:
    for number in range(5):
        await house.told(await house.finding(f"plek {number}"))
    page = await house.get("/ledger", "auditor", limit=2)
    positions = []
    while True:
        genuine(page.content)
        positions += [entry["position"] for entry in page.json()["items"]]
        if page.json()["next"] is None:
            break
        page = await house.get("/ledger", "auditor", limit=2, cursor=page.json()["next"])
    assert positions == [1, 2, 3, 4, 5]
    later = await house.get("/ledger", "auditor", **{"from": 4})
    assert [entry["position"] for entry in later.json()["items"]] == [4, 5]
    genuine(later.content)
    whole = await house.get("/ledger/export", "auditor")
    genuine(whole.content)
    assert len(whole.json()["items"]) == 5
    empty = await house.get("/ledger", "auditor", **{"from": 99})
    assert empty.json()["items"] == []
    genuine(empty.content)


async def test_an_empty_ledger_proves_itself_too(house: House) -> None:
    genuine((await house.get("/ledger", office=MIDDEN)).content)


async def test_the_checkpoint_signs_the_head(house: House) -> None:
    await house.opens_moment()
    told = (await house.get("/ledger/checkpoint", "auditor")).json()
    export = (await house.get("/ledger", "auditor")).json()
    assert told["checkpoint"].split("\n")[:3] == export["checkpoint"].split("\n")[:3]
    assert (told["position"], told["hash"], told["key"]) == (1, export["items"][0]["hash"], export["key"])


@pytest.mark.parametrize("asked", [{"from": "0"}, {"from": "x"}, {"from": "-1"}, {"limit": "999"}, {"other": "1"}])
async def test_a_ledger_is_asked_for_in_one_way(house: House, asked: dict[str, str]) -> None:
    assert (await house.get("/ledger", **asked)).status_code == 422


async def test_a_counsellor_does_not_read_the_offices_ledger(house: House) -> None:
    for path in ("/ledger", "/ledger/export", "/ledger/checkpoint"):
        assert (await house.get(path, "counsellor")).status_code == 403


# -- the file for court -----------------------------------------------------------------------------------------------


async def issued(house: House, **body: Any) -> tuple[httpx.Response, bytes]:
    made = await house.post(f"/dossiers/{LEASE}/court", body)
    assert made.status_code == 201, made.text
    return made, (await house.get(f"{made.headers['location']}.json")).content


async def test_a_court_file_is_readable_and_genuine(house: House) -> None:
    await house.told(await house.finding("Schimmel achter de kast"))
    await house.told(await house.finding("van anderen", lease=OTHER))
    await house.opens_moment()
    made, content = await issued(house)
    assert made.json()["ledger_position"] == 3
    assert made.json()["events"][0]["type"] == "CourtFileIssued"
    genuine(content)
    file = json.loads(content)
    assert file["timeline"][0]["what"]["what_seen"] == "Schimmel achter de kast"
    assert file["timeline"][1]["what"]["why"] == "drie maanden achterstand"
    assert file["standing"]["on"] == "2026-03-02"
    assert OTHER not in content.decode()
    assert file["clock"] == "simulated"
    about = (await house.get(made.headers["location"])).json()
    assert (about["ledger_position"], about["lease"]) == (3, LEASE)


async def test_a_court_file_stays_the_same_whatever_happens_later(house: House) -> None:
    await house.told(await house.finding("schimmel"))
    made, content = await issued(house)
    house.later(days=40)
    await house.opens_moment()
    again = await house.get(f"{made.headers['location']}.json")
    assert again.content == content
    assert again.headers["content-type"] == "application/json"


async def test_a_court_file_says_what_a_restore_made_void_and_keeps_saying_what_it_said(house: House) -> None:
    lost = await house.told(await house.finding("schimmel"))
    made, content = await issued(house)
    house.later(hours=1)
    await is_restored(house, lost)
    assert (await house.get(f"{made.headers['location']}.json")).content == content
    house.later(hours=1)
    await house.opens_moment()
    _, content = await issued(house)
    file = json.loads(content)
    first, *others = file["timeline"]
    assert first["void_since"] == "2026-03-02T12:00:00.000000Z"
    assert not any("void_since" in line for line in others)
    listed = {part["part"]: part["entries"] for part in file["parts"]}
    assert listed["late_corrected_withdrawn"] == [first["position"]]
    assert any("lost in a restore, and holds no more: 1" in line for line in genuine(content).lines)


async def test_a_court_file_can_be_asked_for_as_it_was_known(house: House) -> None:
    await house.told(await house.finding("schimmel"))
    known = house.clock.at + timedelta(minutes=1)
    house.later(days=1)
    await house.opens_moment()
    made, content = await issued(house, as_known_at=known.astimezone(UTC).isoformat())
    assert made.json()["ledger_position"] == 1
    assert len(json.loads(content)["timeline"]) == 1
    long_ago = await house.post(f"/dossiers/{LEASE}/court", {"as_known_at": "2020-01-01T00:00:00Z"})
    assert (long_ago.status_code, long_ago.json()["type"]) == (409, "/problems/unknown")


async def test_the_same_request_issues_one_file(house: House) -> None:
    await house.opens_moment()
    key = {"Idempotency-Key": "k-1"}
    first = await house.post(f"/dossiers/{LEASE}/court", {}, **key)
    again = await house.post(f"/dossiers/{LEASE}/court", {}, **key)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"


async def test_who_may_not_see_what_is_judicial_gets_no_court_file(house: House) -> None:
    await house.opens_moment()
    made, _ = await issued(house)
    for role in ("counsellor", "administration", "technical", "bridge-figure"):
        assert (await house.post(f"/dossiers/{LEASE}/court", {}, role)).status_code == 403
        assert (await house.get(f"{made.headers['location']}.json", role)).status_code == 403


async def test_one_byte_changed_says_which_entry_is_not_genuine(house: House) -> None:
    await house.told(await house.finding("schimmel"))
    await house.opens_moment()
    _, content = await issued(house)
    file = json.loads(content)
    at = content.index(file["entries"][1]["envelope"].encode()) + 400
    changed = content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :]
    with pytest.raises(NotGenuine) as found:
        genuine(changed)
    assert "entry 2 (EvaluationMomentOpened of evaluations)" in found.value.differences[0]


async def test_a_read_of_the_file_is_logged(house: House) -> None:
    await house.opens_moment()
    await issued(house)
    await house.get(f"/dossiers/{LEASE}")
    logged = await house.sql("select person, what from read_log where lease = $1 order by at", LEASE)
    assert {row["what"] for row in logged} == {"dossiers/{lease}/court/{file}.json", "dossiers/{lease}"}


async def test_every_published_event_has_a_name_in_both_languages() -> None:
    from services.evaluations.court.api import WORDING
    from shared.contracts import evaluations, notifications, visits

    told = {
        name.removesuffix("V1")
        for module in (evaluations, notifications, visits)
        for name, kind in vars(module).items()
        if name.endswith("V1") and isinstance(kind, type) and kind.__module__ == module.__name__
    }
    worded = WORDING.names("events", "nl")
    assert worded == WORDING.names("events", "en")
    parts_of_others = {"GroundToldOf", "Addressed", "Reached", "ContactPoint", "Party", "Commitment"}
    assert told - parts_of_others - worded == set()


async def test_nothing_else_of_the_office_is_about_a_lease(house: House) -> None:
    await house.opens_moment()
    assert await entries_about(house.store, LEASE, by=By(office=MIDDEN)) == []
