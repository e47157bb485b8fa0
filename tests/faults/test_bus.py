"""Faults of NATS, one by one, on a whole platform or on two small services (hardening 2)."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time as machine
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from operate.nats import prepare
from operate.state import SERVICES, State
from tests.conftest import ScratchDatabase
from tests.faults.house import House, Load, soon
from tests.shared.correspondents import (
    A_DAY,
    OFFICE,
    Ground,
    Server,
    Small,
    at_work,
    ground,
    kept,
    new_lease,
    noticing,
    until,
)

pytestmark = pytest.mark.journey

IDLE_SECONDS = 11.0
BALLAST, NARROW = "ballast", "1500KB"  # what fills the disk; how much there is where we cannot mount one
ROOM_LEFT = 500_000  # bytes, for what the bus still takes in before its disk is full
LARGEST_SHARE = 1 / 20  # of a core, of an idle service


# On a whole platform


@pytest.mark.parametrize("what", ["stream", "consumer"])
def test_what_is_deleted_while_a_fetch_waits_is_back_at_once_and_meanwhile_said(house: House, what: str) -> None:
    tries: list[tuple[float, float]] = []
    while len(tries) < 3 and not any(said < 2 and back < 2 for said, back in tries):  # a machine may be busy otherwise
        tries.append(said_and_back_after(house, what))
    print(tries)
    assert any(said < 2 and back < 2 for said, back in tries)


def said_and_back_after(house: House, what: str) -> tuple[float, float]:
    """Delete; return the seconds until visits says so, and from the keeper's return until it has the next message."""
    house.hand.stop("bus-keeper")
    house.hand.delete("evaluations") if what == "stream" else house.hand.reset("evaluations", "visits")
    said = soon(lambda: not house.is_ready("visits"), seconds=10)
    assert any("no consumer for evaluations" in why for why in house.health("visits")["why"])
    house.hand.go_on("bus-keeper")
    seen = house.health("visits")["inbox"]["evaluations"]["seen"]
    with house.http() as client:
        house.command(client)
    return said, soon(lambda: house.health("visits")["inbox"]["evaluations"]["seen"] > seen, seconds=10)


@pytest.mark.parametrize("moment", ["idle", "under load", "while a consumer is down"])
def test_a_wiped_store_is_made_and_filled_again(house: House, moment: str) -> None:
    if moment == "while a consumer is down":
        house.hand.stop("visits")
    with Load(house, callers=2, pause=0.02) if moment == "under load" else contextlib.nullcontext() as load:
        with house.http() as client:
            for _ in range(5):
                assert house.command(client).status_code == 201
        starts = house.platform.components["nats"]["starts"]
        house.hand.wipe()
        soon(lambda: house.platform.components["nats"]["starts"] > starts, seconds=20)
        took = house.hand.streams_are_there()
        print(f"streams and consumers after {took:.1f} s")
        assert took < 3  # of which the server itself needs some to start
        with house.http() as client:
            assert house.command(client).status_code == 201
    if load is not None:
        assert {one[1] for one in load.answered} == {201}
    house.hand.go_on("visits")


def test_a_connection_that_is_half_open_is_noticed_and_replaced(house: House) -> None:
    errors, said = house.metric('huurspoor_bus_errors_total{cause="connection"}'), len(house.log())
    house.bus.fall_silent()
    with house.http() as client:
        assert house.command(client).status_code == 201
    took = soon(lambda: house.metric('huurspoor_bus_errors_total{cause="connection"}') > errors, seconds=40)
    assert took < 15
    soon(lambda: any("bus-away" in line for line in house.log()[said:]), seconds=5)


def test_a_permission_that_was_withdrawn_is_named(house: House) -> None:
    accounts = house.platform.state.nats / "accounts.conf"
    whole = accounts.read_text()
    withdrawn = whole.replace('"huurspoor.*.evaluations.>"', '"nothing.evaluations"')
    assert withdrawn != whole
    said, metric = len(house.log()), 'huurspoor_bus_errors_total{cause="permission-denied"}'
    denied = house.metric(metric)
    pid = house.platform.components["nats"]["pid"]
    try:
        accounts.write_text(withdrawn)
        os.kill(pid, signal.SIGHUP)
        with house.http() as client:

            def is_denied() -> bool:
                assert house.command(client).status_code == 201  # told once the server has read what it may say now
                return house.metric(metric) > denied

            soon(is_denied, seconds=20)
        soon(lambda: any("bus-permission-denied" in line for line in house.log()[said:]), seconds=5)
        assert any("does not permit" in why for why in house.health()["why"])
    finally:
        accounts.write_text(whole)
        os.kill(pid, signal.SIGHUP)


def test_a_service_starts_without_the_bus_and_says_so(house: House) -> None:
    starts = house.platform.components["evaluations"]["starts"]
    house.bus.refuse()
    house.hand.kill("evaluations")
    soon(lambda: house.platform.components["evaluations"]["starts"] > starts, seconds=10)
    soon(lambda: bool(house.health()), seconds=20)
    assert "the bus cannot be reached" in house.health()["why"]
    with house.http() as client:
        soon(lambda: house.command(client).status_code == 201, seconds=20)
    house.bus.let_through()


def test_with_the_bus_away_commands_go_on(house: House) -> None:
    house.bus.refuse()
    with Load(house, callers=2, pause=0.01) as load:
        machine.sleep(3)
        house.bus.let_through()
        machine.sleep(1)
    assert {one[1] for one in load.answered} == {201}


@pytest.mark.parametrize("bus", ["away", "wiped"])
def test_an_idle_service_without_its_bus_costs_and_says_next_to_nothing(house: House, bus: str) -> None:
    if bus == "away":
        house.bus.refuse()
    else:
        house.hand.stop("bus-keeper")  # who would make the streams again
        house.hand.wipe()
    machine.sleep(1)
    before = {service: (house.cpu_seconds(service), len(house.log(service))) for service in SERVICES}
    machine.sleep(IDLE_SECONDS)
    for service, (used, said) in before.items():
        share = (house.cpu_seconds(service) - used) / IDLE_SECONDS
        causes = Counter(cause_of(line) for line in house.log(service)[said:])
        print(f"{service}: {share:.3f} of a core, {dict(causes)}")
        assert share <= LARGEST_SHARE, f"{service} used {share:.3f} of a core"
        # A line per ten seconds and cause: two fall into eleven seconds.
        assert max(causes.values(), default=0) <= 2, f"{service} wrote {causes}"


def cause_of(line: str) -> str:
    """Return what a line of a log says, without when."""
    told = json.loads(line)
    return f"{told.get('event')} {told.get('cause', '')} {told.get('route', '')}"


# On two small services


@pytest.fixture
def here(small: Mapping[str, ScratchDatabase], keys: ScratchDatabase) -> Ground:
    """Empty databases for visits and referrals."""
    return ground(small, keys)


def cut(block: bytes) -> bytes:
    """Return the first third of a block, as after a power cut."""
    return block[: len(block) // 3]


def flipped(block: bytes) -> bytes:
    """Return a block with one bit flipped in its middle."""
    at = len(block) // 2
    return block[:at] + bytes([block[at] ^ 0x10]) + block[at + 1 :]


@pytest.mark.parametrize("spoilt", [cut, flipped], ids=["cut", "flipped"])
def test_a_spoilt_block_is_noticed_and_its_range_told_again(
    server: Server, here: Ground, spoilt: Callable[[bytes], bytes]
) -> None:
    leases = [new_lease() for _ in range(60)]

    async def story() -> None:
        async with kept(server.nats), at_work("visits", here.visits, here.keys, server.nats) as visits:
            await visits.tell(*leases)
            await until(lambda: sent_all(visits))
        server.end()
        for block in server.nats.store.glob("**/VISITS/msgs/*.blk"):
            block.write_bytes(spoilt(block.read_bytes()))
        for index in server.nats.store.glob("**/VISITS/msgs/index.db"):
            index.unlink()  # a power cut leaves none that is true
        server.start()
        async with kept(server.nats), two(server, here) as (visits, referrals):
            for post in (visits.post, referrals.post):
                post.heads._patience = 0.5
            await visits.tell("afterwards")
            await referrals.post.seen("visits", visits.store.writer.position, office=OFFICE)
            for lease in leases:
                assert await referrals.noticed(lease) == (A_DAY,)

    async def with_patience() -> None:
        async with asyncio.timeout(40):
            await story()

    asyncio.run(with_patience())


async def sent_all(small: Small) -> bool:
    """Whether a small service has given everything to the bus."""
    status = await small.relay.status()
    return bool(status["position"]) and not status["unpublished"]


@contextlib.asynccontextmanager
async def two(server: Server, here: Ground) -> AsyncIterator[tuple[Small, Small]]:
    """Visits that tells and referrals that notices."""
    async with (
        at_work("visits", here.visits, here.keys, server.nats) as visits,
        at_work("referrals", here.referrals, here.keys, server.nats, reactions=noticing()) as referrals,
    ):
        yield visits, referrals


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Server]:
    """A NATS server on a disk of 8 MB, where we may mount one; else its store may not grow."""
    nats = prepare(State(tmp_path / "state"))
    disk = nats.store
    disk.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        limited = nats.configuration.read_text().replace("jetstream {", f"jetstream {{\n  max_file_store: {NARROW}")
        nats.configuration.write_text(limited)
    server = Server(nats)
    yield server
    server.end()
    if disk.is_mount():
        subprocess.run(["umount", str(disk)], check=True, capture_output=True)


def fill(server: Server) -> None:
    """Fill the disk while the server runs; on its start it reckons with what there is, and tidies up strange files."""
    disk = server.nats.store
    if disk.is_mount():
        (disk / BALLAST).write_bytes(bytes(shutil.disk_usage(disk).free - ROOM_LEFT))


def make_room(server: Server) -> None:
    """Take away what fills the disk, and give it 64 MB."""
    disk, configuration = server.nats.store, server.nats.configuration
    if disk.is_mount():
        (disk / BALLAST).unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True, capture_output=True)
    configuration.write_text(configuration.read_text().replace(f"max_file_store: {NARROW}", "max_file_store: 64MB"))


def test_a_full_disk_of_the_bus_stops_no_command_and_drains_when_there_is_room(narrow: Server, here: Ground) -> None:
    async def story() -> None:
        async with kept(narrow.nats), two(narrow, here) as (visits, referrals):
            await visits.tell(new_lease())
            await until(lambda: sent_all(visits))
            fill(narrow)
            leases: list[str] = []
            while visits.relay.stuck_seconds < 1:  # commands go on, whatever the bus says
                some = [new_lease() for _ in range(250)]
                await visits.tell(*some)
                leases += some
                assert len(leases) < 40_000, "the disk was never full"
            await until(lambda: visits.relay.why_not is not None)
            print(f"full after {len(leases)} events: {visits.relay.why_not}")
            await visits.tell("while-it-is-full")
            narrow.kill()
            make_room(narrow)
            narrow.start()
            await until(lambda: sent_all(visits), seconds=30)
            await referrals.post.seen("visits", visits.store.writer.position, office=OFFICE)
            for lease in (*leases[:: len(leases) // 20], "while-it-is-full"):
                assert await referrals.noticed(lease) == (A_DAY,)

    async def with_patience() -> None:
        async with asyncio.timeout(90):
            await story()

    asyncio.run(with_patience())
