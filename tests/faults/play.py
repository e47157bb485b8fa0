"""The story, played over HTTP while faults are done to the platform, and healed."""

import time as machine
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from operate.client import Client, Done, Refused, Somebody
from operate.door import Away, Door
from operate.platform import Platform
from operate.state import SERVICES
from operate.story import BEGINS, PEOPLE, Story, a_lease_begins, an_agreement_is_broken, play
from tests.faults.hand import Hand
from tests.faults.schedule import Schedule
from tests.journeys import truth
from tests.notifications.carriers import SECRET, Counted, gateway

Settings = Mapping[str, Mapping[str, str]]
ASKED_TWICE = 0.25  # of all acts
SECONDS_TO_COME_BACK = 60.0


class Quiet:
    """A stage without an audience."""

    def chapter(self, title: str) -> None: ...
    def day(self, day: str) -> None: ...
    def step(self, who: Somebody, what: str, done: Done, shown: str, count: str | None) -> None: ...
    def refused(self, who: Somebody, what: str, no: Refused) -> None: ...
    def saw(self, what: str, lines: Sequence[str]) -> None: ...


@dataclass
class Insisting(Client):
    """A client that asks some things twice under one key, now after one another, now at once.

    :ivar differing: the acts for which the two answers were not the same.
    """

    chance: Random = field(default_factory=lambda: Random(0))
    asked_twice: int = 0
    differing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._twin = Client(urls=self.urls, token=self.token, language=self.language)

    def _once(
        self, service: str, method: str, target: str, body: bytes | None, headers: Mapping[str, str], *, raw: bool
    ) -> tuple[int, dict[str, str], Any]:
        def first() -> tuple[int, dict[str, str], Any]:
            return super(Insisting, self)._once(service, method, target, body, headers, raw=raw)

        if method != "POST" or self.chance.random() > ASKED_TWICE:
            return first()
        if self.chance.random() < 0.5:
            with ThreadPoolExecutor(1) as beside:
                asked = beside.submit(self._twin._once, service, method, target, body, headers, raw=raw)
                one, other = first(), asked.result()
        else:
            one = first()
            other = self._twin._once(service, method, target, body, headers, raw=raw)
        self.asked_twice += 1
        if not _agree(one, other):
            self.differing.append(f"{method} {target}: {one[0]} and {other[0]}")
        return one


def _agree(one: tuple[int, dict[str, str], Any], other: tuple[int, dict[str, str], Any]) -> bool:
    """Whether two answers under one key say the same; one that says "not now" says nothing."""
    if not (one[0] in (200, 201) and other[0] in (200, 201)):
        acted = one if one[0] in (200, 201) else other
        said_no = other if acted is one else one
        not_now = said_no[0] in (0, 503, 504) or "not-yet-known" in str(said_no[2])
        return acted[0] not in (200, 201) or not_now
    return bool(one[2]["events"] == other[2]["events"] and one[2]["version"] == other[2]["version"])


def two_messages(story: Story) -> None:
    """Send short messages through the gateway, beside the story: what no fault may double."""
    _send_a_message(story, "Fatma would like to hear from you.")
    _send_a_message(story, "The office is closed on Thursday.")


def a_message_more(story: Story) -> None:
    """Send one more."""
    _send_a_message(story, "Please bring the papers next time.")


def _send_a_message(story: Story, words: str) -> None:
    body = {"kind": "L-16", "lease": story.lease, "text_nl": words}
    drafted = story.act("Fatma", "notifications", "/communications", body, "drafts a letter", "stelt een brief op")
    letter = f"/communications/{drafted.id}"
    story.act("Karel", "notifications", f"{letter}/approve", {}, "approves it", "keurt ze goed")
    sent = {"on": story.today, "method": "sms"}
    story.act("Tom", "notifications", f"{letter}/send", sent, "sends word", "verwittigt", expect=["SendingQueued"])


@dataclass
class Played:
    """A story that came to its end on a platform that still runs.

    :ivar carrier: the gateway, which counted what left the house.
    :ivar seconds_to_first: how long each service took for the first command after everything was healed.
    """

    platform: Platform
    story: Story
    client: Insisting
    carrier: Counted
    hand: Hand
    seconds_to_first: dict[str, float] = field(default_factory=dict)

    @property
    def wiped(self) -> bool:
        """Whether the bus lost something, so that history may have been asked for again."""
        return any(fault.what in ("wipe", "delete", "shuffle") for fault in self.hand.done)

    def unknown_messages(self) -> list[str]:
        """Return the messages of which nobody knows whether they left."""
        rows = truth.asked(self.platform, "notifications", "select id from sendings where state = 'unknown'")
        return [row[0] for row in rows]


@contextmanager
def a_platform(
    folder: Path, *, first: Settings | None = None, every: Settings | None = None
) -> Iterator[tuple[Platform, Counted]]:
    """Run a platform at the beginning of the story, with a gateway that counts. What it leaves is thrown away."""
    with gateway() as carrier:
        secret = folder / "gateway.secret"
        secret.write_bytes(SECRET)
        of_gateway = {"HUURSPOOR_GATEWAY": carrier.address, "HUURSPOOR_GATEWAY_SECRET_FILE": str(secret)}
        settings = {service: dict((every or {}).get(service, {})) for service in SERVICES}
        settings["notifications"] |= of_gateway
        how: dict[str, Any] = {"first": first, "every": settings, "thrown_away": True}
        with Platform.start(folder / "state", clock=BEGINS, **how) as platform:
            yield platform, carrier


def played(
    platform: Platform,
    carrier: Counted,
    *,
    schedule: Schedule | None = None,
    between: Callable[[Hand, int], None] | None = None,
    chapters: int | None = None,
    patience: float = 60.0,
) -> Played:
    """Play the story, or its first chapters, under a schedule; heal, and return once everybody took in everything.

    :param patience: seconds until that must be so.
    :raises Exception: the story came out otherwise than it is told.
    """
    hand = Hand(platform, schedule)
    client = Insisting(
        urls=lambda: platform.urls,
        token=lambda who: platform.token(office=who.office, roles=[who.role], person=who.id, name=who.name),
        chance=Random(f"{schedule.seed} {schedule.number} client" if schedule else "client"),
    )

    def break_in(act: int) -> None:
        hand.between(act)
        if between is not None:
            between(hand, act)

    story = Story(
        client=client,
        stage=Quiet(),
        move_clock=platform.move_clock,
        found_office=lambda code, name, director: platform.create_office(code, name=name, director=director),
        between=break_in,
    )
    done = Played(platform, story, client, carrier, hand)
    try:
        play(story, chapters=chapters, after={a_lease_begins: two_messages, an_agreement_is_broken: a_message_more})
    finally:
        hand.heal()
    done.seconds_to_first = _first_commands(platform)
    platform.settled(seconds=patience)
    _messages_are_settled(platform)
    return done


def _first_commands(platform: Platform) -> dict[str, float]:
    """Return how long each service took for its first command once every part runs again, and the services answer."""
    until = machine.monotonic() + SECONDS_TO_COME_BACK
    while not _all_run(platform):
        assert machine.monotonic() < until, "a part was not started again"
        machine.sleep(0.02)
    took = {}
    client = Client(
        urls=lambda: platform.urls,
        token=lambda who: platform.token(office=who.office, roles=[who.role], person=who.id, name=who.name),
    )
    for service, (who, path, body) in FIRST_COMMANDS.items():
        began = machine.monotonic()
        done = client.act(PEOPLE[who], service, path, body)
        assert isinstance(done, Done), f"{service}: {path}: {done}"
        took[service] = machine.monotonic() - began
    return took


def _all_run(platform: Platform) -> bool:
    if any(seen["pid"] is None for seen in platform.components.values()):
        return False
    try:
        return all(Door(url, patience=2).get("/health/live").status == 200 for url in platform.urls.values())
    except Away:
        return False


# For each service an act that changes nothing the story tells of.
FIRST_COMMANDS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "visits": ("Tom", "/counsellors", {"counsellor": "lena", "name": "Lena", "phone": "+32 3 555 01 18"}),
    "evaluations": (
        "Rita",
        "/mandates",
        {
            "person": "lena",
            "role": "coordinator",
            "acts": ["decide_contest"],
            "from": "2028-01-01",
            "until": "2028-12-31",
        },
    ),
    "referrals": (
        "Karel",
        "/partners",
        {"name": "De Brug", "kind": "family_care", "address": "Markt 2", "phone": "+32 3 555 04 01"},
    ),
    "notifications": ("Tom", "/calendars", {"owner": "counsellor", "person": "Fatma"}),
}


def _messages_are_settled(platform: Platform) -> None:
    """Wait until each message left, or is known to be unknown."""
    until = machine.monotonic() + 60
    while rows := truth.asked(
        platform, "notifications", "select id, state from sendings where state in ('queued', 'sending')"
    ):
        assert machine.monotonic() < until, f"{len(rows)} messages are still on their way: {rows}"
        machine.sleep(0.2)
