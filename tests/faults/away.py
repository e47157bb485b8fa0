"""``./huurspoor test --faults --plan away``: commands while the bus is away for minutes: how long, and how much memory.

The same rate of commands runs all the time: with the bus, without it, with it again. What grows with each command that
is taken in (states that are held) grows with the bus, too: memory is compared per thousand commands.
"""

import json
import statistics
import tempfile
import time as machine
from dataclasses import dataclass
from pathlib import Path

from operate.state import SERVICES
from tests.faults.house import House, Load, a_house, soon

ASKED = "referrals"
CALLERS, PAUSE = 4, 0.1  # about 35 commands a second
LARGEST_RATIO = 1.2  # of the p99 without the bus to the usual one
LARGEST_GROWTH = 20_000_000  # bytes that a service may grow more without the bus than with it, in equally many commands
SECONDS_OF_A_WINDOW = 20.0


@dataclass(frozen=True)
class Stretch:
    """What was measured while the bus was there, or away.

    :ivar p99s: of each window, in milliseconds; their median is compared, so that one disturbance counts for little.
    :ivar grown: bytes of memory that the service which is asked gained for each thousand commands.
    """

    what: str
    commands: int
    failed: int
    p50: float
    p99: float
    p99s: tuple[float, ...]
    grown: float
    memory: dict[str, int]

    def __str__(self) -> str:
        kept = ", ".join(f"{service} {size / 1e6:.0f}" for service, size in self.memory.items())
        windows = f"windows {min(self.p99s):.1f} to {max(self.p99s):.1f}"
        took = f"p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms ({windows})"
        grown = f"{self.grown / 1e6:+.2f} MB a thousand; MB: {kept}"
        return f"{self.what:<14} {self.commands:6} commands, {self.failed} not 2xx; {took}; {grown}"


def away(minutes: float) -> int:
    """Measure, print, and return the exit code. Before and after, the usual is measured for up to a minute each."""
    usual_minutes = min(1.0, minutes / 4)
    with tempfile.TemporaryDirectory() as folder, a_house(Path(folder)) as house:
        with Load(house, callers=CALLERS, pause=PAUSE, of_partners=True) as load:
            machine.sleep(10)  # the first commands warm everything up
            before = stretch(house, load, "the bus there", seconds=usual_minutes * 60)
            house.bus.refuse()
            without = stretch(house, load, "away", seconds=minutes * 60)
            unpublished = house.health(ASKED)["outbox"]["unpublished"]
            house.bus.let_through()
            drained = soon(lambda: house.health(ASKED)["outbox"]["unpublished"] < 50, seconds=120)
            after = stretch(house, load, "there again", seconds=usual_minutes * 60)
        house.everything_holds()
    usual = statistics.median([*before.p99s, *after.p99s])
    ratio = statistics.median(without.p99s) / usual
    growth = (without.grown - max(before.grown, after.grown)) * without.commands / 1000
    print(f"{unpublished} events waited; sent {drained:.1f} s after the bus was back; everything is there once")
    print(f"p99 away ÷ usual: {ratio:.2f} (at most {LARGEST_RATIO})")
    print(f"memory beyond the usual growth: {growth / 1e6:+.1f} MB (at most {LARGEST_GROWTH / 1e6:.0f})")
    figures = {"ratio": ratio, "growth": growth, "failed": before.failed + without.failed + after.failed}
    print(json.dumps(figures))
    return 0 if ratio <= LARGEST_RATIO and growth <= LARGEST_GROWTH and not figures["failed"] else 1


def stretch(house: House, load: Load, what: str, *, seconds: float) -> Stretch:
    """Let the load go on for a while and say what it was like."""
    memory, first = house.memory(ASKED), len(load.answered)
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
        grown=(house.memory(ASKED) - memory) / len(answered) * 1000,
        memory={service: house.memory(service) for service in SERVICES},
    )
    print(made, flush=True)
    return made


def percentile(values: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]
