"""What the writer keeps of messages: whether each had its effect already, and in which order those of a stream came."""

from msgspec.structs import replace

from shared.log import INBOX, INBOX_STREAM
from shared.writer.acts import Act, Change, Decided, Message
from shared.writer.batch import Batch, as_hex
from shared.writer.companions import Entered
from shared.writer.look import Known
from shared.writer.memory import Memory, stream_of
from shared.writer.recording import OFFICE_FOUNDED


class Messages:
    """Notes in batches what was told.

    :param enter: whether what was taken in enters into the tables of companions.
    """

    def __init__(self, memory: Memory, *, enter: bool) -> None:
        self._memory = memory
        self._enter = enter

    def already(self, one: Act, told: Message, batch: Batch, known: Known) -> Decided | None:
        """Say whether a message has had its effect, contradicts an earlier one, or must wait for its predecessor."""
        office = told.office or one.office
        place = (office, told.place)
        seen = batch.inbox.get(place) or batch.below.inbox.get(place) or known.inbox.get(place)
        if seen is not None and seen[1] != told.digest:
            return Decided(one.id, one.stream, None, 0, outcome="conflict")
        if seen is not None and seen[0] in ("taken", "closed"):
            return Decided(one.id, one.stream, None, 0, outcome="repeat")
        applied = self._memory.applied_of(batch, stream_of(office, told)) or 0
        if told.version <= applied:
            # Older than what was applied of this stream: it can only be a repetition under another number.
            self._note(one, told, batch, state="taken")
            return Decided(one.id, one.stream, None, 0, outcome="repeat")
        if told.previous > applied and not told.released:
            if seen is None or seen[0] != "parked":
                self.park(one, told, batch, waits_for=f"{told.publisher}:{told.stream}")
            return Decided(one.id, one.stream, None, 0, outcome="parked")
        return None

    def park(self, one: Act, told: Message, batch: Batch, *, waits_for: str) -> None:
        """Keep a message until what it waits for has had its effect."""
        self._note(one, told, batch, state="parked", waits_for=waits_for)

    def take(self, one: Act, told: Message, batch: Batch, *, enters_at: int | None = None) -> None:
        """Note that a message has its effect in this batch, and is the last one of its stream that had.

        :param enters_at: before which of the batch's entries for the companions it goes; None for the end.
        """
        office = told.office or one.office
        if one.new:
            batch.put(batch.inbox, (office, told.place), ("taken", told.digest))
            batch.taken.append(
                (
                    office,
                    told.publisher,
                    told.epoch,
                    batch.moment,
                    told.position,
                    told.stream,
                    told.version,
                    told.type,
                    told.digest,
                    told.previous,
                )
            )
            if told.type == OFFICE_FOUNDED:
                batch.know_office(office)
        else:
            self._note(one, told, batch, state="taken")
            moved = {"publisher": told.publisher, "stream": told.stream, "version": told.version}
            batch.changes.append(Change(office, INBOX_STREAM, moved))
        batch.put(batch.applied, stream_of(office, told), told.version)
        if not self._enter:
            return
        entered = Entered(
            office=office,
            publisher=told.publisher,
            epoch=told.epoch,
            position=told.position,
            event_id=told.event_id,
            type=told.type,
            subject=told.subject,
            occurred_on=told.occurred_on,
            recorded_at=told.recorded_at,
            taken_in_at=batch.moment,
            actor=told.actor,
            mandate=told.mandate,
            envelope=told.envelope,
        )
        of_both = [entered] if office == one.office else [entered, replace(entered, office=one.office)]
        place_among_entries = len(batch.entered) if enters_at is None else enters_at
        batch.entered[place_among_entries:place_among_entries] = of_both

    def _note(self, one: Act, told: Message, batch: Batch, *, state: str, waits_for: str | None = None) -> None:
        office = told.office or one.office
        batch.put(batch.inbox, (office, told.place), (state, told.digest))
        row = {
            "publisher": told.publisher,
            "epoch": told.epoch,
            "position": told.position,
            "state": state,
            "stream": told.stream,
            "version": told.version,
            "type": told.type,
            "digest": as_hex(told.digest),
            "waits_for": waits_for,
            "reason": None,
            "envelope": None if state == "taken" else as_hex(told.envelope),
            "taken_at": batch.moment,
        }
        batch.changes.append(Change(office, INBOX, row, "insert" if one.new else "upsert"))
        if state == "taken" and told.type == OFFICE_FOUNDED:
            batch.know_office(office)
