"""What the writer holds in memory of what is committed, and how it looks from within a batch.

While the head is as this writer left it nobody else wrote, and all that is held is true. Seen from a batch, what its
own acts leave behind comes first, then what the batch below it leaves, then what is committed.
"""

from collections import OrderedDict
from typing import Any

from shared.decisions import AnyStream
from shared.hand_over import Gone
from shared.writer.acts import Message, One, Read
from shared.writer.batch import Batch, Held

STREAMS_HELD = 8000  # those that were looked at last, about 3 kB each


class Unread(Exception):
    """A decision writes to a stream whose state is not held: its version is not known.

    :ivar key: of the stream, ``<office>/<kind>/<id>``.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Memory:
    """Streams, which of them belong to a lease, and what was applied of those that others tell us of.

    :ivar most: how many of each are held; the ones that were looked at last.
    :ivar members: by office, kind and lease the ids of its streams; only complete lists are held.
    :ivar applied: by office and stream (``<publisher>:<stream>``) the last version that had its effect.
    :ivar gone: by office and lease, those that went over to another office or came from one.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.streams: OrderedDict[str, Held] = OrderedDict()
        self.members: OrderedDict[tuple[str, str, str], dict[str, None]] = OrderedDict()
        self.applied: OrderedDict[tuple[str, str], int] = OrderedDict()
        self.gone: dict[str, dict[str, Gone]] = {}

    # -- as a batch sees it -------------------------------------------------------------------------------------------

    def stream(self, batch: Batch, office: str, stream: AnyStream, id: str) -> Held:
        """Return a stream as it is after what the batch holds so far."""
        key = f"{office}/{stream.kind}/{id}"
        return batch.held.get(key) or batch.below.held.get(key) or self.streams.get(key) or Held(stream.initial)

    def has(self, batch: Batch, key: str) -> bool:
        """Whether a stream's version is known."""
        return key in batch.held or key in batch.below.held or key in self.streams

    def must_hold(self, batch: Batch, key: str) -> None:
        """Make sure that a stream's version is known. :raises Unread: it is not."""
        if not self.has(batch, key):
            raise Unread(key)

    def wanted(self, batch: Batch, office: str, read: Read) -> Any:
        """Return what a decision wants to know: one state, or those of a lease from id to state."""
        office = read.office or office
        if isinstance(read, One):
            return self.stream(batch, office, read.stream, read.id).state
        place = (office, read.stream.kind, read.lease)
        members = {
            **self.members.get(place, {}),
            **batch.below.members.get(place, {}),
            **batch.members.get(place, {}),
        }
        return {id: self.stream(batch, office, read.stream, id).state for id in members}

    def applied_of(self, batch: Batch, stream: tuple[str, str]) -> int | None:
        """Return the last version that was applied of a stream we are told of, None when it is not known here."""
        for applied in (batch.applied, batch.below.applied, self.applied):
            if stream in applied:
                return applied[stream]
        return None

    def gone_from(self, batch: Batch, office: str, lease: str) -> Gone | None:
        """Return what a lease of an office has to do with other offices, None for nothing."""
        place = (office, lease)
        return batch.gone.get(place) or batch.below.gone.get(place) or self.gone.get(office, {}).get(lease)

    # -- what is held -------------------------------------------------------------------------------------------------

    def holds(self, key: str) -> bool:
        """Whether a stream is held; it was looked at just now."""
        if key not in self.streams:
            return False
        self.streams.move_to_end(key)
        return True

    def holds_all_of(self, place: tuple[str, str, str]) -> bool:
        """Whether all streams of a kind are held that belong to a lease; they were looked at just now."""
        office, kind, _ = place
        keys = [f"{office}/{kind}/{id}" for id in self.members.get(place, ())]
        if place not in self.members or not all(key in self.streams for key in keys):
            return False
        self.members.move_to_end(place)
        for key in keys:
            self.streams.move_to_end(key)
        return True

    def keep(self, batch: Batch) -> None:
        """Hold what a batch left behind that is committed now."""
        for key, held in batch.held.items():
            self.streams[key] = held
            self.streams.move_to_end(key)
        for stream, applied in batch.applied.items():
            self.applied[stream] = applied
            self.applied.move_to_end(stream)
        for place, added in batch.members.items():
            if place in self.members:  # only a complete list is held; one that is not is read when somebody asks
                self.members[place].update(added)
        for (office, lease), gone in batch.gone.items():
            self.gone.setdefault(office, {})[lease] = gone

    def let_go(self) -> None:
        """Hold no more than there is room for."""
        for held in (self.streams, self.members, self.applied):
            while len(held) > self.most:
                held.popitem(last=False)

    def forget(self) -> None:
        """Somebody else wrote: nothing that is held can be believed."""
        self.streams.clear()
        self.members.clear()
        self.gone.clear()
        self.applied.clear()


def stream_of(office: str, told: Message) -> tuple[str, str]:
    """Return by what a message's stream is found among those that we are told of."""
    return office, f"{told.publisher}:{told.stream}"
