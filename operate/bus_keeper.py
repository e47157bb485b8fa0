"""The bus keeper: the one process that may make streams and consumers, and makes again whatever is missing.

Once a second it looks whether each publisher's stream is there, and each reader's durable consumer in it, under the
same names as ever; so the pulls of the services come alive again after a wiped store without anybody being restarted.
What a consumer may hear is decided here (contract 4), not by who reads it. It deletes nothing and reads no message.
"""

import asyncio
import contextlib
import json
import signal
from collections.abc import Awaitable
from typing import Any

import structlog
import uvloop

from shared import observability
from shared.bus import NOT_FOUND, SERVICES, Bus, BusAway, BusRefused, Seldom, filters, stream_of, subjects_of
from shared.settings import Settings

log = structlog.get_logger()

USER = "bus-keeper"
TICK_SECONDS = 1.0
ALREADY_THERE = (10058, 10148)  # a stream, a consumer of that name was made meanwhile
_NANOSECONDS = 1_000_000_000


def stream(service: str) -> dict[str, Any]:
    """Return what the stream of a service must be like."""
    return {
        "name": stream_of(service),
        "subjects": [subjects_of(service)],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "num_replicas": 1,
        "duplicate_window": 120 * _NANOSECONDS,
        "allow_direct": True,  # a publisher looks at the end of its own stream, and at what others last said of it
        "allow_atomic": True,  # batches: five times as fast as the best window of single messages
        "deny_delete": True,
        "deny_purge": True,
    }


def consumer(reader: str, publisher: str) -> dict[str, Any]:
    """Return what the consumer of a reader in a publisher's stream must be like."""
    heard = filters(reader, publisher)
    return {
        "durable_name": reader,
        "name": reader,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "replay_policy": "instant",
        "ack_wait": 5 * _NANOSECONDS,  # slow work says that it goes on; what a killed service held comes again soon
        "max_deliver": -1,  # what fails again and again is parked and dead-lettered by its reader
        "max_ack_pending": 5000,
        "max_waiting": 512,
        **({"filter_subject": heard[0]} if len(heard) == 1 else {"filter_subjects": list(heard)}),
    }


def differs(wanted: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether what the server has is not what must be there; what it says beyond that is its own business."""
    absent: tuple[Any, ...] = (None, 0, False, "", [])
    return any(
        found.get(key) != value and not (value in absent and found.get(key) in absent) for key, value in wanted.items()
    )


async def tend(bus: Bus) -> list[str]:
    """Make whatever is missing and put right what is different, of every service; return what was done.

    :raises BusAway, BusRefused: the server did not answer, or does not accept it.
    """
    done = []
    for service in SERVICES:
        done.append(await tend_stream(bus, service))
        done += [await tend_consumer(bus, service, reader) for reader in _readers_of(service)]
    return [what for what in done if what]


async def tend_stream(bus: Bus, service: str) -> str:
    """Tend the stream of a service; return what was done, empty for nothing. :raises BusAway, BusRefused: ``tend``."""
    name, wanted = stream_of(service), stream(service)
    found = await _ask(bus, f"$JS.API.STREAM.INFO.{name}")
    if found is None:
        await _do(bus, f"$JS.API.STREAM.CREATE.{name}", wanted)
        return f"made {name}"
    if differs(wanted, found["config"]):
        await _do(bus, f"$JS.API.STREAM.UPDATE.{name}", {**found["config"], **wanted})
        return f"changed {name}"
    return ""


async def tend_consumer(bus: Bus, publisher: str, reader: str) -> str:
    """Tend the consumer of a reader in a publisher's stream, as ``tend_stream`` does the stream."""
    name, wanted = f"{stream_of(publisher)}.{reader}", consumer(reader, publisher)
    found = await _ask(bus, f"$JS.API.CONSUMER.INFO.{name}")
    if found is not None and not differs(wanted, found["config"]):
        return ""
    asked = {"stream_name": stream_of(publisher), "config": wanted, "action": ""}
    await _do(bus, f"$JS.API.CONSUMER.CREATE.{name}", asked)
    return f"{'made' if found is None else 'changed'} {stream_of(publisher)} {reader}"


async def keep(bus: Bus) -> None:
    """Tend the bus once a second until cancelled; what the server refuses or leaves unanswered hinders nothing else."""
    seldom = Seldom()
    await asyncio.gather(*(_keep(bus, service, seldom) for service in SERVICES))


async def _keep(bus: Bus, service: str, seldom: Seldom) -> None:
    """Tend a stream and the consumers in it: these side by side, since one question may stay without an answer."""

    async def tended(name: str, tending: Awaitable[str]) -> None:
        try:
            if what := await tending:
                log.info("tended", what=what)
        except BusRefused as why:
            seldom.warn("bus-not-tended", f"{name}: {why}")
        except BusAway as why:
            seldom.warn("bus-not-tended", str(why))

    while True:
        await bus.connected()
        await tended(stream_of(service), tend_stream(bus, service))
        await asyncio.gather(
            *(
                tended(f"{stream_of(service)} {reader}", tend_consumer(bus, service, reader))
                for reader in _readers_of(service)
            )
        )
        await asyncio.sleep(TICK_SECONDS)


def _readers_of(publisher: str) -> list[str]:
    return [reader for reader in SERVICES if reader != publisher]


async def serve(settings: Settings) -> None:
    """Keep the bus until SIGTERM or SIGINT."""
    bus = Bus(settings.nats, user=USER, seed_file=settings.nats_seed_file)
    tasks = [asyncio.create_task(bus.keep_connected()), asyncio.create_task(keep(bus))]
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    ended, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, waiting):
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    if waiting not in ended:
        raise SystemExit(1)  # one of the two loops ended by itself: the supervisor starts another


async def _ask(bus: Bus, subject: str) -> dict[str, Any] | None:
    try:
        return await bus.request(subject, b"")
    except BusRefused as why:
        if why.code in NOT_FOUND:
            return None
        raise


async def _do(bus: Bus, subject: str, body: dict[str, Any]) -> None:
    try:
        await bus.request(subject, json.dumps(body).encode(), seconds=5)
    except BusRefused as why:
        if why.code not in ALREADY_THERE:
            raise


if __name__ == "__main__":
    observability.configure(USER)
    uvloop.run(serve(Settings()))
