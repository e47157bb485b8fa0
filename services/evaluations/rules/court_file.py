"""The file for court: made at a place in the ledger, of what was known there and nothing else (domain 10.3)."""

from dataclasses import dataclass
from datetime import datetime

from services.evaluations.events import CourtFileIssued
from shared.decisions import Person, Stream
from shared.refusals import Unknown, WrongState


@dataclass(frozen=True, kw_only=True)
class CourtFile:
    """A file that was issued, or will be."""

    issued: CourtFileIssued | None = None


def issue(
    file: CourtFile, *, lease: str, entries: int, ledger_position: int, as_known_at: datetime, by: Person
) -> list[CourtFileIssued]:
    """Issue the file of a lease, pinned to the ledger at ``ledger_position``. One issued under this id stays as it is.

    :param entries: how many entries the ledger holds about the lease up to there.
    :raises WrongState: the id belongs to the file of another lease.
    :raises Unknown: nothing was known of the lease yet.
    """
    if file.issued is not None:
        if file.issued.lease == lease:
            return []
        raise WrongState
    if not entries:
        raise Unknown
    return [CourtFileIssued(lease=lease, ledger_position=ledger_position, as_known_at=as_known_at, by=by.id)]


def evolve(file: CourtFile, event: CourtFileIssued) -> CourtFile:
    return CourtFile(issued=event)


COURT_FILE = Stream("court-file", initial=CourtFile(), evolve=evolve, events=CourtFileIssued)
