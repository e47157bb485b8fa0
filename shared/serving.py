"""How a process answers over HTTP: uvicorn, set up for a service, with each answer sent in one piece."""

import asyncio
import gc
import uuid
from typing import Any, Final, cast

import uvicorn
from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared import problems
from shared.wording import FIRST, Wording

SECONDS_TO_FINISH: Final = 10
LARGEST_HEAD: Final = 64 * 1024
# Told to the application where all of a request is there: nobody need watch how long its body takes.
WHOLE: Final = "huurspoor.whole"
_WORDING: Final = Wording()
CAME_WHOLE: Final[dict[str, dict[object, object]]] = {WHOLE: {}}


def config_of(app: Any, *, host: str, port: int) -> uvicorn.Config:
    """Return how uvicorn serves a service, on the loop that is running."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=StrictHttp,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing of ours asks for the client's address or scheme
        date_header=True,
        lifespan="off",
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )


def set_aside_what_stays() -> None:
    """Let the garbage collector pass over everything that was made so far: modules, routes, models.

    Looking through them took a tenth of a second each time, in which nobody was answered.
    """
    gc.collect()
    gc.freeze()


class _NoRequest:
    """Says of what is no request that it is none, like everything else that is wrong: with a problem."""

    transport: asyncio.Transport

    def send_400_response(self, msg: str) -> None:
        """Answer, and end the connection: where another request would begin is not known."""
        said = problems.answer(problems.malformed(), wording=_WORDING, language=FIRST, correlation_id=str(uuid.uuid4()))
        headers = b"".join(b"%s: %s\r\n" % header for header in said.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%sconnection: close\r\n\r\n%s" % (headers, bytes(said.body)))
        self.transport.close()


class _OtherHttp(_NoRequest, H11Protocol):
    pass


class StrictHttp(_NoRequest, HttpToolsProtocol):
    """Uvicorn's protocol on httptools, as strict as its other one: what is not plainly HTTP/1 is answered with 400.

    Refused besides what httptools refuses: another version; no ``Host``, or two; another transfer coding than chunked;
    a head, chunk or trailer that does not end within 64 KiB. Trailers are dropped. A connection on which no head has
    ended within the time for which one is kept alive is closed, whether nothing came or a little. A method that
    httptools does not know, and an offer to upgrade, behind which it would read no body, are left to uvicorn's other
    protocol, on h11.
    """

    _unfinished = 0  # bytes since the last piece that was of use
    _hosts = 0
    _head_ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with a connection."""
        super().connection_made(cast(asyncio.Transport, _Joining(transport)))
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        self._unfinished += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offered:
            self._leave_to_h11(self._head(), data[offered.args[0] :])
        except HttpParserInvalidMethodError:
            self._leave_to_h11(data)
        except HttpParserError:
            self._refuse()
        else:
            if self._unfinished > LARGEST_HEAD:
                self._refuse()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._hosts, self._head_ended = 0, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. :raises HttpParserError: it says that the body comes in a way that we do not read."""
        if self._head_ended:
            return
        super().on_header(name, value)
        match self.headers[-1][0]:
            case b"host":
                self._hosts += 1
            case b"transfer-encoding" if value.lower() != b"chunked":
                raise HttpParserError

    def on_headers_complete(self) -> None:
        """Begin to answer. :raises HttpParserError: it is another version, or not clear whom this is for."""
        self._head_ended, self._unfinished = True, 0
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0") or self._hosts > 1 or (version == "1.1" and not self._hosts):
            raise HttpParserError
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEAD:
            raise HttpParserError  # which came in one piece
        self._unset_keepalive_if_required()
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._unfinished = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._unfinished = 0
        if not self.parser.should_upgrade():
            self.scope["extensions"] = CAME_WHOLE
            super().on_message_complete()

    def _leave_to_h11(self, *pieces: bytes) -> None:
        """Let uvicorn's other parser go on with this connection: it knows every method, and passes over an upgrade."""
        if self._is_answering():
            self.cycle.keep_alive = False  # it cannot wait for that answer as we can; the client will ask again
            return
        self._unset_keepalive_if_required()
        other = _OtherHttp(config=self.config, server_state=self.server_state, app_state=self.app_state)
        self.connections.discard(self)
        self.transport.set_protocol(other)
        other.connection_made(self.transport)
        other.data_received(b"".join(pieces))

    def _head(self) -> bytes:
        line = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return b"\r\n".join((line, *(b"%s: %s" % header for header in self.headers), b"", b""))

    def _is_answering(self) -> bool:
        """Whether a request that came whole is being answered."""
        return bool(self.cycle) and not self.cycle.response_complete and not self.cycle.more_body

    def _refuse(self) -> None:
        """Answer 400, unless another answer is owed first: then the connection ends behind that one."""
        if self._is_answering():
            self.cycle.keep_alive = False
        elif self.pipeline:
            self.transport.close()
        elif not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")


class _Joining:
    """A transport that sends what was written in one turn of the loop together.

    Uvicorn writes an answer's head and body apart, which would be two system calls and two packets.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._soon = asyncio.get_running_loop().call_soon
        self._written: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send this, together with what else is written before the loop goes on."""
        if not self._written:
            self._soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what was written, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            whole = b"".join(self._written)
            self._written.clear()
            self._transport.write(whole)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
