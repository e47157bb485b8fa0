"""How the story is told: who takes part, how an act is done, read back and shown, and what can be read at the end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from operate.client import Client, Done, Refused, Somebody

NOORD, MIDDEN = "kantoor-noord", "kantoor-midden"
BEGINS = "2025-11-03T08:00"
OF_NO_LEASE = {"policies", "mandates", "office-details", "counsellors"}


def _of(office: str, *people: tuple[str, str]) -> dict[str, Somebody]:
    return {name: Somebody(name, name, role, office) for name, role in people}


PEOPLE = {
    **_of(
        NOORD,
        ("Fatma", "counsellor"),
        ("Karel", "coordinator"),
        ("Wim", "coordinator"),
        ("Rita", "director"),
        ("Tom", "administration"),
        ("Bart", "technical"),
        ("Els", "auditor"),
    ),
    **_of(
        MIDDEN,
        ("Nora", "counsellor"),
        ("Hilde", "coordinator"),
        ("Piet", "director"),
        ("Jo", "administration"),
    ),
}


class WentWrong(Exception):
    """An act of the story was answered in another way than the story tells."""


class Stage(Protocol):
    """Who shows the story as it happens."""

    def chapter(self, title: str) -> None: ...
    def day(self, day: str) -> None: ...
    def step(self, who: Somebody, what: str, done: Done, shown: str, count: str | None) -> None: ...
    def refused(self, who: Somebody, what: str, no: Refused) -> None: ...
    def saw(self, what: str, lines: Sequence[str]) -> None: ...


@dataclass
class Story:
    """The whole way of one lease in Kantoor Noord and of one in Kantoor Midden.

    :ivar move_clock: moves the platform's clock to a local time and returns when every day in between is done.
    :ivar in_words: picks the language of a pair (English, Dutch).
    :ivar between: called before each act with its number; fault tests break something here.
    """

    client: Client
    stage: Stage
    move_clock: Callable[[str], None]
    found_office: Callable[[str, str, str], None]
    dutch: bool = False
    between: Callable[[int], None] = lambda _number: None
    acts: list[tuple[str, Done]] = field(default_factory=list)
    things: dict[str, str] = field(default_factory=dict)
    refusals: list[Refused] = field(default_factory=list)
    lease: str = ""
    lease_midden: str = ""
    today: str = ""
    letters: list[str] = field(default_factory=list)

    # -- how the story is told ----------------------------------------------------------------------------------------

    def say(self, english: str, dutch: str) -> str:
        """Return the sentence in the language of who watches."""
        return dutch if self.dutch else english

    def on(self, moment: str) -> None:
        """Let time pass until a local time."""
        self.move_clock(moment)
        self.today = moment[:10]
        self.stage.day(moment)

    def act(
        self,
        name: str,
        service: str,
        path: str,
        body: Mapping[str, Any],
        english: str,
        dutch: str,
        *,
        count: bool = False,
        expect: Sequence[str] = (),
    ) -> Done:
        """Let somebody do something, read back what it led to, and show it.

        :param expect: names of events that must have been recorded.
        """
        who = PEOPLE[name]
        self.between(len(self.acts) + 1)
        done = self.client.act(who, service, path, body)
        if isinstance(done, Refused):
            raise WentWrong(f"{name}: POST {path}: {done.status} {done.reason} {' '.join(done.codes)}: {done.detail}")
        missing = [event for event in expect if event not in done.events]
        if missing:
            raise WentWrong(f"{name}: POST {path}: {', '.join(missing)} was not recorded, but {', '.join(done.events)}")
        self.acts.append((path, done))
        shown = self._read_back(who, service, path, done)
        self.stage.step(who, self.say(english, dutch), done, shown, self.count(who.office) if count else None)
        return done

    def refuse(
        self, name: str, service: str, path: str, body: Mapping[str, Any], reason: str, english: str, dutch: str
    ) -> Refused:
        """Let somebody try something that must be refused for exactly this reason, and show the answer."""
        who = PEOPLE[name]
        no = self.client.act(who, service, path, body)
        if not isinstance(no, Refused) or no.reason != reason:
            raise WentWrong(f"{name}: POST {path}: {no} instead of {reason}")
        self.refusals.append(no)
        self.stage.refused(who, self.say(english, dutch), no)
        return no

    def count(self, office: str) -> str:
        """Return the count of the office's lease as evaluations answers it: ``2 of 3``."""
        lease, reader = (self.lease, "Karel") if office == NOORD else (self.lease_midden, "Hilde")
        standing = self.client.read(PEOPLE[reader], "evaluations", f"/dossiers/{lease}/standing")
        return self.say(
            f"{standing['count']} of {standing['threshold']}", f"{standing['count']} van {standing['threshold']}"
        )

    def _read_back(self, who: Somebody, service: str, path: str, done: Done) -> str:
        collection = path.split("/")[1]
        if "id" not in done.body or len(path.split("/")) > 4:
            return ""
        try:
            read = self.client.read(who, service, f"/{collection}/{done.id}")
        except LookupError:
            return ""  # an act may be allowed to somebody who may not read what it is about
        return str(read.get("state", ""))

    # -- what can be read at the end ----------------------------------------------------------------------------------

    def timeline(self, office: str = NOORD) -> list[Mapping[str, Any]]:
        """Return the timeline of the office's lease, all pages of it."""
        lease, reader = (self.lease, "Karel") if office == NOORD else (self.lease_midden, "Hilde")
        entries: list[Mapping[str, Any]] = []
        cursor: str | None = None
        while True:
            filters = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            page = self.client.read(PEOPLE[reader], "evaluations", f"/dossiers/{lease}", **filters)
            entries += page["entries"]
            cursor = page.get("next")
            if not cursor:
                return entries

    def not_read_back(self, *timelines: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return what was shown as recorded about the two leases, and published, but stands in no timeline.

        Of referrals a timeline holds only that one was offered; what is the office's own stands in none.
        """
        held = {(entry["event"], entry["type"]) for timeline in timelines for entry in timeline}
        shown = [
            (event["id"], event["type"])
            for path, done in self.acts
            if path.split("/")[1] not in OF_NO_LEASE and done.service != "referrals"
            for event in done.body.get("events", ())
            if event["position"]
        ]
        return [f"{type} ({id})" for id, type in shown if (id, type) not in held]

    def standing(self) -> Mapping[str, Any]:
        """Return the count of the first lease, with the reason for each evaluation."""
        return dict(self.client.read(PEOPLE["Karel"], "evaluations", f"/dossiers/{self.lease}/standing"))

    def court_file(self) -> bytes:
        """Have a file for court issued, and return its bytes."""
        issued = self.client.act(PEOPLE["Rita"], "evaluations", f"/dossiers/{self.lease}/court", {})
        if isinstance(issued, Refused):
            raise WentWrong(f"POST /dossiers/…/court: {issued.status} {issued.reason}: {issued.detail}")
        path = f"/dossiers/{self.lease}/court/{issued.id}.json"
        return self.client.read_bytes(PEOPLE["Rita"], "evaluations", path)
