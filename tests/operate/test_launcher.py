"""The launcher: one environment for one lock, prepared once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operate.state import PROJECT

# Stands in for uv: notes each call and lays an "environment" that is this very Python.
UV = """#!/bin/sh
echo "$@" >> "{calls}"
case "$1" in
  venv) while test -e "{held}"; do sleep 0.05; done
    for last; do :; done; mkdir -p "$last/bin"; ln -s "{python}" "$last/bin/python";;
  pip) test ! -e "{fails}";;
esac
"""


class Checkout:
    """A project folder with the launcher, a lock, and a command line that tells how it was called."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.calls = folder / "calls"
        self.fails = folder / "fails"
        self.held = folder / "held"  # for as long as it is there, no environment is laid
        (self.project / "operate").mkdir(parents=True)
        shutil.copy(PROJECT / "huurspoor", self.project / "huurspoor")
        self.lock = self.project / "requirements.txt"
        self.lock.write_text("typer==1.0\n")
        tells = "import os, sys\nprint(os.getcwd(), *sys.argv[1:])\nsys.exit(int(os.environ.get('CODE', '0')))\n"
        (self.project / "operate" / "__main__.py").write_text(tells)
        (self.project / "operate" / "__init__.py").touch()
        self.path = folder / "bin"
        self.path.mkdir()
        uv = self.path / "uv"
        uv.write_text(UV.format(calls=self.calls, python=sys.executable, fails=self.fails, held=self.held))
        uv.chmod(0o755)

    def call(self, *words: str, **settings: str) -> "subprocess.Popen[str]":
        env = {"PATH": f"{self.path}:{os.defpath}", "LANG": "nl_BE.UTF-8", "HOME": "/nonexistent", **settings}
        command = [sys.executable, str(self.project / "huurspoor"), *words]
        return subprocess.Popen(
            command, cwd=self.path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def prepared(self) -> int:
        return self.calls.read_text().count("venv ") if self.calls.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_call_prepares_and_the_next_one_starts_at_once(checkout: Checkout) -> None:
    first, said = checkout.call("status", "--json").communicate()
    assert first == f"{checkout.path} status --json\n"  # progress is not on stdout, the caller's folder stays
    assert "preparing the environment" in said
    second, said = checkout.call("down").communicate()
    assert (second, said) == (f"{checkout.path} down\n", "")
    assert checkout.prepared() == 1


def test_of_several_first_calls_one_prepares_and_all_run(checkout: Checkout) -> None:
    checkout.held.touch()
    calls = [checkout.call("status", str(number)) for number in range(4)]
    said = [call.stderr.readline() for call in calls if call.stderr is not None]
    checkout.held.unlink()
    for call in calls:
        call.communicate()
    assert [call.returncode for call in calls] == [0] * 4
    assert sum("waiting for it" in line for line in said) == 3
    assert checkout.prepared() == 1


def test_a_new_lock_gets_a_new_environment(checkout: Checkout) -> None:
    checkout.call("status").communicate()
    checkout.lock.write_text("typer==2.0\n")
    checkout.call("status").communicate()
    assert checkout.prepared() == 2


def test_what_was_not_laid_to_its_end_is_laid_again(checkout: Checkout) -> None:
    checkout.fails.touch()
    call = checkout.call("status")
    _, said = call.communicate()
    assert call.returncode == 1
    assert said.strip().endswith("the environment could not be prepared")
    checkout.fails.unlink()
    call = checkout.call("status")
    call.communicate()
    assert call.returncode == 0
    assert checkout.prepared() == 2


def test_the_exit_code_is_that_of_the_command(checkout: Checkout) -> None:
    call = checkout.call("demo", CODE="130")
    call.communicate()
    assert call.returncode == 130


def test_without_venv_and_uv_it_says_in_one_line_what_to_install(checkout: Checkout) -> None:
    (checkout.path / "uv").unlink()
    (checkout.project / "ensurepip.py").write_text("raise ImportError\n")
    _, said = checkout.call("demo", PYTHONPATH=str(checkout.project)).communicate()
    assert said.splitlines()[-1].startswith("huurspoor: this Python has no venv; install it")
    assert "Traceback" not in said


def test_the_lock_names_no_host_and_pins_all_by_hash() -> None:
    lock = (PROJECT / "requirements.txt").read_text()
    assert "://" not in lock
    assert "--index-url" not in lock
    pinned = [line for line in lock.splitlines() if line and not line[0].isspace()]
    assert all("==" in line and line.endswith("\\") for line in pinned)
