"""The file for court: made at a place in the ledger, of what was known there and nothing else (domain 10.3)."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.evaluations.events import CourtFileIssued
from shared.decisions import Person, Stream
from shared.refusals import Unknown, has_begun


@dataclass(frozen=True, kw_only=True)
class CourtFile:
    """A file that was issued, or will be."""

    issued: CourtFileIssued | None = None


def issue(
    file: CourtFile,
    *,
    lease: str,
    entries: int,
    ledger_position: int,
    as_known_at: datetime,
    asked_for: bool = False,
    by: Person,
) -> list[CourtFileIssued]:
    """Issue the file of a lease, pinned to the ledger at ``ledger_position``. One issued under this id stays as it is.

    :param entries: how many entries the ledger holds about the lease up to there.
    :param asked_for: whether that moment was asked for; else it is the end of the ledger, which moves on.
    :raises WrongState: the id belongs to another file.
    :raises Unknown: nothing was known of the lease yet.
    """
    issued = CourtFileIssued(lease=lease, ledger_position=ledger_position, as_known_at=as_known_at, by=by.id)
    before = file.issued
    if before is not None and not asked_for:
        issued = replace(issued, ledger_position=before.ledger_position, as_known_at=before.as_known_at)
    if has_begun(before, issued):
        return []
    if not entries:
        raise Unknown
    return [issued]


def evolve(file: CourtFile, event: CourtFileIssued) -> CourtFile:
    return CourtFile(issued=event)


COURT_FILE = Stream("court-file", initial=CourtFile(), evolve=evolve, events=CourtFileIssued)
