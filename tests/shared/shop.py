"""A small shop that lends tools, behind the real door, on which the door is tested. Its store is in memory."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import UploadFile

from shared.clock import local_date, machine_time
from shared.decisions import Elsewhere, Recorded, Refusal, Stream
from shared.event_sourcing import ChangedMeanwhile, Decided, Found, KeyReused, StoreBusy
from shared.keys import category_of
from shared.observability import place_of_error
from shared.refusals import SelfApproval, WrongState
from shared.sealed import Sealed
from shared.settings import Settings
from shared.views import Resource
from shared.web import (
    Acted,
    Body,
    Caller,
    DatedBody,
    Day,
    Doors,
    Id,
    Instant,
    Line,
    Store,
    Words,
    application,
    may,
)
from shared.wording import Wording

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
LEASE = "7d2f6f0a-5a53-4f0a-9a51-0d6f4a6f0001"


@dataclass(frozen=True, kw_only=True)
class ToolBought:
    lease: str
    name: Sealed | None
    diary: Sealed | None
    price: int


@dataclass(frozen=True, kw_only=True)
class ToolLent:
    member: str
    lent_on: date


@dataclass(frozen=True, kw_only=True)
class Tool:
    lease: str = ""
    name: Sealed | None = None
    diary: Sealed | None = None
    price: int = 0
    loan: ToolLent | None = None


def buy(tool: Tool, *, lease: str, name: Sealed | None, diary: Sealed | None, price: int) -> list[Any]:
    if tool.price:
        raise WrongState
    return [ToolBought(lease=lease, name=name, diary=diary, price=price)]


def lend(tool: Tool, *, member: str, on: date, by: str) -> list[Any]:
    loan = ToolLent(member=member, lent_on=on)
    if tool.loan == loan:
        return []
    if member == by:
        raise SelfApproval
    if tool.loan:
        raise WrongState
    return [loan]


def evolve(tool: Tool, event: Any) -> Tool:
    match event:
        case ToolBought():
            return replace(tool, lease=event.lease, name=event.name, diary=event.diary, price=event.price)
        case _:
            return replace(tool, loan=event)


TOOL = Stream("tool", initial=Tool(), evolve=evolve, events=ToolBought | ToolLent)
TOOLS = Resource(
    "tools",
    TOOL,
    show=lambda _id, tool: {
        "lease": tool.lease,
        "state": "lent" if tool.loan else "there",
        "name": tool.name,
        "diary": tool.diary,
        "price": tool.price,
        "member": tool.loan.member if tool.loan else None,
    },
    filters={"lease": "text not null", "state": "text not null"},
    filter_values=lambda _id, tool: {"lease": tool.lease, "state": "lent" if tool.loan else "there"},
)


class BuyTool(Body):
    id: Id | None = None
    lease: Id
    name: Line | None = None
    diary: Words | None = None
    price: int
    parts: tuple[Line, ...] = ()


class PairTool(Body):
    """Beside which other tool."""

    beside: Id


class LendTool(DatedBody):
    member: Line
    device_time: Instant | None = None


class Shelf(Body):
    name: Line


class Stocktaking(Body):
    day: Day


def shop() -> Doors:
    """Return the shop's doors."""
    api = Doors("visits")

    @api.post("/tools", status_code=201)
    async def buy_tool(
        body: BuyTool, by: Annotated[Caller, may("buy_tool", "counsellor", "coordinator")], store: Store
    ) -> Acted:
        """Buy a tool."""
        said = await by.seal("A", body.lease, name=body.name)
        private = await by.seal("B", body.lease, diary=body.diary)
        bought = partial(buy, lease=body.lease, name=said.name, diary=private.diary, price=body.price)
        return await store.begin(TOOL, body.id, bought, by=by)

    @api.post("/tools/{tool}/lend")
    async def lend_tool(
        tool: str,
        body: LendTool,
        by: Annotated[Caller, may("lend_tool", "counsellor", "administration", of=TOOL)],
        store: Store,
    ) -> Acted:
        """Lend a tool."""
        return await store.decide(TOOL, tool, partial(lend, member=body.member, on=by.day, by=by.actor), by=by)

    @api.post("/tools/{tool}/polish")
    async def polish(tool: str, by: Annotated[Caller, may("polish", "counsellor", of=TOOL)], store: Store) -> Acted:
        """Polish a tool."""
        return await store.decide(TOOL, tool, lambda _tool: [], by=by)

    @api.post("/tools/{tool}/pair")
    async def pair(
        tool: str, body: PairTool, by: Annotated[Caller, may("pair", "counsellor", of=TOOL)], store: Store
    ) -> Acted:
        """Lay a tool beside another one."""
        await store.known(TOOL, body.beside, by=by)
        return await store.decide(TOOL, tool, lambda _tool: [], by=by)

    @api.post("/pictures", status_code=201)
    async def add_picture(file: UploadFile, by: Annotated[Caller, may("add_picture", "counsellor")]) -> Any:
        """Keep a picture."""
        return {"size": len(await file.read())}

    @api.get("/tools/{tool}/loans")
    async def loans(tool: str, by: Annotated[Caller, may("read_loans", "counsellor", of=TOOL)], store: Store) -> Any:
        """Who had a tool."""
        known: Tool = await store.state(TOOL, tool, by=by)
        return {"lease": known.lease, "items": [known.loan] if known.loan else []}

    shelves: list[str] = []

    @api.post("/shelves")
    async def put_up_shelf(body: Shelf, by: Annotated[Caller, may("put_up_shelf", "operator")]) -> Any:
        """Put up a shelf, in no office."""
        shelves.append(body.name)
        return {"shelves": len(shelves)}

    @api.get("/stocktaking")
    async def stocktaking(by: Annotated[Caller, may("stocktaking", "coordinator")], on: Day | None = None) -> Any:
        """Count."""
        return {"on": on or by.today}

    @api.get("/broken")
    async def broken(by: Annotated[Caller, may("break", "coordinator")]) -> Any:
        """Break."""
        raise LookupError("Jan Peeters, Kerkstraat 1")

    @api.without_token("/calendars/{secret}.ics")
    async def calendar(secret: str) -> Any:
        """A calendar."""
        return {"secret": len(secret)}

    api.collection(TOOLS, readers={"counsellor", "coordinator", "technical"})
    return api


class FixedClock:
    """A clock that stands still."""

    simulated = True
    at = NOON

    def now(self) -> datetime:
        return self.at

    def today(self) -> date:
        return local_date(self.at)


class GlassSeals:
    """Seals that everybody can look through, with the interface of the real ones."""

    async def seal_all(
        self, office: str, subject: str, category: str, texts: Mapping[str, str | None]
    ) -> dict[str, Any]:
        return {
            name: Sealed(
                sealed=base64.b64encode(text.encode()).decode(),
                key=f"{category}-{office}-{subject}",
                digest=text,
                length=len(text),
            )
            if text and text.strip()
            else None
            for name, text in texts.items()
        }

    async def open_all(self, office: str, sealed: Iterable[Sealed]) -> dict[Sealed, Any]:
        from shared.keys import Opened

        return {
            one: Opened(base64.b64decode(one.sealed).decode(), "", "")
            for one in sealed
            if category_of(one.key) and one.key[2:].startswith(f"{office}-")
        }


@dataclass
class _Position:
    position: int = 0


class MemoryStore:
    """A store with the interface of the real one, as far as doors need it."""

    def __init__(self) -> None:
        self.seals = GlassSeals()
        self.writer = _Position()
        self.streams: dict[tuple[str, str, str], tuple[Any, int, int]] = {}
        self.once: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        self.read_log: list[tuple[Any, ...]] = []
        self.asked = 0
        self.down = False

    async def decide(
        self,
        stream: Any,
        id: str,
        decision: Callable[..., Iterable[Any]],
        *,
        by: Any,
        reads: Any = None,
        refused: Any = None,
        answer: Callable[[Decided], bytes] | None = None,
        begins: bool = False,
        version_of: Callable[[Any], int] | None = None,
    ) -> Decided:
        if self.down:
            raise StoreBusy
        if by.once is not None and (by.office, by.once) in self.once:
            digest, stored = self.once[(by.office, by.once)]
            if digest != by.digest:
                raise KeyReused
            return Decided(id, stream, None, 0, (), stored, "replayed")
        self.asked += 1
        state, version, made = self.streams.get((by.office, stream.kind, id), (stream.initial, 0, 0))
        seen = version if version_of is None else version_of(state)
        if by.if_match is not None and by.if_match != seen:
            raise ChangedMeanwhile(state, seen)
        recorded = []
        for event in decision(state):
            assert not isinstance(event, Elsewhere)
            version += 1
            self.writer.position += 1
            state = stream.evolve(state, event)
            made = made or self.writer.position
            recorded.append(
                Recorded(
                    event=event,
                    id=f"e-{self.writer.position}",
                    stream=f"{stream.kind}/{id}",
                    version=version,
                    occurred_on=by.day,
                    recorded_at=by.at,
                    taken_in_at=by.at,
                    actor=by.actor,
                    position=f"visits:{self.writer.position}",
                )
            )
        self.streams[(by.office, stream.kind, id)] = (state, version, made)
        decided = Decided(id, stream, state, version, tuple(recorded))
        if by.once is not None and answer is not None:
            self.once[(by.office, by.once)] = (by.digest, answer(decided))
        return decided

    async def found(self, stream: Any, id: str, *, by: Any) -> Found:
        state, version, _ = self.streams.get((by.office, stream.kind, id), (stream.initial, 0, 0))
        return Found(state, version)

    async def state(self, stream: Any, id: str, *, by: Any) -> Any:
        return (await self.found(stream, id, by=by)).state

    async def rows(self, sql: str, *values: Any, by: Any) -> list[Any]:
        if self.down:
            raise StoreBusy
        if "from once" in sql:
            found = self.once.get((by.office, values[0]))
            return [{"digest": found[0], "answer": found[1]}] if found else []
        if "from read_log" in sql:
            return [
                {"at": row[0], "id": str(n), "person": row[1], "what": row[2]} for n, row in enumerate(self.read_log)
            ]
        rows = sorted(
            (
                {"id": id, "version": version, "made": made, **TOOLS.filter_values(id, state), "body": _body(id, state)}
                for (office, _, id), (state, version, made) in self.streams.items()
                if office == by.office
            ),
            key=lambda row: row["made"],
        )
        if "id = $2" in sql:
            return [row for row in rows if row["id"] == values[0]]
        wanted = dict(zip([name for name in TOOLS.filters if f'"{name}" = ' in sql], values[2:], strict=True))
        rows = [row for row in rows if row["made"] > values[0] and all(row[k] == v for k, v in wanted.items())]
        return rows[: values[1]]

    async def write(self, sql: str, *values: Any, by: Any) -> None:
        if "into once" in sql:
            self.once.setdefault((by.office, values[0]), (values[1], values[2]))
            return
        self.read_log += [(*values[:3], lease) for lease in values[3]]


def _body(id: str, state: Any) -> str:
    return json.dumps(msgspec.to_builtins(TOOLS.show(id, state)))


@dataclass(frozen=True)
class ShopService:
    """What the web must know of the shop."""

    api: Doors
    name: str = "visits"
    resources: Sequence[Resource] = (TOOLS,)
    authority: None = None


class SlowInbox:
    """An inbox that has seen everything of evaluations up to 5, and will never see more."""

    async def seen(self, publisher: str, position: int, *, office: str) -> None:
        import asyncio

        if position > 5:
            await asyncio.sleep(60)


class Issuer:
    """A local issuer of tokens."""

    def __init__(self, folder: Path) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.jwks = folder / "jwks.json"
        self.publish(self.key)

    def publish(self, *keys: Any) -> None:
        """Let these be the published keys."""
        published = [
            {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": f"k{n}", "use": "sig"}
            for n, key in enumerate(keys)
        ]
        self.jwks.write_text(json.dumps({"keys": published}))

    def token(self, *roles: str, key: Any = None, headers: Any = None, algorithm: str = "EdDSA", **claims: Any) -> str:
        """Return a signed token; claims set to None are left out."""
        told = {
            "iss": "huurspoor-local",
            "aud": "huurspoor",
            "sub": "an",
            "name": "An Claes",
            "office": "kantoor-noord",
            "roles": list(roles),
            "exp": machine_time() + timedelta(minutes=5),
            **claims,
        }
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(kept, key or self.key, algorithm=algorithm, headers=headers or {"kid": "k0"})


@dataclass
class Shop:
    """A running shop."""

    client: httpx.AsyncClient
    store: MemoryStore
    issuer: Issuer

    def as_(self, *roles: str, **claims: Any) -> dict[str, str]:
        """Return the headers of somebody with these roles."""
        return {"Authorization": f"Bearer {self.issuer.token(*roles, **claims)}"}


def opened_shop(folder: Path, doors: Doors | None = None) -> Shop:
    """Open a shop, with doors of its own unless some are given."""
    issuer, store = Issuer(folder), MemoryStore()
    structlog.configure(processors=[place_of_error, structlog.processors.KeyValueRenderer()])

    async def ready() -> Mapping[str, Any]:
        return {"ready": not store.down, "why": []}

    app: Any = application(
        ShopService(doors or shop()),
        store,  # type: ignore[arg-type]
        store.seals,  # type: ignore[arg-type]
        Settings(jwks=str(issuer.jwks)),
        clock=FixedClock(),
        wording=Wording(),
        ready=ready,
        inbox=SlowInbox(),
    )
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop")
    return Shop(client, store, issuer)


__all__ = ["LEASE", "NOON", "Refusal", "Shop", "opened_shop"]
