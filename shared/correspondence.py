"""All that one service hears from the others, put together: what is declared, pulled in, taken in, and compared.

FastStream declares what is heard, counts it, and calls the handler of each batch (``shared.declared``). The batches
come from an endless pull of our own: FastStream's batch pull lingers until a batch is full or its timeout is over, and
dies with its consumer (docs/decisions).
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from nats.aio.msg import Msg

from shared.bus import Bus, BusAway, BusRefused, Pull
from shared.clock import Clock, seconds_running
from shared.declared import LARGEST_BATCH, declare
from shared.event_sourcing import EventStore
from shared.heads import Heads
from shared.inbox import Inbox
from shared.outbox import Relay
from shared.told import Reactions

log = structlog.get_logger()

AT_ONCE = 4  # batches of one publisher
LOOK_SECONDS = 0.5
SECONDS_TO_FINISH = 8.0
DENIED_SECONDS = 8.0  # a publish that is denied is tried again within 6
STUCK_SECONDS = 10.0


class Correspondence:
    """A service's dealings with the others. ``run`` serves until cancelled, then finishes what it has fetched."""

    def __init__(
        self,
        service: str,
        store: EventStore,
        bus: Bus,
        relay: Relay,
        reactions: Reactions,
        *,
        clock: Clock,
        every_office: Any,
        publishers: Sequence[str] | None = None,
    ) -> None:
        self.heads = Heads(service, store, bus, relay, clock)
        self.inbox = Inbox(
            service,
            reactions.with_those_of(self.heads.reactions),
            store,
            clock,
            every_office,
            publishers=publishers,
        )
        self.heads.watch(self.inbox)
        self.dead_letters = self.inbox.dead_letters
        self._bus = bus
        self._relay = relay
        self._pulls = {
            publisher: Pull(
                bus,
                publisher,
                gate=store.writer.ready,
                largest=LARGEST_BATCH,
                may_wait=partial(self.inbox.may_wait, publisher),
            )
            for publisher in self.inbox.publishers
        }
        self.inbox.hurry = lambda publisher: self._pulls[publisher].hurry()
        self._broker, self._subscribers = declare(service, self.inbox.publishers, self._take_in, bus.connected)
        self._silent: dict[str, str] = {publisher: "not asked yet" for publisher in self.inbox.publishers}

    async def seen(self, publisher: str, position: int, *, office: str) -> None:
        """Return once everything meant for us up to there has been taken in (``Inbox.seen``)."""
        await self.inbox.seen(publisher, position, office=office)

    async def status(self) -> dict[str, Any]:
        """Return how far the inbox is with each publisher, for ``/health/ready``."""
        return self.inbox.status()

    @property
    def why_not(self) -> str | None:
        """Why messages do not come and go as they should; None when they do."""
        if self._bus.client is None:
            return "the bus cannot be reached"
        if self._bus.denied is not None and seconds_running() - self._bus.denied[1] < DENIED_SECONDS:
            return f"the bus does not permit: {self._bus.denied[0]}"
        if not self.inbox.loaded.is_set():
            return "the inbox is not read yet"
        silent = [f"{publisher} ({why})" for publisher, why in self._silent.items() if why]
        if silent:
            return f"no consumer for {', '.join(silent)}"
        if self._relay.stuck_seconds > STUCK_SECONDS:
            return f"events have waited {self._relay.stuck_seconds:.0f} seconds for the bus"
        return None

    async def run(self) -> None:
        """Pull, take in, compare; until cancelled."""
        for publisher, subscriber in self._subscribers.items():
            # FastStream takes our pull for its subscription, and makes none of its own.
            subscriber.subscription = self._pulls[publisher]
        starting = asyncio.create_task(self._broker.start())
        pulling = [asyncio.create_task(self._pull(publisher, starting)) for publisher in self._pulls]
        serving = [asyncio.create_task(work) for work in (self.inbox.run(), self.heads.run(), self._look())]
        try:
            # Not gather: it would cancel what is being handled together with us.
            ended, _ = await asyncio.wait([*pulling, *serving], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            starting.cancel()
            for pull in self._pulls.values():
                await pull.stop()
            await asyncio.wait(pulling, timeout=SECONDS_TO_FINISH)
            for task in (*pulling, *serving):
                task.cancel()
            await asyncio.gather(*pulling, *serving, return_exceptions=True)

    async def _pull(self, publisher: str, starting: "asyncio.Task[None]") -> None:
        pull, subscriber = self._pulls[publisher], self._subscribers[publisher]
        await starting
        while True:
            try:
                await self._consume(pull, subscriber)
                return
            except Exception:
                log.exception("pull-failed", publisher=publisher)
                await asyncio.sleep(1.0)

    async def _consume(self, pull: Pull, subscriber: Any) -> None:
        """Give batches to FastStream: while one commits the next is read and queues at the writer."""
        room, at_work = asyncio.Semaphore(AT_ONCE), set[asyncio.Task[None]]()

        def done(task: "asyncio.Task[None]") -> None:
            at_work.discard(task)
            room.release()

        try:
            await room.acquire()
            async for batch in pull.batches():
                task = asyncio.create_task(subscriber.consume(batch))
                at_work.add(task)
                task.add_done_callback(done)
                await room.acquire()
            if at_work:
                await asyncio.wait(at_work)
        finally:
            for task in at_work:
                task.cancel()

    async def _take_in(self, publisher: str, batch: Sequence[Msg]) -> None:
        await self.inbox.take_in(publisher, batch)

    async def _look(self) -> None:
        """Ask for each consumer twice a second: a pull alone would not notice that its consumer is gone."""
        while True:
            for publisher in self._pulls:
                try:
                    await self._bus.backlog(publisher)
                    self._silent[publisher] = ""
                except (BusAway, BusRefused) as why:
                    self._silent[publisher] = str(why)
            await asyncio.sleep(LOOK_SECONDS)
