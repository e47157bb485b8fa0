"""Two offices in which the same has happened, on one platform: whoever is of the one must see nothing of the other."""

import time as machine
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from operate.platform import Platform
from operate.state import SERVICES
from tests.conftest import started
from tests.journeys.every_door import At
from tests.journeys.history import Office, another_version, founded, lived_in
from tests.journeys.truth import kill
from tests.shared.badinput import doors

# A carrier of e-mail that never answers: what is handed to it stays on its way.
A_CARRIER = {"HUURSPOOR_SMTP": "smtp://127.0.0.1:9", "HUURSPOOR_SMTP_FROM": "kantoor@huurspoor.example"}
# Lets a Python process write down every module that it loads; its log is where that goes.
NAMING_ITS_IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform of the journeys: like everybody's, with a carrier until its notifications start again."""
    yield from started(tmp_path_factory.mktemp("journeys"), first={"notifications": A_CARRIER})


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own for what is in the way of others: services that name what they import, bad messages."""
    first = dict.fromkeys(SERVICES, NAMING_ITS_IMPORTS)
    yield from started(tmp_path_factory.mktemp("watched"), first=first)


@dataclass(frozen=True)
class Offices:
    """Two offices with the same history.

    :ivar alfa: what happened here must not be seen from ``beta``.
    :ivar beta: did the same acts in the same order; so each of its things has a counterpart in ``alfa``.
    :ivar eta: for trying everything out: what is made up here is also recorded.
    """

    alfa: Office
    beta: Office
    eta: Office


@pytest.fixture(scope="session")
def offices(platform: Platform) -> Iterator[Offices]:
    """Two offices in which one thing of every kind has happened."""
    alfa = lived_in(founded(platform, "alfa"))
    beta = lived_in(founded(platform, "beta"))
    eta = lived_in(founded(platform, "eta"))
    another_version(alfa)  # versions are numbered in each office: only this one has a third
    platform.settled()
    # Every day's work is done before the restart; else it would be caught up while tests count what happened.
    platform.move_clock(platform.now() + timedelta(days=1))
    # It starts again without the carrier, so that what is on its way is tried no more while tests count what happened.
    kill(platform, "notifications")
    platform.settled()
    for office in (alfa, beta, eta):  # what was being handed over when it was killed becomes unknown
        until = machine.monotonic() + 60
        while _state_of_sending(office) == "sending":
            assert machine.monotonic() < until, "a message that was cut stays on its way"
            machine.sleep(0.1)
    platform.settled()
    yield Offices(alfa, beta, eta)


def _state_of_sending(office: Office) -> str:
    sending = office.things["sending"]
    return str(office.read("auditor", "notifications", f"/sendings/{sending}")["state"])


@pytest.fixture(scope="session")
def every_door(platform: Platform) -> Iterator[list[At]]:
    """Every door of every service that asks for a token."""
    found: list[At] = []
    clients = {service: httpx.Client(base_url=url, timeout=30) for service, url in platform.urls.items()}
    for service, client in clients.items():
        found += [At(service, door, client) for door in doors(client.get("/openapi.json").json())]
    yield found
    for client in clients.values():
        client.close()
