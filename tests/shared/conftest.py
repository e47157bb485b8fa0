"""What the tests of the bus share: a NATS server that each of them finds empty, and a database of keys."""

import asyncio
from collections.abc import Iterator

import pytest

from operate.nats import prepare
from operate.postgres import Postgres
from operate.state import State
from tests.conftest import ScratchDatabase, ScratchDatabases
from tests.shared.correspondents import Server, lay_out_keys, take_streams_away


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A NATS server for all of them, which each may kill and wipe."""
    made = Server(prepare(State(tmp_path_factory.mktemp("bus") / "state")))
    yield made
    made.end()


@pytest.fixture
def server(standing: Server) -> Iterator[Server]:
    """A NATS server at work, without streams."""
    standing.start()
    yield standing
    standing.start()
    asyncio.run(take_streams_away(standing.nats))


@pytest.fixture(scope="session")
def keys(postgres: Postgres) -> Iterator[ScratchDatabase]:
    """A key database, laid out."""
    databases = ScratchDatabases(postgres)
    made = databases.of("keys")
    asyncio.run(lay_out_keys(made))
    yield made
    databases.drop()
