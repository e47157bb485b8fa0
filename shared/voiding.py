"""What follows when a restore made positions of a publisher void (``shared.epochs``), as rows of one commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared import epochs
from shared.clock import Clock
from shared.contracts.platform import VoidFrom
from shared.dead_letters import DeadLetters
from shared.event_sourcing import Change
from shared.inbox_rows import InboxRows
from shared.told import Reader, Told


@dataclass(frozen=True)
class Voided:
    """What became void: the rows that say so, how many messages it were, and how many of them had their effect."""

    ended: epochs.Ended
    changes: Sequence[Change]
    messages: int
    had_their_effect: int


class Voiding:
    """Looks into the store for what is void.

    What is void and had its effect keeps it, and becomes a dead letter that names it; what waited or was a dead letter
    already is done with. The streams go on from what is not void.
    """

    def __init__(self, rows: InboxRows, letters: DeadLetters, reader: Reader, clock: Clock) -> None:
        self._rows = rows
        self._letters = letters
        self._reader = reader
        self._clock = clock

    async def follows(self, publisher: str, voids: Sequence[VoidFrom], *, known: epochs.KnownEpochs) -> Voided:
        """Return what follows from what a publisher says to be void; of what was known before, nothing."""
        read = self._rows.read
        before = known.of(publisher)
        news = known.news(publisher, voids)
        ended = epochs.with_ended(before, news)
        of = (publisher, list(ended), list(ended.values()))
        rows = [
            row
            for row in await read(epochs.VOID_ROWS, *of)
            if not epochs.is_void(before, row["epoch"], row["position"])
        ]
        parked = [row for row in rows if row["state"] == "parked"]
        taken = [row for row in rows if row["state"] != "parked"]
        effects = await self._effects([row["taken_at"] for row in taken])
        changes = [epochs.ended_row(publisher, void, at=self._clock.now()) for void in news]
        for row in parked:
            changes.append(epochs.parked_no_more(row, publisher))
            changes += await self._buried(publisher, row["envelope"])
        for row in taken:
            what = epochs.effects_of(row, publisher, effects)
            changes.append(epochs.letter_of(row, publisher, what, at=self._clock.now()))
        streams = sorted({(row["office"], row["stream"]) for row in taken})
        versions: dict[tuple[str, str], int] = {}
        if streams:
            offices, names = map(list, zip(*streams, strict=True))
            valid = await read(epochs.VALID_VERSIONS, *of, offices, names)
            versions = {(row["office"], row["stream"]): row["version"] for row in valid}
        for office, stream in streams:
            changes.append(epochs.stream_goes_on(office, publisher, stream, versions.get((office, stream))))
        because = f"void: {publisher} was restored"
        changes += [epochs.settled_letter(row, because) for row in await read(epochs.VOID_LETTERS, *of)]
        return Voided(ended, changes, messages=len(rows), had_their_effect=len(taken))

    async def _buried(self, publisher: str, envelope: bytes) -> list[Change]:
        read = self._reader.again(publisher, envelope)
        if not isinstance(read, Told):
            return []
        return [await self._letters.kept(self._letters.of(read, "void", f"epoch {read.epoch} ended"))]

    async def _effects(self, moments: Sequence[datetime]) -> list[epochs.Effect]:
        """Return the events that were recorded because of a message, as far back as the first of these moments."""
        found: list[epochs.Effect] = []
        before = 2**62
        while moments:
            rows: list[Any] = await self._rows.read(epochs.EFFECTS, before, 2000)
            found += [effect for row in rows if (effect := epochs.Effect.of(row)) is not None]
            if not rows or rows[-1]["at"] < min(moments):
                break
            before = rows[-1]["notification_id"]
        return found
