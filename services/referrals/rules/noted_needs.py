"""Needs that a counsellor noted in the report of a visit: where a referral often begins (P04)."""

from dataclasses import dataclass
from datetime import date

from services.referrals.events import NotedNeedsEvent
from shared.decisions import Stream
from shared.sealed import Sealed


@dataclass(frozen=True, kw_only=True)
class NotedNeeds:
    """What the report of one visit says about needs; empty until it is fixed, or when it names none."""

    lease: str = ""
    visit: str = ""
    noted_on: date | None = None
    needs: tuple[Sealed, ...] = ()


def evolve(_before: NotedNeeds, event: NotedNeedsEvent) -> NotedNeeds:
    return NotedNeeds(lease=event.lease, visit=event.visit, noted_on=event.visit_on, needs=event.needs)


NOTED_NEEDS = Stream("noted-needs", initial=NotedNeeds(), evolve=evolve, events=NotedNeedsEvent)
