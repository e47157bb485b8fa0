"""What looks like a running platform: a lock that is held, a status file, and somebody who answers for all services."""

import fcntl
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from operate.issuer import publish_keys
from operate.platform import begin_clock
from operate.state import SERVICES, State
from shared.clock import BRUSSELS

SOUND = {
    "ready": True,
    "outbox": {"unpublished": 0, "position": 1, "counts": {}},
    "inbox": {name: {"seen": 1, "counts": {}} for name in SERVICES},
}
AWAY: tuple[int, dict[str, Any]] = (503, {})
HANGS = None
Answers = dict[str, tuple[int, dict[str, Any]] | None]


@dataclass
class StandIn:
    """Looks like a running platform: a lock that is held, a status file, somebody who answers for all services."""

    state: State
    answers: Answers
    ended: threading.Event = field(default_factory=threading.Event)
    asked: set[str] = field(default_factory=set)
    languages: set[str | None] = field(default_factory=set)
    lock: Any = None
    supervisor: int = 0

    def tell(self, url: str, *, stopping: bool = False) -> None:
        seen = {"pid": 1, "url": url, "log": "", "starts": 1}
        components = {name: seen for name in SERVICES} | {"nats": {**seen, "monitoring": url}}
        told = {"supervisor": self.supervisor, "ready": not stopping, "stopping": stopping, "components": components}
        part = self.state.status.with_suffix(".part")  # in one step, as a supervisor does
        part.write_text(json.dumps(told))
        part.replace(self.state.status)

    def until_asked(self, path: str) -> None:
        deadline = time.monotonic() + 120
        while path not in self.asked:
            assert time.monotonic() < deadline, "it was not asked in time"
            time.sleep(0.02)

    def was_killed(self) -> None:
        """Let the lock go; the status file stays."""
        self.lock.close()

    def was_stopped(self) -> None:
        """Take the status file away and let the lock go."""
        self.state.status.unlink()
        self.lock.close()

    def is_being_stopped(self) -> None:
        """Say so; the lock is still held."""
        self.tell("http://127.0.0.1:9", stopping=True)


@contextmanager
def stand_in(root: Path, answers: Answers) -> Iterator[StandIn]:
    state = State(root)
    begin_clock(state, at=datetime(2026, 1, 5, 8, tzinfo=BRUSSELS))
    publish_keys(state)
    stands = StandIn(state, answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stands.asked.add(self.path)
            stands.languages.add(self.headers.get("Accept-Language"))
            answer = stands.answers[self.path]
            if answer is None:
                stands.ended.wait(60)
                self.close_connection = True
                return
            body = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Nobody's supervisor, so that a signal to it does no harm.
    supervisor = subprocess.Popen(["sleep", "300"])
    stands.supervisor = supervisor.pid
    with (root / "lock").open("a") as stands.lock:
        fcntl.flock(stands.lock, fcntl.LOCK_EX)
        stands.tell(f"http://127.0.0.1:{server.server_port}")
        try:
            yield stands
        finally:
            stands.ended.set()
            supervisor.kill()
            supervisor.wait()
            server.shutdown()
            server.server_close()
