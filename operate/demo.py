"""The demo: a platform of its own, the story of two offices over HTTP, the file for court, and its verification."""

import json
import os
import subprocess
import sys
import tempfile
import time as machine
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from operate.client import Client, Done, NotAnswered, Refused, Somebody
from operate.platform import Platform
from operate.state import PROJECT
from operate.story import BEGINS, MIDDEN, NOORD, Story, WentWrong, play

OUT = Path("out")
_ROLES = {
    "counsellor": ("counsellor", "begeleider"),
    "coordinator": ("coordinator", "coördinator"),
    "director": ("director", "directeur"),
    "administration": ("administration", "administratie"),
    "technical": ("technical service", "technische dienst"),
    "auditor": ("auditor", "auditor"),
}
_COLOURS = {NOORD: "cyan", MIDDEN: "green"}


class Picture:
    """Shows the story on a terminal, or as plain lines elsewhere."""

    def __init__(self, console: Console, *, dutch: bool) -> None:
        self._console = console
        self._dutch = dutch
        self.refused_so_far = 0
        self.steps = 0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._console.print()
        if self._console.is_terminal:
            self._console.rule(Text(title, style="bold"), align="left", style="dim")
        else:
            self._console.print(f"== {title}", markup=False)

    def day(self, day: str) -> None:
        """Say what day it is in the story."""
        self._console.print(Text(f"   {day.replace('T', '  ')}", style="bold yellow"))

    def step(self, who: Somebody, what: str, done: Done, shown: str, count: str | None) -> None:
        """Show one step: who did what, what was recorded, how the thing stands now, and the count."""
        self.steps += 1
        line = Text("   ")
        line.append("● ", style=_COLOURS[who.office])
        line.append(who.name, style="bold")
        line.append(f" ({self._role(who)}) ", style="dim")
        line.append(what)
        if done.events:
            line.append("  → ", style="dim")
            line.append(", ".join(done.events), style="bright_blue")
        if shown:
            line.append(f"  [{shown}]", style="dim")
        self._console.print(line, soft_wrap=True)
        if count is not None:
            self._console.print(self._count(count))

    def refused(self, who: Somebody, what: str, no: Refused) -> None:
        """Show a refusal in its own words."""
        self.refused_so_far += 1
        line = Text("   ✗ ", style="red")
        line.append(who.name, style="bold")
        line.append(f" ({self._role(who)}) ", style="dim")
        line.append(what)
        codes = f" {' '.join(no.codes)}" if no.codes else ""
        line.append(f"  → {no.status} {no.reason}{codes}", style="red")
        self._console.print(line, soft_wrap=True)
        self._console.print(Text(f"       “{no.detail}”", style="italic red"), soft_wrap=True)

    def saw(self, what: str, lines: Sequence[str]) -> None:
        """Show something that was read."""
        self._console.print(Text(f"   ○ {what}", style="magenta"), soft_wrap=True)
        for line in lines:
            self._console.print(Text(f"       {line}"), soft_wrap=True)

    def say(self, sentence: str, style: str = "") -> None:
        """Say something about the demo itself."""
        self._console.print(Text(sentence, style=style), soft_wrap=True)

    def _role(self, who: Somebody) -> str:
        return _ROLES[who.role][1 if self._dutch else 0]

    def _count(self, count: str) -> Text:
        now, _, of = count.split()
        line = Text("       ")
        line.append("▰" * int(now), style="bold red")
        line.append("▱" * max(0, int(of) - int(now)), style="dim")
        line.append(f"  {'teller' if self._dutch else 'count'}: {count}", style="bold")
        return line


def demo(*, once: bool, keep: Path | None) -> int:
    """Play the story on a fresh platform; return 0 only if every step and the verification held.

    :param once: end after the story instead of staying up until Ctrl-C.
    :param keep: where the state is left, for ``up``; else it is thrown away at the end.
    """
    dutch = (os.environ.get("LC_ALL") or os.environ.get("LANG", "")).lower().startswith("nl")
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else 160)
    picture = Picture(console, dutch=dutch)
    begun = machine.monotonic()
    with tempfile.TemporaryDirectory(prefix="huurspoor-demo-", ignore_cleanup_errors=True) as scratch:
        state = keep.resolve() if keep is not None else Path(scratch) / "state"
        if (state / "postgres").exists():
            picture.say(f"{state} holds a platform already; the demo wants a fresh one", "red")
            return 2
        picture.say(
            "Huurspoor start: PostgreSQL, NATS JetStream, vier diensten …"
            if dutch
            else "Huurspoor starts: PostgreSQL, NATS JetStream, four services …",
            "bold",
        )
        with Platform.start(state, clock=BEGINS, thrown_away=keep is None) as platform:
            try:
                held = _play(platform, picture, dutch=dutch)
            except (WentWrong, NotAnswered, LookupError) as why:
                picture.say(f"✗ {why}", "bold red")
                held = False
            picture.say(
                f"\n{_closing(picture, held, machine.monotonic() - begun, dutch)}", "bold" if held else "bold red"
            )
            for name, url in platform.urls.items():
                picture.say(f"   {name:14} {url}/docs")
            if once:
                return 0 if held else 1
            picture.say("Ctrl-C stopt alles." if dutch else "Ctrl-C stops everything.")
            try:
                platform.stay()
            except KeyboardInterrupt:
                return 130


def _play(platform: Platform, picture: Picture, *, dutch: bool) -> bool:
    lasts = platform.lasting()

    def urls() -> dict[str, str]:
        lasts()
        return platform.urls

    client = Client(
        urls=urls,
        token=lambda who: platform.token(office=who.office, roles=[who.role], person=who.id, name=who.name),
        language="nl" if dutch else "en",
    )
    story = Story(
        client=client,
        stage=picture,
        move_clock=platform.move_clock,
        found_office=lambda code, name, director: platform.create_office(code, name=name, director=director),
        dutch=dutch,
    )
    play(story)
    picture.chapter(story.say("What anybody can look up afterwards", "Wat iedereen achteraf kan nakijken"))
    timeline = story.timeline()
    picture.saw(
        story.say(f"The timeline of the first lease: {len(timeline)} facts", f"De tijdlijn: {len(timeline)} feiten"),
        [_entry(entry) for entry in timeline],
    )
    of_midden = story.timeline(MIDDEN)
    lost = story.not_read_back(timeline, of_midden)
    if lost:
        raise WentWrong(f"shown as recorded, and in no timeline: {', '.join(lost)}")
    midden = [entry for entry in of_midden if entry["service"] == "referrals"]
    picture.saw(
        story.say(
            "Of the referral in Kantoor Midden evaluations knows only that help was offered, and when",
            "Van de doorverwijzing in Kantoor Midden weet evaluaties alleen dat hulp is aangeboden, en wanneer",
        ),
        [_entry(entry) for entry in midden],
    )
    if {entry["type"] for entry in midden} != {"ReferralOffered"}:
        raise WentWrong("evaluations knows more of a referral than that it was offered")
    standing = story.standing()
    picture.saw(
        story.say(
            f"The count on {standing['on']}: {standing['count']} of {standing['threshold']}",
            f"De teller op {standing['on']}: {standing['count']} van {standing['threshold']}",
        ),
        [_why(reason) for reason in standing.get("why", ())],
    )
    return _verify(story, picture)


def _verify(story: Story, picture: Picture) -> bool:
    OUT.mkdir(exist_ok=True)
    file = OUT / f"court-file-{story.lease}.json"
    file.write_bytes(story.court_file())
    genuine = _verifier(file)
    picture.saw(f"./huurspoor verify {file}", [*genuine.stdout.splitlines(), *genuine.stderr.splitlines()])
    altered = OUT / f"court-file-{story.lease}.altered.json"
    altered.write_bytes(_with_one_byte_changed(file.read_bytes()))
    forged = _verifier(altered)
    picture.saw(
        f"./huurspoor verify {altered}  " + story.say("(one byte of it was changed)", "(één byte ervan is veranderd)"),
        [*forged.stdout.splitlines(), *forged.stderr.splitlines()],
    )
    return genuine.returncode == 0 and forged.returncode == 1


def _with_one_byte_changed(file: bytes) -> bytes:
    """Change one character inside the envelope of an entry in the middle of the chain."""
    entries = json.loads(file)["entries"]
    envelopes = [entry["envelope"] for entry in entries if entry.get("envelope")]
    place = file.index(envelopes[len(envelopes) // 2].encode()) + 40
    other = b"A" if file[place : place + 1] != b"A" else b"B"
    return file[:place] + other + file[place + 1 :]


def _verifier(file: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-P", "-m", "verifier", str(file.resolve())]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}
    )


def _entry(entry: "dict[str, object] | object") -> str:
    assert isinstance(entry, dict)
    position, event = f"{entry['position']!s:>4}", str(entry["type"])
    return f"{position}  {entry['occurred_on']}  {event:30} {entry['service']!s:14} {entry['actor']}"


def _why(reason: object) -> str:
    if isinstance(reason, dict):
        return f"{reason.get('id', reason.get('evaluation', ''))}: {reason.get('sentence', reason.get('why', ''))}"
    return str(reason)


def _closing(picture: Picture, held: bool, seconds: float, dutch: bool) -> str:
    if dutch:
        told = f"{picture.steps} stappen en {picture.refused_so_far} weigeringen in {seconds:.0f} s; "
        return told + ("alles klopte." if held else "NIET alles klopte.")
    told = f"{picture.steps} steps and {picture.refused_so_far} refusals in {seconds:.0f} s; "
    return told + ("everything held." if held else "NOT everything held.")
