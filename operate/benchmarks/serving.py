"""Servers that a benchmark starts beside the platform, each a process of its own that dies with it."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping

from operate.benchmarks.knocking import Connection
from operate.children import how_to_start, stop
from operate.nats import STOPS_BY
from operate.state import PROJECT, State


@contextlib.asynccontextmanager
async def serving(state: State, module: str, env: Mapping[str, str], port: int, *words: str) -> AsyncIterator[str]:
    """Run a module as a server of its own until it is no longer needed; return its address once it takes connections.

    :raises RuntimeError: it did not within half a minute.
    """
    name = module.rpartition(".")[2]
    with started(state, module, env, *words) as child:
        for _ in range(300):
            try:
                (await Connection.open(f"http://127.0.0.1:{port}")).close()
                break
            except OSError:
                if child.poll() is not None:
                    break
                await asyncio.sleep(0.1)
        else:
            raise RuntimeError(f"{name} did not start")
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def started(state: State, module: str, env: Mapping[str, str], *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a module as a process of its own until it is no longer needed; it logs into the state folder."""
    with state.log("-".join((module.rpartition(".")[2], *words))).open("ab") as log:
        options = how_to_start(log=log, env={**os.environ, **env}, dies_by=STOPS_BY, cwd=PROJECT)
        child = subprocess.Popen([sys.executable, "-P", "-m", module, *words], **options)
    try:
        yield child
    finally:
        stop(child, by=STOPS_BY)
