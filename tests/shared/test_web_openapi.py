"""The door over a real socket: what its OpenAPI document says, and what only a socket shows."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from shared.tokens import ROLES
from tests.shared import badinput
from tests.shared.openapi_conformance import differences
from tests.shared.shop import LEASE, Shop, opened_shop

HAMMER = {"lease": LEASE, "name": "Hamer", "price": 3}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop behind uvicorn on a free port of this machine."""
    opened = opened_shop(tmp_path)
    transport = opened.client._transport
    assert isinstance(transport, httpx.ASGITransport)
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # else asyncio leaves Nagle on: 44 ms a request
        listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(transport.app, log_config=None, access_log=False, lifespan="off", server_header=False)
        server = uvicorn.Server(config)
        with contextlib.suppress(AttributeError):
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            yield Shop(client, opened.store, opened.issuer)
        server.should_exit = True
        await serving


async def test_head_is_answered_like_get_and_without_content(shop: Shop) -> None:
    """Whoever watches a service asks like this (RFC 9110, 9.3.2)."""
    tool = (await shop.client.post("/tools", json=HAMMER, headers=shop.as_("counsellor"))).json()["id"]
    open_ones = ["/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json", "/nothing"]
    for path in (*open_ones, f"/tools/{tool}", "/tools", "/tools?limit=0"):
        headers = {} if path in open_ones else shop.as_("counsellor")
        got, told = [await shop.client.request(method, path, headers=headers) for method in ("GET", "HEAD")]
        assert (told.status_code, told.content) == (got.status_code, b""), path
        assert told.headers["content-type"] == got.headers["content-type"], path
    assert (await shop.client.head("/tools")).status_code == 401
    assert (await shop.client.head("/tools", headers=shop.as_("operator"))).status_code == 403
    assert (await shop.client.head(f"/tools/{tool}/lend", headers=shop.as_("counsellor"))).status_code == 405


async def test_the_service_answers_as_its_document_says(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.reception.LONGEST_WAIT_SECONDS", 0.01)
    tool = (await shop.client.post("/tools", json=HAMMER, headers=shop.as_("counsellor"))).json()["id"]

    def token_for(roles: tuple[str, ...]) -> str:
        return shop.issuer.token("counsellor" if "counsellor" in roles else roles[0])

    existing = {path: tool for path in ("/tools/{id}", "/tools/{tool}/lend", "/tools/{tool}/polish")}
    found = await asyncio.to_thread(
        differences,
        str(shop.client.base_url).rstrip("/"),
        token_for,
        existing=existing,
        only=lambda path: path != "/broken",
    )
    assert found == [], "\n".join(found)


async def test_the_attack_over_a_socket(shop: Shop) -> None:
    tool = (await shop.client.post("/tools", json=HAMMER, headers=shop.as_("counsellor"))).json()["id"]
    existing = {path: tool for path in ("/tools/{id}", "/tools/{tool}/lend", "/tools/{tool}/polish")}
    tokens = {role: shop.issuer.token(role) for role in ROLES}
    assert await badinput.attack(shop.client, tokens, existing=existing) == []


async def test_who_sends_too_much_without_a_length_sees_the_answer(shop: Shop) -> None:
    async def endless(pieces: int) -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield b"x" * 65_536

    for pieces in (5, 12):
        answer = await shop.client.post(
            "/tools", content=endless(pieces), headers={**shop.as_("counsellor"), "Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
        assert answer.headers["connection"] == "close"


async def test_slow_and_idle_connections_keep_nobody_waiting(shop: Shop) -> None:
    port = shop.client.base_url.port
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
    token = shop.as_("counsellor")["Authorization"]
    for number, (_, writer) in enumerate(idle[:100]):
        head = f"POST /tools HTTP/1.1\r\nHost: shop\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
        writer.write((head + "Content-Length: 100\r\n\r\n{" if number % 2 else head).encode())
        await writer.drain()
    async with asyncio.timeout(10):  # a body that does not come is waited for 30 s
        assert (await shop.client.get("/tools", headers=shop.as_("counsellor"))).status_code == 200
    for _, writer in idle:
        writer.close()
