"""The hand that does faults to a running platform, from outside: signals, files, and the credentials of the bus."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import threading
import time as machine
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import nats as bus

from operate.door import Away, Door
from operate.nats import inbox_of, seed
from operate.platform import Platform
from operate.state import SERVICES
from shared.bus import stream_of
from tests.faults.schedule import Fault, Schedule
from tests.journeys import truth

TOLD_AGAIN = 60  # messages, at most
CONSUMERS = len(SERVICES) * (len(SERVICES) - 1)


class Hand:
    """Does the faults of a schedule; ``heal`` undoes what lasts and waits until every fault is over.

    :ivar killed: how often each part was ended, and thus started again.
    """

    def __init__(self, platform: Platform, schedule: Schedule | None = None) -> None:
        self.killed: dict[str, int] = {}
        self.done: list[Fault] = []
        self._platform = platform
        self._schedule = schedule
        self._chance = Random(f"{schedule.seed} {schedule.number} hand" if schedule else "hand")
        self._under_way: list[threading.Thread] = []
        self._suspended: set[int] = set()
        self._failed: list[BaseException] = []

    def between(self, act: int) -> None:
        """Let what is due before an act begin."""
        if self._schedule is None:
            return
        for fault in self._schedule.before(act):
            if fault.after or fault.what not in ("kill", "wipe"):
                thread = threading.Thread(target=self._later, args=(fault,), daemon=True)
                self._under_way.append(thread)
                thread.start()
            else:
                self.do(fault)

    def heal(self) -> None:
        """Let every fault come to its end, and the bus deliver what it holds.

        :raises Exception: a fault could not be done. :raises TimeoutError: the bus was not emptied.
        """
        for thread in self._under_way:
            thread.join()
        self._under_way.clear()
        for pid in list(self._suspended):
            self._go_on(pid)
        if self._failed:
            raise self._failed[0]
        self.streams_are_there()
        self._wait(lambda streams: not any(waiting(one) for one in streams), "the bus still holds messages", seconds=30)

    def do(self, fault: Fault) -> None:
        """Do a fault to its end."""
        self.done.append(fault)
        match fault.what:
            case "kill":
                self.kill(fault.part)
            case "suspend":
                self.suspend(fault.part, seconds=fault.seconds)
            case "tell again":
                self.tell_again(fault.part)
            case "reset":
                self.reset(fault.part, fault.reader)
            case "delete":
                self.delete(fault.part)
            case "wipe":
                self.wipe()
            case "shuffle":
                self.shuffle(fault.part)

    def _later(self, fault: Fault) -> None:
        try:
            machine.sleep(fault.after)
            self.do(fault)
        except BaseException as why:  # told by ``heal``: a thread has nobody to tell
            self._failed.append(why)

    # -- processes ----------------------------------------------------------------------------------------------------

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a part with a signal; the supervisor brings it back."""
        pid = self._platform.components[part]["pid"]
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                self.killed[part] = self.killed.get(part, 0) + 1

    def suspend(self, part: str, *, seconds: float) -> None:
        """Let a part, with all its processes, stand still for a while."""
        pid = self.stop(part)
        if pid is not None:
            machine.sleep(seconds)
            self._go_on(pid)

    def stop(self, part: str) -> int | None:
        """Let a part stand still until ``heal`` or ``go_on``; return its process id."""
        pid: int | None = self._platform.components[part]["pid"]
        if pid is not None:
            self._suspended.add(pid)
            _signal_all(pid, signal.SIGSTOP)
        return pid

    def go_on(self, part: str) -> None:
        """Let a part that stands still go on."""
        pid = self._platform.components[part]["pid"]
        if pid is not None:
            self._go_on(pid)

    def _go_on(self, pid: int) -> None:
        self._suspended.discard(pid)
        _signal_all(pid, signal.SIGCONT)

    # -- the bus ------------------------------------------------------------------------------------------------------

    def wipe(self) -> None:
        """Lose all that JetStream holds, and the server."""
        shutil.rmtree(Path(self._platform.components["nats"]["store"]), ignore_errors=True)
        self.kill("nats")

    def delete(self, publisher: str) -> None:
        """Take a publisher's stream away while everybody fetches from it."""
        self._ask("bus-keeper", f"$JS.API.STREAM.DELETE.{stream_of(publisher)}")

    def reset(self, publisher: str, reader: str) -> None:
        """Take a consumer away: the keeper makes it again, and it delivers everything from the beginning."""
        self._ask("bus-keeper", f"$JS.API.CONSUMER.DELETE.{stream_of(publisher)}.{reader}")

    def tell_again(self, publisher: str) -> None:
        """Publish what was published before, out of order, as other messages: the bus cannot know that it had them."""
        rows = self._told(publisher)
        again = self._chance.sample(rows, min(TOLD_AGAIN, len(rows)))
        self._publish(publisher, [(subject, body, secrets.token_hex(8)) for subject, body, _ in again])

    def shuffle(self, publisher: str) -> None:
        """Lose the store, and fill it with what the publisher told, out of order, before the publisher itself can."""
        pid = self.stop(publisher)
        try:
            self.wipe()
            self.streams_are_there()
            rows = self._told(publisher)
            self._chance.shuffle(rows)
            self._publish(publisher, rows)
        finally:
            if pid is not None:
                self._go_on(pid)

    def streams_are_there(self, *, seconds: float = 20.0) -> float:
        """Wait until the server is back with every stream and consumer; return the seconds it took."""
        return self._wait(
            lambda streams: sum(len(one.get("consumer_detail") or ()) for one in streams) >= CONSUMERS,
            "the streams were not made again",
            seconds=seconds,
        )

    def _wait(self, holds: Callable[[Sequence[Mapping[str, Any]]], bool], otherwise: str, *, seconds: float) -> float:
        began = machine.monotonic()
        while True:
            with contextlib.suppress(Away, LookupError):
                if holds(self._streams()):
                    return machine.monotonic() - began
            if machine.monotonic() - began > seconds:
                raise TimeoutError(otherwise)
            machine.sleep(0.02)

    def _streams(self) -> list[Mapping[str, Any]]:
        """Return what the server says of its streams. :raises Away, LookupError: it does not say anything."""
        door = Door(str(self._platform.components["nats"]["monitoring"]), patience=2)
        told = door.get("/jsz?streams=true&consumers=true").body or {}
        return [one for account in told.get("account_details") or () for one in account["stream_detail"]]

    def consumer(self, publisher: str, reader: str) -> Mapping[str, Any]:
        """Return what the server says of a consumer. :raises LookupError: there is none."""
        streams = self._streams()
        found = [
            one
            for stream in streams
            if stream["name"] == stream_of(publisher)
            for one in stream.get("consumer_detail") or ()
            if one["name"] == reader
        ]
        if not found:
            raise LookupError(f"{reader} has no consumer for {publisher}")
        return dict(found[0])

    def take_and_refuse(self, publisher: str, reader: str) -> int:
        """Take the next message for a reader, as another process of it would, and give it back at once.

        :returns: how often the bus has delivered that message by now. :raises AssertionError: there was none in 9 s.
        """
        delivered: list[int] = []

        async def take(connection: Any) -> None:
            next_one = f"$JS.API.CONSUMER.MSG.NEXT.{stream_of(publisher)}.{reader}"
            ask = json.dumps({"batch": 1, "expires": 8_000_000_000}).encode()
            message = await connection.request(next_one, ask, timeout=9, old_style=True)
            if message.reply:
                await connection.publish(message.reply, b"-NAK")
                await connection.flush()
                delivered.append(int(message.reply.split(".")[4]))

        self._on_the_bus(reader, take)
        assert delivered, "the bus delivered nothing again"
        return delivered[0]

    def _told(self, publisher: str) -> list[tuple[str, bytes, str]]:
        until = machine.monotonic() + 30
        while True:
            try:
                rows = truth.asked(
                    self._platform, publisher, "select subject, envelope, msg_id from outbox order by position"
                )
                return [(row[0], row[1], row[2]) for row in rows]
            except Exception:  # PostgreSQL may be away itself; what matters is whether it comes back
                if machine.monotonic() > until:
                    raise
                machine.sleep(0.2)

    def _publish(self, publisher: str, messages: Sequence[tuple[str, bytes, str]]) -> None:
        async def publish(connection: Any) -> None:
            for subject, body, id in messages:
                with contextlib.suppress(bus.errors.Error, TimeoutError):  # a bus that goes away again is no matter
                    await connection.request(subject, body, headers={"Nats-Msg-Id": id}, timeout=2)

        self._on_the_bus(publisher, publish)

    def _ask(self, user: str, subject: str) -> None:
        async def ask(connection: Any) -> None:
            with contextlib.suppress(bus.errors.Error, TimeoutError):
                json.loads((await connection.request(subject, b"", timeout=2)).data)

        self._on_the_bus(user, ask)

    def _on_the_bus(self, user: str, work: Any) -> None:
        async def do() -> None:
            try:
                async with asyncio.timeout(15):
                    connection = await bus.connect(
                        self._platform.components["nats"]["url"],
                        nkeys_seed_str=seed(self._platform.state, user).read_text(),
                        inbox_prefix=inbox_of(user),
                        connect_timeout=2,
                        error_cb=_say_nothing,
                        reconnect_time_wait=0,
                        max_reconnect_attempts=20,
                    )
                    try:
                        await work(connection)
                    finally:
                        await connection.close()
            except (OSError, TimeoutError, bus.errors.Error, asyncio.CancelledError):
                return  # the bus is away: then there is nothing to take from it

        asyncio.run(do())


def waiting(stream: Mapping[str, Any]) -> int:
    """Return how many messages of a stream wait to be delivered or acknowledged."""
    consumers = stream.get("consumer_detail") or ()
    return sum(int(one["num_pending"]) + int(one["num_ack_pending"]) for one in consumers)


def _signal_all(pid: int, number: signal.Signals) -> None:
    """Send a signal to a component and to all it started (PostgreSQL has a process for each connection)."""
    for one in (pid, *children_of(pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, number)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == pid:
                    found.append(int(entry.name))
    return found


async def _say_nothing(_error: Exception) -> None:
    """What the client has to say of a bus that is broken on purpose."""
