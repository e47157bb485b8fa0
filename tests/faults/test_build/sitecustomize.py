"""A test build: Python loads this module by its name when its folder is on the path, before the service itself.

``HUURSPOOR_MISTAKE`` names one mistake that is made on purpose; ``HUURSPOOR_HICCUP`` lets one message fail once,
which a sound build survives; ``HUURSPOOR_RELEASE=next`` makes it a release that tells more than this one knows. The
product holds none of this.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def instead(of: Any, name: str, made: Any) -> None:
    """Put a mistake in the place of what is sound."""
    setattr(of, name, made)


def no_idempotency() -> None:
    """Pay no attention to Idempotency-Keys."""
    from shared import reception

    instead(reception, "key_of", lambda *_: None)


def no_inbox() -> None:
    """Forget which messages were taken in."""
    from shared.inbox import Inbox
    from shared.inbox_rows import InboxRows, Known
    from shared.writer.messages import Messages

    instead(Inbox, "_goes_straight", lambda *_: False)
    honest = InboxRows.known

    async def forgetful(self: InboxRows, told: Sequence[Any]) -> Mapping[tuple[str, str], Known]:
        known = await honest(self, told)
        return {place: Known(None, None, one.applied) for place, one in known.items()}

    instead(InboxRows, "known", forgetful)
    instead(Messages, "already", lambda *_: None)


def no_republishing() -> None:
    """Publish nothing a second time, whatever the bus lost and whoever asks."""
    from shared.outbox import Relay

    async def trusting(self: Relay) -> Any:
        seen = await self._bus.stream(self.service)
        connection = await self._connected()
        self._cursor = await connection.fetchval("select position from relay")
        await connection.execute(
            "update relay set stream_created = $1, stream_messages = $2", seen.created, seen.messages
        )
        return seen

    async def deaf(_self: Relay, _first: int, _last: int) -> int:
        return 0

    instead(Relay, "_look", trusting)
    instead(Relay, "publish_again", deaf)


def ack_before_commit() -> None:
    """Acknowledge a message before its effect is committed."""
    from shared.inbox import Inbox

    honest = Inbox.take_in

    async def hasty(self: Inbox, publisher: str, deliveries: Sequence[Any]) -> None:
        for one in deliveries:
            await one.ack_sync()
        await honest(self, publisher, deliveries)

    instead(Inbox, "take_in", hasty)


def dropped_on_error() -> None:
    """Take a message whose handling failed for handled."""
    from shared.inbox import Inbox

    honest = Inbox._unless_away

    async def careless(self: Inbox, work: Any) -> bool:
        await honest(self, work)
        return True

    instead(Inbox, "_unless_away", careless)


def hiccup(number: int) -> None:
    """Let one message fail once, as when the store is away for a moment."""
    from shared.event_sourcing import EventStore, StoreBusy
    from shared.inbox import Inbox

    one, together, count = Inbox._one, EventStore.take_in, iter(range(1, 1_000_000))

    async def failing(self: Inbox, *told: Any) -> None:
        if next(count) == number:
            raise StoreBusy
        await one(self, *told)

    async def failing_together(self: EventStore, acts: Sequence[Any]) -> Any:
        if number in [next(count) for _ in acts]:
            raise StoreBusy
        return await together(self, acts)

    instead(Inbox, "_one", failing)
    instead(EventStore, "take_in", failing_together)


def next_release() -> None:
    """Tell of a planned visit in a second version alone, which says how long it takes; take in either version.

    No release of ours would give up the first version at once. To who does not know the second it is all the same.
    """
    from dataclasses import dataclass, fields

    from msgspec.structs import replace

    from shared.contracts.visits import VisitPlannedV1
    from shared.told import Reader, Told, contracts_of

    @dataclass(frozen=True, kw_only=True)
    class VisitPlannedV2(VisitPlannedV1):
        minutes: int = 60

    def as_version(contract: type, told: Any) -> Any:
        return contract(**{field.name: getattr(told, field.name) for field in fields(VisitPlannedV1)})

    known: Any = contracts_of("visits")
    known["VisitPlanned"][2] = VisitPlannedV2
    honest_read, honest_init = Reader.read, Reader.__init__

    def hear(self: Reader, service: str, heard: Mapping[type, Any], *more: Any) -> None:
        both = dict(heard)
        if VisitPlannedV1 in heard:
            both[VisitPlannedV2] = heard[VisitPlannedV1]
        honest_init(self, service, both, *more)

    def read(self: Reader, *message: Any, **more: Any) -> Any:
        told = honest_read(self, *message, **more)
        if isinstance(told, Told) and isinstance(told.data, VisitPlannedV2):
            return replace(told, data=as_version(VisitPlannedV1, told.data))
        return told

    instead(Reader, "__init__", hear)
    instead(Reader, "read", read)
    if "services.visits.main" in sys.orig_argv:
        from services.visits import publishing

        honest = publishing.published

        def published(event: Any, state: Any, id: str) -> tuple[Any, ...]:
            contracts = honest(event, state, id)
            return tuple(as_version(VisitPlannedV2, one) if type(one) is VisitPlannedV1 else one for one in contracts)

        instead(publishing, "published", published)


MISTAKES = {
    "no idempotency": no_idempotency,
    "no inbox": no_inbox,
    "no republishing": no_republishing,
    "ack before commit": ack_before_commit,
    "message dropped on error": dropped_on_error,
}

if "HUURSPOOR_HICCUP" in os.environ:
    hiccup(int(os.environ["HUURSPOOR_HICCUP"]))
if os.environ.get("HUURSPOOR_MISTAKE"):
    MISTAKES[os.environ["HUURSPOOR_MISTAKE"]]()
if os.environ.get("HUURSPOOR_RELEASE") == "next":
    next_release()
