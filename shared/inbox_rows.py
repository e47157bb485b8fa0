"""What the store holds of the messages that a service was told: all that the inbox reads there, and rows it keeps.

It is read under the role that sees all offices, and written by the writer alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shared import epochs
from shared.event_sourcing import Change, EventStore, Message
from shared.log import INBOX
from shared.lost import fetched
from shared.told import Letter, Told
from shared.writer.batch import as_hex

_OF_PARKED = "office, publisher, epoch, position, type, envelope"
# What waits for something that is there. (Whoever took that in ended before it released what waits.)
_WAITS_FOR_NOTHING = (
    "select distinct i.office, i.waits_for from inbox i join inbox_stream s on s.office = i.office"
    " and s.publisher = split_part(i.waits_for, ':', 1)"
    " and s.stream = substr(i.waits_for, strpos(i.waits_for, ':') + 1)"
    " where i.state = 'parked' and i.waits_for is not null"
)
# What waits for something that took its effect under the office from which leases came to the one that waits.
_WAITS_FOR_THE_OFFICE_BEFORE = (
    "select distinct i.office, i.waits_for from inbox i join (select distinct office, from_office from lease_office) l"
    " on l.office = i.office join inbox_stream s on s.office = l.from_office"
    " and s.publisher = split_part(i.waits_for, ':', 1)"
    " and s.stream = substr(i.waits_for, strpos(i.waits_for, ':') + 1)"
    " where i.state = 'parked' and i.waits_for is not null"
)


@dataclass(kw_only=True)
class Itself:
    """The inbox as the one who answers for a row it keeps: no act of anybody, no event."""

    office: str
    actor: str = "SYS"
    act: str | None = None
    mandated: bool = False
    occurred_on: date | None = None
    source: str = "system"
    correlation_id: str = "inbox"
    causation_id: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    device_time: datetime | None = None
    clock_suspect: bool = False
    once: str | None = None
    digest: bytes | None = None
    if_match: int | None = None
    message: Message | None = None


@dataclass(frozen=True)
class Known:
    """What the store holds about a message that arrives; or, not looked up, what is known of its stream here.

    :ivar waits_for: what it waits for, parked.
    """

    state: str | None
    digest: bytes | None
    applied: int
    looked_up: bool = True
    waits_for: str | None = None


class InboxRows:
    """The rows of a service's inbox.

    :param every_office: a pool under the role that sees all offices.
    """

    def __init__(self, every_office: Any, store: EventStore) -> None:
        self._every_office = every_office
        self._store = store

    async def read(self, sql: str, *values: Any) -> list[Any]:
        """Return rows of whatever office. :raises StoreBusy: the store is away, or has no room."""
        return await fetched(self._every_office, sql, *values)

    async def keep(self, office: str, *changes: Change) -> None:
        """Store rows in one commit. :raises StoreBusy: nothing was stored, or the store holds it already."""
        await self._store.keep(by=Itself(office=office), rows=changes)

    # -- single messages ----------------------------------------------------------------------------------------------

    async def known(self, told: Sequence[Told[Any]]) -> dict[tuple[str, str], Known]:
        """Return what is held of each message, and of its stream, by office and place."""
        if not told:
            return {}
        rows = await self.read(
            "select i.state, i.digest, i.waits_for, coalesce(s.version, 0) as applied"
            " from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[])"
            " with ordinality x(office, publisher, epoch, position, stream, number)"
            " left join inbox i on i.office = x.office and i.publisher = x.publisher and i.epoch = x.epoch"
            " and i.position = x.position"
            " left join inbox_stream s on s.office = x.office and s.publisher = x.publisher and s.stream = x.stream"
            " order by x.number",
            [one.office for one in told],
            [one.publisher for one in told],
            [one.epoch for one in told],
            [one.position for one in told],
            [one.stream for one in told],
        )
        return {
            (one.office, place_of(one)): Known(row["state"], row["digest"], row["applied"], waits_for=row["waits_for"])
            for one, row in zip(told, rows, strict=True)
        }

    async def known_of(self, told: Told[Any]) -> Known:
        """Return what is held of one message, and of its stream."""
        (known,) = (await self.known([told])).values()
        return known

    async def known_of_letter(self, letter: Letter) -> Known:
        """Return what is held at the place of a dead letter, and of its stream."""
        rows = await self.read(
            "select (select state from inbox where office = $1 and publisher = $2 and epoch = $3 and position = $4)"
            " as state,"
            " (select version from inbox_stream where office = $1 and publisher = $2 and stream = $5) as applied",
            letter.office,
            letter.publisher,
            letter.epoch,
            letter.position,
            letter.stream,
        )
        return Known(rows[0]["state"], None, rows[0]["applied"] or 0)

    async def waits_for(self, told: Told[Any]) -> str:
        """Return what a parked message waits for."""
        rows = await self.read(
            "select waits_for from inbox where office = $1 and publisher = $2 and epoch = $3 and position = $4",
            told.office,
            told.publisher,
            told.epoch,
            told.position,
        )
        return str(rows[0]["waits_for"]) if rows else stream_of(told)

    async def was_applied_elsewhere(self, told: Told[Any]) -> bool:
        """Whether what comes before a message took its effect under the office that its lease came from."""
        lease = told.message.subject.removeprefix("lease/") if told.message is not None else ""
        rows = await self.read(
            "select 1 from lease_office l join inbox_stream s on s.office = l.from_office"
            " where l.office = $1 and l.lease = $2 and s.publisher = $3 and s.stream = $4 and s.version >= $5",
            told.office,
            lease,
            told.publisher,
            told.stream,
            told.previous,
        )
        return bool(rows)

    async def standing_at(self, publisher: str, epoch: int, position: int) -> list[Any]:
        """Return office and digest of what was taken in at a position, whichever office it is of."""
        return await self.read(
            "select office, digest from inbox where publisher = $1 and epoch = $2 and position = $3"
            " and state = 'taken'",
            publisher,
            epoch,
            position,
        )

    # -- what waits ---------------------------------------------------------------------------------------------------

    async def waiting_for_nothing(self, *, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return office and stream of what waits although that is there, in their order, behind ``after``."""
        rows = await self.read(
            f"select office, waits_for from ({_WAITS_FOR_NOTHING} union {_WAITS_FOR_THE_OFFICE_BEFORE}) w"
            " where (office, waits_for) > ($1, $2) order by office, waits_for limit $3",
            *after,
            limit,
        )
        return [(row["office"], row["waits_for"]) for row in rows]

    async def waiting_for_the_office_before(self, office: str) -> list[tuple[str, str]]:
        """Return office and stream of what waits in an office for what had its effect where its leases came from."""
        rows = await self.read(_WAITS_FOR_THE_OFFICE_BEFORE + " and i.office = $1", office)
        return [(row["office"], row["waits_for"]) for row in rows]

    async def parked_at(self, office: str, publisher: str, epoch: int, position: int) -> list[Any]:
        """Return place, type and envelope of the message that is parked there, if any."""
        return await self.read(
            f"select {_OF_PARKED} from inbox where office = $1 and publisher = $2 and epoch = $3"
            " and position = $4 and state = 'parked'",
            office,
            publisher,
            epoch,
            position,
        )

    async def parked_for(self, office: str, waits_for: str, *, after: int, limit: int) -> list[Any]:
        """Return place, type and envelope of what waits for a stream, in the order of positions."""
        return await self.read(
            f"select {_OF_PARKED} from inbox where office = $1 and waits_for = $2"
            " and state = 'parked' and position > $3 order by position limit $4",
            office,
            waits_for,
            after,
            limit,
        )

    # -- all of a publisher -------------------------------------------------------------------------------------------

    async def ranges(self) -> Mapping[tuple[str, bool], list[tuple[int, int]]]:
        """Return the positions that are held and not void, by publisher and whether they had their effect."""
        ranges: dict[tuple[str, bool], list[tuple[int, int]]] = {}
        for publisher, settled, first, last in await self.read(
            "select publisher, settled, min(position), max(position) from (select publisher, position,"
            " state in ('taken', 'closed') settled, position - row_number() over"
            " (partition by publisher, state in ('taken', 'closed') order by position) island"
            f" from (select distinct publisher, position, state from inbox i where {epochs.NOT_VOID}) i) x"
            " group by publisher, settled, island"
        ):
            ranges.setdefault((publisher, settled), []).append((first, last))
        return ranges

    async def counts(self) -> list[tuple[str, str, int]]:
        """Return how many messages are held that are not void, by publisher and name of the event."""
        return await self.read(
            f"select publisher, type, count(*) from inbox i where {epochs.NOT_VOID} group by publisher, type"
        )

    async def counts_up_to(self, publisher: str, position: int) -> Mapping[tuple[str, str], int]:
        """Return how many events of each office and name had their effect here, up to a position."""
        rows = await self.read(
            "select office, type, count(*) from inbox i where publisher = $1 and position <= $2"
            f" and state in ('taken', 'closed') and {epochs.NOT_VOID} group by office, type",
            publisher,
            position,
        )
        return {(row[0], row[1]): row[2] for row in rows}

    async def parked(self) -> list[Any]:
        """Return place of all that is parked, and what it waits for; nothing where it is to be tried again."""
        return await self.read("select office, publisher, epoch, position, waits_for from inbox where state = 'parked'")


def place_of(told: Told[Any]) -> str:
    """Return the place of a message in its office's inbox."""
    return f"{told.publisher}:{told.epoch}:{told.position}"


def stream_of(told: Told[Any]) -> str:
    """Return the name of a message's stream, as what waits for it calls it."""
    return f"{told.publisher}:{told.stream}"


def parked_row(told: Told[Any], waits_for: str | None, reason: str | None) -> Change:
    """Return a message as it is kept until its time has come."""
    row = {
        "publisher": told.publisher,
        "epoch": told.epoch,
        "position": told.position,
        "state": "parked",
        "stream": told.stream,
        "version": told.version,
        "type": told.type,
        "digest": as_hex(hashlib.sha256(told.envelope).digest()),
        "waits_for": waits_for,
        "reason": reason,
        "envelope": as_hex(told.envelope),
        "taken_at": told.at,
    }
    return Change(told.office, INBOX, row)


def closed_row(letter: Letter, reason: str, *, at: datetime) -> Change:
    """Return what stands at the place of a dead letter without which its stream goes on."""
    row = {
        "publisher": letter.publisher,
        "epoch": letter.epoch,
        "position": letter.position,
        "state": "closed",
        "stream": letter.stream,
        "version": letter.version,
        "type": letter.type,
        "digest": as_hex(hashlib.sha256(letter.body).digest()),
        "waits_for": None,
        "reason": reason,
        "envelope": None,
        "taken_at": at,
    }
    return Change(letter.office, INBOX, row)
