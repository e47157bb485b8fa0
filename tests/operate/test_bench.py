import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from itertools import count, pairwise
from typing import Any

import pytest

from operate.bench import CELLS, bench
from operate.benchmarks.cell import Cell, Figure, NotAsAcknowledged, Run
from operate.benchmarks.knocking import Callers, Unexpected, post

ASKED_FOR = {
    *("append", "append-vs-library", "effect", "decide", "decide-cached", "one-stream", "http", "http-stubbed"),
    *("relay", "consume", "consume-effect", "pipeline-p50", "pipeline-p99", "replay", "rebuild"),
    *("rls-append", "rls-page", "growth-append", "growth-load", "wiped"),
}


def test_every_figure_that_is_asked_for_has_its_name() -> None:
    assert {name for family, _ in CELLS for name in family} == ASKED_FOR


def test_an_unknown_name_is_refused_before_anything_is_started() -> None:
    assert bench(["append@8", "apend"], json_file=None) == 2


def test_a_figure_that_no_cell_gives_was_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def nothing_to_check() -> None:
        pass

    async def something_is_missing() -> None:
        raise NotAsAcknowledged

    async def stretch(_seconds: float) -> Run:
        return Run(2.0, 1.0, 1.0)

    async def cells(_ground: Any) -> AsyncIterator[Cell]:
        yield Cell("append@8", "events/s", stretch, stretch, nothing_to_check, pairs=1)
        yield Cell("append@64", "events/s", stretch, stretch, something_is_missing, pairs=1)

    monkeypatch.setattr("operate.bench.CELLS", ((("append",), cells),))
    monkeypatch.setattr("operate.bench.prepared", lambda _state: nullcontext())
    assert bench(["append@8"], json_file=None) == 0
    assert bench(["append@64"], json_file=None) == 1
    assert bench(["append"], json_file=None) == 1
    assert bench(["append@8", "append@99"], json_file=None) == 2
    assert "there is no such figure: append@99" in capsys.readouterr().out


def test_of_a_rate_more_is_better_and_of_a_time_less() -> None:
    ours, against = Run(200.0, 10.0, 20.0), Run(100.0, 5.0, 40.0)
    assert Figure("append@1", "events/s").ratio(ours, against) == 2
    assert Figure("pipeline-p99@50", "ms", lambda run: run.p99, less_is_better=True).ratio(ours, against) == 2


@asynccontextmanager
async def a_server(*, status: str = "201 Created") -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes whole requests and answers each in two pieces; the second value is what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            asked.append(await reader.readexactly(length))
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{".encode())
            await writer.drain()
            writer.write(b"}")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def test_callers_keep_their_connections_busy_and_every_answer_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = count()  # however slow the machine is, a millisecond passes from one look at the time to the next
    monkeypatch.setattr("operate.benchmarks.knocking.perf_counter", lambda: next(looks) / 1000)
    async with a_server() as (address, asked), await Callers.of(address, 3) as callers:
        run = await callers.busy(0.1, lambda: post("/x", b"{}"), status=201)
        assert len(asked) > 3 and run.rate > 0 and run.p50 <= run.p99
        before = len(asked)
        assert await callers.all_of([post("/x", b"%d" % number) for number in range(10)], status=201) == [b"{}"] * 10
        assert sorted(asked[before:]) == [b"%d" % number for number in range(10)]


async def test_requests_come_at_even_intervals_and_know_when_they_were_due() -> None:
    due: list[float] = []

    def request(at: float) -> bytes:
        due.append(at)
        return post("/x", b"{}")

    async with a_server() as (address, asked), await Callers.of(address, 2) as callers:
        await callers.evenly(0.2, 50, request, status=201)
    assert len(asked) == len(due) == 10
    assert [round(later - earlier, 6) for earlier, later in pairwise(sorted(due))] == [0.02] * 9


async def test_an_answer_of_another_status_is_never_counted() -> None:
    async with a_server(status="409 Conflict") as (address, _), await Callers.of(address, 1) as callers:
        with pytest.raises(Unexpected):
            await callers.busy(30, lambda: post("/x", b"{}"), status=201)
