"""What people are called and what they said lies sealed: nowhere in a log, a metric, a subject, a message or a column.

Everything personal in the history of an office carries its mark; here the mark is looked for wherever bytes come to
rest. That it can be found where it may be read is asserted too: else a history without a mark would pass.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from operate.platform import Platform
from operate.state import SERVICES
from tests.journeys import truth
from tests.journeys.conftest import Offices
from tests.journeys.history import Office

pytestmark = pytest.mark.journey


def spellings(mark: str) -> dict[str, bytes]:
    """Return the mark as it could lie somewhere: plain, in hexadecimal, in base64 at each of three places."""
    plain = mark.encode()
    found = {"plain": plain, "hexadecimal": plain.hex().encode(), "UTF-16": mark.encode("utf-16-le")}
    # The text of a letter's PDF is compressed: such a file must lie nowhere at all.
    found |= {"a PDF": b"%PDF-1.", "a PDF in hexadecimal": b"%PDF-1.".hex().encode()}
    for place in range(3):
        # What stands around the mark changes the first and last characters: only those in between are its own.
        coded = base64.b64encode(b"\0" * place + plain)
        found[f"base64 at {place}"] = coded[4 if place else 0 : len(coded) - 4]
    return found


def found_in(raw: bytes, office: Office) -> list[str]:
    """Return the spellings of an office's mark that bytes hold."""
    return [how for how, spelled in spellings(office.mark).items() if spelled in raw]


@pytest.fixture(scope="module")
def marked(offices: Offices) -> Office:
    """An office of which everything that is personal carries a mark, which those who may read it can see."""
    office = offices.alfa
    for role, service, path, held in (
        ("auditor", "visits", f"/leases/{office.things['lease']}", "renter"),
        ("coordinator", "visits", f"/findings/{office.things['finding']}", "what was seen"),
        ("coordinator", "evaluations", f"/evaluations/{office.things['evaluation']}", "why negative"),
        ("counsellor", "referrals", f"/referrals/{office.things['referral']}", "why help"),
        ("coordinator", "notifications", f"/communications/{office.things['communication']}", "the reasons"),
    ):
        read = json.dumps(office.read(role, service, path))
        assert office.mark in read, f"{path} does not show {held!r} to {role}"
    return office


def test_how_the_mark_is_looked_for_finds_it() -> None:
    office = Office.__new__(Office)
    office.mark = "Zq0badcafe"
    for text in ("x Zq0badcafe y", "aZq0badcafe", "Zq0badcafe"):
        assert "plain" in found_in(text.encode(), office)
        assert "hexadecimal" in found_in(text.encode().hex().encode(), office)
        assert any(how.startswith("base64") for how in found_in(base64.b64encode(text.encode()), office))
    assert found_in(b"nobody said anything", office) == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_column_of_a_database_holds_it_in_the_clear(platform: Platform, marked: Office, service: str) -> None:
    tables = truth.asked(
        platform,
        service,
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'",
    )
    seen = 0
    for (table,) in tables:
        for (row,) in truth.asked(platform, service, f'select to_jsonb(t)::text from "{table}" t'):
            seen += 1
            assert not found_in(row.encode(), marked), f"{service}.{table}: {found_in(row.encode(), marked)}"
    assert seen > 10


def test_no_subject_and_no_message_holds_it(platform: Platform, marked: Office) -> None:
    sealed = 0
    for service in SERVICES:
        for subject, envelope in truth.asked(platform, service, "select subject, envelope from outbox"):
            assert not found_in(subject.encode() + b" " + envelope, marked), subject
            assert re.fullmatch(r"huurspoor\.[a-z0-9-]+\.[a-z]+\.[A-Za-z]+\.v[0-9]+", subject)
            sealed += envelope.count(b'"sealed":')
    assert sealed > 20, "the messages hold no sealed text at all"


def test_no_metric_and_no_log_line_holds_it(platform: Platform, marked: Office) -> None:
    for service, url in platform.urls.items():
        assert not found_in(httpx.get(f"{url}/metrics").content, marked), service
    monitoring = platform.components["nats"]["monitoring"]
    for page in ("varz", "connz?subs=1", "subsz?subs=1", "jsz?streams=1&consumers=1&config=1"):
        assert not found_in(httpx.get(f"{monitoring}/{page}").content, marked), page
    for log in platform.state.logs.glob("*.log"):
        raw = log.read_bytes()
        assert not found_in(raw, marked), log.name
        assert marked.things["secret"].encode() not in raw, f"{log.name} holds the address of a calendar"


def files(root: Path) -> Iterator[Path]:
    """Yield every file of a platform, the data of PostgreSQL too where a link leads to it."""
    for path in root.iterdir():
        if path.is_dir():
            yield from files(path)
        elif path.is_file():
            yield path


def test_no_file_of_the_platform_holds_it(platform: Platform, marked: Office) -> None:
    """Databases, their logs, the bus's store: as a thief of the disk would see them."""
    size = 0
    for file in files(platform.state.root):
        try:
            raw = file.read_bytes()
        except OSError:  # gone meanwhile
            continue
        size += len(raw)
        assert not found_in(raw, marked), file.relative_to(platform.state.root)
    assert size > 50_000_000, "the data of the platform was not found"
