"""The office's ledger: everything published or taken in, in that order, chained so that nothing can be altered.

An entry is the RFC 8785 form of ``{"details", "position", "previous"}``: the hash of its details, its place, the hash
of the entry before. The details name the event and hold the hash of the exact bytes of its envelope. Two levels: so a
file about one lease can show the whole chain and yet tell nothing of the entries that concern others. The first entry
follows ``origin(office)``. Over the chain goes a signed note (C2SP): how many entries, and the hash of the last.

An exported file is the RFC 8785 form of an object whose member ``manifest`` holds the hash of every other member, and
whose ``checkpoint`` signs the hash of that manifest together with the head of the chain at the file's last entry.
``verifier/`` is a second implementation of this format, which shares no code with this one.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.decisions import HandOver
from shared.event_sourcing import Change, OfOffice
from shared.views import Table
from shared.writer.companions import Along, CompanionBatch, Entered

LEDGER = Table(
    name="ledger",
    columns={
        "position": "bigint not null",
        "event": "text not null",
        "type": "text not null",
        "service": "text not null",
        "epoch": "int not null",
        "service_position": "bigint not null",
        "lease": "text",  # null: about the office
        "occurred_on": "date not null",
        "recorded_at": "timestamptz not null",
        "taken_in_at": "timestamptz not null",  # never decreases within an office
        "actor": "text not null",
        "mandate": "text",
        "envelope": "bytea not null",
        "envelope_hash": "bytea not null",
        "details_hash": "bytea not null",
        "hash": "bytea not null",
    },
    key=("position",),
    indexes=(("lease", "position"), ("event",)),
)
LEDGER_HEAD = Table(
    name="ledger_head",
    columns={"position": "bigint not null", "hash": "bytea not null", "taken_in_at": "timestamptz not null"},
    key=(),
)
LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Head:
    """How far a chain reaches: its last position, the hash of that entry, and when it was taken in."""

    position: int
    hash: bytes
    taken_in_at: datetime


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event in an office's ledger.

    :ivar void_since: when it became known that who told it was restored and no longer holds it. Not under its hash.
    """

    position: int
    event: str
    type: str
    service: str
    epoch: int
    service_position: int
    lease: str | None
    occurred_on: Any
    recorded_at: datetime
    taken_in_at: datetime
    actor: str
    mandate: str | None
    envelope: bytes
    details_hash: bytes
    hash: bytes
    void_since: datetime | None = None


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value."""
    return rfc8785.dumps(value)


def origin(office: str) -> bytes:
    """Return what the first entry of an office's ledger follows."""
    return hashlib.sha256(f"huurspoor ledger\n{office}".encode()).digest()


def instant(at: datetime) -> str:
    """Return an instant as the ledger writes it: UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hash_of_details(
    *, event: str, type: str, service: str, epoch: int, service_position: int, taken_in_at: datetime, envelope: bytes
) -> bytes:
    """Return the hash of what an entry is about."""
    details = {
        "envelope_sha256": hashlib.sha256(envelope).hexdigest(),
        "epoch": epoch,
        "event": event,
        "service": service,
        "service_position": service_position,
        "taken_in_at": instant(taken_in_at),
        "type": type,
    }
    return hashlib.sha256(canonical(details)).digest()


def hash_of_entry(*, position: int, details: bytes, previous: bytes) -> bytes:
    """Return the hash of an entry, which the next one names."""
    entry = {"details": details.hex(), "position": position, "previous": previous.hex()}
    return hashlib.sha256(canonical(entry)).digest()


class OfficeLedger:
    """Adds each event that is published or taken in to its office's ledger, in the commit that makes it so.

    A companion of the writer (``shared.writer``): it holds the heads while nobody else writes.
    """

    tables: tuple[Table, ...] = (LEDGER, LEDGER_HEAD)

    def __init__(self) -> None:
        self._heads: dict[str, Head] = {}

    async def load(self, connection: Any, offices: set[str]) -> None:
        """Read the heads that are not held."""
        for office in sorted(offices - self._heads.keys()):
            async with connection.transaction():
                await connection.fetch("select set_config('app.office', $1, true)", office)
                row = await connection.fetchrow(
                    "select position, hash, taken_in_at from ledger_head where office = $1", office
                )
            self._heads[office] = Head(*row) if row is not None else Head(0, origin(office), LONG_AGO)

    async def leaving(self, connection: Any, going: HandOver) -> Along:
        """Return the entries about a lease that goes to another office: they enter that one's ledger as they are.

        Once: where the lease was there before, that ledger holds what it brought and took along then.
        """
        async with connection.transaction():
            await connection.fetch("select set_config('app.office', $1, true)", going.from_office)
            found = await connection.fetch(
                f"select {_COLUMNS} from ledger where office = $1 and lease = $2 order by position",
                going.from_office,
                going.lease,
            )
            await connection.fetch("select set_config('app.office', $1, true)", going.to_office)
            there = await connection.fetch(
                "select service, epoch, service_position from ledger where office = $1 and lease = $2",
                going.to_office,
                going.lease,
            )
        entries = [
            Entered(
                office=going.to_office,
                publisher=row["service"],
                epoch=row["epoch"],
                position=row["service_position"],
                event_id=row["event"],
                type=row["type"],
                subject=f"lease/{going.lease}",
                occurred_on=row["occurred_on"],
                recorded_at=row["recorded_at"],
                taken_in_at=row["taken_in_at"],
                actor=row["actor"],
                mandate=row["mandate"],
                envelope=row["envelope"],
            )
            for row in found
        ]
        return Along(entries, frozenset(tuple(row) for row in there))

    def forget(self) -> None:
        """Somebody else wrote."""
        self._heads.clear()

    def batch(self, after: Any = None) -> CompanionBatch:
        """Begin the rows of one commit, on top of those of one that is not finished yet."""
        return _Batch(self._heads, after.heads if after is not None else {})


class _Batch:
    """The entries of one commit."""

    def __init__(self, committed: dict[str, Head], before: Mapping[str, Head]) -> None:
        self._committed = committed
        self._before = before
        self.heads: dict[str, Head] = {}
        self._added: list[Change] = []

    def add(self, entered: Entered) -> None:
        """Chain one event to its office's ledger."""
        office = entered.office
        head = self.heads.get(office) or self._before.get(office) or self._committed[office]
        position, taken_in_at = head.position + 1, max(head.taken_in_at, entered.taken_in_at)
        details = hash_of_details(
            event=entered.event_id,
            type=entered.type,
            service=entered.publisher,
            epoch=entered.epoch,
            service_position=entered.position,
            taken_in_at=taken_in_at,
            envelope=entered.envelope,
        )
        entry = hash_of_entry(position=position, details=details, previous=head.hash)
        about, _, lease = entered.subject.partition("/")
        row = {
            "position": position,
            "event": entered.event_id,
            "type": entered.type,
            "service": entered.publisher,
            "epoch": entered.epoch,
            "service_position": entered.position,
            "lease": lease if about == "lease" else None,
            "occurred_on": entered.occurred_on,
            "recorded_at": entered.recorded_at,
            "taken_in_at": taken_in_at,
            "actor": entered.actor,
            "mandate": entered.mandate,
            "envelope": _bytea(entered.envelope),
            "envelope_hash": _bytea(hashlib.sha256(entered.envelope).digest()),
            "details_hash": _bytea(details),
            "hash": _bytea(entry),
        }
        self._added.append(Change(office, LEDGER, row, "insert"))
        self.heads[office] = Head(position, entry, taken_in_at)

    def changes(self) -> list[Change]:
        """Return the rows to be stored."""
        heads = [
            Change(
                office, LEDGER_HEAD, {"position": at.position, "hash": _bytea(at.hash), "taken_in_at": at.taken_in_at}
            )
            for office, at in self.heads.items()
        ]
        return [*self._added, *heads]

    def committed(self) -> None:
        """The rows are stored: go on from here."""
        self._committed.update(self.heads)


def _bytea(value: bytes) -> str:
    return "\\x" + value.hex()


# -- reading ----------------------------------------------------------------------------------------------------------

_COLUMNS = (
    "position, event, type, service, epoch, service_position, lease, occurred_on, recorded_at, taken_in_at, actor,"
    " mandate, envelope, details_hash, hash"
)
# Since when it is known that who told an entry was restored from a backup that does not hold it (shared.epochs): its
# dead letter says so, by the key that names the message.
_VOID_SINCE = (
    "(select at from dead_letter where office = $1 and id = 'void-' || service || '-' || epoch || '-' ||"
    " service_position and ({0}::timestamptz is null or at <= {0})) as void_since"
)


class Rows(Protocol):
    """A store as far as the ledger is read from it."""

    async def rows(self, sql: str, *values: Any, by: Any) -> list[Any]: ...


async def head_of(store: Rows, *, by: OfOffice) -> Head:
    """Return how far the office's ledger reaches."""
    found = await store.rows("select position, hash, taken_in_at from ledger_head where office = $1", by=by)
    return Head(*found[0]) if found else Head(0, origin(by.office), LONG_AGO)


async def head_at(store: Rows, position: int, *, by: OfOffice) -> Head | None:
    """Return the ledger's head as it was at a position, None if it never reached so far."""
    found = await store.rows(
        "select position, hash, taken_in_at from ledger where office = $1 and position = $2", position, by=by
    )
    if found:
        return Head(*found[0])
    return Head(0, origin(by.office), LONG_AGO) if position == 0 else None


async def head_known_at(store: Rows, at: datetime, *, by: OfOffice) -> Head:
    """Return the ledger's head as it was at an instant."""
    found = await store.rows(
        "select position, hash, taken_in_at from ledger where office = $1 and taken_in_at <= $2"
        " order by position desc limit 1",
        at,
        by=by,
    )
    return Head(*found[0]) if found else Head(0, origin(by.office), LONG_AGO)


async def entries_from(store: Rows, first: int, *, limit: int, by: OfOffice) -> list[Entry]:
    """Return at most ``limit`` entries of the office's ledger from position ``first`` on."""
    found = await store.rows(
        f"select {_COLUMNS} from ledger where office = $1 and position >= $2 order by position limit $3",
        first,
        limit,
        by=by,
    )
    return [_entry(row) for row in found]


async def entries_about(
    store: Rows,
    lease: str,
    *,
    by: OfOffice,
    after: int = 0,
    until: int | None = None,
    valid_on: Any = None,
    known_at: datetime | None = None,
    limit: int | None = None,
) -> list[Entry]:
    """Return what the office's ledger holds about a lease, in the order in which it was taken in.

    :param after: position after which to begin. :param until: last position, included.
    :param valid_on: only facts up to and with this day. :param known_at: only what was taken in by this instant.
    """
    found = await store.rows(
        f"select {_COLUMNS}, {_VOID_SINCE.format('$6')} from ledger where office = $1 and lease = $2 and position > $3"
        " and ($4::bigint is null or position <= $4) and ($5::date is null or occurred_on <= $5)"
        " and ($6::timestamptz is null or taken_in_at <= $6) order by position limit $7",
        lease,
        after,
        until,
        valid_on,
        known_at,
        limit,
        by=by,
    )
    return [_entry(row) for row in found]


_STORED = ("position", "event", "type", "service", "occurred_on", "recorded_at", "taken_in_at", "actor", "mandate")
_LINE = (*_STORED, "void_since", "arrived_late")
# What a lease brought along from another office was not late.
_ARRIVED_LATE = (
    "case when taken_in_at - recorded_at > $7 then convert_from(envelope, 'UTF8')::jsonb ->> 'office' = $1"
    " else false end as arrived_late"
)
LATE = timedelta(hours=1)


async def lines_about(
    store: Rows, lease: str, *, by: OfOffice, after: int, valid_on: Any, known_at: datetime | None, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """Return the last position of the ledger at an instant, and what a timeline shows of a lease's entries up to it.

    The same entries as ``entries_about``, without envelopes and hashes, in one question.
    """
    found = await store.rows(
        "with head as (select case when $5::timestamptz is null"
        " then (select position from ledger_head where office = $1)"
        " else (select max(position) from ledger where office = $1 and taken_in_at <= $5) end as reaches)"
        f" select coalesce(head.reaches, 0) as reaches, {', '.join(_LINE)} from head left join lateral"
        f" (select {', '.join(_STORED)}, {_VOID_SINCE.format('$5')}, {_ARRIVED_LATE} from ledger"
        " where office = $1 and lease = $2 and position > $3"
        " and position <= head.reaches and ($4::date is null or occurred_on <= $4) order by position limit $6) lines"
        " on true order by position",
        lease,
        after,
        valid_on,
        known_at,
        limit,
        LATE,
        by=by,
    )
    lines = [dict(zip(_LINE, row[1:], strict=True)) for row in found if row["position"] is not None]
    return found[0]["reaches"], lines


async def erased_evidence(store: Rows, lease: str, *, by: OfOffice, until: int, valid_on: Any) -> Mapping[int, Any]:
    """Return by position the entries about photos that were erased since, or findings that name one, and the day.

    :param until: what was known: an erasure that stands later in the ledger is none yet. :param valid_on: its day.
    """
    data = "convert_from(envelope, 'UTF8')::jsonb -> 'data'"
    about = "office = $1 and lease = $2 and position <= $3"
    gone = await store.rows(
        f"select occurred_on, {data} ->> 'photo' as photo, {data} ->> 'sha256' as sha256 from ledger where {about}"
        " and type = 'PhotoErased' and ($4::date is null or occurred_on <= $4)",
        lease,
        until,
        valid_on,
        by=by,
    )
    erased: dict[int, Any] = {}
    for photo in gone:
        names_it = await store.rows(
            f"select position from ledger where {about} and ((type = 'PhotoAdded' and {data} ->> 'photo' = $4)"
            f" or (type = 'FindingEstablished' and {data} -> 'evidence' ?| array[$4, $5]))",
            lease,
            until,
            photo["photo"],
            photo["sha256"],
            by=by,
        )
        erased.update({row["position"]: photo["occurred_on"] for row in names_it})
    return erased


async def entries_of_types(store: Rows, types: Sequence[str], *, until: int, by: OfOffice) -> list[Entry]:
    """Return the entries about the office itself of certain types, up to and with a position."""
    found = await store.rows(
        f"select {_COLUMNS} from ledger where office = $1 and lease is null and type = any ($2) and position <= $3"
        " order by position",
        list(types),
        until,
        by=by,
    )
    return [_entry(row) for row in found]


async def hashes_between(store: Rows, first: int, last: int, *, by: OfOffice) -> list[tuple[int, bytes, bytes]]:
    """Return position, hash of the details and hash of the entry, for a stretch of the ledger (both ends included)."""
    found = await store.rows(
        "select position, details_hash, hash from ledger where office = $1 and position between $2 and $3"
        " order by position",
        first,
        last,
        by=by,
    )
    return [(row["position"], row["details_hash"], row["hash"]) for row in found]


def _entry(row: Any) -> Entry:
    return Entry(**dict(row))


# -- what goes out ----------------------------------------------------------------------------------------------------


def name_of(office: str) -> str:
    """Return the name under which an office's ledger signs."""
    return f"huurspoor/{office}"


def public_key(office: str, key: Ed25519PrivateKey) -> str:
    """Return the office's public key as signed notes write it: ``<name>+<key id>+<base64>``."""
    raw = b"\x01" + key.public_key().public_bytes_raw()
    return f"{name_of(office)}+{_key_id(name_of(office), raw).hex()}+{base64.b64encode(raw).decode()}"


def _key_id(name: str, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]


def checkpoint(office: str, head: Head, key: Ed25519PrivateKey, *further: str) -> str:
    """Return the signed note over a head: how many entries, the hash of the last, when it was taken in.

    :param further: lines to be signed with it.
    """
    name = name_of(office)
    last = base64.b64encode(head.hash).decode()
    lines = [name, str(head.position), last, f"taken in {instant(head.taken_in_at)}", *further]
    text = "".join(f"{line}\n" for line in lines)
    raw = b"\x01" + key.public_key().public_bytes_raw()
    signature = base64.b64encode(_key_id(name, raw) + key.sign(text.encode())).decode()
    return f"{text}\n\u2014 {name} {signature}\n"


def exported(members: Mapping[str, Any], *, office: str, head: Head, key: Ed25519PrivateKey) -> bytes:
    """Return a file that proves itself: members, their hashes, the signature over those and the chain's head."""
    whole = {**members, "office": office, "key": public_key(office, key)}
    manifest = {name: hashlib.sha256(canonical(value)).hexdigest() for name, value in whole.items()}
    signed = hashlib.sha256(canonical(manifest)).hexdigest()
    note = checkpoint(office, head, key, f"file sha-256 {signed}")
    return canonical({**whole, "manifest": manifest, "checkpoint": note})


def shown(entry: Entry) -> dict[str, Any]:
    """Return an entry as exported files hold it, with the exact bytes of its envelope."""
    return {
        "position": entry.position,
        "event": entry.event,
        "type": entry.type,
        "service": entry.service,
        "epoch": entry.epoch,
        "service_position": entry.service_position,
        "taken_in_at": instant(entry.taken_in_at),
        "envelope": base64.b64encode(entry.envelope).decode(),
        "hash": entry.hash.hex(),
    }


LEDGER_FORMAT = "huurspoor ledger 1"


def ledger_file(
    entries: Sequence[Entry],
    *,
    office: str,
    previous: Head,
    key: Ed25519PrivateKey,
    next: str | None,
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> bytes:
    """Return a stretch of the ledger as a file that proves itself.

    :param previous: the head before the first of ``entries``. :param next: where the following stretch is read.
    :param beside: further members, signed as the others are: that the ledger is shorter than witnessed.
    """
    head = Head(entries[-1].position, entries[-1].hash, entries[-1].taken_in_at) if entries else previous
    members = {
        "format": LEDGER_FORMAT,
        "previous": {"position": previous.position, "hash": previous.hash.hex()},
        "items": [shown(entry) for entry in entries],
        "next": next,
        **beside,
    }
    return exported(members, office=office, head=head, key=key)
