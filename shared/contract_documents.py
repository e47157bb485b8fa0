"""The public contracts as documents: a JSON Schema for each version of each event, AsyncAPI for each service.

They are generated, committed, and compared in tests. The AsyncAPI document is made by FastStream of what a service
declares (``shared.declared``); the schemas come from the contract classes themselves.
"""

import json
from collections.abc import Awaitable, Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import msgspec
from faststream.nats import JStream
from faststream.specification import AsyncAPI
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus import SERVICES, filters, stream_of
from shared.contracts import platform
from shared.declared import declare
from shared.outbox import PLATFORM, Envelope, event_and_version
from shared.told import contracts_of

FOLDER = Path(__file__).resolve().parent / "contracts"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents(service: str, heard: Sequence[type]) -> dict[str, str]:
    """Return the documents of a service: path below ``shared/contracts`` to text.

    :param heard: the contracts of others to which the service reacts.
    """
    made = {f"schemas/{name}": text for owner in (service, PLATFORM) for name, text in schemas(owner).items()}
    return {**made, f"asyncapi/{service}.json": _text(asyncapi(service, heard))}


def schemas(publisher: str) -> dict[str, str]:
    """Return a publisher's schemas by file name; ``platform`` has those of the contracts that every service has."""
    return {_file(contract): _text(schema(contract)) for contract in _own_contracts(publisher)}


def write(service: str, heard: Sequence[type], *, folder: Path = FOLDER) -> list[Path]:
    """Write the documents of a service and take away those of contracts that are gone; return what was written."""
    made = documents(service, heard)
    for old in folder.glob(f"schemas/{service}.*.json"):
        if f"schemas/{old.name}" not in made:
            old.unlink()
    written = []
    for path, text in made.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return written


def schema(contract: type) -> dict[str, Any]:
    """Return the JSON Schema of the ``data`` of one version of an event."""
    event, version = event_and_version(contract)
    made = msgspec.json.schema(contract, ref_template="#/$defs/{name}")
    for part in made["$defs"].values():
        if "description" in part:
            part["description"] = cleandoc(part["description"])
    return {"$schema": _DIALECT, "$id": f"/schemas/{_file(contract)}", "title": f"{event} v{version}", **made}


def asyncapi(service: str, heard: Sequence[type]) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of a service: what it publishes, and what it makes of what it hears."""
    publishers = [publisher for publisher in SERVICES if publisher != service]
    broker, _ = declare(service, publishers, _take_nothing_in, _stay_away)
    for contract in contracts_told_by(service):
        event, version = event_and_version(contract)
        broker.publisher(
            f"huurspoor.{{office}}.{service}.{event}.v{version}",
            stream=JStream(stream_of(service), declare=False),
            title=f"{event}.v{version}",
            description=cleandoc(contract.__doc__ or ""),
            schema=dict,
        )
    made = AsyncAPI(broker, title=f"Huurspoor {service}", version="1", schema_version="3.0.0").to_specification()
    told = cast("dict[str, Any]", made.to_jsonable())
    told.pop("servers", None)
    told["components"]["schemas"] = {"Envelope": _envelope()}
    told["components"]["parameters"] = {"office": {"description": "The code of the office, or platform."}}
    for name, channel in told["channels"].items():
        channel.pop("servers", None)
        if "{office}" in channel["address"]:
            channel["parameters"] = {"office": {"$ref": "#/components/parameters/office"}}
        for reference in channel["messages"].values():
            message = told["components"]["messages"][unquote(reference["$ref"].rpartition("/")[2])]
            message.pop("correlationId", None)
            message["payload"] = _payload(service, name, publishers, heard)
    return told


def _payload(service: str, channel: str, publishers: Sequence[str], heard: Sequence[type]) -> dict[str, Any]:
    for publisher in publishers:
        if channel.startswith(f"{service} hears {publisher}"):
            known = [one for one in heard if one in contracts_told_by(publisher)]
            data: list[dict[str, Any]] = [_reference(one) for one in sorted(known, key=lambda one: one.__name__)]
            return {
                "allOf": [
                    {"$ref": "#/components/schemas/Envelope"},
                    {"properties": {"data": {"anyOf": [*data, {"description": "taken in without effect"}]}}},
                ],
                "description": "A batch of envelopes from: " + ", ".join(filters(service, publisher)),
            }
    contract = next(one for one in contracts_told_by(service) if "{}.v{}".format(*event_and_version(one)) == channel)
    return {
        "allOf": [
            {"$ref": "#/components/schemas/Envelope"},
            {"properties": {"data": _reference(contract)}},
        ]
    }


def _envelope() -> dict[str, Any]:
    made = msgspec.json.schema(Envelope)
    found: dict[str, Any] = made["$defs"]["Envelope"]
    found["description"] = cleandoc(found["description"])
    found["properties"]["data"] = {"description": "the contract"}
    found["required"] = [*found["required"], "data"]
    for attribute in found["properties"].values():
        # An attribute without a value is absent, never null.
        attribute.pop("default", None)
        options = [one for one in attribute.get("anyOf", ()) if one != {"type": "null"}]
        if len(options) == 1:
            attribute.pop("anyOf")
            attribute.update(options[0])
    return found


def contracts_told_by(service: str) -> list[type]:
    """Return all contracts that a service publishes, those of every service included."""
    return [contract for versions in contracts_of(service).values() for contract in versions.values()]


def _own_contracts(publisher: str) -> list[type]:
    if publisher == PLATFORM:
        return [one for one in contracts_told_by(SERVICES[0]) if one.__module__ == platform.__name__]
    return [one for one in contracts_told_by(publisher) if one.__module__ != platform.__name__]


def _reference(contract: type) -> dict[str, Any]:
    return {"$ref": f"../schemas/{_file(contract)}"}


def _file(contract: type) -> str:
    event, version = event_and_version(contract)
    return f"{contract.__module__.rpartition('.')[2]}.{event}.v{version}.json"


def _text(document: Mapping[str, Any]) -> str:
    # Sorted: FastStream keeps what is declared in a set without an order.
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


async def _take_nothing_in(_publisher: str, _batch: Sequence[Msg]) -> None:
    """Stand for the inbox where only the declaration is asked for."""


def _stay_away() -> Awaitable[Client]:
    raise ConnectionError("a document needs no bus")
