"""PostgreSQL on a disk that is full, and later has room again (hardening 2)."""

import contextlib
import shutil
import subprocess
import tempfile
import time as machine
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.house import House, Load, a_house

pytestmark = pytest.mark.journey

BALLAST = "ballast"


@pytest.fixture
def on_a_small_disk() -> Iterator[tuple[House, Path]]:
    """A house whose PostgreSQL has a disk of its own, and that disk."""
    folder = Path(tempfile.mkdtemp(prefix="full-disk-"))
    folder.chmod(0o711)  # the account that PostgreSQL runs under must reach its data
    disk = folder / "state" / "postgres"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m,mode=0700", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        shutil.rmtree(folder)
        pytest.skip("a disk of its own can only be mounted by root")
    try:
        with a_house(folder) as house:
            yield house, disk
            (disk / BALLAST).unlink(missing_ok=True)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True, capture_output=True)
        shutil.rmtree(folder)


def test_on_a_full_disk_nothing_is_doubled_and_with_room_it_goes_on(on_a_small_disk: tuple[House, Path]) -> None:
    house, disk = on_a_small_disk
    with Load(house, callers=4) as load:
        load.wait_for(20)
        fill(disk)
        until = machine.monotonic() + 20
        while not load.count(503) and machine.monotonic() < until:
            machine.sleep(0.05)
        assert load.count(503), "the disk was never full"
        machine.sleep(2)
        (disk / BALLAST).unlink()
        load.wait_for(20, seconds=30)
    print(load.told()[:2000])
    assert {one[1] for one in load.answered} <= {201, 503}
    assert all(may for _, status, _, may in load.answered if status == 503)
    house.everything_holds()


def fill(disk: Path) -> None:
    """Leave no byte on a disk."""
    with (disk / BALLAST).open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(65536))
