"""Lasting (blijvend): computed from the dates of findings that repeat each other, never judged (domain 3.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

OBSERVATIONS_AT_LEAST = 2


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What of a finding persistence depends on.

    :ivar counts: it is the renter's, no mistake, and of a day that is not in doubt.
    :ivar ends_chain: it was resolved, or nobody could help it.
    """

    item: str
    on: date
    counts: bool
    ends_chain: bool
    repeats: str | None


@dataclass(frozen=True, kw_only=True)
class Persistence:
    """How often and how long a shortcoming was seen, and whether that is lasting."""

    observations: int
    persistent_days: int
    lasting: bool


def persistence(seen: Mapping[str, Seen], finding: str, *, lasting_after_days: int | None) -> Persistence:
    """Walk back from a finding along what it repeats, as far as the chain holds.

    It holds over findings of one item that are the renter's, no mistake, and of a day that is not in doubt; one that
    was resolved, or that force majeure excused, lies before the chain, not in it. The finding itself counts whatever
    became of it since.

    :param lasting_after_days: the item's days; None: this item is never lasting.
    """
    days: list[date] = []
    walked: set[str] = set()
    at: str | None = finding
    while at is not None and at in seen and at not in walked:
        here = seen[at]
        if not here.counts or here.item != seen[finding].item or (here.ends_chain and at != finding):
            break
        walked.add(at)
        days.append(here.on)
        at = here.repeats
    long = (max(days) - min(days)).days if days else 0
    lasting = lasting_after_days is not None and len(days) >= OBSERVATIONS_AT_LEAST and long >= lasting_after_days
    return Persistence(observations=len(days), persistent_days=long, lasting=lasting)
