"""Writes what is committed and compared: an example of each version that has none yet, and the schemas.

    python -m tests.contracts.examples

An example that is there is never written again: it is what was once stored or published.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from shared.codec import Beside
from tests.contracts import HERE, OF_NO_SERVICE, SCHEMAS, SERVICES, codec, contracts, example, own_events, plain


def stored_file(service: str) -> Path:
    """Return where the stored examples of a service lie."""
    return HERE / "stored" / f"{service}.json"


def published_file(publisher: str) -> Path:
    """Return where the published examples of a service lie."""
    return HERE / "published" / f"{publisher}.json"


def read(file: Path) -> dict[str, Any]:
    """Return the examples of a file, none where it is not there."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def schema_files() -> dict[str, str]:
    """Return the schema of each public contract, by the name of its file."""
    files = {}
    for publisher in (*SERVICES, OF_NO_SERVICE):
        for name, contract in contracts(publisher).items():
            schema = msgspec.json.schema(contract, ref_template="#/$defs/{name}")
            whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
            files[f"{publisher}.{name}.json"] = json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return files


def _add(file: Path, examples: dict[str, Any]) -> None:
    there = read(file)
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        json.dumps({**examples, **there}, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )


def main() -> None:
    """Write what is missing."""
    for service in SERVICES:
        stored = {}
        for name, event in own_events(service).items():
            stored[name] = json.loads(codec(service).encode(example(event), example(Beside)))
        _add(stored_file(service), stored)
    for publisher in (*SERVICES, OF_NO_SERVICE):
        told = {name: plain(example(one)) for name, one in contracts(publisher).items()}
        _add(published_file(publisher), told)
    SCHEMAS.mkdir(exist_ok=True)
    schemas = schema_files()
    for file in SCHEMAS.glob("*.json"):
        if file.name not in schemas:
            file.unlink()
    for name, text in schemas.items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
