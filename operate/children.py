"""Processes that die with the one that started them."""

import asyncio
import contextlib
import ctypes
import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_GIVEN: dict[int, socket.socket] = {}  # ports, and what holds them
UNPRIVILEGED = "nobody"  # the only account besides root that every machine has


@dataclass(frozen=True)
class Account:
    """Whose process it will be."""

    uid: int
    gid: int


def unprivileged() -> Account | None:
    """Return the account for programs that refuse to run as root; None where we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    found = pwd.getpwnam(UNPRIVILEGED)
    return Account(uid=found.pw_uid, gid=found.pw_gid)


def _dies_with(parent: int, by: signal.Signals) -> Callable[[], None]:
    def before_exec() -> None:
        # Asked for after the change of account, which would clear it.
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    return before_exec


def how_to_start(
    *, log: IO[bytes] | int, env: Mapping[str, str], dies_by: signal.Signals, account: Account | None = None, cwd: Path
) -> dict[str, Any]:
    """Return the arguments of ``subprocess.Popen`` (and of asyncio's) for a child that dies by ``dies_by`` with us.

    The child has a process group of its own, so that Ctrl-C in a terminal reaches only us and we stop it in order.
    """
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": log,
        "stderr": log,
        "env": dict(env),
        "cwd": cwd,
        "process_group": 0,
        "close_fds": True,
        "preexec_fn": _dies_with(os.getpid(), dies_by),
    }
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def run_as(account: Account | None, command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path) -> None:
    """Run a short program to its end. :raises RuntimeError: it failed; with the last words of its output."""
    as_whom: dict[str, Any] = {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd=cwd,
        **as_whom,
    )
    if done.returncode != 0:
        said = done.stdout.decode("utf-8", "replace").strip()[-2000:]
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}: {said}")


def stop(child: "subprocess.Popen[bytes]", *, by: signal.Signals, seconds: float = 10.0) -> None:
    """Ask a child to end, and end it when it has not after ``seconds``."""
    if child.poll() is None:
        child.send_signal(by)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Server(Protocol):
    """A server that runs in the foreground, as a child."""

    def command(self) -> list[str]: ...
    def start_options(self, log: int) -> dict[str, Any]: ...
    async def answers(self) -> bool: ...


@contextlib.contextmanager
def at_work(server: Server, name: str, *, log: Path, stops_by: signal.Signals) -> Iterator[None]:
    """Run a server for as long as the block lasts, which begins once it answers.

    :raises RuntimeError: it ended, or did not answer within half a minute.
    """
    with log.open("ab") as into:
        child = subprocess.Popen(server.command(), **server.start_options(into.fileno()))
    try:
        patience = time.monotonic() + 30
        while not asyncio.run(server.answers()):
            if child.poll() is not None or time.monotonic() > patience:
                raise RuntimeError(f"{name} did not start; see {log}")
            time.sleep(0.05)
        yield
    finally:
        stop(child, by=stops_by)


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now, and that nobody else is given from here.

    It lies below those that the system gives to outgoing connections, so that it is still free after a restart. On
    Linux it is held for as long as this process lives, in a way that keeps away only who looks for a port: between now
    and its server's start, and while that is down, no other process that asks here gets it.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        if port in _GIVEN:
            continue
        probe = socket.socket()
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.close()
            continue
        _GIVEN[port] = probe
        if sys.platform == "linux":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, so that ours may listen there
        else:
            probe.close()
        return port
