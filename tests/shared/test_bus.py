"""The connection, the batches and the endless pull, on a real server."""

import asyncio
import contextlib
import json
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from operate.bus_keeper import keep, stream, tend
from operate.nats import prepare
from operate.state import State
from shared.bus import DUPLICATE_IN_BATCH, ENOUGH, SERVICES, Bus, BusAway, BusRefused, Pull, batch_of, filters
from shared.deliveries import Connection, Delivery
from tests.shared.correspondents import Server, kept, soon, until, user


async def collect(pull: Pull, into: list[bytes]) -> None:
    async for batch in pull.batches():
        for message in batch:
            into.append(message.data)
            await message.ack()


SUBJECT = "huurspoor.kantoor-noord.visits.VisitRecorded.v1"


def test_the_keeper_makes_what_is_missing_once(server: Server) -> None:
    async def story() -> None:
        async with user(server.nats, "bus-keeper") as bus:
            first = await soon(lambda: tend(bus))
            assert len(first) == 16
            assert await tend(bus) == []
            assert (await bus.stream("visits")).takes_batches

    asyncio.run(story())


def test_a_stream_that_the_server_refuses_keeps_no_other_one_waiting(server: Server) -> None:
    async def story() -> None:
        async with user(server.nats, "bus-keeper") as bus:
            foreign = {"name": "FOREIGN", "subjects": ["huurspoor.*.visits.>"]}
            await soon(lambda: bus.request("$JS.API.STREAM.CREATE.FOREIGN", json.dumps(foreign).encode()))
            keeping = asyncio.create_task(keep(bus))
            try:
                for service in SERVICES[1:]:
                    await soon(partial(bus.stream, service))
                with pytest.raises(BusRefused):
                    await bus.stream("visits")
                await bus.request("$JS.API.STREAM.DELETE.FOREIGN", b"")
                await soon(lambda: bus.stream("visits"))
            finally:
                keeping.cancel()
                with contextlib.suppress(BusRefused):
                    await bus.request("$JS.API.STREAM.DELETE.FOREIGN", b"")

    asyncio.run(story())


async def test_a_consumer_that_is_refused_or_gets_no_answer_keeps_no_other_one_waiting() -> None:
    missing, hinders = BusRefused(10014, "consumer not found"), {"VISITS.evaluations", "REFERRALS.visits"}
    made: list[str] = []

    class Server:
        """A server that has no consumer yet, and makes most of them."""

        async def connected(self) -> None:
            """It is there."""

        async def request(self, subject: str, _body: bytes, *, seconds: float = 2.0) -> dict[str, Any]:
            asked = subject.split(".", 4)[4]
            if subject.startswith("$JS.API.STREAM.INFO."):
                return {"config": stream(asked.lower())}
            if subject.startswith("$JS.API.CONSUMER.INFO."):
                raise missing
            if asked in hinders:
                raise (
                    BusAway("TimeoutError") if asked == "REFERRALS.visits" else BusRefused(10026, "too many consumers")
                )
            made.append(asked)
            return {}

    keeping = asyncio.create_task(keep(cast(Bus, Server())))
    try:
        async with asyncio.timeout(5):
            while len(set(made)) < 10:
                await asyncio.sleep(0)
    finally:
        keeping.cancel()
    every = {f"{one.upper()}.{other}" for one in SERVICES for other in SERVICES if one != other}
    assert set(made) == every - hinders


async def test_what_is_pulled_is_taken_off_the_wire_wherever_it_is_cut() -> None:
    ack = "$JS.ACK.VISITS.referrals.1.2.3.4.5"
    bodies = [b"{}", b"", b"a\r\nMSG b", b"x" * 5000]
    said = b"".join(
        b"PING\r\n"
        + f"HMSG {SUBJECT} 7 {ack} 22 {22 + len(body)}\r\nNATS/1.0\r\nA: bcdef\r\n\r\n".encode()
        + body
        + f"\r\nMSG {SUBJECT} 7 {ack} {len(body)}\r\n".encode()
        + body
        + f"\r\nHMSG _INBOX.a 7 {ack[1:]} 22 22\r\nNATS/1.0\r\nA: bcdef\r\n\r\n\r\nMSG _INBOX.a 8 2\r\nok\r\n".encode()
        for body in bodies
    )
    for step in (1, 2, 7, 100, 4096, len(said)):
        client, taken, others, pings = Connection(), list[Delivery](), list[tuple[int, bytes]](), list[None]()

        async def other(
            sid: int, _subject: bytes, _reply: bytes, data: bytes, _headers: bytes, to: Any = others
        ) -> None:
            to.append((sid, data))

        async def ping(to: Any = pings) -> None:
            to.append(None)

        client._process_msg, client._process_ping = other, ping  # type: ignore[method-assign, assignment]
        client.hand_over(7, taken.append)
        for at in range(0, len(said), step):
            await client._ps.parse(said[at : at + step])
        assert [one.data for one in taken] == [body for body in bodies for _ in range(2)], step
        assert {(one.subject, one.reply) for one in taken} == {(SUBJECT, ack)}
        assert others == [(7, b""), (8, b"ok")] * len(bodies)
        assert len(pings) == len(bodies)


async def test_a_cancellation_that_comes_together_with_the_answer_is_not_lost() -> None:
    client = _Mute()
    bus = Bus("nats://nowhere", user="visits")
    bus._client = client
    asking = asyncio.create_task(bus.request("$JS.API.INFO", b""))
    while not client._waiting:
        await asyncio.sleep(0)
    (place,) = client._waiting
    client.answered(place, b"", b"{}")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


class _Mute(Connection):
    """A connection that sends nothing and says that it is one."""

    def __init__(self) -> None:
        super().__init__()
        self._status = Connection.CONNECTED

    def _write(self, *_: Any) -> None:
        """Send nothing."""


async def test_answers_are_taken_off_the_wire_wherever_they_are_cut() -> None:
    nobody = b"NATS/1.0 503 No Responders\r\n\r\n"
    bodies = [b"{}", b"", b"a\r\nMSG b", b"x" * 5000]
    said = b"".join(
        f"MSG _INBOX.a.1 9 {len(body)}\r\n".encode()
        + body
        + f"\r\nPONG\r\nHMSG _INBOX.a.2 9 {len(nobody)} {len(nobody) + len(body)}\r\n".encode()
        + nobody
        + body
        + b"\r\n"
        for body in bodies
    )
    for step in (1, 2, 7, 100, 4096, len(said)):
        client, answers = Connection(), list[tuple[bytes, bytes, bytes]]()
        client.answered = lambda *told, to=answers: to.append(told)  # type: ignore[method-assign]
        client._frames.answers = b"9"
        for at in range(0, len(said), step):
            await client._ps.parse(said[at : at + step])
        assert answers == [
            one for body in bodies for one in ((b"_INBOX.a.1", b"", body), (b"_INBOX.a.2", nobody, body))
        ], step


def test_evaluations_hear_four_types_of_referrals_and_no_more() -> None:
    assert [subject.split(".")[3] for subject in filters("evaluations", "referrals")] == [
        "ReferralOffered",
        "OcmwConsulted",
        "OcmwAnswered",
        "LogHeadAnnounced",
    ]
    assert filters("visits", "referrals") == ("huurspoor.*.referrals.>",)


def test_a_batch_comes_whole_and_a_duplicate_in_it_refuses_it(server: Server) -> None:
    async def story() -> None:
        async with kept(server.nats), user(server.nats, "visits") as bus:
            batch = [(SUBJECT, f"visits-1-{n}-v1", b"{}") for n in range(1, 6)]
            await bus.publish_batch(batch_of(batch))
            assert (await bus.stream("visits")).messages == 5
            with pytest.raises(BusRefused) as refused:
                await bus.publish_batch(batch_of([(SUBJECT, "visits-1-6-v1", b"{}"), batch[0]]))
            assert refused.value.code == DUPLICATE_IN_BATCH
            assert not await bus.publish(SUBJECT, b"{}", msg_id="visits-1-1-v1")
            assert (await bus.stream("visits")).messages == 5

    asyncio.run(story())


def test_a_service_may_publish_only_its_own(server: Server) -> None:
    async def story() -> None:
        async with kept(server.nats), user(server.nats, "visits") as bus:
            with pytest.raises(BusAway):
                await bus.publish("huurspoor.kantoor-noord.evaluations.ThresholdReached.v1", b"{}", msg_id="x")
            assert bus.denied is not None
            with pytest.raises(BusAway):
                await bus.request("$JS.API.STREAM.DELETE.VISITS", b"", seconds=0.5)
            with pytest.raises(BusAway):
                await bus.request("$JS.API.CONSUMER.CREATE.REFERRALS.mine", b"{}", seconds=0.5)
            assert (await bus.stream("visits")).messages == 0

    asyncio.run(story())


def test_what_is_asked_is_answered_to_who_asked_or_the_bus_is_away(server: Server) -> None:
    async def story() -> None:
        async with kept(server.nats), user(server.nats, "visits") as bus:
            streams = await asyncio.gather(*(bus.stream("visits") for _ in range(50)))
            assert {one.messages for one in streams} == {0}
            assert await bus.stored("visits", 1) is None
            assert await bus.publish(SUBJECT, b"1", msg_id="a")
            assert await bus.stored("visits", 1) == b"1"
            generation = bus.generation
            with pytest.raises(BusAway, match="MaxPayloadError"):
                await bus.publish(SUBJECT, b"x" * 20_000_000, msg_id="b")
            with pytest.raises(BusAway, match="nobody"):
                await bus.request("$JS.ACK.a.b.REFERRALS.visits.none", b"", seconds=5)
            assert bus.generation == generation  # never cut off
            server.stop_answering()
            began = time.monotonic()
            asked = asyncio.create_task(bus.request("$JS.API.STREAM.INFO.VISITS", b"", seconds=30))
            await asyncio.sleep(0.1)
            server.kill()
            with pytest.raises(BusAway):
                await asked
            assert time.monotonic() - began < 5
            server.start()
            await soon(lambda: bus.stream("visits"))  # over the new connection, as over the old one
            assert not (await bus.publish(SUBJECT, b"1", msg_id="a"))

    asyncio.run(story())


QUIET = SUBJECT.replace("VisitRecorded", "VisitPlanned")


def delivered(number: int, subject: str) -> Delivery:
    return Delivery(Connection(), subject, "", b"%d" % number)


@pytest.mark.parametrize("because", ["another comes", "there are enough", "it is time", "somebody waits"])
async def test_what_may_wait_lies_until_there_is_a_reason(because: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.bus.SECONDS_TO_LIE", 0.05 if because == "it is time" else 600)
    pull = Pull(Bus("nats://nowhere", user="referrals"), "visits", may_wait=lambda subject: subject == QUIET)
    few = 2 if because != "there are enough" else ENOUGH - 1
    for number in range(few):
        pull._arrive(delivered(number, QUIET))
    assert because == "it is time" or not pull._due.is_set()
    match because:
        case "another comes":
            pull._arrive(delivered(few, SUBJECT))
        case "there are enough":
            pull._arrive(delivered(few, QUIET))
        case "somebody waits":
            pull.hurry()
    await asyncio.wait_for(pull._due.wait(), 10)
    assert [int(one.data) for one in pull._arrived] == list(range(len(pull._arrived)))


@pytest.mark.parametrize("fault", ["kill", "wipe", "delete-stream", "delete-consumer"])
def test_a_pull_comes_alive_again_by_itself(server: Server, fault: str) -> None:
    async def story() -> None:
        async with (
            kept(server.nats) as keeper,
            user(server.nats, "visits") as visits,
            user(server.nats, "referrals") as referrals,
        ):
            got: list[bytes] = []
            pull = Pull(referrals, "visits")
            task = asyncio.create_task(collect(pull, got))
            await visits.publish(SUBJECT, b"1", msg_id="a")
            await until(lambda: got == [b"1"])
            if fault in ("kill", "wipe"):
                server.kill()
                if fault == "wipe":
                    server.wipe()
                server.start()
            elif fault == "delete-stream":
                await keeper.request("$JS.API.STREAM.DELETE.VISITS", b"")
            else:
                await keeper.request("$JS.API.CONSUMER.DELETE.VISITS.referrals", b"")
            await asyncio.sleep(0.1)
            await soon(lambda: visits.publish(SUBJECT, b"2", msg_id="b"))
            took = await until(lambda: b"2" in got)
            assert took < 8  # mostly two; a machine may stand still for as long
            assert pull.alive
            used = time.process_time()
            await asyncio.sleep(1)
            assert time.process_time() - used < 0.1
            await pull.stop()
            await asyncio.wait_for(task, 5)

    asyncio.run(story())


def test_what_is_acknowledged_as_a_connection_ends_is_said_over_the_next_one(server: Server) -> None:
    async def story() -> None:
        async with (
            kept(server.nats) as keeper,
            user(server.nats, "visits") as visits,
            user(server.nats, "referrals") as referrals,
        ):
            wrong: list[object] = []
            asyncio.get_running_loop().set_exception_handler(lambda _loop, what: wrong.append(what))
            pull = Pull(referrals, "visits")
            batches = aiter(pull.batches())
            await visits.publish(SUBJECT, b"1", msg_id="a")
            (message,) = await anext(batches)
            assert referrals.client is not None and referrals.client._to_server is not None
            referrals.client._to_server.transport.abort()
            await message.ack()

            async def said() -> bool:
                answer = await keeper.request("$JS.API.CONSUMER.INFO.VISITS.referrals", b"")
                return bool(answer["ack_floor"]["consumer_seq"] == 1)

            await until(said)
            assert not wrong
            await pull.stop()

    uvloop.run(story())


def test_a_bus_that_is_away_at_the_start_is_found_and_costs_nothing(tmp_path: Path) -> None:
    nats = prepare(State(tmp_path / "state"))

    async def story() -> None:
        bus = Bus(nats.address, user="visits", seed_file=nats.seed("visits"))
        task = asyncio.create_task(bus.keep_connected())
        await asyncio.sleep(0.3)
        used = time.process_time()
        await asyncio.sleep(1)
        assert time.process_time() - used < 0.05
        assert bus.client is None
        with pytest.raises(BusAway):
            await bus.request("$JS.API.INFO", b"")
        server = Server(nats)
        try:
            await asyncio.wait_for(bus.connected(), 10)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            server.end()

    asyncio.run(story())


class _Between:
    """Passes on between clients and a server, until it falls deaf to those that are there: they fill up, half-open."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._lines: list[asyncio.Task[None]] = []

    async def listen(self) -> int:
        """Return the port on which it listens."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        await asyncio.start_server(self._pass_on, sock=listener, limit=65536)
        return int(listener.getsockname()[1])

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        ways = ((reader, server_writer), (server_reader, writer))
        self._lines += [asyncio.create_task(self._one_way(*way)) for way in ways]

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
        writer.close()

    def fall_deaf(self) -> None:
        """Read nothing more of what is there."""
        for line in self._lines:
            line.cancel()


def test_a_half_open_connection_that_is_full_is_replaced(server: Server) -> None:
    async def story() -> None:
        between = _Between(server.nats.port)
        address = f"nats://127.0.0.1:{await between.listen()}"
        bus = Bus(address, user="visits", seed_file=server.nats.seed("visits"))
        keeping = asyncio.create_task(bus.keep_connected())
        async with kept(server.nats):
            client = await asyncio.wait_for(bus.connected(), 10)
            before = bus.generation
            between.fall_deaf()
            batch = batch_of([(SUBJECT, f"m-{number}", b"x" * 100_000) for number in range(160)])
            sending = asyncio.create_task(bus.publish_batch(batch))
            await until(lambda: client._to_server is not None and client._to_server.transport.get_write_buffer_size())
            client.options["ping_interval"] = 0.1
            await until(lambda: bus.generation > before, seconds=10)
            with pytest.raises(BusAway):
                await sending
            assert await bus.publish(SUBJECT, b"{}", msg_id="afterwards")
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    uvloop.run(story())
