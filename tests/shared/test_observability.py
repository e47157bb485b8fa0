import json
import logging
import os
import subprocess
import sys

import pytest

from shared.observability import METHODS, error_classes, method_label, route_label

NAME = "Marieke Verdonck"

SPEAK = f"""
import asyncio, logging, structlog
from shared.observability import configure
configure("visits")
log = structlog.get_logger()
structlog.contextvars.bind_contextvars(correlation_id="c-1")
log.info("request", route="/visits/{{id}}")
try:
    try:
        raise KeyError("{NAME}")
    except KeyError as why:
        raise LookupError("no row for {NAME}") from why
except LookupError as error:
    log.error("request-failed", exc_info=error)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\\n", exc_info=error)
logging.getLogger("asyncpg").warning("bad row %s", "{NAME}")
logging.getLogger("asyncio").error("Task exception was never retrieved\\nfuture: <Task exception=X('{NAME}')>")
logging.getLogger("uvicorn.access").info("GET /leases?name={NAME}")
logging.getLogger("httpx").warning("GET http://x/{NAME}")
log.debug("not said")
"""


@pytest.fixture(scope="module")
def spoken() -> list[dict[str, object]]:
    """What a process that logs says, line by line."""
    done = subprocess.run([sys.executable, "-c", SPEAK], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_json_with_service_and_correlation_id(spoken: list[dict[str, object]]) -> None:
    assert [line["event"] for line in spoken] == [
        "request",
        "request-failed",
        "Exception in ASGI application",
        "bad row %s",
        "Task exception was never retrieved",
    ]
    assert {(line["service"], line["correlation_id"]) for line in spoken} == {("visits", "c-1")}


def test_errors_are_named_and_placed_and_never_quoted(spoken: list[dict[str, object]]) -> None:
    assert spoken[1]["error"] == ["LookupError", "KeyError"]
    assert str(spoken[1]["at"]).count("<module>") == 1
    assert NAME not in json.dumps(spoken)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_who_logs_on_a_full_disk_goes_on(unbuffered: str) -> None:
    speak = SPEAK + "import sys\nsys.stdout.write('went on')\nsys.stdout.flush()\nimport os\nos._exit(0)"
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", speak], stdout=subprocess.PIPE, stderr=full, timeout=60, env=env)
    assert (done.returncode, done.stdout) == (0, b"went on")


def test_an_sql_state_is_no_personal_data() -> None:
    class Refused(Exception):
        sqlstate = "23505"

    assert error_classes(Refused(NAME)) == ["Refused 23505"]


def test_labels_come_from_closed_sets() -> None:
    assert (route_label(None), route_label("/visits/{id}")) == ("unmatched", "/visits/{id}")
    assert [method_label(method) for method in ("GET", "BREW")] == ["GET", "other"]
    assert "TRACE" not in METHODS


def test_nothing_is_configured_by_importing() -> None:
    assert logging.getLogger("uvicorn.access").disabled is False
