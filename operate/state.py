"""The state folder: where each thing of a platform lies, and its secrets."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("visits", "evaluations", "referrals", "notifications")  # in the order of their ports
PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class State:
    """The folder of one platform; all that outlives an ``up`` lies in it."""

    root: Path

    def make(self) -> None:
        """Make the folder and the folders in it. What is there stays."""
        self.root.mkdir(parents=True, exist_ok=True)
        # Others may pass through, not look: as root, PostgreSQL's account must reach its data in here.
        self.root.chmod(0o711)
        for folder in (self.secrets, self.logs, self.root / "witness"):
            folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def secrets(self) -> Path:
        """Passwords, seeds and keys, one file each, mode 0600."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """One log file for each component."""
        return self.root / "logs"

    def log(self, component: str) -> Path:
        """Return the log file of a component."""
        return self.logs / f"{component}.log"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data, or a link to it where its account could not reach it here."""
        return self.root / "postgres"

    @property
    def status(self) -> Path:
        """What runs now: written by the supervisor, gone when it stopped."""
        return self.root / "status.json"

    @property
    def unfinished(self) -> Path:
        """There while a backup is laid here; of one that was killed over it, for ever."""
        return self.root / "unfinished"

    @property
    def clock(self) -> Path:
        """The settable clock; a platform without this file follows the system's."""
        return self.root / "clock.json"

    def witness(self, service: str) -> Path:
        """Return the file that remembers how far a service's log had come, apart from its database."""
        return self.root / "witness" / f"{service}.json"

    @property
    def master_key(self) -> Path:
        """The key that wraps the keys of all offices."""
        return self.secrets / "master.key"

    @property
    def nats(self) -> Path:
        """The bus: its configuration and, under ``jetstream``, its store."""
        return self.root / "nats"

    def password(self, role: str) -> Path:
        """Return the file with the password of a database role; made when it is not there yet."""
        return self.secret(f"{role}.password", secrets.token_urlsafe(32))

    def secret(self, name: str, fresh: str | bytes) -> Path:
        """Return a file with a secret; ``fresh`` is what it holds from now on if there is none yet.

        Whoever comes first wins, also against another process, and nobody ever sees half a secret.
        """
        file = self.secrets / name
        if not file.exists():
            self.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = file.with_name(f".{name}.{secrets.token_hex(4)}")
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(fresh.encode() if isinstance(fresh, str) else fresh)
            try:
                os.link(part, file)
            except FileExistsError:
                pass
            finally:
                part.unlink()
        return file
