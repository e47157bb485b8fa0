"""How a process answers over HTTP: uvicorn, set up for a service, with each answer sent in one piece."""

import asyncio
import gc
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS_TO_FINISH = 10


def config_of(app: Any, *, host: str, port: int) -> uvicorn.Config:
    """Return how uvicorn serves a service."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_InOnePiece,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )


def set_aside_what_stays() -> None:
    """Let the garbage collector pass over everything that was made so far: modules, routes, models.

    Looking through them took a tenth of a second each time, in which nobody was answered.
    """
    gc.collect()
    gc.freeze()


class _InOnePiece(H11Protocol):
    """Uvicorn's protocol; it writes an answer's head and body apart, which are two system calls and two packets."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Joining(transport)))


class _Joining:
    """A transport that sends what was written in one turn of the loop together."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send this, together with what else is written before the loop goes on."""
        if not self._written:
            asyncio.get_running_loop().call_soon(self._send)
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
