"""A small ledger of an invented office, chained as the service chains it, for tests of what goes out."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.evaluations import court
from services.evaluations.court.file import Pinned, court_file, sealed_in
from services.evaluations.ledger import LEDGER, LONG_AGO, Entry, Head, OfficeLedger, ledger_file, origin
from shared.keys import DataKey, Opened
from shared.outbox import envelope
from shared.sealed import Sealed
from shared.wording import Wording
from shared.writer.companions import Entered
from tests.specification import recorded

OFFICE = "kantoor-noord"
LEASE, OTHER_LEASE = "0b8f2c1e-8a53-4b60-9f0e-3d1c5a7e9b21", "5c2d7a10-1111-4c3e-8b7a-9d0e2f4a6b8c"
SIGNED_WITH = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WORDING = Wording(Path(court.__file__).parent / "wording")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = MONDAY.date()
BEGINNING = Head(0, origin(OFFICE), LONG_AGO)


@dataclass
class ALedger:
    """Entries are added one by one; texts are sealed under one data key."""

    ledger: OfficeLedger = field(default_factory=OfficeLedger)
    entries: list[Entry] = field(default_factory=list)
    key: DataKey = field(default_factory=lambda: DataKey(OFFICE, bytes(32)))
    simulated: bool = False
    versions: dict[tuple[str, str], int] = field(default_factory=dict)  # how far each stream has come

    def __post_init__(self) -> None:
        self.ledger._heads[OFFICE] = BEGINNING

    def seal(self, name: str, text: str, category: str = "B") -> Sealed:
        return self.key.seal(f"{category}-key", name, text)

    def add(
        self,
        contract: Any,
        *,
        service: str = "visits",
        on: date = DAY,
        stream: str | None = None,
        arrives_after: timedelta = timedelta(seconds=1),
        **beside: Any,
    ) -> Entry:
        """Take in one published contract; by default it is the first of its stream."""
        position = len(self.entries) + 1
        at = MONDAY + timedelta(minutes=position)
        stream = stream or f"thing/{position}"
        previous = self.versions.get((service, stream), 0)
        version = self.versions[(service, stream)] = previous + 1
        whole = recorded(
            contract, on=on, at=at, actor="fatma", id=f"event-{position}", stream=stream, version=version, **beside
        )
        sent = envelope(
            service,
            OFFICE,
            whole,
            contract,
            position=position,
            epoch=1,
            stream_version=version,
            previous=previous,
            versions=[1],
            correlation_id="c-1",
            causation_id=None,
            clock="simulated" if self.simulated else "system",
        )
        told = json.loads(sent.body)
        batch = self.ledger.batch()
        batch.add(
            Entered(
                office=OFFICE,
                publisher=service,
                epoch=1,
                position=position,
                event_id=whole.id,
                type=type(contract).__name__.removesuffix("V1"),
                subject=told["subject"],
                occurred_on=on,
                recorded_at=at,
                taken_in_at=at + arrives_after,
                actor="fatma",
                mandate=None,
                envelope=sent.body,
            )
        )
        row, _head = (change.values for change in batch.changes())
        batch.committed()
        self.entries.append(entry_of(row))
        return self.entries[-1]

    @property
    def head(self) -> Head:
        return self.ledger._heads[OFFICE]

    def exported(self, first: int = 1, last: int | None = None) -> bytes:
        """Return a ledger export."""
        before = self.entries[first - 2] if first > 1 else None
        previous = Head(before.position, before.hash, before.taken_in_at) if before else BEGINNING
        return ledger_file(self.entries[first - 1 : last], office=OFFICE, previous=previous, key=SIGNED_WITH, next=None)

    def court_file(self, lease: str = LEASE, standing: Mapping[str, Any] | None = None) -> bytes:
        """Return the court file of a lease."""
        about = [entry for entry in self.entries if entry.lease == lease]
        rules = [entry for entry in self.entries if entry.lease is None]
        texts = {}
        for entry in (*about, *rules):
            for _, sealed in sealed_in(json.loads(entry.envelope)["data"], "/data"):
                opened = self.key.open(sealed)
                if opened is not None and sealed.key.startswith("B"):
                    name, text_key, text = opened
                    texts[sealed] = Opened(text, name, base64.b64encode(text_key).decode())
        pinned = Pinned(
            office=OFFICE,
            lease=lease,
            head=self.head,
            before=BEGINNING,
            chain=[(entry.position, entry.details_hash, entry.hash) for entry in self.entries],
            about=about,
            rules=rules,
            texts=texts,
            standing=standing or {"lease": lease, "count": 0},
        )
        return court_file(pinned, key=SIGNED_WITH, wording=WORDING)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Return the row that the ledger would store as it would be read back."""
    read: dict[str, Any] = {
        name: bytes.fromhex(row[name][2:]) if LEDGER.columns[name].startswith("bytea") else row[name] for name in row
    }
    del read["envelope_hash"]
    return Entry(**read)
