"""The libraries that the project names are at work in the running services: loaded, and seen doing their part."""

import json
import re

import httpx
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from operate.platform import Platform
from operate.state import SERVICES
from shared.log import event_log
from tests.journeys import truth
from tests.journeys.history import Office, founded, lived_in

pytestmark = pytest.mark.journey

LIBRARIES = ("faststream.nats", "nats.aio.client", "eventsourcing.postgres", "fastapi", "prometheus_client")


@pytest.fixture(scope="module")
def office(watched: Platform) -> Office:
    """An office in which something has happened, on the platform whose services name what they import."""
    return lived_in(founded(watched, "delta"))


def imported_by(platform: Platform, service: str) -> set[str]:
    """Return the modules that a running service wrote down as it loaded them."""
    log = platform.state.log(service).read_text(encoding="utf-8", errors="replace")
    return set(re.findall(r"^import time:[ \d|]+\| +([\w.]+)$", log, flags=re.MULTILINE))


@pytest.mark.parametrize("service", SERVICES)
def test_the_process_that_answers_has_loaded_every_library(watched: Platform, service: str) -> None:
    assert watched.components[service]["starts"] == 1, "another process answers than the one that wrote its imports"
    loaded = imported_by(watched, service)
    assert len(loaded) > 500, "the service did not name its imports"
    assert not set(LIBRARIES) - loaded
    assert "services." + service + ".publishing" in loaded
    assert not {name for name in loaded if name.startswith("services.") and name.split(".")[1] != service}


def series(text: str, name: str) -> dict[str, float]:
    """Return the samples of a metric by their labels."""
    found = re.findall(rf"^{re.escape(name)}{{(.*)}} (\S+)$", text, flags=re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_faststream_counts_what_each_service_hears(watched: Platform, office: Office) -> None:
    for service, url in watched.urls.items():
        # Counted before it is looked up what was heard: meanwhile more may be told.
        rows = truth.asked(watched, service, "select publisher, count(*) from inbox group by publisher")
        received = series(httpx.get(f"{url}/metrics").text, "faststream_received_messages_total")
        for publisher in SERVICES:
            if publisher == service:
                continue
            heard = sum(count for labels, count in received.items() if publisher in labels)
            taken = sum(count for name, count in rows if name == publisher)
            assert heard >= taken > 0, f"{service} heard {heard} of {publisher} and took in {taken}"


def test_nats_names_every_service_among_its_clients(watched: Platform) -> None:
    clients = httpx.get(f"{watched.components['nats']['monitoring']}/connz").json()["connections"]
    named = {client["name"]: (client["lang"], client["out_msgs"]) for client in clients}
    for user in (*SERVICES, "bus-keeper"):
        lang, messages = named[user]
        assert lang == "python3" and messages > 0, f"{user}: {named[user]}"


@pytest.mark.parametrize("service", SERVICES)
def test_the_recorder_of_eventsourcing_reads_the_running_services_log(
    watched: Platform, office: Office, service: str
) -> None:
    port = watched.components["postgres"]["url"].rpartition(":")[2].partition("/")[0]
    role = f"{service}_all"
    password = watched.state.password(role).read_text()
    log = event_log({"dbname": service, "host": "127.0.0.1", "port": port, "user": role, "password": password})
    try:
        assert isinstance(log, PostgresApplicationRecorder)
        count = truth.asked(watched, service, "select count(*) from stored_events")[0][0]
        noted = log.select_notifications(start=1, limit=count)  # it may have grown since
        assert [one.id for one in noted] == list(range(1, count + 1))
        last = log.max_notification_id() or 0
        assert 0 < count <= last <= truth.asked(watched, service, "select count(*) from stored_events")[0][0]
        stream = noted[-1].originator_id
        events = log.select_events(stream)
        assert all(isinstance(event, StoredEvent) for event in events)
        assert [event.originator_version for event in events] == list(range(1, len(events) + 1))
        assert json.loads(events[-1].state)["beside"]["id"]
    finally:
        log.datastore.close()


@pytest.mark.parametrize("service", SERVICES)
def test_fastapi_describes_the_doors_and_prometheus_counts_who_came(
    watched: Platform, office: Office, service: str
) -> None:
    url = watched.urls[service]
    document = httpx.get(f"{url}/openapi.json").json()
    assert document["openapi"].startswith("3.1") and len(document["paths"]) > 10
    metrics = httpx.get(f"{url}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=")
    counted = series(metrics.text, "huurspoor_http_requests_total")
    acts = [act for act in office.acts if act.service == service]
    posted = sum(value for labels, value in counted.items() if 'method="POST"' in labels and 'status="20' in labels)
    assert posted >= len(acts) > 0
    assert series(metrics.text, "process_resident_memory_bytes") or "process_resident_memory_bytes" in metrics.text
