"""The commands on a running platform."""

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from operate import clockwork
from operate.door import Answer, Door
from operate.issuer import operator_token
from operate.platform import Platform, Refused, _wait_until_known
from operate.state import PROJECT, SERVICES, State
from tests.operate.stand_in import SOUND, Answers, stand_in

pytestmark = pytest.mark.journey


def huurspoor(on: Platform | Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end on a platform or a state folder, as the launcher does once the environment is there."""
    state = on if isinstance(on, Path) else on.state.root
    command = [sys.executable, "-P", "-m", "operate", *words, "--state", str(state)]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)


def test_a_new_office_is_known_to_all_and_each_of_its_days_is_done_everywhere(platform: Platform) -> None:
    since = platform.today()
    done = huurspoor(platform, "office", "create", "kantoor-oost", "--name", "Kantoor Oost", "--director", "rita")
    assert (done.returncode, done.stdout) == (0, "kantoor-oost is founded\n")
    then = since + timedelta(days=9)
    done = huurspoor(platform, "clock", f"{then}T09:00")
    assert (done.returncode, done.stdout) == (0, f"{then}T09:00\n")
    assert platform.today() == then
    for url in platform.urls.values():
        assert Door(url).get("/health/ready").body["day"] == then.isoformat()
    assert huurspoor(platform, "clock", f"{then + timedelta(days=1)}T00:04").returncode == 0
    for url in platform.urls.values():  # its work begins at five past
        assert Door(url).get("/health/ready").body["day"] == then.isoformat()


def test_an_office_is_founded_once_and_only_under_a_code_that_may_stand_in_a_subject(platform: Platform) -> None:
    platform.create_office("kantoor-zuid", name="Kantoor Zuid", director="dirk")
    with pytest.raises(Refused):
        platform.create_office("kantoor-zuid", name="Nog een", director="iemand")
    for code in ("a.b", "*", ">", "platform", "x" * 300, "kantoor noord", "Kantoor"):
        with pytest.raises(Refused):
            platform.create_office(code, name="Nergens", director="iemand")


def test_a_service_that_answers_with_a_problem_for_once_is_asked_whether_it_knows_the_office_again() -> None:
    class Answers:
        """A door behind which something is wrong the first time."""

        left = [Answer(500, {"type": "/problems/internal-error", "title": "?", "status": 500})]  # noqa: RUF012

        def get(self, _path: str) -> Answer:
            known = {"outbox": {"position": 0}, "inbox": {"evaluations": {"seen": 3}}}
            return self.left.pop() if self.left else Answer(200, known)

    door = Answers()
    _wait_until_known({"visits": cast(Door, door)}, [{"position": "evaluations:3"}], lambda: None)
    assert not door.left


def test_a_service_that_does_not_answer_is_named_and_the_clock_stays(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = platform.today()
    stopped = platform.components["notifications"]["pid"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(clockwork, "SECONDS_A_DAY", 1.0)
            impatient.setattr(clockwork, "PATIENCE", 0.3)
            with pytest.raises(clockwork.NotSettled, match="notifications does not answer"):
                platform.move_clock(f"{before + timedelta(days=3)}T09:00")
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert platform.today() == before
    platform.settled()


def test_views_are_built_again_while_the_service_serves(platform: Platform) -> None:
    operator = operator_token(platform.state)
    for service in ("visits", "evaluations"):
        done = huurspoor(platform, "rebuild", service)
        assert done.returncode == 0, done.stderr
        assert Door(platform.urls[service], operator).get("/health/ready").status == 200
    assert huurspoor(platform, "rebuild", "kantoor").returncode == 2


def test_dead_letters_and_doctor_have_nothing_to_say_of_a_sound_platform(platform: Platform) -> None:
    platform.settled()
    assert huurspoor(platform, "dead-letters").stdout == "no dead letters\n"
    seen = huurspoor(platform, "doctor")
    assert seen.returncode == 0, seen.stdout


ON_A_PLATFORM = (
    ("clock", "2026-03-01T09:00"),
    ("office", "create", "oost", "--name", "Oost", "--director", "rita"),
    ("rebuild", "visits"),
    ("dead-letters",),
)


@pytest.mark.parametrize("words", [*ON_A_PLATFORM, ("down",), ("status",)], ids=lambda words: words[0])
def test_a_command_without_a_platform_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = huurspoor(tmp_path / "nowhere", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().endswith(f"no platform runs on {tmp_path / 'nowhere'}")


@pytest.mark.parametrize("words", ON_A_PLATFORM, ids=lambda words: words[0])
def test_a_platform_of_which_not_all_is_there_yet_takes_no_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    state = State(tmp_path)
    state.make()
    told = {"supervisor": os.getpid(), "ready": False, "components": {}}
    state.status.write_text(json.dumps(told))
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = huurspoor(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"huurspoor: the platform on {tmp_path} is starting, or being stopped\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--role", "renter", "--office", "oost"), "there is no role renter"),
        (("--role", "counsellor"), "an office is needed"),
    ],
)
def test_a_token_is_made_for_roles_that_exist_and_an_office(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = huurspoor(tmp_path, "token", "--person", "anna", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_token_leaves_a_folder_alone_that_is_no_state_folder(tmp_path: Path) -> None:
    done = huurspoor(tmp_path, "token", "--person", "anna", "--role", "operator")
    assert (done.returncode, done.stdout) == (1, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [("up", "--port", "99999"), ("token", "--role", "dpo"), ("nothing",), ("down", "--now")], ids=" ".join
)
def test_what_is_asked_wrongly_is_2_and_says_what_to_type(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = huurspoor(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ./huurspoor ")
    assert list(tmp_path.iterdir()) == []


def test_what_the_machine_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = huurspoor(tmp_path / "file" / "state", "up", "--detach")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"huurspoor: {tmp_path}/file/state/lock: Not a directory\n"


def test_the_libraries_we_declare_are_loaded_and_at_work(platform: Platform) -> None:
    nats = platform.components["nats"]["monitoring"]
    clients = Door(nats).get("/connz").body["connections"]
    assert {client["name"] for client in clients if client["lang"] == "python3"} >= set(SERVICES)  # nats-py
    for url in platform.urls.values():
        assert Door(url).get("/openapi.json").body["openapi"].startswith("3.1")  # FastAPI
    mains = ", ".join(f"services.{service}.main" for service in SERVICES)
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys, {mains}; print(*sys.modules)"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {"faststream.nats", "nats", "eventsourcing.postgres", "fastapi", "prometheus_client"} <= set(loaded)


def test_metrics_are_those_of_prometheus_and_count_what_was_taken_in(platform: Platform) -> None:
    platform.create_office("kantoor-dender", name="Kantoor Dender", director="dirk")
    for service, url in platform.urls.items():
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/metrics")
        said = connection.getresponse().read().decode()
        connection.close()
        assert re.search(r"^# HELP huurspoor_", said, re.M), service
        assert "process_cpu_seconds_total" in said
        if service != "evaluations":  # it hears of the office by the consumer that FastStream declares and measures
            assert re.search(r"^faststream_received_messages_total\{.*\} [1-9]", said, re.M), service


def test_of_what_is_entered_wrongly_it_is_said_where(tmp_path: Path) -> None:
    fault = {"pointer": "/code", "detail": "This text does not have the form that is asked."}
    problem = {"detail": "Not everything is filled in as asked.", "errors": [fault]}
    with stand_in(tmp_path, {"/offices": (422, problem)}) as stands:
        done = huurspoor(tmp_path, "office", "create", "a.b", "--name", "N", "--director", "d")
        assert stands.languages == {"en"}  # in which the command speaks itself
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"huurspoor: {problem['detail']} /code: {fault['detail']}\n"


def test_ctrl_c_while_the_command_line_is_loaded_shows_nothing_of_its_inside(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{PROJECT}"}
    command = [sys.executable, "-P", "-m", "operate", "status"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_while_a_file_is_verified_shows_nothing_of_its_inside(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    os.mkfifo(file)
    command = [sys.executable, "-P", "-m", "operate", "verify", str(file)]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    verifies = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with file.open("wb"):  # returns once it is read
        verifies.send_signal(signal.SIGINT)
        said = verifies.communicate(timeout=180)
    assert (verifies.returncode, said) == (130, ("", ""))


AT = "2026-01-05T08:00:00.000000Z"
VOID = {
    "id": "void-referrals-1-7",
    "office": "kantoor-oost",
    "publisher": "referrals",
    "position": "referrals:7",
    "epoch": 1,
    "stream": "referral/r-1",
    "reason": "void",
    "envelope": {
        "subject": None,
        "why": "taken in before the restore",
        "type": "ReferralOffered",
        "version": 1,
        "previous": None,
        "bytes": 0,
        "taken_in_at": AT,
        "effects": ["lease/l-1:3 ReferralOffered", "evaluation/e-1:2 GroundDoubted"],
    },
    "state": "open",
    "at": AT,
}


def test_a_dead_letter_is_shown_with_all_that_may_be_known_of_it(tmp_path: Path) -> None:
    with stand_in(tmp_path, {"/dead-letters?limit=200": (200, {"items": [VOID], "next": None})}):
        done = huurspoor(tmp_path, "dead-letters")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split("evaluations: ")[0].splitlines()
    assert shown[0] == "visits: void"
    assert "    id void-referrals-1-7" in shown
    assert "    why taken in before the restore" in shown
    assert shown[-2:] == ["    effects lease/l-1:3 ReferralOffered", "    effects evaluation/e-1:2 GroundDoubted"]


def test_a_postgresql_that_stands_still_is_not_called_ready(tmp_path: Path) -> None:
    answers: Answers = {"/health/ready": (200, SOUND), "/healthz?js-enabled-only=true": (200, {})}
    with stand_in(tmp_path, answers) as stands, socket.socket() as stands_still:
        stands_still.bind(("127.0.0.1", 0))
        stands_still.listen()  # the system takes connections, and nobody answers
        told = json.loads(stands.state.status.read_text())
        address = f"postgresql://127.0.0.1:{stands_still.getsockname()[1]}"
        told["components"]["postgres"] = {"pid": 1, "url": address, "log": "", "starts": 1}
        stands.state.status.write_text(json.dumps(told))
        seen = json.loads(huurspoor(tmp_path, "status", "--json").stdout)["components"]["postgres"]
    assert (seen["ready"], seen.get("why")) == (False, ["does not answer"])


def test_where_the_dead_letters_cannot_be_read_nobody_says_that_there_are_none(tmp_path: Path) -> None:
    answers: Answers = {
        "/dead-letters?limit=1": (503, {"detail": "The store does not answer."}),
        "/health/ready": (200, SOUND),
        "/healthz?js-enabled-only=true": (200, {}),
    }
    with stand_in(tmp_path, answers):
        done = huurspoor(tmp_path, "doctor")
    assert done.returncode == 1
    assert "no dead letters" not in done.stdout
    assert "WRONG   the dead letters of visits cannot be read: The store does not answer." in done.stdout
