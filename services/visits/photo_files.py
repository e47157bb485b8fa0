"""The bytes of photos: sealed, in a table of their own beside the events.

Why not in the event: an event is read again at every rebuild, held in memory with its stream and copied into exports,
and none of them needs the bytes; and an event is never taken away, while "file gone" (EC-19) means just that. Why not
in a view: a rebuild makes views from events, and could not make these. Each photo's bytes lie under a key of its own
that stands, sealed under the photo's data key, in its event: erasing destroys the data key, so that a copy in a backup
opens no more, and deletes the rows.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.event_sourcing import Change, EventStore, OfOffice
from shared.sealed import Sealed
from shared.views import Table
from shared.writer.companions import CompanionBatch

Which = Literal["original", "shown"]
PHOTO_FILE: Final = Table(
    name="photo_file",
    columns={
        "file": "text not null",
        "which": "text not null",
        "at": "timestamptz not null",
        "sealed": "bytea not null",
    },
    key=("file", "which"),
)
_LETTERS: Final = "abcdefghijklmnop"


class Beside:
    """Lets tables be laid out with the service's database; nothing follows from events to them."""

    def __init__(self, *tables: Table) -> None:
        self.tables = tables

    async def load(self, connection: Any, offices: set[str]) -> None:
        """Nothing is held."""

    def forget(self) -> None:
        """Nothing is held."""

    def batch(self, after: Any = None) -> CompanionBatch:
        """Return what keeps nothing of a batch."""
        return _Nothing()


class _Nothing:
    def add(self, entered: Any) -> None:
        """Keep nothing."""

    def changes(self) -> list[Change]:
        return []

    def committed(self) -> None:
        """Nothing was kept."""


@dataclass(frozen=True)
class Shelf:
    """The office under which the bytes of a photo lie: they stay where they are when its lease goes to another."""

    office: str


def new_key() -> str:
    """Return a key for the bytes of one photo, in letters: it is sealed as a text, and digits might be a number."""
    return "".join(_LETTERS[byte >> 4] + _LETTERS[byte & 15] for byte in secrets.token_bytes(32))


def sha256_of(raw: bytes) -> str:
    """Return the hash over exact bytes, hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def _cipher(key: str) -> AESGCM:
    numbers = [_LETTERS.index(letter) for letter in key]
    return AESGCM(bytes(high << 4 | low for high, low in zip(numbers[::2], numbers[1::2], strict=True)))


async def keep(store: EventStore, *, by: OfOffice, at: Any, file: str, key: str, original: bytes, shown: bytes) -> None:
    """Keep the bytes of a photo; those that are there stay."""
    for which, raw in (("original", original), ("shown", shown)):
        sealed = await asyncio.to_thread(sealed_bytes, key, f"{file}/{which}", raw)
        await store.write(
            "insert into photo_file (office, file, which, at, sealed) values ($1, $2, $3, $4, $5)"
            " on conflict do nothing",
            file,
            which,
            at,
            sealed,
            by=by,
        )


def sealed_bytes(key: str, place: str, raw: bytes) -> bytes:
    """Return bytes sealed under a key of ``new_key``, bound to a place."""
    nonce = os.urandom(12)
    return nonce + _cipher(key).encrypt(nonce, raw, place.encode())


async def bytes_of(
    store: EventStore, *, by: OfOffice, file: str, which: Which, key: Sealed, office: str | None = None
) -> bytes | None:
    """Return the bytes of a photo as they were kept; None where they are gone.

    :param office: under which they lie, where that is another than the reader's.
    :raises Altered: something is there, and it is not what was kept.
    """
    found = await store.rows(
        "select sealed from photo_file where office = $1 and file = $2 and which = $3",
        file,
        which,
        by=by if office is None else Shelf(office),
    )
    opened = await store.seals.open(by.office, "file_key", key)
    if not found or opened is None:
        return None
    return await asyncio.to_thread(opened_bytes, opened, f"{file}/{which}", found[0]["sealed"])


class Altered(ValueError):
    """The bytes are not those that were kept."""


def opened_bytes(key: str, place: str, sealed: bytes) -> bytes:
    """Return what was sealed. :raises Altered: it is not what was kept, or not there."""
    try:
        return _cipher(key).decrypt(sealed[:12], sealed[12:], place.encode())
    except (InvalidTag, ValueError) as why:
        raise Altered from why


async def how_it_is(
    store: EventStore,
    *,
    by: OfOffice,
    file: str,
    key: Sealed,
    hashes: Sequence[tuple[Which, str]],
    office: str | None = None,
) -> Literal["intact", "altered", "missing"]:
    """Compare the bytes of a photo, as they are now, with the hashes that its event has held from the beginning."""
    for which, sha256 in hashes:
        try:
            raw = await bytes_of(store, by=by, file=file, which=which, key=key, office=office)
        except Altered:
            return "altered"
        if raw is None:
            return "missing"
        if await asyncio.to_thread(sha256_of, raw) != sha256:
            return "altered"
    return "intact"


async def delete(store: EventStore, *, by: OfOffice, file: str) -> None:
    """Delete bytes."""
    await store.write("delete from photo_file where office = $1 and file = $2", file, by=by)


async def forget(store: EventStore, *, by: OfOffice, photo: str, file: str, office: str | None = None) -> None:
    """Destroy the key under which every copy of the bytes of a photo lies, and delete them."""
    # The bytes last: while they are there, the day's work knows that the key, in another database, may be there too.
    await store.seals.destroy(by.office, photo, "E")
    await delete(store, by=by if office is None else Shelf(office), file=file)
