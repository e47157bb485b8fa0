"""A test build: Python loads this module by its name when its folder is on the path, before the service itself.

``HUURSPOOR_MISTAKE`` names one mistake that is made on purpose; ``HUURSPOOR_HICCUP`` lets one message fail once,
which a sound build survives. The product holds none of this.
"""

import os
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
    from shared.inbox import Inbox, _Known
    from shared.writer import Writer

    honest = Inbox._known

    async def forgetful(self: Inbox, told: Sequence[Any]) -> Mapping[str, Any]:
        known = await honest(self, told)
        return {place: _Known(None, None, one.applied) for place, one in known.items()}

    instead(Inbox, "_known", forgetful)
    instead(Writer, "_already", lambda *_: None)


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

    honest = Inbox._settle

    async def careless(self: Inbox, one: Any, known: Any) -> bool:
        await honest(self, one, known)
        return True

    instead(Inbox, "_settle", careless)


def hiccup(number: int) -> None:
    """Let one message fail once, as when the store is away for a moment."""
    from shared.event_sourcing import StoreBusy
    from shared.inbox import Inbox

    honest, count = Inbox._one, iter(range(1, 1_000_000))

    async def failing(self: Inbox, *told: Any) -> None:
        if next(count) == number:
            raise StoreBusy
        await honest(self, *told)

    instead(Inbox, "_one", failing)


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
