"""Contacts outside home visits: coffee, calls, questions, requests, repairs, complaints (domain 3.2, seed P12)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, assert_never

from services.visits.events import (
    ContactAnswered,
    ContactChannel,
    ContactEvent,
    ContactKind,
    ContactLogged,
    Direction,
    Purpose,
    RepairBy,
)
from services.visits.rules.lease import Lease
from shared.decisions import Elsewhere, Stream
from shared.refusals import DateOrder, WrongState
from shared.sealed import Sealed
from shared.working_days import next_working_day

# Where nobody named a day: what was asked is answered, and a defect repaired, within so many days (own choice).
ANSWER_WITHIN_DAYS: Final = 14
REPAIR_WITHIN_DAYS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One contact, as the log of one lease keeps it."""

    logged: ContactLogged | None = None
    answered: ContactAnswered | None = None

    @property
    def open(self) -> bool:
        """Whether something was asked or reported and is not answered or repaired."""
        return self.logged is not None and self.answered is None and self.logged.owner is not None

    @property
    def open_repair(self) -> bool:
        """Whether a defect that office or owner must repair waits; it shuts the gate landlord-in-order."""
        return self.open and self.logged is not None and self.logged.repair_by is not None


@dataclass(frozen=True, kw_only=True)
class OfLease:
    """The log of one lease: the lease as it is, the id of the entry, and the gist sealed for that lease."""

    lease_id: str
    lease: Lease
    contact: str
    gist: Sealed | None


def log_contact(
    contact: Contact,
    *,
    of: Sequence[OfLease],
    kind: ContactKind,
    channel: ContactChannel,
    direction: Direction,
    on: date,
    purpose: Purpose,
    group: str | None,
    owner: str | None,
    answer_due_on: date | None,
    repair_by: RepairBy | None,
    logged_by: str,
) -> list[ContactEvent | Elsewhere]:
    """Log a contact with the people of one lease or, for a group moment, of several, each in its own log.

    What was asked or reported is somebody's task, with a day: ``owner``'s, or else the lease's counsellor's, or of who
    logged it. A defect is the office's to repair until somebody says that it is the owner's.

    :raises WrongState: the lease was never registered, or its file is closed. :raises DateOrder: due before it came.
    """
    if contact.logged is not None or any(one.lease.state in ("new", "closed") for one in of):
        raise WrongState
    if answer_due_on is not None and answer_due_on < on:
        raise DateOrder
    asked = kind != "presence_contact" and direction == "incoming"
    repairs: RepairBy | None = (repair_by or "office") if kind == "repair_report" else None
    within = REPAIR_WITHIN_DAYS if repairs else ANSWER_WITHIN_DAYS
    due_on = answer_due_on or next_working_day(on + timedelta(days=within))
    logged = [
        ContactLogged(
            lease=one.lease_id,
            kind=kind,
            channel=channel,
            direction=direction,
            contact_on=on,
            gist=one.gist,
            purpose=purpose,
            group=group,
            owner=(owner or one.lease.counsellor or logged_by) if asked else None,
            answer_due_on=due_on if asked else None,
            repair_by=repairs,
        )
        for one in of
    ]
    others = [Elsewhere(CONTACT, one.contact, event) for one, event in zip(of[1:], logged[1:], strict=True)]
    return [*logged[:1], *others]


def answer(contact: Contact, *, on: date, by: str, answer: Sealed | None) -> list[ContactEvent]:
    """Note that what was asked was answered, or what was reported repaired.

    :raises WrongState: nothing waits for an answer. :raises DateOrder: before it was asked.
    """
    if contact.answered is not None:
        return []
    if not contact.open or contact.logged is None:
        raise WrongState
    if on < contact.logged.contact_on:
        raise DateOrder
    return [ContactAnswered(answered_on=on, answered_by=by, answer=answer)]


def evolve(contact: Contact, event: ContactEvent) -> Contact:
    match event:
        case ContactLogged():
            return replace(contact, logged=event)
        case ContactAnswered():
            return replace(contact, answered=event)
        case _:
            assert_never(event)


CONTACT = Stream("contact", initial=Contact(), evolve=evolve, events=ContactEvent)
