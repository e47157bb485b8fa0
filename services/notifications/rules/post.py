"""Registered letters in batches: what is printed and posted together, and what the carrier tells of each afterwards."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, assert_never

from services.notifications.events import CarrierFileTaken, PostBatchEvent, PostBatchMade, PostItem, RowRejected
from services.notifications.rules.communication import (
    COMMUNICATION,
    Communication,
    Proof,
    record_delivered,
    record_not_collected,
    record_refused,
    record_returned,
)
from services.notifications.rules.following import NameOf, task_events, tasks_of_reach
from services.notifications.rules.sending import AT_ONCE
from services.notifications.rules.task import TASK
from shared.decisions import Elsewhere, Recorded, Refusal, Stream
from shared.refusals import Unknown, WrongState

RowOutcome = Literal["delivered", "not_collected", "refused", "returned"]
OUTCOMES: tuple[RowOutcome, ...] = ("delivered", "refused", "not_collected", "returned")


@dataclass(frozen=True, kw_only=True)
class PostBatch:
    """Letters that go to the carrier together, one for each addressee."""

    made: PostBatchMade | None = None
    files: tuple[CarrierFileTaken, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)  # references of which a file told, with its number

    @property
    def items(self) -> Mapping[str, PostItem]:
        """The letters, by the reference that carrier and manifest call them."""
        return {one.reference: one for one in self.made.items} if self.made else {}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a row of the carrier's file says of one letter; ``proof`` is needed where it was delivered."""

    reference: str
    outcome: RowOutcome | None  # None: not one of the words
    on: date | None  # None: not a day
    proof: Proof | None = None
    signed_by_other: bool = False


def make_batch(
    batch: PostBatch, *, id: str, communications: Iterable[str], on: date, **letters: Communication
) -> list[PostBatchEvent]:
    """Put letters together that go registered on paper: those approved, and those noted as sent that way.

    :param letters: their states, as ``letter_0`` and on.
    :raises WrongState: there is a batch with this id, a letter is no registered letter that can go, or there is none.
    :raises Unknown: no letter has this id.
    """
    if batch.made is not None:
        raise WrongState
    items: list[PostItem] = []
    for number, communication in enumerate(communications):
        letter = letters[f"letter_{number}"]
        if letter.lease is None:
            raise Unknown
        if letter.stage != "approved" and (letter.stage, letter.method) != ("sent", "registered_paper"):
            raise WrongState
        items += [
            PostItem(
                reference=f"{id[:8].upper()}-{len(items) + place:04d}",
                communication=communication,
                addressee=one.to.addressee,
                lease=letter.lease,
            )
            for place, one in enumerate((one for one in letter.addressed if one.state in ("approved", "sent")), 1)
        ]
    if not items:
        raise WrongState
    return [PostBatchMade(items=tuple(items), made_on=on)]


def take_file(
    batch: PostBatch,
    *,
    file: str,
    rows: Iterable[Told],
    leases: tuple[str, ...],
    gone: Collection[str] = (),
    named: NameOf,
    today: date,
    **held: Any,
) -> list[Any]:
    """Record what the carrier tells of each letter; a row that cannot be is named, and keeps no other back.

    :param file: SHA-256 of the file; one that was taken before is taken once.
    :param gone: leases that have gone to another office, where the outcome of their letters is noted.
    :param leases: of the letters; ``held`` has the letters and tasks of each as ``letters_0``, ``tasks_0`` and on.
    :raises WrongState: there is no such batch.
    """
    if any(one.file == file for one in batch.files):
        return []
    if batch.made is None:
        raise WrongState
    letters = {lease: dict(held[f"letters_{number}"]) for number, lease in enumerate(leases)}
    tasks = {lease: dict(held[f"tasks_{number}"]) for number, lease in enumerate(leases)}
    accepted: list[str] = []
    rejected: list[RowRejected] = []
    follows: list[Elsewhere] = []
    # Who got it comes first: of two rows on one envelope the one that says otherwise is named.
    for row in sorted(rows, key=lambda row: OUTCOMES.index(row.outcome) if row.outcome else 0):
        item = batch.items.get(row.reference)
        if item is None or row.outcome is None or row.on is None:
            rejected.append(RowRejected(reference=row.reference[:40], code="UNKNOWN" if item is None else "MALFORMED"))
            continue
        if item.lease in gone:
            rejected.append(RowRejected(reference=row.reference, code="WITH_ANOTHER_OFFICE"))
            continue
        try:
            told = _recorded(row, row.outcome, row.on, item, letters[item.lease])
        except Refusal as no:
            rejected.append(RowRejected(reference=row.reference, code=no.code()))
            continue
        accepted.append(row.reference)
        if not told:
            continue
        letter = letters[item.lease][item.communication]
        opens, closes = tasks_of_reach(letter, [one.event for one in told], id=item.communication, today=today)
        own = tasks[item.lease]
        asked = task_events(opens, closes, lease=item.lease, tasks=own, named=named, told=told[0].event)
        for one in told:
            letters[item.lease][one.id] = _after(letters[item.lease][one.id], one, on=today)
        for one in asked:
            own[one.id] = TASK.evolve(own.get(one.id, TASK.initial), one.event)
        follows += [*told, *asked]
    return [CarrierFileTaken(file=file, accepted=tuple(accepted), rejected=tuple(rejected)), *follows]


def _recorded(
    row: Told, outcome: RowOutcome, on: date, item: PostItem, letters: Mapping[str, Communication]
) -> list[Elsewhere]:
    id, addressee = item.communication, item.addressee
    letter = letters[id]
    match outcome:
        case "delivered":
            events = record_delivered(
                letter,
                id=id,
                letters=letters,
                addressee=addressee,
                on=on,
                proof=row.proof,
                signed_by_other=row.signed_by_other,
            )
        case "not_collected":
            events = record_not_collected(letter, id=id, letters=letters, addressee=addressee, on=on)
        case "refused":
            events = record_refused(letter, id=id, letters=letters, addressee=addressee, on=on)
        case "returned":
            events = record_returned(letter, id=id, letters=letters, addressee=addressee, on=on)
        case _:
            assert_never(outcome)
    return [one if isinstance(one, Elsewhere) else Elsewhere(COMMUNICATION, id, one) for one in events]


def _after(letter: Communication, told: Elsewhere, *, on: date) -> Communication:
    """Return a letter after an event of the same decision, which has no place in the log yet."""
    recorded: Recorded[Any] = Recorded(
        event=told.event,
        id="",
        stream=f"communication/{told.id}",
        version=0,
        occurred_on=on,
        recorded_at=AT_ONCE,
        taken_in_at=AT_ONCE,
        actor="",
    )
    return COMMUNICATION.after(letter, recorded)


def evolve(batch: PostBatch, event: PostBatchEvent) -> PostBatch:
    match event:
        case PostBatchMade():
            return PostBatch(made=event)
        case CarrierFileTaken():
            number = len(batch.files) + 1
            told = {**batch.outcomes, **dict.fromkeys(event.accepted, number)}
            return replace(batch, files=(*batch.files, event), outcomes=told)
        case _:
            assert_never(event)


POST_BATCH = Stream("post-batch", initial=PostBatch(), evolve=evolve, events=PostBatchEvent)
