"""What is wrong on this machine, in plain words."""

import os
import platform as machine
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from operate import clockwork, issuer
from operate.children import UNPRIVILEGED, unprivileged
from operate.door import Away, Door
from operate.platform import NotRunning, Platform
from operate.postgres import binaries
from operate.state import State

_ENOUGH_SPACE = 1_000_000_000  # bytes


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    fine: bool
    what: str


def findings(state: State) -> Iterator[Finding]:
    """Look at the machine, and at the platform on a state folder if one runs there."""
    yield Finding(sys.version_info >= (3, 11), f"Python {machine.python_version()} (3.11 or newer is needed)")
    yield Finding(
        sys.platform == "linux",
        f"{machine.system()}: children of the supervisor die with it"
        + ("" if sys.platform == "linux" else " only on Linux"),
    )
    yield _programs()
    yield _space(state)
    try:
        running = Platform.at(state.root)
    except NotRunning:
        yield Finding(True, f"no platform runs on {state.root}")
        return
    yield from _components(running)
    yield from _in_step(running)
    yield from _letters(running)


def _programs() -> Finding:
    try:
        account = unprivileged()
        found = binaries(account)
    except (RuntimeError, KeyError, OSError) as why:
        return Finding(False, f"PostgreSQL cannot be run here: {why}")
    as_whom = "" if account is None else f", run as {UNPRIVILEGED} because PostgreSQL refuses root"
    return Finding(True, f"PostgreSQL's programs are in {found}{as_whom}")


def _space(state: State) -> Finding:
    there = next(folder for folder in (state.root, *state.root.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    writable = os.access(there, os.W_OK)
    said = f"{free / 1e9:.1f} GB free for {state.root}" + ("" if writable else ", which cannot be written")
    return Finding(free > _ENOUGH_SPACE and writable, said)


def _components(running: Platform) -> Iterator[Finding]:
    for name, seen in running.status()["components"].items():
        again = f", started {seen['starts']} times" if seen["starts"] > 1 else ""
        said = "is ready" if seen["ready"] else f"is not ready: {'; '.join(seen['why'])} (log: {seen['log']})"
        yield Finding(seen["ready"], f"{name} {said}{again}")


def _in_step(running: Platform) -> Iterator[Finding]:
    if not running.all_there:
        yield Finding(False, f"the platform on {running.state.root} is starting, or being stopped")
        return
    try:
        running.settled(seconds=5)
        yield Finding(True, "every service has taken in what the others published")
    except clockwork.NotSettled as why:
        yield Finding(False, f"not everything has arrived: {why}")


def _letters(running: Platform) -> Iterator[Finding]:
    for service, url in running.urls.items():
        try:
            answer = Door(url, issuer.operator_token(running.state)).get("/dead-letters?limit=1")
        except Away:
            continue
        if answer.status != 200:
            yield Finding(False, f"the dead letters of {service} cannot be read: {answer.sentence}")
        elif answer.body["items"]:
            yield Finding(False, f"{service} has dead letters (see `dead-letters`)")
        else:
            yield Finding(True, f"{service} has no dead letters")
