"""Two offices in which the same has happened, on one platform: whoever is of the one must see nothing of the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from operate.platform import Platform
from operate.state import SERVICES
from tests.conftest import started
from tests.journeys.every_door import At
from tests.journeys.history import Office, another_version, founded, lived_in
from tests.shared.badinput import doors

# Lets a Python process write down every module that it loads; its log is where that goes.
NAMING_ITS_IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}


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
    """

    alfa: Office
    beta: Office


@pytest.fixture(scope="session")
def offices(platform: Platform) -> Iterator[Offices]:
    """Two offices in which one thing of every kind has happened."""
    alfa = lived_in(founded(platform, "alfa"))
    beta = lived_in(founded(platform, "beta"))
    another_version(alfa)  # versions are numbered in each office: only this one has a third
    platform.settled()
    yield Offices(alfa, beta)


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
