"""The settings of a process: the only place that reads the environment (``HUURSPOOR_…``) in a release.

A test build is told in it where to end (``shared.fail_points``).
"""

import hashlib
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What one process must be told. Passwords and keys are never settings, only the files they lie in."""

    model_config = SettingsConfigDict(
        env_prefix="HUURSPOOR_", extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = 8101
    database: str = ""  # as the service's own role
    database_password_file: Path | None = None
    database_all: str = ""  # as the role that sees every office: relay, day loop, rebuild, dead letters
    database_all_password_file: Path | None = None
    database_owner: str = ""  # as the role that makes tables; only for `migrate`
    database_owner_password_file: Path | None = None
    keys_database: str = ""
    keys_database_password_file: Path | None = None
    master_key_file: Path | None = None
    nats: str = "nats://127.0.0.1:4222"
    nats_seed_file: Path | None = None
    witness_file: Path | None = None  # remembers, apart from the database, how far its log had come
    clock_file: Path | None = None  # present: a settable clock
    issuer: str = "huurspoor-local"
    jwks: str = ""  # a file, or an https address
    audience: str = "huurspoor"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # Carriers of messages; one that is not set is not used, and people send by hand.
    smtp: str = ""  # smtp://user@host:587 (STARTTLS, always) or smtps://user@host:465
    smtp_password_file: Path | None = None
    smtp_from: str = ""  # the address that e-mail comes from
    smtp_trust_file: Path | None = None  # certificates of an own authority; without it the machine's
    gateway: str = ""  # https address of the SMS and WhatsApp gateway, docs/gateway.md
    gateway_secret_file: Path | None = None
    gateway_channels: str = "sms,whatsapp"

    def secret_for(self, purpose: str) -> bytes:
        """Return 32 bytes that all processes of this platform share for one purpose; empty without a master key."""
        if self.master_key_file is None:
            return b""
        return hashlib.sha256(f"huurspoor {purpose}".encode() + self.master_key_file.read_bytes()).digest()


def with_password(address: str, file: Path | None) -> str:
    """Return a database address with the password that lies in ``file`` (without its line end)."""
    if file is None:
        return address
    parts = urlsplit(address)
    password = quote(file.read_text(encoding="utf-8").strip(), safe="")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{password}@{host}"))
