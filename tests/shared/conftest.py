"""What the tests of the bus share: a NATS server that each of them finds empty, and a database of keys."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping

import pytest

from operate.nats import prepare
from operate.postgres import Postgres
from operate.state import State
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_keys, lay_out_log, template
from tests.shared.correspondents import Server, take_streams_away


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
    with template(postgres, "keys", lay_out_keys) as made:
        yield made


@pytest.fixture(scope="session")
def small(postgres: Postgres) -> Iterator[Mapping[str, ScratchDatabase]]:
    """The databases of small services laid out, for the whole session: each test empties them."""
    with contextlib.ExitStack() as kept:
        names = ("visits", "evaluations", "referrals")
        yield {name: kept.enter_context(template(postgres, name, lay_out_log)) for name in names}
