"""What every service says about its own log, under the office code ``platform`` (contract 4)."""

from dataclasses import dataclass

from msgspec import Struct


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many events of one name an office has among those published, up to the head."""

    office: str
    event: str  # short name: "VisitRecorded"
    events: int


@dataclass(frozen=True, kw_only=True)
class VoidFrom:
    """An older epoch, and the first of its positions that a restore made void."""

    epoch: int
    position: int


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the announcer holds of a publisher: one of its positions, in its epoch, and the bytes that it was told.

    The publisher compares: one whose log is shorter, or holds something else there, was restored from a backup.
    """

    publisher: str
    epoch: int
    position: int  # up to which nothing is missing; or the one at which the publisher contradicts itself
    digest: str  # SHA-256 of the envelope's bytes, hexadecimal


class HistoryRequestedV1(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A consumer misses events of ``publisher``; who publishes them sends those bytes again and announces its head.

    With ``from`` behind ``until`` nothing is missing and only the head is asked for.
    """

    # Not a dataclass as the others: the public name ``from`` is a keyword of Python.
    publisher: str
    epoch: int
    from_: int
    until: int  # included


@dataclass(frozen=True, kw_only=True)
class LogHeadAnnouncedV1:
    """How far a service's log reaches, so that a consumer of all or of a part can compare. Daily, and on request.

    The announcement itself lies behind ``position`` and is in no count.
    """

    epoch: int
    position: int  # the last published one
    counts: tuple[Count, ...]
    log_position: int  # the last one of the whole log, private events included
    log_hash: str  # of the whole log, hexadecimal
    void: tuple[VoidFrom, ...] = ()
    # What the announcer misses itself, for a publisher that hears nothing else of it (contract 4).
    misses: tuple[HistoryRequestedV1, ...] = ()
    heard: tuple[Heard, ...] = ()
