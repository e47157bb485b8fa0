"""What referrals must know of a lease: whether help can still be offered, who guides it, who its parties are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from services.referrals.events import LeaseEvent
from shared.contracts.visits import (
    CounsellorAssignedV1,
    LeaseClosedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    LeaseStartedV1,
    NoticeRunningV1,
    NoticeStoppedV1,
    OfficeChangedV1,
    PartyAddedV1,
    PartyLeftV1,
    PartyV1,
)
from shared.decisions import Stream
from shared.refusals import WrongState

LeaseState = Literal["unknown", "prepared", "running", "notice_running", "ended", "closed"]


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A lease as visits told of it. ``counsellor`` is the person who guides it now."""

    state: LeaseState = "unknown"
    counsellor: str | None = None
    parties: Mapping[str, PartyV1] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether it has ended; guidance and referrals go on up to then, also while a notice runs (domain 3.6)."""
        return self.state in ("ended", "closed")


def must_not_be_over(lease: Lease) -> None:
    """Refuse what is only possible while the lease lasts.

    :raises WrongState: the lease has ended.
    """
    if lease.is_over:
        raise WrongState


def evolve(lease: Lease, event: LeaseEvent) -> Lease:
    match event:
        case LeaseRegisteredV1():
            return replace(lease, state="prepared", parties={party.id: party for party in event.parties})
        case CounsellorAssignedV1():
            return replace(lease, counsellor=event.counsellor)
        case LeaseStartedV1():
            return replace(lease, state="running", counsellor=event.counsellor)
        case NoticeRunningV1():
            return replace(lease, state="notice_running")
        case NoticeStoppedV1():
            return replace(lease, state="running")
        case PartyAddedV1():
            return replace(lease, parties={**lease.parties, event.party.id: event.party})
        case PartyLeftV1():
            return replace(lease, parties={key: party for key, party in lease.parties.items() if key != event.party})
        case LeaseEndedV1():
            return replace(lease, state="ended")
        case LeaseClosedV1():
            return replace(lease, state="closed")
        case OfficeChangedV1():
            return lease  # with whom it is follows from where its events lie
        case _:
            assert_never(event)


LEASE = Stream("lease", initial=Lease(), evolve=evolve, events=LeaseEvent)
