"""The door of ``http-stubbed``: visits as shipped, but for its store, which answers from memory; and the no-op beside.

Only the benchmark runs this. Streams are read from the platform's database the first time they are asked for; from
then on they are remembered, and what is decided is forgotten with the process: nothing is stored. Token, shape,
validation, idempotency, decision and answer are the service's own.
"""

import asyncio
import importlib
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import uvicorn
import uvloop

from shared import observability, web
from shared.clock import SystemClock, machine_time
from shared.codec import Beside, Codec, with_what_stands_beside
from shared.decisions import AnyStream, Elsewhere
from shared.event_sourcing import Decided, EventStore, Found, KeyReused, OfOffice, OnRefusal, Read, Responsible
from shared.keys import Seals, read_master_key
from shared.serving import config_of, set_aside_what_stays
from shared.settings import Settings, with_password
from shared.wording import Wording
from shared.writer.acts import Change, One


class Remembering(EventStore):
    """A store without a writer: reads once, decides in memory."""

    def __init__(self, codec: Codec, pool: asyncpg.Pool, seals: Seals) -> None:
        super().__init__(_NobodyWrites(), codec, pool, seals)  # type: ignore[arg-type]
        self._streams: dict[str, Found] = {}
        self._answers: dict[str, tuple[bytes | None, Decided]] = {}

    async def found(self, stream: AnyStream, id: str, *, by: OfOffice) -> Found:
        """Return a stream as it is remembered."""
        key = f"{by.office}/{stream.kind}/{id}"
        if key not in self._streams:
            self._streams[key] = await super().found(stream, id, by=by)
        return self._streams[key]

    async def decide(
        self,
        stream: AnyStream,
        id: str,
        decision: Callable[..., Iterable[Any]],
        *,
        by: Responsible,
        reads: Mapping[str, Read] | None = None,
        refused: OnRefusal | None = None,
        answer: Callable[[Decided], bytes] | None = None,
        begins: bool = False,
        version_of: Callable[[Any], int] | None = None,
        rows: Sequence[Change] = (),
    ) -> Decided:
        """Decide, and remember what came of it; the same key gives the first answer."""
        await asyncio.sleep(0)  # as the real one, it answers in a later turn of the loop
        earlier = self._answers.get(by.once or "")
        if earlier is not None:
            if earlier[0] != by.digest:
                raise KeyReused
            first = earlier[1]
            return Decided(id, stream, first.state, first.version, first.events, first.answer, "replayed")
        own = f"{by.office}/{stream.kind}/{id}"
        known = self._streams.get(own, Found(stream.initial, 0))  # nobody else makes streams while this runs
        asked = {name: (await self.found(read.stream, read.id, by=by)).state for name, read in _ones(reads or {})}
        recorded = []
        for number, event in enumerate(decision(known.state, **asked), start=1):
            assert not isinstance(event, Elsewhere)
            beside = Beside(
                id=str(uuid.uuid4()),
                occurred_on=by.occurred_on or machine_time().date(),
                recorded_at=machine_time(),
                actor=by.actor,
                correlation_id=by.correlation_id,
                position=f"visits:{len(self._answers) + number}",
            )
            whole = with_what_stands_beside(event, beside, stream=f"{stream.kind}/{id}", version=known.version + 1)
            known = Found(stream.after(known.state, whole), known.version + 1)
            recorded.append(whole)
        self._streams[own] = known
        decided = Decided(id, stream, known.state, known.version, tuple(recorded))
        if by.once is not None and answer is not None:
            kept = Decided(id, stream, known.state, known.version, tuple(recorded), answer(decided))
            self._answers[by.once] = (by.digest, kept)
        return decided

    async def rows(self, sql: str, *values: Any, by: OfOffice) -> list[Any]:
        """Answer what is asked of the answers of keys; no other table is asked by the act that is measured."""
        if " from once " not in sql:
            return await super().rows(sql, *values, by=by)
        earlier = self._answers.get(values[0])
        return [] if earlier is None else [{"digest": earlier[0], "answer": earlier[1].answer}]


class _NobodyWrites:
    """Stands where the writer does, and holds nothing."""

    position = 0

    def held(self, _office: str, _stream: AnyStream, _id: str) -> None:
        """Hold no stream."""


def _ones(reads: Mapping[str, Read]) -> list[tuple[str, One]]:
    return [(name, read) for name, read in reads.items() if isinstance(read, One)]


async def _ready() -> Mapping[str, Any]:
    return {"ready": True, "why": []}


async def serve_door(settings: Settings) -> None:
    """Serve visits' door until the process is ended."""
    # By name, as the supervisor starts it: what operates the services knows none of them.
    service = importlib.import_module("services.visits.main").SERVICE
    observability.configure(service.name, settings.log_level)
    assert settings.master_key_file is not None and settings.keys_database_password_file is not None
    password = settings.keys_database_password_file.read_text(encoding="utf-8").strip()
    seals = await Seals.connect(settings.keys_database, read_master_key(settings.master_key_file), password=password)
    pool = asyncpg.create_pool(with_password(settings.database, settings.database_password_file), min_size=0)
    async with pool:
        app = web.application(
            service,
            Remembering(Codec(service.streams), pool, seals),
            seals,
            settings,
            clock=SystemClock(),
            wording=Wording(service.wording),
            ready=_ready,
        )
        set_aside_what_stays()
        await uvicorn.Server(config_of(app, host=settings.host, port=settings.port)).serve()


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Take a request and answer that it was done, and nothing else."""
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


def main() -> None:
    """Serve the door; with ``nothing`` the no-op, with ``nothing-quicker`` the no-op on the loop and parser of ours."""
    underneath: dict[str, dict[str, Any]] = {
        "nothing": {"loop": "asyncio", "http": "h11"},
        "nothing-quicker": {"loop": "uvloop", "http": "httptools"},
    }
    if (what := "".join(sys.argv[1:2])) in underneath:
        port = int(os.environ["HUURSPOOR_PORT"])
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off"}
        uvicorn.run(_nothing, host="127.0.0.1", port=port, **underneath[what], **quiet)
    else:
        uvloop.run(serve_door(Settings()))


if __name__ == "__main__":
    main()
