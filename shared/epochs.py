"""Epochs: what a restore from a backup made void of a publisher's positions (contract 4).

A publisher that was restored gives out again positions that it gave out before, for other events. So it begins a new
epoch, and says from which position on each older one is void. Void is only what was told: what we made of it before
we knew stays as it is, and every void message that had its effect here becomes a dead letter, which names the events
that rest on it, until a person has looked at it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from shared.contracts.platform import VoidFrom
from shared.event_sourcing import Change
from shared.log import DEAD_LETTER, ENDED_EPOCH, INBOX, INBOX_STREAM
from shared.outbox import PLATFORM

TAKEN_BEFORE = "taken in before the restore"
MOST_EFFECTS = 100  # named in one dead letter

Ended = Mapping[int, int]  # epoch of a publisher to its first void position


def epoch_at(ended: Ended, position: int) -> int:
    """Return the epoch in which a position counts."""
    epoch = 1
    while ended.get(epoch, position + 1) <= position:
        epoch += 1
    return epoch


def is_void(ended: Ended, epoch: int, position: int) -> bool:
    """Whether a restore made this position of this epoch void."""
    return ended.get(epoch, position + 1) <= position


def with_ended(ended: Ended, voids: Iterable[VoidFrom]) -> dict[int, int]:
    """Return what is void once a publisher said so; what ended earlier stays so."""
    both = dict(ended)
    for void in voids:
        both[void.epoch] = min(void.position, both.get(void.epoch, void.position))
    return both


def ended_by(ended: Ended, *, epoch: int, void_from: int) -> dict[int, int]:
    """Return what is void once ``epoch`` begins at a position: all earlier ones, from there on at the latest."""
    return with_ended(ended, (VoidFrom(epoch=older, position=void_from) for older in range(1, epoch)))


@dataclass
class KnownEpochs:
    """What one service knows of the epochs of all: its own and those of the publishers it hears."""

    ended: dict[str, dict[int, int]] = field(default_factory=dict)

    def become(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take over what the store holds."""
        self.ended = {}
        for row in rows:
            self.ended.setdefault(row["publisher"], {})[row["epoch"]] = row["void_from"]

    def of(self, publisher: str) -> Ended:
        """Return what is void of a publisher."""
        return self.ended.get(publisher, {})

    def is_void(self, publisher: str, epoch: int, position: int) -> bool:
        """Whether a message is void."""
        return bool(self.ended) and is_void(self.of(publisher), epoch, position)

    def is_ahead(self, publisher: str, epoch: int) -> bool:
        """Whether a message is of an epoch of which nobody told us yet where the older one ends."""
        return epoch > 1 and epoch - 1 not in self.of(publisher)

    def news(self, publisher: str, voids: Iterable[VoidFrom]) -> list[VoidFrom]:
        """Return what of this we did not know."""
        known = self.of(publisher)
        return [void for void in voids if void.position < known.get(void.epoch, void.position + 1)]


# -- what is kept -----------------------------------------------------------------------------------------------------

ALL_ENDED = f"select publisher, epoch, void_from from {ENDED_EPOCH.name}"
# To be put behind a query over ``inbox i``: without what is void.
NOT_VOID = (
    f"not exists (select 1 from {ENDED_EPOCH.name} v where v.publisher = i.publisher and v.epoch = i.epoch"
    " and v.void_from <= i.position)"
)
VOID_ROWS = (
    "select office, epoch, position, state, stream, version, type, envelope, taken_at from inbox"
    " where publisher = $1 and exists (select 1 from unnest($2::int[], $3::bigint[]) v(epoch, void_from)"
    " where v.epoch = inbox.epoch and v.void_from <= inbox.position)"
)
# How far the streams of those rows had come with what is not void.
VALID_VERSIONS = (
    "select i.office, i.stream, max(i.version) as version from inbox i join unnest($4::text[], $5::text[])"
    " s(office, stream) on s.office = i.office and s.stream = i.stream"
    " where i.publisher = $1 and i.state in ('taken', 'closed')"
    " and not exists (select 1 from unnest($2::int[], $3::bigint[]) v(epoch, void_from)"
    " where v.epoch = i.epoch and v.void_from <= i.position)"
    " group by i.office, i.stream"
)
VOID_LETTERS = (
    "select * from dead_letter where publisher = $1 and state = 'open' and reason <> 'void'"
    " and exists (select 1 from unnest($2::int[], $3::bigint[]) v(epoch, void_from)"
    " where v.epoch = dead_letter.epoch and v.void_from <= dead_letter.position)"
)
# Events recorded in the commits in which void messages were taken in: a fact that was kept says which message it is, a
# reaction's events say that a message caused them. Newest first, for as long as somebody reads on.
EFFECTS = (
    "select notification_id, originator_id, originator_version, topic, beside ->> 'position' as position,"
    " beside ->> 'causation_id' as cause,"
    " coalesce(beside ->> 'taken_in_at', beside ->> 'recorded_at')::timestamptz as at"
    " from (select notification_id, originator_id, originator_version, topic,"
    " convert_from(state, 'UTF8')::jsonb -> 'beside' as beside from stored_events"
    " where notification_id < $1 order by notification_id desc limit $2) e order by notification_id desc"
)


@dataclass(frozen=True)
class Effect:
    """An event of ours that rests on what others told.

    :ivar told: ``<publisher>:<position>`` of the kept fact; None for what a reaction made of it.
    """

    event: str  # "<stream>/<id>:<version> <name>"
    office: str
    at: datetime
    told: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Effect | None":
        """Return what a row of the log is, None for an act of our own."""
        office, _, stream = row["originator_id"].partition("/")
        event = f"{stream}:{row['originator_version']} {row['topic']}"
        kept = "." in row["topic"]  # a fact keeps the name of its publisher
        if not kept and row["cause"] is None:
            return None
        return cls(event, office, row["at"], row["position"] if kept else None)


def effects_of(row: Mapping[str, Any], publisher: str, effects: Sequence[Effect]) -> list[str]:
    """Return the events that may rest on a void message: what was recorded in the commit that took it in.

    A commit can take in several messages; of a kept fact it is known which one it is, of others all are named.
    """
    place = f"{publisher}:{row['position']}"
    return [
        one.event
        for one in effects
        if one.office == row["office"] and one.at == row["taken_at"] and one.told in (None, place)
    ][:MOST_EFFECTS]


def ended_row(publisher: str, void: VoidFrom, *, at: datetime) -> Change:
    """Return what is kept of an announcement that an epoch ended."""
    values = {"publisher": publisher, "epoch": void.epoch, "void_from": void.position, "confirmed_by": None}
    return Change(PLATFORM, ENDED_EPOCH, {**values, "reason": None, "at": at})


def letter_of(row: Mapping[str, Any], publisher: str, effects: Sequence[str], *, at: datetime) -> Change:
    """Return the dead letter of a void message that had its effect; of its bytes only the hash was kept."""
    headers = {
        "subject": "",
        "why": TAKEN_BEFORE,
        "type": row["type"],
        "version": row["version"],
        "previous": None,
        "bytes": 0,
        "taken_in_at": row["taken_at"].isoformat(),
        "effects": effects,
    }
    letter = {
        "id": f"void-{publisher}-{row['epoch']}-{row['position']}",
        "publisher": publisher,
        "epoch": row["epoch"],
        "position": row["position"],
        "stream": row["stream"],
        "reason": "void",
        "headers": headers,
        "envelope": None,
        "state": "open",
        "closed_because": None,
        "at": at,
    }
    return Change(row["office"], DEAD_LETTER, letter)


def settled_letter(row: Mapping[str, Any], void: str) -> Change:
    """Return an open dead letter closed: what it was about is void."""
    letter = {name: row[name] for name in DEAD_LETTER.columns}
    letter["headers"] = msgspec.json.decode(row["headers"])
    letter["envelope"] = None if row["envelope"] is None else "\\x" + row["envelope"].hex()
    return Change(row["office"], DEAD_LETTER, {**letter, "state": "closed", "closed_because": void})


def parked_no_more(row: Mapping[str, Any], publisher: str) -> Change:
    """Return a parked message taken away."""
    place = {"publisher": publisher, "epoch": row["epoch"], "position": row["position"]}
    return Change(row["office"], INBOX, place, "delete")


def stream_goes_on(office: str, publisher: str, stream: str, version: int | None) -> Change:
    """Return how far a stream has come with what is not void; None: nothing of it is left."""
    if version is None:
        return Change(office, INBOX_STREAM, {"publisher": publisher, "stream": stream}, "delete")
    return Change(office, INBOX_STREAM, {"publisher": publisher, "stream": stream, "version": version})
