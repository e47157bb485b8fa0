"""Runs one platform: PostgreSQL, NATS, the bus keeper and the four services, each a child process that dies with us.

A child that ends is started again. SIGINT, SIGTERM and SIGHUP stop all in order: first the services, which finish what
they are doing, then the bus, then the database.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time as machine
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import asyncpg

from operate import key_database, nats, postgres
from operate.children import free_port, how_to_start
from operate.issuer import AUDIENCE, ISSUER, jwks_file, publish_keys
from operate.state import PROJECT, SERVICES, State
from shared import keys
from shared.lost import WITHOUT_STATE
from shared.settings import with_password

BUS_KEEPER = "bus-keeper"
SECONDS_TO_READY = 120.0
# The codes with which a supervisor ends that was asked to.
ASKED_TO_STOP = {130: signal.SIGINT, 143: signal.SIGTERM, 129: signal.SIGHUP}
_LONG_ENOUGH = 5.0  # seconds after which a start counts as a good one
_DELAYS = (0.05, 0.25, 0.5, 1.0, 2.0)  # seconds before a child is started again; the later ones when it keeps ending
_SECONDS_TO_LET_GO = 1.0  # a port: children of a supervisor that was killed are gone a moment after it
_SECONDS_TO_HOLD = 1.0  # the state folder: who asks whether a platform runs on it has it for a moment

Say = Callable[[str], None]


class AlreadyRunning(Exception):
    """Another supervisor runs a platform on this state folder."""


class DidNotStart(Exception):
    """A part of the platform could not be started; the text says which, why and where its log is."""


@dataclass
class Component:
    """One child process: how it is started, how it is asked to stop."""

    name: str
    url: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    stops_by: signal.Signals
    dies_by: signal.Signals
    options: Callable[[int], dict[str, Any]] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    starts: int = 0

    def seen(self) -> dict[str, Any]:
        """Return what the status file says of it."""
        alive = self.process is not None and self.process.returncode is None
        pid = self.process.pid if self.process is not None and alive else None
        return {"pid": pid, "url": self.url, "log": str(self.log), "starts": self.starts, **self.more}


class Supervisor:
    """Starts the platform of one state folder and keeps it running until it is told to stop."""

    def __init__(
        self,
        state: State,
        *,
        port: int | None = None,
        first: Mapping[str, Mapping[str, str]] | None = None,
        every: Mapping[str, Mapping[str, str]] | None = None,
        say: Say = lambda _sentence: None,
    ) -> None:
        self._state = state
        self._port = port
        self._first = dict(first or {})
        self._every = dict(every or {})
        self._owners: dict[str, Mapping[str, str]] = {}
        self._tells = say
        self._components: dict[str, Component] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._at_once = False
        self._exit = 0
        self._ready = False

    async def run(self, *, when_ready: Callable[[], Coroutine[Any, Any, None]] | None = None) -> int:
        """Run until a signal says stop; return the exit code that belongs to it.

        :raises AlreadyRunning: there is a supervisor on this state folder.
        :raises DidNotStart: a part did not come up; everything was stopped again.
        """
        self._state.make()
        with _held(self._state):
            self._state.status.unlink(missing_ok=True)  # what is still told there ended with the supervisor before
            self._tell()
            loop = asyncio.get_running_loop()
            for code, asked in ASKED_TO_STOP.items():
                loop.add_signal_handler(asked, self._asked_to_stop, code)
            try:
                starting = asyncio.create_task(self._start())
                await self._first_of(starting)
                if not self._stopping.is_set():
                    starting.result()
                    self._ready = True
                    self._tell()
                    if when_ready is not None:
                        doing = asyncio.create_task(when_ready())
                        await self._first_of(doing)
                        if not self._stopping.is_set():
                            doing.result()
                    await self._stopping.wait()
            finally:
                await self._stop()
            return self._exit

    async def _first_of(self, doing: asyncio.Task[None]) -> None:
        """Wait until it is done, or until we are asked to stop and it is cut off."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (doing, stopping):
            while not task.done():  # a client library may swallow the first time
                task.cancel()
                await asyncio.wait((task,), timeout=0.2)

    def _asked_to_stop(self, code: int) -> None:
        if self._stopping.is_set() and code == 130:
            self._at_once = True  # Ctrl-C twice: no more patience. A second SIGTERM is only somebody else's
            for component in self._components.values():
                _signal(component, signal.SIGKILL)
        self._exit = self._exit or code
        self._stopping.set()

    async def _start(self) -> None:
        ports = dict(zip(SERVICES, ports_from(self._port), strict=True))
        database, bus = await asyncio.gather(
            asyncio.to_thread(postgres.prepare, self._state), asyncio.to_thread(nats.prepare, self._state)
        )
        publish_keys(self._state)
        keys.make_master_key(self._state.master_key)
        self._add(
            Component(
                name="postgres",
                url=database.address,
                command=database.command(),
                environment=database.environment(),
                log=self._state.log("postgres"),
                stops_by=postgres.STOPS_BY,
                dies_by=postgres.DIES_BY,
                options=database.start_options,
            )
        )
        self._add(
            Component(
                name="nats",
                url=bus.address,
                command=bus.command(),
                environment=bus.environment(),
                log=self._state.log("nats"),
                stops_by=nats.STOPS_BY,
                dies_by=signal.SIGKILL,
                options=bus.start_options,
                more={"store": str(bus.store), "monitoring": bus.monitoring_address},
            )
        )
        await self._on_postgres(database, lambda: asyncio.to_thread(database.make_databases))
        self._say("PostgreSQL is ready")
        await self._until("nats", bus.answers)
        self._say("NATS is ready")
        self._add(
            Component(
                name=BUS_KEEPER,
                url=bus.address,
                command=_python("operate.bus_keeper"),
                environment=bus_settings(self._state, bus.port, BUS_KEEPER),
                log=self._state.log(BUS_KEEPER),
                stops_by=signal.SIGTERM,
                dies_by=signal.SIGKILL,
            )
        )
        environments = {
            service: service_settings(self._state, service, ports[service], database=database.port, bus=bus.port)
            for service in SERVICES
        }
        keys_owner = with_password(database.url("keys", "keys_owner"), self._state.password("keys_owner"))
        await self._on_postgres(database, lambda: key_database.lay_out(keys_owner))
        self._owners = {service: postgres.owner_settings(self._state, database.port, service) for service in SERVICES}
        for service in SERVICES:
            self._add(
                Component(
                    name=service,
                    url=f"http://127.0.0.1:{ports[service]}",
                    command=_python(f"services.{service}.main"),
                    environment=environments[service],
                    log=self._state.log(service),
                    stops_by=signal.SIGTERM,
                    dies_by=signal.SIGKILL,
                )
            )
        ready = {service: self._service_is_ready(service) for service in SERVICES}
        await asyncio.gather(*(self._until(service, its) for service, its in ready.items()))

    def _say(self, sentence: str) -> None:
        with contextlib.suppress(OSError):  # a full disk, a pipe that nobody reads: what runs goes on running
            self._tells(sentence)

    def _add(self, component: Component) -> None:
        self._components[component.name] = component
        self._keepers[component.name] = asyncio.create_task(self._keep(component))

    async def _keep(self, component: Component) -> None:
        """Start the component, and start it again whenever it ends, until all is stopped."""
        loop = asyncio.get_running_loop()
        quick = 0
        while not self._stopping.is_set():
            began = loop.time()
            try:
                component.process = await self._spawn(component)
            except OSError as why:
                if component.starts == 0:
                    raise
                self._say(f"{component.name} cannot be started ({why}); trying again")
                await asyncio.sleep(_DELAYS[-1])
                continue
            component.starts += 1
            if self._stopping.is_set():
                _signal(component, signal.SIGKILL)
            self._tell()
            code = await component.process.wait()
            if self._stopping.is_set():
                return
            quick = 0 if loop.time() - began > _LONG_ENOUGH else quick + 1
            delay = _DELAYS[min(quick, len(_DELAYS) - 1)]
            self._say(f"{component.name} ended ({_how_it_ended(code)}); starting it again")
            self._tell()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _spawn(self, component: Component) -> asyncio.subprocess.Process:
        with component.log.open("ab") as log:
            if component.options is not None:
                options = component.options(log.fileno())
            else:
                environment = dict(component.environment)
                if not self._ready:  # only at the start of the platform may a service lay out its database first
                    environment |= self._owners.get(component.name, {})
                environment |= self._every.get(component.name, {})
                if component.starts == 0:
                    environment |= self._first.get(component.name, {})
                options = how_to_start(log=log, env=environment, dies_by=component.dies_by, cwd=PROJECT)
            return await asyncio.create_subprocess_exec(*component.command, **options)

    async def _until(self, name: str, ready: Callable[[], Awaitable[bool]]) -> None:
        """Wait until a component is ready. :raises DidNotStart: it keeps ending, or takes too long."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + SECONDS_TO_READY
        component = self._components[name]
        pause = 0.02
        while not await ready():
            if self._keepers[name].done():
                self._keepers[name].result()  # it could not even be started
            if component.starts > len(_DELAYS) or loop.time() > patience:
                raise DidNotStart(f"{name} did not become ready: {_last_words(component.log)}")
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.25)

    async def _on_postgres(self, database: postgres.Postgres, work: Callable[[], Awaitable[None]]) -> None:
        """Do work that may be repeated, again if the server ended meanwhile. :raises DidNotStart: it keeps ending."""
        component = self._components["postgres"]
        while True:
            await self._until("postgres", database.answers)
            starts = component.starts
            try:
                return await work()
            except (RuntimeError, *WITHOUT_STATE, asyncpg.PostgresError):
                await asyncio.sleep(_DELAYS[1])
                # Its end is noticed some time after it: that it answers, and was not started since, says it goes on.
                if await database.answers() and component.starts == starts:
                    raise

    def _service_is_ready(self, service: str) -> Callable[[], Awaitable[bool]]:
        port = int(self._components[service].url.rpartition(":")[2])

        async def ready() -> bool:
            said, health = await _asked(port, "/health/ready")
            if said == 200:
                self._say(f"{service} is ready")
            elif said is not None and health.get("waits"):
                # It reads, and waits for a person to write: that person needs a platform that runs.
                self._say(f"{service} is up and waits: {'; '.join(health.get('why', ()))}")
                return True
            return said == 200

        return ready

    async def _stop(self) -> None:
        """Stop all in order; whoever takes too long is ended."""
        self._stopping.set()
        self._ready = False
        self._tell()
        await self._stop_these(SERVICES, seconds=12)
        await self._stop_these((BUS_KEEPER, "nats"), seconds=10)
        await self._stop_these(("postgres",), seconds=30)
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        self._state.status.unlink(missing_ok=True)

    async def _stop_these(self, names: tuple[str, ...], *, seconds: float) -> None:
        going = [self._components[name] for name in names if name in self._components]
        for component in going:
            _signal(component, signal.SIGKILL if self._at_once else component.stops_by)
        processes = [component.process for component in going if component.process is not None]
        ends = [asyncio.create_task(process.wait()) for process in processes]
        if not ends:
            return
        _, late = await asyncio.wait(ends, timeout=seconds)
        if late:
            for component in going:
                _signal(component, signal.SIGKILL)
            await asyncio.wait(late)

    def _tell(self) -> None:
        """Write the status file, in one step. On a full disk the old one stays: what runs goes on running."""
        told = {
            "supervisor": os.getpid(),
            "ready": self._ready,
            "stopping": self._stopping.is_set(),
            "components": {name: component.seen() for name, component in self._components.items()},
        }
        part = self._state.status.with_suffix(".part")
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
            part.replace(self._state.status)


def bus_settings(state: State, bus: int, user: str) -> dict[str, str]:
    """Return the environment of a process that only talks to the bus on port ``bus``; all others add to it."""
    return {
        "LC_ALL": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "HUURSPOOR_NATS": f"nats://127.0.0.1:{bus}",
        "HUURSPOOR_NATS_SEED_FILE": str(nats.seed(state, user)),
    }


def service_settings(state: State, service: str, port: int, *, database: int, bus: int) -> dict[str, str]:
    """Return the environment of a service that serves on ``port``, with PostgreSQL and NATS on theirs."""
    return {
        **bus_settings(state, bus, service),
        **postgres.database_settings(state, database, service),
        "HUURSPOOR_HOST": "127.0.0.1",
        "HUURSPOOR_PORT": str(port),
        "HUURSPOOR_MASTER_KEY_FILE": str(state.master_key),
        "HUURSPOOR_ISSUER": ISSUER,
        "HUURSPOOR_AUDIENCE": AUDIENCE,
        "HUURSPOOR_JWKS": str(jwks_file(state)),
        "HUURSPOOR_WITNESS_FILE": str(state.witness(service)),
        **({"HUURSPOOR_CLOCK_FILE": str(state.clock)} if state.clock.exists() else {}),
        **(carriers(os.environ) if service == "notifications" else {}),
    }


def carriers(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the carriers of messages (e-mail, gateway); only notifications gets them."""
    ours = ("HUURSPOOR_SMTP", "HUURSPOOR_GATEWAY")
    return {name: value for name, value in environment.items() if name.startswith(ours)}


@contextlib.contextmanager
def _held(state: State) -> Iterator[None]:
    """Hold the state folder for one supervisor.

    :raises AlreadyRunning: another holds it. :raises DidNotStart: of what was to be restored there, part is missing.
    """
    if state.unfinished.exists():
        raise DidNotStart(f"{state.root} was not restored to its end: take it away, and restore the backup again")
    until = machine.monotonic() + _SECONDS_TO_HOLD
    with (state.root / "lock").open("a") as lock:
        while not _locks(lock, fcntl.LOCK_EX):
            if machine.monotonic() > until:
                raise AlreadyRunning(f"a platform already runs on {state.root}")
            machine.sleep(0.01)
        yield


def is_running(state: State) -> bool:
    """Whether a supervisor holds the state folder now."""
    try:
        with (state.root / "lock").open() as lock:
            return not _locks(lock, fcntl.LOCK_SH)  # whoever else asks at the same moment is no supervisor
    except FileNotFoundError:
        return False


def _locks(lock: IO[str], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _python(module: str) -> list[str]:
    return [sys.executable, "-P", "-m", module]


def ports_from(first: int | None) -> list[int]:
    """Return the ports of the services: from a first one on, or any that are free.

    :raises DidNotStart: somebody listens there already, who would be taken for a service of ours.
    """
    if first is None:
        ports: set[int] = set()
        while len(ports) < len(SERVICES):
            ports.add(free_port())
        return sorted(ports)
    asked = [first + offset for offset in range(len(SERVICES))]
    until = machine.monotonic() + _SECONDS_TO_LET_GO
    while taken := [(port, why) for port in asked if (why := _why_not(port)) is not None]:
        if machine.monotonic() > until:
            raise DidNotStart("port {} cannot be used: {}".format(*taken[0]))
        machine.sleep(0.05)
    return asked


def _why_not(port: int) -> str | None:
    with socket.socket() as probe:
        # As the services bind: connections that a platform before left behind are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as why:
            return why.strerror
    return None


def _signal(component: Component, number: signal.Signals) -> None:
    if component.process is not None and component.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            component.process.send_signal(number)


def _how_it_ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return f"{lines[-1][:500] if lines else 'it said nothing'} (log: {log})"


async def _asked(port: int, path: str) -> tuple[int | None, dict[str, Any]]:
    """Return status and JSON body of a GET on the loopback interface; None when nobody answers."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None, {}
    line = head.split(b"\r\n")[0].split()
    status = int(line[1]) if len(line) > 1 and line[1].isdigit() else None
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    return status, told if isinstance(told, dict) else {}


def main() -> int:
    """Run a platform as a program of its own, for ``up --detach``, the demo and tests."""
    words = argparse.ArgumentParser(prog="operate.supervisor")
    words.add_argument("--state", type=Path, required=True)
    words.add_argument("--port", type=int)
    words.add_argument("--first", default="{}", help="settings for the first start of a service only, as JSON")
    words.add_argument("--every", default="{}", help="settings for every start of a service, as JSON")
    asked = words.parse_args()

    def say(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    first, every = json.loads(asked.first), json.loads(asked.every)
    supervisor = Supervisor(State(asked.state), port=asked.port, first=first, every=every, say=say)
    try:
        return asyncio.run(supervisor.run())
    except (AlreadyRunning, DidNotStart, RuntimeError) as why:
        say(f"{why}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
