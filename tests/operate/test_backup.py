"""A backup taken while people work, and a platform made of it: all is there, and a person says that it goes on."""

import hashlib
import json
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from operate import backup, postgres
from operate.backup import NoBackup, restore
from operate.platform import Platform
from operate.state import SERVICES, State
from operate.supervisor import DidNotStart, _held
from shared.witness import THIS_MACHINE, Own, Seen, judge
from tests.journeys import truth
from tests.operate.test_commands import huurspoor

OFFICE = "kantoor-kopie"
MANDATE = {"person": "lena", "role": "coordinator", "acts": ["decide_contest"], "from": "2028-01-01"}


def as_director(platform: Platform) -> httpx.Client:
    token = platform.token(office=OFFICE, roles=["director"], person="rita")
    return httpx.Client(base_url=platform.urls["evaluations"], headers={"Authorization": f"Bearer {token}"}, timeout=30)


def entries(platform: Platform) -> list[Any]:
    with as_director(platform) as rita:
        return list(rita.get("/ledger/export").json()["items"])


@pytest.mark.journey
def test_what_a_backup_was_taken_of_is_whole_elsewhere_and_waits_for_a_person(
    platform: Platform, tmp_path: Path
) -> None:
    platform.create_office(OFFICE, name="Kantoor Kopie", director="rita")
    copy, taken, answered = tmp_path / "a copy", threading.Event(), list[int]()

    def work() -> None:
        with as_director(platform) as rita:
            while not taken.is_set():
                answered.append(rita.post("/mandates", json=MANDATE).status_code)

    before = entries(platform)
    working = threading.Thread(target=work)
    working.start()
    try:
        done = huurspoor(platform, "backup", str(copy))
    finally:
        taken.set()
        working.join()
    assert done.returncode == 0, done.stderr
    assert set(answered) == {201}
    assert copy.stat().st_mode & 0o077 == 0
    done = huurspoor(tmp_path / "elsewhere", "restore", str(copy))
    assert done.returncode == 0, done.stderr
    with Platform.start(tmp_path / "elsewhere", thrown_away=True) as restored:
        kept, told = entries(restored), entries(platform)
        assert len(before) <= len(kept) and kept == told[: len(kept)]
        with as_director(restored) as rita:
            assert rita.post("/mandates", json=MANDATE).json()["errors"][0]["code"] == "SHORTER_THAN_WITNESSED"
        operator = {"Authorization": f"Bearer {restored.token(office=None, roles=['operator'], person='op')}"}
        for service in SERVICES:
            confirmed = httpx.post(f"{restored.urls[service]}/epochs", json={"reason": "Moved."}, headers=operator)
            assert confirmed.status_code == 200, confirmed.text
        restored.settled()
        with as_director(restored) as rita:
            assert rita.post("/mandates", json=MANDATE).status_code == 201
        restored.settled()
        truth.positions_are_gap_free(restored)
        truth.views_equal_their_rebuild(restored, "evaluations")


def a_backup(folder: Path) -> Path:
    """Return what looks like a backup, with one file of data."""
    (folder / "postgres").mkdir(parents=True)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "master.key").write_text("key")
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    files = [{"Path": "PG_VERSION", "Checksum": hashlib.sha256(b"18\n").hexdigest()}]
    (folder / "postgres" / "backup_manifest").write_text(json.dumps({"Files": files}))
    logs = {service: {"epoch": 1, "position": 7} for service in SERVICES}
    (folder / "backup.json").write_text(json.dumps({"taken_at": "2026-01-05T07:00:00Z", "logs": logs}))
    return folder


def test_only_a_whole_backup_as_it_was_taken_is_restored(tmp_path: Path) -> None:
    source, state = a_backup(tmp_path / "copy"), State(tmp_path / "state")
    (source / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(NoBackup, match="1 files differ, PG_VERSION first"):
        restore(source, state)
    (source / "backup.json").unlink()
    with pytest.raises(NoBackup, match="that was taken to its end"):
        restore(source, state)
    assert not state.root.exists()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):  # or one that may not be read: not that no backup is there
        restore(tmp_path / "file", state)


def test_nothing_is_restored_over_what_is_there(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.make()
    with pytest.raises(NoBackup, match="is not empty"):
        restore(a_backup(tmp_path / "copy"), state)
    assert sorted(entry.name for entry in state.root.iterdir()) == ["logs", "secrets", "witness"]


async def test_an_epoch_that_begins_while_a_backup_is_taken_lets_who_is_restored_from_it_wait_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, state = State(tmp_path / "running"), State(tmp_path / "state")
    running.make()
    head, copied = {"epoch": 1, "position": 7}, list[Own]()

    class Server:
        def back_up(self, to: Path) -> None:
            head.update(epoch=2, position=8)  # a person confirmed a restore just then
            copied.append(Own(epoch=2, position=8, log=11, ended={1: 8}))
            shutil.copytree(a_backup(tmp_path / "as it is") / "postgres", to)

    async def logs(_server: Any) -> dict[str, dict[str, int]]:
        return {service: dict(head) for service in SERVICES}

    monkeypatch.setattr(postgres, "at", lambda *_: Server())
    monkeypatch.setattr(backup, "_logs", logs)
    monkeypatch.setattr(postgres, "restore", lambda *_: None)
    platform: Any = SimpleNamespace(state=running, components={"postgres": {"url": "postgresql://here:5432"}})
    await backup.back_up(platform, tmp_path / "copy")
    restore(tmp_path / "copy", state)
    for service in SERVICES:
        told = json.loads(state.witness(service).read_text())
        assert judge(copied[0], [Seen(by=THIS_MACHINE, **told)]) is not None


def test_of_two_at_once_one_is_refused_and_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, state = a_backup(tmp_path / "copy"), State(tmp_path / "state")

    def as_another_does_the_same(*_: Any) -> None:
        if not refused:
            refused.append("about to be")
            with pytest.raises(NoBackup, match="is not empty"):
                restore(source, state)
            refused.append("it was")

    refused: list[str] = []
    monkeypatch.setattr("operate.backup.shutil.copytree", as_another_does_the_same)  # the first thing that is laid
    monkeypatch.setattr(postgres, "restore", lambda *_: None)
    restore(source, state)
    assert refused[-1:] == ["it was"]
    assert sorted(entry.name for entry in state.root.iterdir()) == ["logs", "secrets", "witness"]


def test_nothing_starts_on_what_is_not_restored_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, refused = State(tmp_path / "state"), list[str]()

    def killed_meanwhile(*_: Any) -> None:
        with pytest.raises(DidNotStart, match="not restored to its end"), _held(state):
            pass
        refused.append("it was")

    monkeypatch.setattr(postgres, "restore", killed_meanwhile)
    restore(a_backup(tmp_path / "copy"), state)
    assert refused
    with _held(state):
        """Now it may."""


def test_a_restore_that_is_cut_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: Any) -> None:
        raise SystemExit(130)

    monkeypatch.setattr(postgres, "restore", cut_off)
    with pytest.raises(SystemExit):
        backup.restore(a_backup(tmp_path / "copy"), State(tmp_path / "state"))
    assert list((tmp_path / "state").iterdir()) == []
