"""A message's way to its carrier: each try is recorded before it begins, and what has no outcome is never repeated."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, assert_never

from services.notifications.events import (
    CommunicationRepeated,
    CommunicationSent,
    SendingBegun,
    SendingChannel,
    SendingEvent,
    SendingFailed,
    SendingQueued,
    SendingSettled,
    SendingSucceeded,
    SendingUnknown,
    SettledAs,
)
from services.notifications.rules.communication import Addressed, Communication
from services.notifications.rules.preferences import Wishes, preferred
from shared.contracts.notifications import Method
from shared.decisions import DatedStream, Elsewhere, Recorded
from shared.refusals import ReasonMissing, WrongState
from shared.sealed import Sealed

SendingState = Literal["queued", "sending", "sent", "failed", "unknown", "given_up"]
# Not the moment it was queued: a clock that is set back keeps nothing waiting.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_TRY: Final = timedelta(seconds=120)  # a carrier that answers byte by byte holds no hand for ever
LET_GO_AFTER: Final = LONGEST_TRY + timedelta(seconds=30)  # a hand begins its try a moment after it is recorded


@dataclass(frozen=True, kw_only=True)
class Sending:
    """One message to one addressee by one channel."""

    queued: SendingQueued | None = None  # None: there is none with this id
    state: SendingState = "queued"
    attempt: int = 0
    since_settled: int = 0  # tries since it was queued, or since a person let it go again
    due_at: datetime = AT_ONCE
    because: str | None = None
    reference: str | None = None
    settled_by: str | None = None
    why: Sealed | None = None


def channel_of(method: Method, *, on: Iterable[SendingChannel]) -> SendingChannel | None:
    """Return the channel that this service carries a method by; None where people do it.

    :param on: the channels that are switched on.
    """
    return next((channel for channel in on if channel == method), None)


def queued_for(
    letter: Communication,
    *,
    id: str,
    channel: SendingChannel,
    on: date,
    carried: tuple[SendingChannel, ...] = (),
    wishes: Wishes | None = None,
    left_out: tuple[str, ...] = (),
) -> list[SendingQueued]:
    """Return what waits to leave when ``letter`` is sent by ``channel`` on a day: one for each addressee it is for.

    Who asked for another channel that this service carries, and by which the kind may go, gets it that way.
    """
    return [
        SendingQueued(
            lease=letter.lease or "",
            communication=id,
            addressee=one.to.addressee,
            channel=channel_of(
                preferred(letter.kind, one.to.party, wishes or {}, on=on, among=carried) or channel, on=carried
            )
            or channel,
            key=f"{id}.{one.to.addressee}",
        )
        for one in letter.addressed
        if one.to.addressee not in left_out
    ]


def leaves(
    letter: Communication,
    events: Iterable[Any],
    *,
    id: str,
    carried: tuple[SendingChannel, ...],
    wishes: Wishes,
    named: Callable[[str, str], str],
) -> list[Elsewhere]:
    """Return what waits for its carrier once ``events`` send the letter; nothing where people bring it.

    A letter is sent once, so what waits for its carrier is new as well.

    :param carried: the channels that this service carries itself.
    :param named: the id of the sending of a communication to an addressee.
    """
    sent = next((event for event in events if isinstance(event, CommunicationSent)), None)
    channel = channel_of(sent.method, on=carried) if sent else None
    if sent is None or channel is None:
        return []
    waiting = queued_for(
        letter, id=id, channel=channel, on=sent.sent_on, carried=carried, wishes=wishes, left_out=sent.left_out
    )
    return [
        Elsewhere(SENDING, named(id, one.addressee), event) for one in waiting for event in queue(Sending(), queued=one)
    ]


def leaves_again(
    communication: Communication,
    events: Iterable[Any],
    *,
    id: str,
    carried: tuple[SendingChannel, ...],
    named: Callable[[str, str], str],
) -> list[Elsewhere]:
    """Return what waits for its carrier once ``events`` send again what did not arrive, as communication ``id``.

    The channel is the one that a person chose for this time.
    """
    repeated = next(
        (one.event for one in events if isinstance(one, Elsewhere) and isinstance(one.event, CommunicationRepeated)),
        None,
    )
    channel = channel_of(repeated.method, on=carried) if repeated else None
    if repeated is None or channel is None:
        return []
    again = replace(communication, addressed=tuple(Addressed(to=to) for to in repeated.addressees))
    return [
        Elsewhere(SENDING, named(id, one.addressee), event)
        for one in queued_for(again, id=id, channel=channel, on=repeated.sent_on, carried=carried)
        for event in queue(Sending(), queued=one)
    ]


def queue(sending: Sending, *, queued: SendingQueued) -> list[SendingEvent]:
    """Let a message wait for its carrier; one that waited before is never queued again."""
    return [] if sending.queued is not None else [queued]


def begin(sending: Sending, *, now: datetime) -> list[SendingEvent]:
    """Begin a try, if the message waits and it is time."""
    if sending.queued is None or sending.state != "queued" or sending.due_at > now:
        return []
    return [SendingBegun(attempt=sending.attempt + 1)]


def succeed(sending: Sending, *, attempt: int, reference: str | None) -> list[SendingEvent]:
    """Record that the carrier has it; also when the try had been taken for lost meanwhile."""
    if sending.attempt != attempt or sending.state not in ("sending", "unknown"):
        return []
    return [SendingSucceeded(attempt=attempt, reference=reference)]


def fail(sending: Sending, *, attempt: int, because: str, again_at: datetime | None) -> list[SendingEvent]:
    """Record that it did not leave, for certain."""
    if sending.attempt != attempt or sending.state != "sending":
        return []
    return [SendingFailed(attempt=attempt, because=because, again_at=again_at)]


def lose(sending: Sending, *, because: Literal["cut", "ended"], attempt: int | None = None) -> list[SendingEvent]:
    """Record that nobody knows whether it left."""
    if sending.state != "sending" or attempt not in (None, sending.attempt):
        return []
    return [SendingUnknown(attempt=sending.attempt, because=because)]


def doubt(sending: Sending) -> list[SendingEvent]:
    """Keep a message back that may have left, or did, before a restore: a person settles it."""
    if sending.queued is None or sending.state not in ("queued", "sending"):
        return []
    return [SendingUnknown(attempt=sending.attempt, because="restored")]


def settle(sending: Sending, *, outcome: SettledAs, why: Sealed | None, now: datetime) -> list[SendingEvent]:
    """Let a person say what holds: it arrived, it shall go again, or it is given up.

    What was under way when its process went is begun again only once no process can have that try in its hand any
    more: one that was displaced, and did not end, gives it up by then.

    :raises WrongState: its outcome is known, or still to come.
    :raises ReasonMissing: no reason given.
    """
    if sending.settled_by is not None and _after(outcome) == sending.state:
        return []
    if sending.state not in ("unknown", "failed") or (sending.state == "failed" and outcome == "sent"):
        raise WrongState
    if why is None:
        raise ReasonMissing
    held = outcome == "send_again" and sending.because == "ended"
    return [SendingSettled(outcome=outcome, why=why, again_at=now + LET_GO_AFTER if held else None)]


def needs_person(events: list[SendingEvent]) -> bool:
    """Whether somebody has to look after what just happened."""
    return any(
        isinstance(one, SendingUnknown) or (isinstance(one, SendingFailed) and one.again_at is None) for one in events
    )


def _after(outcome: SettledAs) -> SendingState:
    match outcome:
        case "sent":
            return "sent"
        case "send_again":
            return "queued"
        case "given_up":
            return "given_up"


def evolve(sending: Sending, recorded: Recorded[SendingEvent]) -> Sending:
    event = recorded.event
    match event:
        case SendingQueued():
            return Sending(queued=event)
        case SendingBegun():
            return replace(
                sending,
                state="sending",
                attempt=event.attempt,
                since_settled=sending.since_settled + 1,
            )
        case SendingSucceeded():
            return replace(sending, state="sent", because=None, reference=event.reference)
        case SendingFailed(again_at=None):
            return replace(sending, state="failed", because=event.because)
        case SendingFailed():
            return replace(sending, state="queued", because=event.because, due_at=event.again_at or sending.due_at)
        case SendingUnknown():
            return replace(sending, state="unknown", because=event.because)
        case SendingSettled():
            return replace(
                sending,
                state=_after(event.outcome),
                since_settled=0,
                due_at=event.again_at or AT_ONCE,
                settled_by=recorded.actor,
                why=event.why,
            )
        case _:
            assert_never(event)


SENDING = DatedStream("sending", initial=Sending(), evolve=evolve, events=SendingEvent)
