"""Dead letters: messages that were not taken in, each with its reason, until somebody tries again or closes them.

A dead letter that stands for its position holds back those behind it in its stream, visibly; all others hold back
nothing. Its bytes lie sealed, since what cannot be read may hold anything.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
import prometheus_client

from shared import epochs
from shared.bus import Seldom
from shared.clock import Clock, in_json
from shared.event_sourcing import Change, EventStore
from shared.inbox_rows import InboxRows, closed_row, place_of
from shared.keys import OFFICE as OF_NO_LEASE
from shared.log import DEAD_LETTER, INBOX, INBOX_STREAM
from shared.progress import MESSAGES, Progress, Turns
from shared.refusals import WrongState
from shared.sealed import Sealed
from shared.told import SUBJECT, Letter, Passed, Reader, Reason, Told, letter_id
from shared.waiting import Waiting

DEAD = prometheus_client.Counter("huurspoor_inbox_dead_letters", "Dead letters by reason", ["publisher", "reason"])
OPEN_LETTERS = prometheus_client.Gauge("huurspoor_inbox_dead_letters_open", "Dead letters that somebody must look at")

_OF_THE_POSITION = ("schema", "unknown-version", "failed")  # a dead letter for such a reason is what stands there
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS = str.maketrans("abcdefghijklmnop-", "0123456789abcdef ")
_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)


class DeadLetters:
    """The dead letters of a service.

    :param again: lets a message have its effect that is handled again.
    :param under_way: lets the inbox be read anew before or after what is done within it.
    :ivar states: by id, of all there are.
    """

    def __init__(
        self,
        rows: InboxRows,
        store: EventStore,
        clock: Clock,
        reader: Reader,
        progress: Mapping[str, Progress],
        waiting: Waiting,
        turns: Turns,
        again: Callable[[Told[Any]], Awaitable[None]],
        under_way: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self.states: dict[str, str] = {}
        self._at_hand: set[str] = set()  # open ones that are being handled again, and did not become one again
        self._rows = rows
        self._store = store
        self._clock = clock
        self._reader = reader
        self._progress = progress
        self._waiting = waiting
        self._turns = turns
        self._again = again
        self._under_way = under_way
        self._seldom = Seldom()

    # -- what operators do --------------------------------------------------------------------------------------------

    async def listed(
        self, *, limit: int, after: Sequence[Any] | None
    ) -> tuple[list[Mapping[str, Any]], Sequence[Any] | None]:
        """Return dead letters, oldest first, and the place after the last one where there are more. No content."""
        since, last = (datetime.fromisoformat(str(after[0])), str(after[1])) if after else (_LONG_AGO, "")
        rows = await self._rows.read(
            "select id, office, publisher, epoch, position, stream, reason, headers, state, closed_because, at"
            " from dead_letter where state = 'open' and (at, id) > ($1, $2) order by at, id limit $3",
            since,
            last,
            limit + 1,
        )
        shown: list[Mapping[str, Any]] = [
            {
                "id": row["id"],
                "office": row["office"],
                "publisher": row["publisher"],
                "position": f"{row['publisher']}:{row['position']}" if row["position"] else None,
                "epoch": row["epoch"],
                "stream": row["stream"],
                "reason": row["reason"],
                "envelope": _shown(msgspec.json.decode(row["headers"])),
                "state": row["state"],
                "at": in_json(row["at"]),
            }
            for row in rows[:limit]
        ]
        end = rows[limit - 1] if len(rows) > limit else None
        return shown, None if end is None else [end["at"].isoformat(), end["id"]]

    async def requeue(self, id: str, *, reason: str, operator: str) -> str | None:
        """Handle a dead letter again; return its state afterwards, None where there is no such open one.

        It may become one again: then it is open as before.

        :raises WrongState: a restore made it void; it can only be closed.
        :raises StoreBusy: it could not be handled now, and stays open.
        """
        letter = await self._open(id)
        if letter is None:
            return None
        if letter.reason == "void":
            raise WrongState
        self._at_hand.add(id)
        try:
            # First handled, then noted: a letter that is not open is nowhere but with its publisher.
            read = self._reader.read(letter.publisher, letter.subject, letter.body)
            if isinstance(read, Told):
                self._waiting.tries.pop((read.office, place_of(read)), None)
                await self._again(read)
            elif isinstance(read, Letter):
                async with self._under_way():
                    await self.bury(read)
            if id in self._at_hand:
                row = {**self._row(letter), "state": "requeued", "closed_because": f"{operator}: {reason}"}
                async with self._under_way():
                    await self._rows.keep(letter.office, Change(letter.office, DEAD_LETTER, row))
                    self._is_requeued(letter, comes_again=isinstance(read, Passed))
        finally:
            self._at_hand.discard(id)
        return self.states[id]

    async def close(self, id: str, *, reason: str, operator: str) -> bool:
        """Let those behind a dead letter go on without it; False: there is no such open one."""
        letter = await self._open(id)
        if letter is None:
            return False
        because = f"{operator}: {reason}"
        if letter.reason == "void":
            rows = await self._rows.read("select * from dead_letter where id = $1 and state = 'open'", id)
            await self._rows.keep(letter.office, *(epochs.settled_letter(row, because) for row in rows))
            self.states[id] = "closed"
            return True
        row = {**self._row(letter), "state": "closed", "closed_because": because}
        changes = [Change(letter.office, DEAD_LETTER, row)]
        holds = letter.reason in _OF_THE_POSITION and letter.stream is not None
        if holds:
            assert letter.position is not None and letter.version is not None and letter.stream is not None
            async with self._turns.of((letter.office, f"{letter.publisher}:{letter.stream}")), self._under_way():
                known = await self._rows.known_of_letter(letter)
                if known.state not in ("taken", "closed"):
                    changes.append(closed_row(letter, reason, at=self._clock.now()))
                if known.applied < letter.version:
                    moved = {"publisher": letter.publisher, "stream": letter.stream, "version": letter.version}
                    changes.append(Change(letter.office, INBOX_STREAM, moved))
                await self._rows.keep(letter.office, *changes)
                self._progress[letter.publisher].settled(letter.position, letter.type or "")
                self._waiting.has_moved(letter.office, f"{letter.publisher}:{letter.stream}", letter.version)
        else:
            await self._rows.keep(letter.office, *changes)
        self.states[id] = "closed"
        return True

    def _is_requeued(self, letter: Letter, *, comes_again: bool) -> None:
        self.states[letter.id] = "requeued"
        if letter.position is not None:
            progress = self._progress[letter.publisher]
            progress.dead.discard(letter.position)
            if comes_again:  # the version that is taken since an upgrade was passed over when it came
                progress.must_come_again(letter.position, letter.type or "")

    # -- what the inbox does ------------------------------------------------------------------------------------------

    def number_open(self) -> int:
        """How many wait for somebody to try again or to close them, of those that were read from the store."""
        return sum(state == "open" for state in self.states.values())

    def hold(self, id: str) -> bool:
        """Whether a message of this id is a dead letter, open or closed, and is not being handled again."""
        return self.states.get(id) in ("open", "closed") and id not in self._at_hand

    def of(self, told: Told[Any], reason: Reason, why: str) -> Letter:
        """Return a message as the dead letter it becomes."""
        return Letter(
            letter_id(told.subject, told.envelope),
            told.office,
            told.publisher,
            reason,
            why,
            told.subject,
            told.envelope,
            told.epoch,
            told.position,
            told.stream,
            told.version,
            told.previous,
            told.type,
        )

    async def bury(self, letter: Letter, *, parked: bool = False) -> None:
        """Store a dead letter, once; a message that was ``parked`` is parked no more.

        Of any other the inbox row is left alone: it may be that of the true message at that position.
        """
        if self.hold(letter.id):
            return
        changes = [await self.kept(letter)]
        if parked and letter.position is not None:
            place = {"publisher": letter.publisher, "epoch": letter.epoch, "position": letter.position}
            changes.append(Change(letter.office, INBOX, place, "delete"))
        await self._rows.keep(letter.office, *changes)
        self.states[letter.id] = "open"
        self._at_hand.discard(letter.id)
        DEAD.labels(letter.publisher, letter.reason).inc()
        MESSAGES.labels(letter.publisher, "dead").inc()
        if letter.position is not None and letter.reason in _OF_THE_POSITION:
            progress = self._progress[letter.publisher]
            progress.arrived(letter.position, letter.type or "")
            progress.parked.discard(letter.position)
            progress.dead.add(letter.position)
        self._seldom.warn(
            "dead-letter",
            f"{letter.reason}: {letter.why}",
            publisher=letter.publisher,
            security=letter.reason == "forged",
            id=letter.id,
        )

    async def kept(self, letter: Letter) -> Change:
        """Return a dead letter as it is stored, its bytes sealed."""
        row = {**self._row(letter), "envelope": await self._sealed(letter)}
        return Change(letter.office, DEAD_LETTER, row)

    def loaded(self, rows: Sequence[Mapping[str, Any]], progress: Mapping[str, Progress]) -> list[str]:
        """Take over what the store holds; return the ids of those that a later version may be able to read.

        :param progress: in which those are noted that hold back what is behind them.
        """
        self.states = {}
        unknown_before: list[str] = []
        for row in rows:
            self.states[row["id"]] = row["state"]
            placed = row["position"] is not None and row["reason"] in _OF_THE_POSITION and row["publisher"] in progress
            if row["state"] == "open" and placed:
                if row["position"] not in progress[row["publisher"]].done:
                    headers = msgspec.json.decode(row["headers"])
                    progress[row["publisher"]].arrived(row["position"], headers.get("type") or "")
                    progress[row["publisher"]].dead.add(row["position"])
                if row["reason"] == "unknown-version":
                    unknown_before.append(row["id"])
        return unknown_before

    async def read_anew(self, ids: Sequence[str]) -> None:
        """Handle those again that can be read after an upgrade; those behind them run in order."""
        for id in ids:
            letter = await self._open(id)
            if letter is None:
                continue
            if isinstance(self._reader.read(letter.publisher, letter.subject, letter.body), Told):
                await self.requeue(id, reason="this version is known now", operator="SYS")

    async def _open(self, id: str) -> Letter | None:
        rows = await self._rows.read("select * from dead_letter where id = $1 and state = 'open'", id)
        if not rows:
            return None
        row = rows[0]
        headers = msgspec.json.decode(row["headers"])
        text: str | None = ""
        if row["envelope"] is not None:
            sealed = msgspec.json.decode(row["envelope"], type=Sealed)
            text = await self._store.seals.open(row["office"], "envelope", sealed)
        if text is None:
            return None  # its key was destroyed: nobody can handle it any more
        return Letter(
            id=row["id"],
            office=row["office"],
            publisher=row["publisher"],
            reason=row["reason"],
            why=headers["why"],
            subject=headers["subject"],
            body=bytes.fromhex(text.translate(_DIGITS)),
            epoch=row["epoch"],
            position=row["position"],
            stream=row["stream"],
            version=headers["version"],
            previous=headers["previous"],
            type=headers["type"],
        )

    async def _sealed(self, letter: Letter) -> str:
        """Return a letter's bytes sealed, as hexadecimal: what cannot be read may hold anything."""
        # In letters alone, since no text that is sealed may look like a national number. A dash: the empty message.
        text = letter.body.hex().translate(_LETTERS) or "-"
        sealed = await self._store.seals.seal(letter.office, OF_NO_LEASE, "B", "envelope", text)
        return "\\x" + msgspec.json.encode(sealed).hex()

    def _row(self, letter: Letter) -> dict[str, Any]:
        return {
            "id": letter.id,
            "publisher": letter.publisher,
            "epoch": letter.epoch,
            "position": letter.position,
            "stream": letter.stream,
            "reason": letter.reason,
            "headers": {
                "subject": letter.subject.replace("\0", "").encode(errors="replace").decode(),
                "why": letter.why,
                "type": letter.type,
                "version": letter.version,
                "previous": letter.previous,
                "bytes": len(letter.body),
            },
            "envelope": None,
            "state": "open",
            "closed_because": None,
            "at": self._clock.now(),
        }


def _shown(headers: dict[str, Any]) -> dict[str, Any]:
    """Return what may be shown of a letter: a subject that is none of ours may hold anything."""
    return headers if SUBJECT.match(headers["subject"]) else {**headers, "subject": None}
