"""Bad messages on the real bus, sent with a publisher's own credentials: what cannot be believed has no effect.

They are numbered far beyond what visits itself has told, so that its own messages go on beside them.
"""

import asyncio
import itertools
import json
import secrets
import time as machine
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import nats
import pytest

from operate.nats import inbox_of, seed
from operate.platform import Platform
from tests.journeys import truth
from tests.journeys.history import Office, founded, lived_in

pytestmark = pytest.mark.journey

HEARERS = ("evaluations", "referrals", "notifications")
FAR = itertools.count(10_000_000 + secrets.randbelow(1_000_000_000))

Envelope = dict[str, Any]


@pytest.fixture(scope="module")
def office(watched: Platform) -> Office:
    """An office in which something has happened."""
    return lived_in(founded(watched, "epsilon"))


@pytest.fixture(scope="module")
def told(office: Office) -> Mapping[str, Envelope]:
    """An envelope of each kind that visits told of the office's lease, as it stood on the bus."""
    rows = truth.asked(
        office.platform, "visits", "select envelope from outbox where office = $1 order by position", office.code
    )
    envelopes = [json.loads(row[0]) for row in rows]
    return {one["type"].split(".")[2]: one for one in reversed(envelopes)}


def subject_of(envelope: Envelope) -> str:
    """Return the subject on which an envelope belongs."""
    _, service, event, version = envelope["type"].split(".")
    return f"huurspoor.{envelope['office']}.{service}.{event}.{version}"


def sent(platform: Platform, *messages: tuple[str, bytes | Envelope]) -> None:
    """Publish messages with the credentials of visits, past its outbox."""

    async def send() -> None:
        bus = await nats.connect(
            platform.components["nats"]["url"],
            nkeys_seed_str=seed(platform.state, "visits").read_text(),
            inbox_prefix=inbox_of("visits"),
            connect_timeout=60,
        )
        for subject, message in messages:
            body = message if isinstance(message, bytes) else json.dumps(message).encode()
            answer = await bus.request(subject, body, headers={"Nats-Msg-Id": secrets.token_hex(8)}, timeout=60)
            assert "error" not in json.loads(answer.data), answer.data
        await bus.close()

    asyncio.run(send())


def elsewhere(envelope: Envelope, lease: str, *, version: int = 1, **changed: Any) -> Envelope:
    """Return an envelope as if it had been told of another lease."""
    return {
        **envelope,
        "id": str(uuid4()),
        "position": next(FAR),
        "stream": f"lease/{lease}",
        "subject": f"lease/{lease}",
        "streamversion": version,
        "streamprevious": version - 1,
        "data": {**envelope["data"], "lease": lease},
        **changed,
    }


class Letters:
    """The dead letters of one service, as who runs the platform sees them over HTTP."""

    def __init__(self, platform: Platform, service: str) -> None:
        token = platform.token(office=None, roles=["operator"], person="operator")
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=platform.urls[service], headers=headers, timeout=30)

    def all(self) -> list[Mapping[str, Any]]:
        """Return the open ones, all pages."""
        items: list[Mapping[str, Any]] = []
        query = {"limit": "200"}
        while True:
            page = self._http.get("/dead-letters", params=query).json()
            items += page["items"]
            if page["next"] is None:
                return items
            query["cursor"] = page["next"]

    def do(self, what: str, letter: Mapping[str, Any], reason: str) -> int:
        """Requeue or close a letter; return the status."""
        return self._http.post(f"/dead-letters/{letter['id']}/{what}", json={"reason": reason}).status_code

    def told_of(self, publisher: str) -> Mapping[str, Any]:
        """Return what the service says of its inbox with that publisher."""
        return dict(self._http.get("/health/ready").json()["inbox"][publisher])


@pytest.fixture(scope="module")
def letters(watched: Platform) -> Mapping[str, Letters]:
    """The dead letters of every service that hears visits."""
    return {service: Letters(watched, service) for service in HEARERS}


def soon(what: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Ask until the answer is not empty, and return it. :raises AssertionError: it stayed empty."""
    until = machine.monotonic() + seconds
    while not (found := what()):
        assert machine.monotonic() < until, "it did not happen"
        machine.sleep(0.05)
    return found


def buried(letters: Letters, known: Sequence[str]) -> Mapping[str, Any]:
    """Return the one dead letter that is new."""
    (new,) = soon(lambda: [one for one in letters.all() if one["id"] not in known])
    return dict(new)


def registered_and_heard(office: Office) -> None:
    """Let something real happen in visits, and wait until all others have taken it in."""
    body = next(act.body for act in office.acts if act.path == "/leases")
    office.act("administration", "visits", "/leases", body)
    for service in HEARERS:
        collection = {"evaluations": "terminations", "referrals": "referrals", "notifications": "communications"}
        office.read("coordinator", service, f"/{collection[service]}")  # waits (?after=) until it is taken in


def cases(told: Mapping[str, Envelope], other: str) -> Iterator[tuple[str, str, bytes | Envelope, str]]:
    """Yield what is wrong, the subject it is sent on, what is sent, and the reason of its dead letter."""
    registered = told["LeaseRegistered"]
    here, lease = subject_of(registered), str(uuid4())
    there = here.replace(registered["office"], other)
    yield "not JSON", here, b"LeaseRegistered", "unreadable"
    yield "empty", here, b"", "unreadable"
    yield "not UTF-8", here, b'{"specversion": "\xff"}', "unreadable"
    yield "half", here, json.dumps(registered).encode()[:-40], "unreadable"
    yield "no envelope", here, {"specversion": "1.0"}, "schema"
    yield "a field is missing", here, elsewhere(registered, lease, data={"lease": lease}), "schema"
    wrong = {**registered["data"], "lease": lease, "start": "soon"}
    yield "a field does not fit", here, elsewhere(registered, lease, data=wrong), "schema"
    yield "the office of somebody else", here, elsewhere(registered, lease, office=other), "forged"
    yield "on the subject of another office", there, elsewhere(registered, lease), "forged"
    yield "another publisher", here, elsewhere(registered, lease, source="/services/evaluations"), "forged"
    yield "another event", here, elsewhere(registered, lease, type="huurspoor.visits.LeaseEnded.v1"), "forged"
    yield "another lease", here, elsewhere(registered, lease, subject=f"lease/{uuid4()}"), "forged"
    ninth = elsewhere(registered, lease, type="huurspoor.visits.LeaseRegistered.v9", versions="9")
    yield "a version nobody knows", subject_of(ninth), ninth, "unknown-version"
    other_day = {**registered, "occurredon": "2025-01-01", "data": {**registered["data"], "start": "2025-01-01"}}
    yield "the position of another message", here, other_day, "conflict"


def test_each_bad_message_is_a_dead_letter_and_the_next_message_is_handled(
    office: Office, told: Mapping[str, Envelope], letters: Mapping[str, Letters]
) -> None:
    other = founded(office.platform, "zeta")
    before = _facts(office.platform, office.code, other.code)
    shown = office.read("auditor", "evaluations", f"/dossiers/{office.things['lease']}")
    known = {service: [one["id"] for one in letters[service].all()] for service in HEARERS}
    for what, subject, message, reason in cases(told, other.code):
        sent(office.platform, (subject, message))
        for service in HEARERS:
            letter = buried(letters[service], known[service])
            known[service].append(letter["id"])
            assert (letter["reason"], letter["publisher"]) == (reason, "visits"), f"{service}: {what}: {letter}"
            assert office.mark not in json.dumps(letter) and "data" not in letter["envelope"]
    assert _facts(office.platform, office.code, other.code) == before
    assert office.read("auditor", "evaluations", f"/dossiers/{office.things['lease']}") == shown
    registered_and_heard(office)
    for service in HEARERS:
        counted = httpx.get(f"{office.platform.urls[service]}/metrics").text
        for reason in ("unreadable", "schema", "forged", "unknown-version", "conflict"):
            assert f'huurspoor_inbox_dead_letters_total{{publisher="visits",reason="{reason}"}}' in counted
        assert f"huurspoor_inbox_dead_letters_open {len(letters[service].all())}.0" in counted


def _facts(platform: Platform, *offices: str) -> Mapping[str, int]:
    """Return how many events each hearer holds of these offices."""
    count = "select count(*) from stored_events where office = any($1)"
    return {service: truth.asked(platform, service, count, list(offices))[0][0] for service in HEARERS}


def _state(platform: Platform, service: str, envelope: Envelope) -> str | None:
    rows = truth.asked(
        platform,
        service,
        "select state from inbox where publisher = 'visits' and position = $1",
        envelope["position"],
    )
    return rows[0][0] if rows else None


def _is(ask: Callable[[], str | None], wanted: str) -> bool:
    return ask() == wanted


def test_those_behind_a_dead_letter_wait_until_it_is_closed(
    office: Office, told: Mapping[str, Envelope], letters: Mapping[str, Letters]
) -> None:
    platform, lease = office.platform, str(uuid4())
    known = {service: [one["id"] for one in letters[service].all()] for service in HEARERS}
    registered = elsewhere(told["LeaseRegistered"], lease)
    broken = elsewhere(told["CounsellorAssigned"], lease, version=2)
    broken["data"] = {**broken["data"], "counsellor": 7}
    behind = elsewhere(told["CounsellorAssigned"], lease, version=3)
    sent(platform, *((subject_of(one), one) for one in (registered, broken, behind)))
    for service in HEARERS:
        letter = buried(letters[service], known[service])
        state = partial(_state, platform, service, behind)
        soon(partial(_is, state, "parked"))
        assert letters[service].told_of("visits")["parked"] >= 1
        assert letters[service].do("requeue", letter, "") == 409  # an operator says why
        assert letters[service].do("requeue", letter, "look again") == 200
        assert buried(letters[service], known[service])["reason"] == "schema", "it is as broken as before"
        assert state() == "parked"
    registered_and_heard(office)  # other streams go on meanwhile
    for service in HEARERS:
        letter = buried(letters[service], known[service])
        state = partial(_state, platform, service, behind)
        assert state() == "parked"
        assert letters[service].do("close", letter, "never was a day") == 200
        soon(partial(_is, state, "taken"))
        assert letters[service].do("close", letter, "once more") == 404


def test_those_behind_a_version_that_is_not_known_yet_wait_too(
    office: Office, told: Mapping[str, Envelope], letters: Mapping[str, Letters]
) -> None:
    platform, lease = office.platform, str(uuid4())
    known = {service: [one["id"] for one in letters[service].all()] for service in HEARERS}
    registered = elsewhere(told["LeaseRegistered"], lease)
    newer = elsewhere(told["CounsellorAssigned"], lease, version=2, versions="2")
    newer["type"] = "huurspoor.visits.CounsellorAssigned.v2"
    behind = elsewhere(told["CounsellorAssigned"], lease, version=3)
    sent(platform, *((subject_of(one), one) for one in (registered, newer, behind)))
    for service in HEARERS:
        letter = buried(letters[service], known[service])
        assert letter["reason"] == "unknown-version"
        state = partial(_state, platform, service, behind)
        soon(partial(_is, state, "parked"))
        assert letters[service].do("close", letter, "from a trial") == 200
        soon(partial(_is, state, "taken"))
    registered_and_heard(office)
