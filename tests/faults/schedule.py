"""Which fault is done before which act: drawn from a seed, so that a failure can be played again."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from operate.state import SERVICES

What = Literal["kill", "suspend", "tell again", "reset", "delete", "wipe", "shuffle"]
PARTS = (*SERVICES, "nats", "postgres", "bus-keeper")
LONGEST_SECONDS = 7.0  # of a suspended part: longer than the bus waits for an acknowledgement


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    :ivar act: before which act of the story.
    :ivar after: seconds from there, so that some faults come in the middle of a request.
    :ivar part: the component, or for faults of the bus the service that tells.
    :ivar reader: for a consumer, the service that hears.
    :ivar seconds: how long a suspended part stands still.
    """

    act: int
    after: float
    what: What
    part: str
    reader: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        beside = [f"of {self.reader}"] if self.reader else []
        beside += [f"for {self.seconds:.1f} s"] if self.seconds else []
        return f"act {self.act:3} +{self.after:.2f} s  {' '.join((self.what, self.part, *beside))}"


@dataclass(frozen=True)
class Schedule:
    """All faults of one run, in the order of the acts.

    :ivar wiping: the bus loses what it held. A plan without shows losses that publishing everything again would hide.
    """

    seed: int
    number: int
    wiping: bool
    faults: tuple[Fault, ...]

    def before(self, act: int) -> list[Fault]:
        """Return what goes wrong before an act."""
        return [fault for fault in self.faults if fault.act == act]

    def __str__(self) -> str:
        kind = "the bus loses its store" if self.wiping else "nothing is wiped"
        title = f"seed {self.seed}, run {self.number} ({kind}, {len(self.faults)} faults)"
        return "\n".join((title, *(f"  {fault}" for fault in self.faults)))


def drawn(seed: int, number: int, *, acts: int, every: int = 4) -> Schedule:
    """Draw the schedule of a run; every second one wipes.

    :param acts: how many acts there are to break into.
    :param every: about one fault in so many acts. Each part is killed at least once, and told again, reset and wiped
        is at least once, where there is room for it.
    """
    chance = Random(f"{seed} {number}")
    wiping = number % 2 == 0
    first = [("kill", part) for part in PARTS] + [
        ("suspend", chance.choice(SERVICES)),
        ("tell again", ""),
        ("reset", ""),
    ]
    first += [("wipe", ""), ("delete", ""), ("shuffle", "")] if wiping else []
    chance.shuffle(first)
    wanted = max(1, acts // every)
    faults: list[Fault] = []
    act = 0
    places = sorted(chance.sample(range(2, acts + 1), min(wanted, acts - 1)))
    for number_of_fault in range(wanted):
        # One in four comes together with the one before it: several parts are away at once.
        act = act if act and chance.random() < 0.25 else places[min(number_of_fault, len(places) - 1)]
        what, part = first.pop() if first else _any(chance, wiping=wiping)
        faults.append(_fault(chance, act, what, part))
    return Schedule(seed, number, wiping, tuple(sorted(faults, key=lambda fault: (fault.act, fault.after))))


def _any(chance: Random, *, wiping: bool) -> tuple[str, str]:
    kinds: Sequence[str] = ("kill", "kill", "kill", "suspend", "tell again", "reset")
    what = chance.choice((*kinds, "wipe", "delete", "shuffle") if wiping else kinds)
    return what, chance.choice(PARTS[:-1]) if what in ("kill", "suspend") else ""


def _fault(chance: Random, act: int, what: str, part: str) -> Fault:
    after = round(chance.choice((0.0, chance.uniform(0, 0.05), chance.uniform(0, 0.5))), 2)
    publisher = part or chance.choice(SERVICES)
    match what:
        case "kill":
            return Fault(act=act, after=after, what="kill", part=part)
        case "suspend":
            seconds = round(chance.uniform(0.3, LONGEST_SECONDS), 1) if chance.random() < 0.9 else 30.0
            return Fault(act=act, after=after, what="suspend", part=part, seconds=seconds)
        case "reset":
            reader = chance.choice([one for one in SERVICES if one != publisher])
            return Fault(act=act, after=after, what="reset", part=publisher, reader=reader)
        case "wipe":
            return Fault(act=act, after=after, what="wipe", part="nats")
        case "delete":
            return Fault(act=act, after=after, what="delete", part=publisher)
        case "shuffle":
            return Fault(act=act, after=after, what="shuffle", part=publisher)
        case _:
            return Fault(act=act, after=after, what="tell again", part=publisher)
