"""The house whose parts the tests of single faults break, and a bus for small services."""

from collections.abc import Iterator

import pytest

from tests.faults.house import House, a_house
from tests.shared.conftest import keys, server, small, standing

__all__ = ["keys", "server", "small", "standing"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for the tests of one module. Each leaves it healed and settled."""
    with a_house(tmp_path_factory.mktemp("house")) as running:
        yield running
        running.hand.heal()


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test of a house did: it is healed, everybody is ready, and everything was taken in once."""
    yield
    if "house" in request.fixturenames:
        running: House = request.getfixturevalue("house")
        running.hand.heal()
        running.bus.let_through()
        running.database.let_through()
        running.everything_holds()
