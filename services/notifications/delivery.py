"""Handing messages to the world: e-mail over SMTP, SMS and WhatsApp through a gateway. Nothing else calls it.

A message leaves in steps of its own, after the event that sends it: the try is recorded, the carrier is called, the
outcome is recorded. What was begun and has no outcome may have left; it is ``unknown`` and a person settles it. What
leaves is decided from the sending's own stream, so that no replay, rebuild or second delivery sends anything.
"""

import asyncio
import collections
import contextlib
import hashlib
import hmac
import json
import ssl
import tomllib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as AS_SENT
from functools import cache, partial
from pathlib import Path
from traceback import format_tb
from typing import Any, Final, Protocol, get_args
from urllib.parse import unquote, urlsplit

import aiosmtplib
import asyncpg
import httpx
import structlog
from prometheus_client import Counter, Gauge

from services.notifications import views
from services.notifications.events import Addressee, SendingBegun, SendingChannel, SendingQueued
from services.notifications.freezing import from_letters
from services.notifications.letters import HERE, OFFICE, wishes_of
from services.notifications.names import task_named
from services.notifications.rules.carrying import CARRYING, Carrying, notice_restore
from services.notifications.rules.communication import COMMUNICATION, Communication
from services.notifications.rules.following import Closing, Opening, and_tasks
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile, contacts_of
from services.notifications.rules.office import OFFICE_CARD, OFFICE_DETAILS, OfficeCard, current
from services.notifications.rules.preferences import in_their_language
from services.notifications.rules.sending import (
    LONGEST_TRY,
    SENDING,
    Sending,
    begin,
    doubt,
    fail,
    lose,
    needs_person,
    succeed,
)
from services.notifications.rules.task import TASK, Task
from shared import fail_points
from shared.bus import Seldom
from shared.clock import Clock, seconds_running
from shared.day import Day
from shared.event_sourcing import EventStore, Read, StoreBusy, one
from shared.lost import LOST, is_away
from shared.settings import Settings
from shared.working_days import add_working_days

log = structlog.get_logger()

TRIES = Counter("huurspoor_sendings", "Tries to hand a message to its carrier", ["channel", "outcome"])
PUT_OFF = Gauge("huurspoor_sendings_put_off", "Messages that fail here, by no fault of a carrier")
DELAYS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
)  # after the last of them a person looks
AT_ONCE: Final = 4  # messages of a channel on their way at a time
LOOK_SECONDS: Final = 0.5
LONGEST_PAUSE: Final = 3600.0  # before what failed here is tried again
CARRIER_SECONDS: Final = 30.0  # for each step of the conversation
MOST_AT_A_LOOK: Final = 50
LONGEST_ANSWER: Final = 64 * 1024  # of a gateway; the rest is not read
SECONDS_TO_FINISH: Final = 8.0
WORKING_DAYS_TO_SETTLE: Final = 1
DUE: Final = (
    "select office, sending, channel, state from (select *, row_number() over"
    " (partition by channel, state order by due_at, sending) as place from sending_queue"
    " where (state = 'sending' or (due_at <= $1 and channel = any ($2)))"
    " and office || ' ' || sending <> all ($4)) waiting"
    " where state = 'sending' or place <= $3 order by due_at, sending"
)
"""What is due and not put off, the longest waiting first, of each channel as many as one look can begin or pass on."""
OFFICES: Final = "select office from office union select office from sending_queue order by office"


class NotSent(Exception):
    """It did not leave, for certain. :ivar because: a word of ours. :ivar for_good: another try would fail the same."""

    def __init__(self, because: str, *, for_good: bool = False) -> None:
        super().__init__(because)
        self.because = because
        self.for_good = for_good


class NobodyKnows(Exception):
    """The carrier fell silent after it may have taken the message."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What leaves: to one addressee, that there is a message and from which office; an e-mail carries the letter."""

    key: str
    channel: SendingChannel
    to: str
    office: str  # its code
    office_name: str
    reply_to: str | None
    subject: str
    text: str
    letter: bytes | None  # the PDF as frozen; only with e-mail
    language: str
    at: datetime


class Channel(Protocol):
    """A way out of the house."""

    async def hand_over(self, message: Message) -> str | None:
        """Hand a message to its carrier; answer its reference there.

        :raises NotSent: for certain. :raises NobodyKnows: it may have left.
        """


# E-mail


class Mail:
    """An SMTP server that is spoken to under TLS only."""

    def __init__(
        self, address: str, *, password: str | None, sender: str, trust: Path | None = None, seconds: float
    ) -> None:
        parts = urlsplit(address)
        self._at_once_tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._at_once_tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = password
        self._sender = sender
        self._seconds = seconds
        self._tls = ssl.create_default_context(cafile=str(trust) if trust else None)

    async def hand_over(self, message: Message) -> str | None:
        """Hand over an e-mail with its letter. Refused or cut before the data: it did not leave."""
        if not _is_mail_address(message.to):
            raise NotSent("bad_address", for_good=True)
        body = as_email(message, sender=self._sender).as_bytes(policy=AS_SENT)
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._seconds,
            use_tls=self._at_once_tls,
            start_tls=not self._at_once_tls,
            tls_context=self._tls,
            username=self._user,
            password=self._password,
        )
        try:
            try:
                await client.connect()
                await client.mail(self._sender)
                await client.rcpt(message.to)
            except aiosmtplib.SMTPResponseException as why:
                raise NotSent("refused_by_server", for_good=_for_good(why)) from why
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as why:
                raise NotSent("server_away") from why
            try:
                reply = await client.data(body)
            except aiosmtplib.SMTPDataError as why:
                raise NotSent("refused_by_server", for_good=_for_good(why)) from why
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as why:
                raise NobodyKnows from why
            return str(reply.code)
        finally:
            client.close()


def _is_mail_address(text: str) -> bool:
    user, _, domain = text.rpartition("@")
    return bool(user and domain) and "@" not in user and text.isascii() and text.isprintable() and not set(text) & _ODD


def _fits(channel: SendingChannel, text: str) -> bool:
    """Whether an address is one of the channel; where a letter goes, no message does."""
    if channel == "email":
        return _is_mail_address(text)
    digits = text.removeprefix("+").replace(" ", "")
    return text.startswith(("+", "0")) and digits.isascii() and digits.isdecimal()


_ODD: Final = frozenset(' ,;:<>()[]"\\')


def _for_good(why: aiosmtplib.SMTPResponseException) -> bool:
    """Whether the server says never; how we log in, and STARTTLS, are ours to mend, so they are tried again."""
    return isinstance(why, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError) and 500 <= why.code < 600


def as_email(message: Message, *, sender: str) -> EmailMessage:
    """Return the message as an e-mail; its Message-ID is the same at every try."""
    user, _, domain = sender.rpartition("@")
    mail = EmailMessage()
    mail["From"] = Address(" ".join(message.office_name.split()), user, domain)
    mail["To"] = message.to
    if message.reply_to and _is_mail_address(message.reply_to):  # as somebody typed it
        mail["Reply-To"] = message.reply_to
    mail["Subject"] = message.subject
    mail["Date"] = message.at
    mail["Message-ID"] = f"<{message.key}@{message.office}.huurspoor>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    if message.letter is not None:
        mail.add_attachment(message.letter, maintype="application", subtype="pdf", filename="bericht.pdf")
    return mail


# SMS and WhatsApp


class Gateway:
    """A gateway that sends SMS and WhatsApp messages; its contract is docs/gateway.md."""

    def __init__(self, address: str, *, secret: bytes, clock: Clock, seconds: float) -> None:
        self._address = address.rstrip("/") + "/messages"
        self._secret = secret
        self._clock = clock
        self._seconds = seconds

    async def hand_over(self, message: Message) -> str | None:
        """Hand a short message to the gateway, signed, under its key; in the clear only on this machine."""
        if not _is_private(self._address):
            raise NotSent("not_encrypted", for_good=True)
        body = json.dumps(
            {
                "id": message.key,
                "channel": message.channel,
                "to": message.to,
                "office": message.office,
                "language": message.language,
                "text": message.text,
            },
            ensure_ascii=False,
        ).encode()
        at = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            "Huurspoor-Timestamp": at,
            "Huurspoor-Signature": signature(self._secret, at=at, key=message.key, body=body),
        }
        try:
            async with (
                httpx.AsyncClient(timeout=self._seconds, trust_env=False) as client,
                client.stream("POST", self._address, content=body, headers=headers) as answer,
            ):
                told = await _beginning_of(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as why:
            raise NotSent("gateway_away") from why
        except httpx.TransportError as why:
            raise NobodyKnows from why
        if answer.is_success:
            return _reference(told)
        if answer.status_code in (408, 409, 425, 429, 503):
            raise NotSent("gateway_busy")
        if answer.status_code in (401, 403, 404):
            raise NotSent("gateway_refuses_us")
        if answer.is_client_error:
            raise NotSent("refused_by_gateway", for_good=True)
        raise NobodyKnows


def _is_private(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1", "localhost")


def signature(secret: bytes, *, at: str, key: str, body: bytes) -> str:
    """Return the signature of a request: HMAC-SHA-256 over time, key and body, as docs/gateway.md writes it."""
    signed = b".".join((at.encode(), key.encode(), body))
    return f"v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


async def _beginning_of(answer: httpx.Response) -> bytes:
    """Return an answer as far as it can tell anything; its status holds when the rest is cut or cannot be read."""
    told = bytearray()
    with contextlib.suppress(httpx.TransportError, httpx.DecodingError):
        async for part in answer.aiter_bytes():
            told += part
            if len(told) > LONGEST_ANSWER:
                break
    return bytes(told[:LONGEST_ANSWER])


def _reference(told: bytes) -> str | None:
    with contextlib.suppress(ValueError):
        found = json.loads(told)
        if isinstance(found, dict) and isinstance(reference := found.get("reference"), str):
            return reference[:200] if reference.isprintable() else None  # what is no text, no database takes
    return None


# What is switched on


def channels(settings: Settings) -> tuple[SendingChannel, ...]:
    """Return the channels that a platform with these settings carries itself."""
    email: tuple[SendingChannel, ...] = ("email",) if settings.smtp and settings.smtp_from else ()
    named = {name.strip() for name in settings.gateway_channels.split(",")}
    short: tuple[SendingChannel, ...] = get_args(SendingChannel)
    return (*email, *(one for one in short if settings.gateway and one != "email" and one in named))


@cache
def channels_here() -> tuple[SendingChannel, ...]:
    """Return the channels that this process carries itself; messages by others are sent by people."""
    return channels(Settings())


def channels_of(settings: Settings, clock: Clock) -> Mapping[SendingChannel, Channel]:
    """Return the carriers that the settings name."""
    made: dict[SendingChannel, Channel] = {}
    for channel in channels(settings):
        if channel == "email":
            password = settings.smtp_password_file
            made[channel] = Mail(
                settings.smtp,
                password=password.read_text(encoding="utf-8").strip() if password else None,
                sender=settings.smtp_from,
                trust=settings.smtp_trust_file,
                seconds=CARRIER_SECONDS,
            )
        else:
            secret = settings.gateway_secret_file
            made[channel] = Gateway(
                settings.gateway,
                secret=secret.read_bytes().strip() if secret else b"",
                clock=clock,
                seconds=CARRIER_SECONDS,
            )
    return made


def carry(store: EventStore, settings: Settings, clock: Clock, every_office: asyncpg.Pool) -> Coroutine[Any, Any, None]:
    """Return the work of carrying messages.

    Without any carrier it still tells of what an earlier process had under way: a carrier may be taken away.
    """
    return Delivery(store, channels_of(settings, clock), clock, every_office).run()


# The step of its own


class OfEveryOffice(Protocol):
    """Connections of the role that sees every office."""

    async def fetch(self, query: str, *values: Any) -> list[Any]: ...


class Delivery:
    """Hands what waits to its carriers, a few at a time, until cancelled.

    A process that stands by for another leaves the work to it. A message that fails here, by no fault of its carrier or
    of a store that is away, is put off ever longer and keeps no other back.
    """

    def __init__(
        self,
        store: EventStore,
        carriers: Mapping[SendingChannel, Channel],
        clock: Clock,
        every_office: OfEveryOffice,
        *,
        delays: Sequence[timedelta] = DELAYS,
    ) -> None:
        self._store = store
        self._carriers = carriers
        self._clock = clock
        self._every_office = every_office
        self._delays = delays
        self._ending = False
        self._epoch = 1  # for which what waits was looked at
        self._under_way: dict[tuple[str, str], tuple[SendingChannel, asyncio.Task[None]]] = {}
        self._put_off: dict[tuple[str, str], tuple[float, float]] = {}  # until when, and for how long
        self._seldom = Seldom()

    async def run(self) -> None:
        """Look for what is due, again and again."""
        try:
            while True:
                if self._store.writer.ready.is_set():
                    try:
                        await self.look()
                    except (StoreBusy, asyncpg.PostgresError, *LOST) as why:
                        self._seldom.warn("sending-waits-for-the-store", type(why).__name__)
                await self._until_a_hand_is_free()
        finally:
            # What is with its carrier gets the time to be recorded; the rest waits in the queue.
            self._ending = True
            if self._under_way:
                await asyncio.wait(self._tasks(), timeout=SECONDS_TO_FINISH)

    async def _until_a_hand_is_free(self) -> None:
        if self._under_way:
            await asyncio.wait(self._tasks(), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(LOOK_SECONDS)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for _, task in self._under_way.values()]

    async def look(self) -> None:
        """Begin what is due, as far as hands are free; what has no outcome and is in no hand is unknown.

        Each channel has hands of its own: a carrier that is slow or away keeps no message of another back.
        """
        await self._keep_back_after_restore()
        again = {place for place, (until, _) in self._put_off.items() if until <= seconds_running()}
        put_off = [" ".join(place) for place in self._put_off if place not in again]
        found = await self._every_office.fetch(DUE, self._clock.now(), list(self._carriers), MOST_AT_A_LOOK, put_off)
        for place in again - {(row["office"], row["sending"]) for row in found}:
            self._put_off.pop(place)  # it waits no longer
        PUT_OFF.set(len(self._put_off))
        busy = collections.Counter(channel for channel, _ in self._under_way.values())
        for row in found:
            place, channel = (row["office"], row["sending"]), row["channel"]
            if place in self._under_way:
                continue
            if row["state"] == "sending":
                await self._unless_it_fails(place, self._record(*place, partial(lose, because="ended")))
            elif busy[channel] < AT_ONCE:
                task = asyncio.create_task(self._carry(*place))
                self._under_way[place] = (channel, task)
                busy[channel] += 1
                task.add_done_callback(partial(self._done, place))

    async def _keep_back_after_restore(self) -> None:
        """Keep back, in every office and before anything leaves, what waited when a backup was taken."""
        epoch = self._store.writer.epoch
        if epoch == self._epoch:
            return
        for row in await self._every_office.fetch(OFFICES):
            await keep_back_after_restore(self._store, Day(office=row["office"], date=self._clock.today()))
        self._epoch = epoch

    def _done(self, place: tuple[str, str], _task: asyncio.Task[None]) -> None:
        self._under_way.pop(place, None)

    async def finish(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._tasks())

    async def _carry(self, office: str, id: str) -> None:
        try:
            await self._unless_it_fails((office, id), self._try(office, id))
        except (StoreBusy, asyncpg.PostgresError, *LOST) as why:
            self._seldom.warn("sending-waits-for-the-store", type(why).__name__)

    async def _unless_it_fails(self, place: tuple[str, str], work: Awaitable[Any]) -> None:
        """Do the work on a message, or put it off. :raises StoreBusy, PostgresError, OSError: the store is away."""
        try:
            await work
        except Exception as why:
            if is_away(why):
                raise
            # Neither message nor values: they may hold what no log may.
            log.error("sending-failed", because=type(why).__name__, where=format_tb(why.__traceback__)[-3:])
            _, before = self._put_off.get(place, (0.0, LOOK_SECONDS))
            pause = min(before * 2, LONGEST_PAUSE)
            self._put_off[place] = seconds_running() + pause, pause
        else:
            self._put_off.pop(place, None)

    async def _try(self, office: str, id: str) -> None:
        sending: Sending = await self._store.state(SENDING, id, by=_of(office))
        if sending.queued is None or sending.queued.channel not in self._carriers:
            return
        channel = sending.queued.channel
        message: Message | NotSent
        try:
            message = await self._message(office, sending)
        except NotSent as why:
            message = why
        if self._ending:
            return
        begun = await self._record(office, id, partial(begin, now=self._clock.now()))
        attempt = next((one.event.attempt for one in begun if isinstance(one.event, SendingBegun)), None)
        if attempt is None:
            return
        outcome: Callable[..., Any]
        try:
            if isinstance(message, NotSent):
                raise message
            fail_points.reach("before the send")
            async with asyncio.timeout(LONGEST_TRY.total_seconds()):
                reference = await self._carriers[channel].hand_over(message)
            fail_points.reach("after the send")
            outcome, told = partial(succeed, attempt=attempt, reference=reference), "sent"
        except NotSent as why:
            tried = sending.since_settled
            again = None if why.for_good or tried >= len(self._delays) else self._clock.now() + self._delays[tried]
            outcome, told = partial(fail, attempt=attempt, because=why.because, again_at=again), why.because
        except (NobodyKnows, TimeoutError):
            outcome, told = partial(lose, because="cut", attempt=attempt), "unknown"
        TRIES.labels(channel, told).inc()
        await self._until_recorded(office, id, outcome)
        fail_points.reach("after the outcome")

    async def _until_recorded(self, office: str, id: str, outcome: Callable[..., Any]) -> None:
        """Record an outcome, however long the store is away: it is known here and nowhere else.

        One that the store does not take stays unknown, and a person settles it.
        """
        while True:
            try:
                await self._record(office, id, outcome)
                return
            except (StoreBusy, asyncpg.PostgresError, *LOST) as why:
                if not is_away(why):
                    raise
                self._seldom.warn("sending-outcome-waits-for-the-store", type(why).__name__)
                await asyncio.sleep(LOOK_SECONDS)

    async def _record(self, office: str, id: str, decision: Callable[..., Any]) -> Sequence[Any]:
        by = _of(office, self._clock, id)
        decided = await self._store.decide(
            SENDING, id, settled_or_asked(decision, id=id, today=self._clock.today()), by=by, reads=task_to_settle(id)
        )
        return decided.events

    async def _message(self, office: str, sending: Sending) -> Message:
        """Return what leaves, made from the facts as they are now."""
        assert sending.queued is not None
        by, queued = _of(office), sending.queued
        letter: Communication = await self._store.state(COMMUNICATION, queued.communication, by=by)
        addressed = letter.of(queued.addressee)
        file: LeaseFile = await self._store.state(LEASE_FILE, queued.lease, by=by)
        if addressed is None:
            raise NotSent("no_addressee", for_good=True)
        to = await self._address(office, file, addressed.to, queued.channel)
        card: OfficeCard = await self._store.state(OFFICE_CARD, OFFICE, by=by)
        details = current(await self._store.state(OFFICE_DETAILS, OFFICE, by=by))
        wishes = await wishes_of(self._store, (addressed.to,), by=by)
        (to_whom,) = in_their_language((addressed.to,), wishes, on=self._clock.today())
        language = to_whom.language or "nl"
        name = card.name or office
        words = said(language, office=name, phone=details.phone if details else "")
        short = queued.channel != "email"
        return Message(
            key=queued.key,
            channel=queued.channel,
            to=to,
            office=office,
            office_name=name,
            reply_to=details.email if details else None,
            subject=words["subject"],
            text=words["short" if short else "body"],
            letter=None if short else await self._bytes(office, letter, queued),
            language=language,
            at=self._clock.now(),
        )

    async def _address(self, office: str, file: LeaseFile, to: Addressee, channel: SendingChannel) -> str:
        """Return where a message goes: an address given for this addressee alone, else the one that the lease knows."""
        given = await self._store.seals.open(office, None, to.address) if to.address is not None else None
        if given is not None and _fits(channel, given.strip()):
            return given.strip()
        contact = next((one for one in contacts_of(file, to) if one.kind == channel), None)
        if contact is None:
            raise NotSent("no_address", for_good=True)
        address = await self._store.seals.open(office, None, contact.value)
        if address is None:
            raise NotSent("erased", for_good=True)
        return address.strip()

    async def _bytes(self, office: str, letter: Communication, queued: SendingQueued) -> bytes:
        """Return the letter as its addressee gets it: nothing that is addressed to another."""
        first = letter.first or queued.communication
        sealed = await views.bytes_of(self._store, first, addressee=queued.addressee, by=_of(office))
        text = await self._store.seals.open(office, "pdf", sealed) if sealed else None
        if text is None:
            raise NotSent("erased", for_good=True)
        return from_letters(text)


async def keep_back_after_restore(store: EventStore, day: Day) -> None:
    """Let a person settle what waited when the backup was taken, once for each restore.

    What days bring that were done before the restore already is kept back as well (``days``).
    """
    epoch = store.writer.epoch
    if epoch == 1:
        return
    by = day.of(f"restore {epoch}")
    carrying: Carrying = await store.state(CARRYING, OFFICE, by=by)
    if carrying.epoch >= epoch:
        return
    for id in await views.messages_waiting(store, by=by):
        kept_back = settled_or_asked(doubt, id=id, today=day.date)
        await store.decide(SENDING, id, kept_back, by=by, reads=task_to_settle(id))
    await store.decide(CARRYING, OFFICE, partial(notice_restore, epoch=epoch), by=by)


def settled_or_asked(decision: Callable[[Sending], list[Any]], *, id: str, today: date) -> Callable[..., list[Any]]:
    """Return a decision that asks a person where nobody knows or nothing helps, until it is known after all.

    It looks at ``task_to_settle``.
    """
    opening, closing = to_settle(id, today=today), Closing(kind="message_to_settle", about_id=id)

    def decide(sending: Sending, **tasks: Task) -> list[Any]:
        return and_tasks(
            sending,
            decision=decision,
            follows=lambda _sending, events: ((opening,), ()) if needs_person(events) else ((), (closing,)),
            lease=sending.queued.lease if sending.queued else None,
            named=task_named,
            tasks=tasks,
        )

    return decide


def task_to_settle(sending: str) -> dict[str, Read]:
    """Return what a decision about a sending looks at: its task, by the id of that."""
    task = task_named("message_to_settle", sending)
    return {task: one(TASK, task)}


def to_settle(sending: str, *, today: date) -> Opening:
    """Return the task of who says what became of a message."""
    return Opening(
        kind="message_to_settle",
        about_kind="sending",
        about_id=sending,
        owner_role="administration",
        due_on=add_working_days(today, WORKING_DAYS_TO_SETTLE),
    )


def said(language: str, *, office: str, phone: str) -> Mapping[str, str]:
    """Return what is said outside a letter, in a language of the templates, else in Dutch."""
    values = {"office": " ".join(office.split()), "phone": phone}
    words = _notices().get(language) or _notices()["nl"]
    if not phone:
        words = {part: _without_phone(text) for part, text in words.items()}
    return {part: text.format_map(values).strip() for part, text in words.items()}


def _without_phone(text: str) -> str:
    """Leave out the sentences that tell a number nobody has entered yet."""
    lines = [" ".join(part for part in _sentences(line) if "{phone}" not in part) for line in text.split("\n")]
    return "\n".join(lines)


def _sentences(line: str) -> list[str]:
    return [part if part.endswith((".", "?", ",")) or not part else f"{part}." for part in line.split(". ")]


@cache
def _notices() -> Mapping[str, Mapping[str, str]]:
    folders = (folder for folder in (HERE / "templates").iterdir() if (folder / "notice.toml").exists())
    return {one.name: tomllib.loads((one / "notice.toml").read_text(encoding="utf-8")) for one in folders}


def _of(office: str, clock: Clock | None = None, id: str = "") -> Any:
    """Return who answers for a try: the platform itself, today."""
    if clock is None:
        return _Office(office)
    return Day(office=office, date=clock.today()).of(f"sending {id}")


@dataclass(frozen=True)
class _Office:
    office: str
