"""``./huurspoor test --faults --plan away``: commands while the bus is away for minutes: how long, and how much memory.

The same rate of commands runs all the time: with the bus, without it, with it again. First what a process holds in
memory on purpose (``docs/faults.md``) is filled: after that memory must not grow, with the bus or without it.
"""

import json
import statistics
import tempfile
import time as machine
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operate.state import SERVICES
from shared.waiting import STREAMS_KNOWN
from shared.writer.memory import STREAMS_HELD
from tests.faults.house import House, Load, a_house, soon

ASKED = "referrals"
HEARING = ("visits", "notifications")  # who hear all that it tells
CALLERS, PAUSE = 4, 0.1  # about 35 commands a second
FILLERS = 8
COMMANDS_THAT_FILL = max(STREAMS_HELD, STREAMS_KNOWN) + 500  # a new stream each
LARGEST_RATIO = 1.2  # of the p99 without the bus to the usual one
LARGEST_GROWTH = 8_000_000  # bytes that any service may grow by, from the beginning to the end of a stretch
LARGEST_RISE = 16_000_000  # the same from the first stretch to the last, what had waited taken in
SECONDS_OF_A_WINDOW = 20.0
SECONDS_TO_DRAIN = 120.0


@dataclass(frozen=True)
class Stretch:
    """What was measured while the bus was there, or away.

    :ivar p99s: of each window, in milliseconds; their median is compared, so that one disturbance counts for little.
    :ivar began_with: bytes of memory of each service at the beginning; ``ended_with``: at the end.
    """

    what: str
    commands: int
    failed: int
    p50: float
    p99: float
    p99s: tuple[float, ...]
    began_with: Mapping[str, int]
    ended_with: Mapping[str, int]

    @property
    def grown(self) -> int:
        """The most that any service grew by, in bytes."""
        return max(self.ended_with[service] - began for service, began in self.began_with.items())

    def __str__(self) -> str:
        memory = ", ".join(
            f"{service} {began / 1e6:.1f} → {self.ended_with[service] / 1e6:.1f}"
            for service, began in self.began_with.items()
        )
        windows = f"{len(self.p99s)} windows: {min(self.p99s):.1f} to {max(self.p99s):.1f}"
        took = f"p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms ({windows}, median {statistics.median(self.p99s):.1f})"
        return f"{self.what:<14} {self.commands:6} commands, {self.failed} not 2xx; {took}; MB: {memory}"


def away(minutes: float) -> int:
    """Measure, print, and return the exit code: 1 when a demand is missed.

    The usual is measured before and after, for up to two minutes each, in windows of the same length.
    """
    usual_minutes = min(2.0, minutes / 4)
    with tempfile.TemporaryDirectory() as folder, a_house(Path(folder)) as house:
        with Load(house, callers=FILLERS, of_partners=True) as filling:
            took = filling.wait_for(COMMANDS_THAT_FILL, seconds=600)
        print(f"{COMMANDS_THAT_FILL} commands in {took:.0f} s filled what is held in memory", flush=True)
        house.platform.settled(seconds=120)
        with Load(house, callers=CALLERS, pause=PAUSE, of_partners=True) as load:
            machine.sleep(10)
            before = stretch(house, load, "the bus there", seconds=usual_minutes * 60)
            house.bus.refuse()
            without = stretch(house, load, "away", seconds=minutes * 60)
            outbox = house.health(ASKED)["outbox"]
            house.bus.let_through()
            drained = soon(lambda: house.health(ASKED)["outbox"]["unpublished"] < 50, seconds=SECONDS_TO_DRAIN)
            taken_in = drained + soon(lambda: heard(house) >= outbox["position"], seconds=SECONDS_TO_DRAIN)
            after = stretch(house, load, "there again", seconds=usual_minutes * 60)
        house.everything_holds()
    usual, alone = statistics.median([*before.p99s, *after.p99s]), statistics.median(without.p99s)
    grown = max(one.grown for one in (before, without, after))
    risen = max(after.ended_with[service] - began for service, began in before.began_with.items())
    figures = {
        "p99_usual": round(usual, 2),
        "p99_away": round(alone, 2),
        "ratio": round(alone / usual, 3),
        "grown_mb": round(grown / 1e6, 2),
        "risen_mb": round(risen / 1e6, 2),
        "failed": before.failed + without.failed + after.failed,
        "waited": outbox["unpublished"],
        "sent_after": round(drained, 1),
        "taken_in_after": round(taken_in, 1),
    }
    print(
        f"{outbox['unpublished']} events waited; sent {drained:.1f} s, taken in {taken_in:.1f} s after the bus was back"
    )
    print("every command is there once, and every event was taken in once")
    print(f"p99 usual {usual:.1f} ms, away {alone:.1f} ms: {alone / usual:.2f} × (at most {LARGEST_RATIO})")
    print(f"no service grew by more than {grown / 1e6:.1f} MB in a stretch (at most {LARGEST_GROWTH / 1e6:.0f}),")
    print(f"nor by more than {risen / 1e6:.1f} MB in all, what had waited taken in (at most {LARGEST_RISE / 1e6:.0f})")
    print(json.dumps(figures))
    missed = [
        what
        for what, held in (
            ("p99", alone / usual <= LARGEST_RATIO),
            ("memory", grown <= LARGEST_GROWTH and risen <= LARGEST_RISE),
            ("2xx", not figures["failed"]),
        )
        if not held
    ]
    print(f"missed: {', '.join(missed)}" if missed else "everything held")
    return 1 if missed else 0


def heard(house: House) -> int:
    """Return up to which position all have taken in what the service that is asked told."""
    told = (house.health(service).get("inbox", {}).get(ASKED, {}) for service in HEARING)
    return min(int(inbox.get("seen", 0)) for inbox in told)


def stretch(house: House, load: Load, what: str, *, seconds: float) -> Stretch:
    """Let the load go on for a while and say what it was like."""
    began_with, first = {service: house.memory(service) for service in SERVICES}, len(load.answered)
    windows, ends = [], machine.monotonic() + seconds
    while (left := ends - machine.monotonic()) > 1:
        since = len(load.answered)
        machine.sleep(min(SECONDS_OF_A_WINDOW, left))
        windows.append([one[2] * 1000 for one in load.answered[since:]])
    answered = load.answered[first:]
    took = [one[2] * 1000 for one in answered]
    made = Stretch(
        what,
        commands=len(answered),
        failed=sum(one[1] != 201 for one in answered),
        p50=statistics.median(took),
        p99=percentile(took),
        p99s=tuple(percentile(window) for window in windows),
        began_with=began_with,
        ended_with={service: house.memory(service) for service in SERVICES},
    )
    print(made, flush=True)
    return made


def percentile(values: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]
