"""A consistent copy of a running platform's databases and keys, and a new platform made of one.

The copy holds what PostgreSQL held at one moment, under whatever load, and the secrets without which nothing in it
could be opened. Not in it: the bus, which is told everything again, and the witnesses of how far each log had come.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg

from operate import postgres
from operate.platform import Platform
from operate.state import SERVICES, State
from shared.clock import in_json, machine_time

_MARK: Final = "backup.json"  # written last: a copy without it was not taken to its end
_DATA: Final = "postgres"
# More than any log holds. Whether the world has seen more of it than the copy nobody here can tell, so a person says.
_MORE_THAN_ANY: Final = 2**62


class NoBackup(Exception):
    """No copy can be made there, or none is there; the text says why."""


async def back_up(platform: Platform, to: Path) -> None:
    """Copy all databases as they are at one moment, and the keys, into a new folder, while the platform runs.

    :raises NoBackup: there is something in the folder already.
    :raises RuntimeError: PostgreSQL did not give it.
    """
    state = platform.state
    server = postgres.at(state, int(platform.components["postgres"]["url"].rpartition(":")[2]))
    with _made(to):
        taken_at = in_json(machine_time())
        server.back_up(to / _DATA)
        # After the copy, so that they say no less than it holds: who is restored to a later epoch would not wait.
        mark: dict[str, Any] = {"taken_at": taken_at, "logs": await _logs(server)}
        shutil.copytree(state.secrets, to / state.secrets.name)
        if state.clock.exists():
            shutil.copy2(state.clock, to / state.clock.name)
        (to / _MARK).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")


def restore(source: Path, state: State) -> None:
    """Make a state folder of a copy. What is started on it shows everything, and waits for a person before it writes.

    :raises NoBackup: there is no whole copy as it was taken, or there is something in the state folder already.
    """
    try:
        mark = json.loads((source / _MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        raise NoBackup(f"there is no backup in {source} that was taken to its end") from None
    if differ := postgres.differences(source / _DATA):
        raise NoBackup(f"the backup in {source} is not as it was taken: {len(differ)} files differ, {differ[0]} first")
    with _made(state.root):
        shutil.copytree(source / state.secrets.name, state.secrets)
        state.make()
        if (source / state.clock.name).exists():
            shutil.copy2(source / state.clock.name, state.clock)
        # Before the data: whatever becomes of the rest, nothing is ever written on less than was told.
        for service, log in mark["logs"].items():
            state.witness(service).write_text(json.dumps({**log, "log": _MORE_THAN_ANY}), encoding="utf-8")
        postgres.restore(source / _DATA, state)


async def _logs(server: postgres.Postgres) -> dict[str, dict[str, int]]:
    """Return how far the log of each service is told."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(
            server.url(service, postgres.SUPERUSER), password=server.password, timeout=10
        )
        try:
            row = await connection.fetchrow("select epoch, published from head")
        finally:
            await connection.close()
        found[service] = {"epoch": row["epoch"], "position": row["published"]}
    return found


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder that nobody else may look into, and leave nothing in it when the block fails."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = State(folder).unfinished
    try:
        if any(folder.iterdir()):
            raise FileExistsError
        unfinished.touch(exist_ok=False)  # of two at once one is first
    except FileExistsError:
        raise NoBackup(f"{folder} is not empty") from None
    folder.chmod(0o700)
    try:
        yield
    except BaseException:
        postgres.forget(State(folder))
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        raise
    unfinished.unlink()
