"""A platform whose services reach PostgreSQL and NATS through proxies, one office in it, and commands to it."""

import contextlib
import itertools
import os
import threading
import time as machine
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from operate.client import Done
from operate.door import Away, Door
from operate.platform import Platform
from operate.state import SERVICES, State
from tests.conftest import BEGIN
from tests.faults.hand import Hand
from tests.faults.proxy import Proxy
from tests.journeys import truth

CODE, DIRECTOR = "kantoor-oost", "director-oost"
_numbers = itertools.count(1)


@dataclass
class House:
    """What the tests of single faults break: the proxies, and the parts of the platform."""

    platform: Platform
    database: Proxy
    bus: Proxy
    hand: Hand
    acts: list[tuple[str, Done]] = field(default_factory=list)

    def http(self, service: str = "evaluations", *, role: str = "director") -> httpx.Client:
        """Return a client of a service, in the name of the office's director unless another role is named."""
        token = self.platform.token(office=CODE, roles=[role], person=DIRECTOR)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.platform.urls[service], headers=headers, timeout=30)

    def command(self, client: httpx.Client, *, key: str | None = None, person: str | None = None) -> httpx.Response:
        """Give somebody a mandate: one event of evaluations, which all others hear."""
        body = {
            "person": person or f"person-{next(_numbers)}",
            "role": "coordinator",
            "acts": ["decide_contest"],
            "from": "2027-01-01",
            "until": "2027-12-31",
        }
        answer = client.post("/mandates", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})
        if answer.status_code == 201:
            self.acts.append(("/mandates", Done("evaluations", 201, answer.json())))
        return answer

    def list_partner(self, client: httpx.Client, *, key: str, person: str) -> httpx.Response:
        """List a partner organisation: one event of referrals, in a stream of its own, which others hear."""
        body = {"name": person, "kind": "family_care", "address": "Markt 2", "phone": "+32 3 555 04 00"}
        answer = client.post("/partners", json=body, headers={"Idempotency-Key": key})
        if answer.status_code == 201:
            self.acts.append(("/partners", Done("referrals", 201, answer.json())))
        return answer

    def health(self, service: str = "evaluations") -> dict[str, Any]:
        """Return what a service says of itself; empty while it does not answer."""
        with contextlib.suppress(Away, KeyError):
            door = Door(self.platform.urls[service], patience=5)
            with contextlib.closing(door):
                told: dict[str, Any] = door.get("/health/ready").body or {}
            return told
        return {}

    def is_ready(self, service: str = "evaluations") -> bool:
        """Whether a service says that it can do its work."""
        return bool(self.health(service).get("ready"))

    def all_ready(self) -> bool:
        """Whether every service says so."""
        return all(self.is_ready(service) for service in SERVICES)

    def metric(self, name: str, service: str = "evaluations") -> float:
        """Return a figure of a service, by its name with its labels; 0 where there is none."""
        lines = httpx.get(f"{self.platform.urls[service]}/metrics", timeout=5).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def log(self, part: str = "evaluations") -> list[str]:
        """Return what a part has written so far."""
        return self.platform.state.log(part).read_text(encoding="utf-8", errors="replace").splitlines()

    def connection(self, role: str, database: str) -> "psycopg.Connection[Any]":
        """Connect to PostgreSQL past the proxy."""
        port = self.platform.components["postgres"]["url"].rpartition(":")[2]
        password = self.platform.state.password(role).read_text()
        return psycopg.connect(
            host="127.0.0.1", port=int(port), user=role, password=password, dbname=database, autocommit=True
        )

    @contextlib.contextmanager
    def nobody_commits(self, service: str) -> Iterator[Callable[[], None]]:
        """Hold the row that each commit of a service must change; call what it gives to let go earlier."""
        with self.connection(f"{service}_all", service) as held:
            held.execute("begin")
            held.execute("select log from head for update")
            yield lambda: held.rollback()

    def everything_holds(self) -> None:
        """Wait until everybody is ready and has taken in everything; every command must be there once."""
        soon(self.all_ready, seconds=30)
        self.platform.settled(seconds=30)
        truth.every_acknowledged_act_is_there_once(self.platform, self.acts)
        truth.positions_are_gap_free(self.platform)
        truth.every_message_was_taken_once(self.platform)
        assert not truth.doubled_events(self.platform)

    def cpu_seconds(self, service: str) -> float:
        """Return how much of a core a service has used since it was started."""
        pid = self.platform.components[service]["pid"]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, service: str) -> int:
        """Return how many bytes of memory a service holds."""
        pid = self.platform.components[service]["pid"]
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def soon(holds: Callable[[], Any], *, seconds: float) -> float:
    """Ask until something holds; return the seconds it took. :raises AssertionError: it did not come."""
    began = machine.monotonic()
    while not holds():
        assert machine.monotonic() - began < seconds, f"it did not come within {seconds} s"
        machine.sleep(0.02)
    return machine.monotonic() - began


@contextlib.contextmanager
def a_house(folder: Path) -> Iterator[House]:
    """Run a house with one office in it."""
    state = State((folder / "state").resolve())

    def port_of(part: str) -> Callable[[], int]:
        return lambda: int(Platform(state=state).components[part]["url"].rpartition(":")[2])

    database, bus = Proxy(port_of("postgres")), Proxy(port_of("nats"))
    every = {
        service: {
            "HUURSPOOR_NATS": f"nats://127.0.0.1:{bus.port}",
            "HUURSPOOR_DATABASE": f"postgresql://{service}@127.0.0.1:{database.port}/{service}",
            "HUURSPOOR_DATABASE_ALL": f"postgresql://{service}_all@127.0.0.1:{database.port}/{service}",
            "HUURSPOOR_KEYS_DATABASE": f"postgresql://{service}@127.0.0.1:{database.port}/keys",
        }
        for service in SERVICES
    }
    with Platform.start(state.root, clock=BEGIN, every=every, thrown_away=True) as platform:
        platform.create_office(CODE, name="Kantoor Oost", director=DIRECTOR)
        yield House(platform, database, bus, Hand(platform))
    database.close()
    bus.close()


@dataclass
class Load:
    """Callers who give commands one after the other, each until it is answered; ``with`` lets them work.

    :ivar answered: of each answer: the caller, its status (0: cut), the seconds it took, whether it may be tried again.
    """

    house: House
    callers: int = 4
    pause: float = 0.0  # between two commands of a caller
    of_partners: bool = False  # many short streams, instead of the one stream of an office's mandates
    again_after: Callable[[], None] = lambda: machine.sleep(0.2)
    answered: list[tuple[int, int, float, bool]] = field(default_factory=list)
    answered_at: list[tuple[float, tuple[int, int, float, bool]]] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._stopping, self._began = threading.Event(), machine.monotonic()
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(self.callers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def told(self) -> str:
        """Return what was answered otherwise than at once and with yes."""
        odd = [(f"{at:.1f}", *one) for at, one in self.answered_at if one[1] != 201 or one[2] > 1]
        return f"{len(self.answered)} answers; {odd}"

    def count(self, *statuses: int) -> int:
        """Return how many answers had one of these statuses."""
        return sum(one[1] in statuses for one in self.answered)

    def wait_for(self, number: int, *, seconds: float = 20.0) -> float:
        """Wait until so many more commands were done; return the seconds it took."""
        began, wanted = machine.monotonic(), self.count(201) + number
        while self.count(201) < wanted:
            assert machine.monotonic() - began < seconds, f"commands did not go on: {self.answered[-8:]}"
            machine.sleep(0.01)
        return machine.monotonic() - began

    def _work(self, caller: int) -> None:
        house, partners = self.house, self.of_partners
        client = house.http("referrals", role="coordinator") if partners else house.http()
        while not self._stopping.is_set():
            key, person = str(uuid.uuid4()), f"person-{next(_numbers)}"
            while True:
                began = machine.monotonic()
                try:
                    ask = house.list_partner if partners else house.command
                    answer = ask(client, key=key, person=person)
                    status, may = answer.status_code, "retry-after" in answer.headers
                except httpx.HTTPError:
                    status, may = 0, True
                now = machine.monotonic()
                self.answered.append((caller, status, round(now - began, 4), may))
                self.answered_at.append((now - self._began, self.answered[-1]))
                if status == 201 or self._stopping.is_set():
                    break
                self.again_after()
            machine.sleep(self.pause)
