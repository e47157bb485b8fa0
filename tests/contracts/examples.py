"""Writes what is committed and compared: an example of each version that has none yet, and the OpenAPI documents.

    python -m tests.contracts.examples

An example that is there is never written again: it is what was once stored or published. The schemas and AsyncAPI
documents of a service are written by ``python -m services.<name>.main schemas``.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from shared.codec import Beside
from shared.settings import Settings
from shared.web import application
from shared.wording import Wording
from tests.contracts import HERE, OF_NO_SERVICE, SERVICES, codec, contracts, example, own_events, plain, service
from tests.shared.shop import FixedClock, MemoryStore

OPENAPI = HERE.parents[1] / "docs" / "openapi"


def stored_file(service: str) -> Path:
    """Return where the stored examples of a service lie."""
    return HERE / "stored" / f"{service}.json"


def published_file(publisher: str) -> Path:
    """Return where the published examples of a service lie."""
    return HERE / "published" / f"{publisher}.json"


def read(file: Path) -> dict[str, Any]:
    """Return the examples of a file, none where it is not there."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def openapi(name: str) -> str:
    """Return the OpenAPI document of a service, as its door answers it."""
    return asyncio.run(_openapi(name)) + "\n"


async def _openapi(name: str) -> str:
    store: Any = MemoryStore()
    app: Any = application(
        service(name), store, store.seals, Settings(), clock=FixedClock(), wording=Wording(), ready=_ready
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service") as client:
        return json.dumps((await client.get("/openapi.json")).json(), indent=1, ensure_ascii=False, sort_keys=True)


async def _ready() -> dict[str, Any]:
    return {"ready": True}


def _add(file: Path, examples: dict[str, Any]) -> None:
    there = read(file)
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        json.dumps({**examples, **there}, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )


def main() -> None:
    """Write what is missing."""
    OPENAPI.mkdir(exist_ok=True)
    for name in SERVICES:
        stored = {
            event: json.loads(codec(name).encode(example(kind), example(Beside)))
            for event, kind in own_events(name).items()
        }
        _add(stored_file(name), stored)
        (OPENAPI / f"{name}.json").write_text(openapi(name), encoding="utf-8")
    for publisher in (*SERVICES, OF_NO_SERVICE):
        told = {name: plain(example(one)) for name, one in contracts(publisher).items()}
        _add(published_file(publisher), told)


if __name__ == "__main__":
    main()
