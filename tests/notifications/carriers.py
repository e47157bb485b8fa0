"""A real SMTP server and a real HTTP gateway for the tests, which can fail, delay, answer twice and die."""

import asyncio
import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as as_email
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from operate.children import free_port
from services.notifications.delivery import signature

SECRET = b"a secret of the tests"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the loopback address; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(day)
        .not_valid_after(day.replace(year=2090))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "carrier.pem", folder / "carrier.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


@dataclass
class Post:
    """What arrived at the mail server, and how it behaves: ``plan`` holds one answer for each delivery to come."""

    port: int
    trust: Path
    arrived: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    # "250", "451", "550", "cut" (after it was taken), "slow", "silent", "twice" (answers), "dead" (before the data)
    plan: list[str] = field(default_factory=list)
    speaks: threading.Event = field(default_factory=threading.Event)  # again, where it is silent

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Know everybody, or die, as planned."""
        if self.plan[:1] == ["dead"]:
            self.plan.pop(0)
            transport: Any = server.transport
            transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a message, or not, as planned."""
        planned = self.plan.pop(0) if self.plan else "250"
        if planned in ("451", "550"):
            return f"{planned} not now"
        read = message_from_bytes(envelope.original_content or b"", policy=as_email)
        assert isinstance(read, EmailMessage)
        self.arrived.append(read)
        self.to += envelope.rcpt_tos
        if planned == "cut":
            transport: Any = server.transport
            transport.abort()
        if planned == "slow":
            await asyncio.sleep(3)
        while planned == "silent" and not self.speaks.is_set():  # or until the other side hangs up
            await asyncio.sleep(0.02)
        return "250 taken\r\n250 taken" if planned == "twice" else "250 taken"

    @property
    def times(self) -> Counter[str]:
        """How often each message arrived, by Message-ID."""
        return Counter(str(one["Message-ID"]) for one in self.arrived)


@contextmanager
def mail_server(folder: Path) -> Iterator[Post]:
    """Run a mail server that takes nothing before STARTTLS."""
    public, private = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    post = Post(free_port(), public)
    controller: Any = Controller(
        post, hostname="127.0.0.1", port=post.port, tls_context=context, require_starttls=True, ready_timeout=60
    )
    controller.start()
    try:
        yield post
    finally:
        controller.stop()


@dataclass
class Counted:
    """What a gateway was asked, and how it behaves."""

    address: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    forged: int = 0
    # "202", "503", "422", "500", "cut" (after it was taken), "slow", "silent", "twice" (answers), "endless" (answer),
    # "garbled" (answer), "busy and garbled" (503), "nul", "surrogate" (in its reference), "dead"
    plan: list[str] = field(default_factory=list)

    @property
    def times(self) -> Counter[str]:
        """How often each message was taken, by key."""
        return Counter(self.keys)


@contextmanager
def gateway() -> Iterator[Counted]:
    """Run a gateway that counts what it is asked to send, and refuses what is not signed."""
    counted = Counted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key, at = self.headers["Idempotency-Key"], self.headers["Huurspoor-Timestamp"]
            if self.headers["Huurspoor-Signature"] != signature(SECRET, at=at, key=key, body=body):
                counted.forged += 1
                self.send_error(401)
                return
            planned = counted.plan.pop(0) if counted.plan else "202"
            if planned in ("202", "cut", "slow", "silent", "twice", "endless", "garbled", "nul", "surrogate"):
                counted.asked.append(json.loads(body))
                counted.keys.append(key)
            if planned in ("cut", "dead"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if planned == "silent":
                with contextlib.suppress(OSError):
                    self.connection.recv(1)  # until the other side hangs up
                self.close_connection = True
                return
            if planned == "slow":
                time.sleep(3)
            if planned in ("slow", "twice"):
                with contextlib.suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}" * 2)
                return
            if planned == "endless":
                with contextlib.suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 202 Accepted\r\n\r\n")
                    while True:
                        self.wfile.write(b" " * 65536)
            if planned.endswith("garbled"):
                status = b"202 Accepted" if planned == "garbled" else b"503 Busy"
                head = b"HTTP/1.1 %s\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
                self.wfile.write(head % status)
                return
            odd = {"nul": "\0", "surrogate": "\ud800"}.get(planned)
            answer = json.dumps({"reference": f"ref-{odd or len(counted.keys)}"}).encode()
            self.send_response(202 if odd else int(planned))
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    counted.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield counted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
