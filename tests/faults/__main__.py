"""``./huurspoor test --faults``: random schedules, one after the other, for as long as is asked."""

import argparse
import shutil
import sys
import tempfile
import time as machine
import traceback
from pathlib import Path

from tests.faults.away import away
from tests.faults.invariants import Facts, violations
from tests.faults.play import a_platform, played
from tests.faults.schedule import Schedule, drawn
from tests.journeys import truth


def main() -> int:
    """Run what the command line asks, say of each run what it was and what did not hold, and return the exit code."""
    words = argparse.ArgumentParser(prog="huurspoor test --faults", description=__doc__)
    words.add_argument("--seed", type=int, default=int(machine.time()) % 100_000, metavar="N")
    words.add_argument("--minutes", type=float, default=5.0, metavar="M")
    words.add_argument("--run", type=int, metavar="K", help="play only this run of the seed again")
    words.add_argument("--chapters", type=int, metavar="C", help="only so much of the story")
    words.add_argument("--plan", choices=("random", "away"), default="random", help="away: the bus, for M minutes")
    asked = words.parse_args()
    if asked.plan == "away":
        return away(asked.minutes)
    until = machine.monotonic() + asked.minutes * 60
    print(f"seed {asked.seed}: a run without faults to compare with", flush=True)
    peace, acts, broken = in_peace(asked.chapters)
    number, wrong = asked.run or 1, len(broken)
    while True:
        schedule = drawn(asked.seed, number, acts=acts)
        print(schedule, flush=True)
        found = one_run(schedule, peace, chapters=asked.chapters)
        wrong += len(found)
        number += 1
        if asked.run is not None or machine.monotonic() > until:
            break
    print(f"{'everything held' if not wrong else f'{wrong} things did not hold'}", flush=True)
    return 1 if wrong else 0


def in_peace(chapters: int | None) -> tuple[Facts, int, list[str]]:
    """Play the story without faults; return its facts, how many acts it has, and what does not hold even so."""
    with tempfile.TemporaryDirectory() as folder, a_platform(Path(folder)) as (platform, carrier):
        quiet = played(platform, carrier, chapters=chapters)
        facts = truth.facts(platform)
        found = violations(quiet, whole=False)
        _say(found, "without any fault")
        return facts, len(quiet.story.acts), found


def one_run(schedule: Schedule, peace: Facts, *, chapters: int | None) -> list[str]:
    """Play the story under a schedule; return what did not hold."""
    began = machine.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"faults-{schedule.seed}-{schedule.number}-"))
    found: list[str] = []
    with a_platform(folder) as (platform, carrier):
        try:
            done = played(platform, carrier, schedule=schedule, chapters=chapters)
        except Exception as why:
            found = [f"the story came out otherwise: {type(why).__name__}: {why}"]
            traceback.print_exc()
        else:
            first = max(done.seconds_to_first.values())
            print(
                f"  {len(done.story.acts)} acts, {done.client.tried_again} tried again, {done.client.asked_twice} asked"
                f" twice; {len(done.hand.done)} faults; {len(carrier.keys)} messages left; first command {first:.1f} s",
                flush=True,
            )
            found = violations(done, peace=peace)
    if not found:
        shutil.rmtree(folder, ignore_errors=True)
    again = f"./huurspoor test --faults --seed {schedule.seed} --run {schedule.number}"
    kept = f"; logs in {folder}" if found else ""
    _say(found, f"in this run ({machine.monotonic() - began:.0f} s; again with: {again}){kept}")
    return found


def _say(found: list[str], where: str) -> None:
    print(f"  {len(found)} things do not hold {where}" if found else f"  everything holds {where}", flush=True)
    for sentence in found:
        print(f"    {sentence[:2000]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
