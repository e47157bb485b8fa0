"""Real servers for the tests: PostgreSQL and NATS as child processes, and scratch databases in them."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import hypothesis
import psycopg
import pytest

from operate.nats import Nats
from operate.nats import running as nats_running
from operate.platform import Platform
from operate.postgres import SUPERUSER, Postgres, forget
from operate.postgres import running as postgres_running
from operate.state import SERVICES, State
from tests.turns import FromBothEnds, in_turn

# How fast a machine makes examples is no property of what is tested, nor is which examples a run happens to make: what
# they find, a change found or brought. `--hypothesis-profile=default` looks for others.
hypothesis.settings.register_profile(
    "any machine",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_turn(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FromBothEnds | None:
    return FromBothEnds(config, log) if config.getoption("dist") == "loadfile" else None


BEGIN = "2026-01-05T08:00"  # where the settable clock of a platform begins: a Monday, local time


_EMPTY = """
do $body$ declare one text; begin
    for one in select quote_ident(tablename) from pg_tables where schemaname = 'public' loop
        execute format('delete from %s', one);
    end loop;
    for one in select quote_ident(sequencename) from pg_sequences where schemaname = 'public' loop
        perform setval(one, 1, false);
    end loop;
    for one in select quote_ident(table_name) from information_schema.columns
        where table_schema = 'public' and column_name = 'one' and data_type = 'boolean' loop
        execute format('insert into %s default values', one);  -- the row that is there from the beginning
    end loop;
end $body$
"""


@dataclass(frozen=True)
class ScratchDatabase:
    """An empty database like that of a service, with the roles and grants of the real one."""

    name: str
    service: str
    server: Postgres

    def url(self, role: str) -> str:
        """Return its address for a role, with the password in it."""
        password = self.server.state.password(role).read_text()
        return f"postgresql://{role}:{password}@127.0.0.1:{self.server.port}/{self.name}"

    @property
    def owner(self) -> str:
        """The address for the role that makes the tables."""
        return self.url(f"{self.service}_owner")

    @property
    def at_work(self) -> str:
        """The address for the service at work: one office at a time."""
        return self.url(self.service)

    @property
    def all_offices(self) -> str:
        """The address for relay, rebuild and day loop."""
        return self.url(f"{self.service}_all")

    @property
    def in_library_words(self) -> dict[str, Any]:
        """The owner's address as the library of events takes it."""
        role = f"{self.service}_owner"
        return {
            "dbname": self.name,
            "host": "127.0.0.1",
            "port": str(self.server.port),
            "user": role,
            "password": self.server.state.password(role).read_text(),
        }

    def emptied(self) -> Self:
        """Put out whoever is connected, and leave it as it was laid out, for the next test.

        Making and dropping a database takes thirty times as long: both wait for a checkpoint.
        """
        password = self.server.state.password(SUPERUSER).read_text()
        with psycopg.connect(self.server.url(self.name, SUPERUSER), password=password, autocommit=True) as superuser:
            superuser.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            superuser.execute(_EMPTY)
        return self


class ScratchDatabases:
    """Makes scratch databases, each used by one test."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._made: list[str] = []

    def of(self, service: str) -> ScratchDatabase:
        """Make an empty database for a service, or (``keys``) for the keys."""
        name = f"{service}_{secrets.token_hex(4)}"
        owner, others = f"{service}_owner", self._others(service)
        self._sql("postgres", f"create database {name} owner {owner} template template0 encoding 'UTF8'")
        self._made.append(name)
        self._sql(
            name,
            f"revoke connect, temporary on database {name} from public; grant connect on database {name} to {others};"
            f"alter schema public owner to {owner}; revoke all on schema public from public;"
            f"grant usage on schema public to {others}",
        )
        return ScratchDatabase(name=name, service=service, server=self._server)

    def drop(self) -> None:
        """Take away all that were made, also while somebody is connected."""
        self._sql("postgres", *(f"drop database {name} with (force)" for name in self._made))

    def copy(self, of: ScratchDatabase) -> ScratchDatabase:
        """Make a copy of a database, with its roles and grants: a backup of it. Who is still connected is cut off."""
        name = f"{of.service}_{secrets.token_hex(4)}"
        owner, others = f"{of.service}_owner", self._others(of.service)
        self._sql(
            "postgres",
            f"select pg_terminate_backend(pid, 30000) from pg_stat_activity where datname = '{of.name}'",
            f"create database {name} owner {owner} template {of.name}",
            f"revoke connect, temporary on database {name} from public; grant connect on database {name} to {others}",
        )
        self._made.append(name)
        return ScratchDatabase(name=name, service=of.service, server=self._server)

    @staticmethod
    def _others(service: str) -> str:
        """Return who besides its owner may connect to a database."""
        return ", ".join(SERVICES) if service == "keys" else f"{service}, {service}_all"

    def _sql(self, database: str, *statements: str) -> None:
        server = self._server
        password = server.state.password(SUPERUSER).read_text()
        with psycopg.connect(server.url(database, SUPERUSER), password=password, autocommit=True) as superuser:
            for statement in statements:
                superuser.execute(statement)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server with all databases and roles, for the whole session."""
    state = State(tmp_path_factory.mktemp("postgres") / "state")
    with postgres_running(state) as server:
        yield server
    forget(state)


@pytest.fixture
def databases(postgres: Postgres) -> Iterator[ScratchDatabases]:
    """Makes empty databases in ``postgres`` (``databases.of("visits")``), dropped after the test."""
    made = ScratchDatabases(postgres)
    yield made
    made.drop()


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server without streams, for the whole session."""
    with nats_running(State(tmp_path_factory.mktemp("nats") / "state")) as server:
        yield server


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[Nats]:
    """A NATS server without streams, for one test alone, which may wipe it."""
    with nats_running(State(tmp_path / "state")) as server:
        yield server


def started(folder: Path, **how: Any) -> Iterator[Platform]:
    """Run a platform of its own on a settable clock, and leave nothing of it behind."""
    with Platform.start(folder / "state", clock=BEGIN, thrown_away=True, **how) as running:
        yield running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The whole platform on a settable clock that began at ``BEGIN``, for the whole session: tests found offices of
    their own and only ever move the clock forward."""
    yield from started(tmp_path_factory.mktemp("platform"))


@pytest.fixture
def fresh_platform(tmp_path: Path) -> Iterator[Platform]:
    """The whole platform for one test alone, which may kill its parts."""
    yield from started(tmp_path)


def settings_of(database: ScratchDatabase, keys: ScratchDatabase, nats: Nats) -> Mapping[str, str]:
    """Return the environment of a service process on scratch databases, as ``shared.settings`` reads it."""
    server, service = database.server, database.service
    at = f"127.0.0.1:{server.port}"

    def password(role: str) -> str:
        return str(server.state.password(role))

    return {
        "HUURSPOOR_DATABASE": f"postgresql://{service}@{at}/{database.name}",
        "HUURSPOOR_DATABASE_PASSWORD_FILE": password(service),
        "HUURSPOOR_DATABASE_ALL": f"postgresql://{service}_all@{at}/{database.name}",
        "HUURSPOOR_DATABASE_ALL_PASSWORD_FILE": password(f"{service}_all"),
        "HUURSPOOR_DATABASE_OWNER": f"postgresql://{service}_owner@{at}/{database.name}",
        "HUURSPOOR_DATABASE_OWNER_PASSWORD_FILE": password(f"{service}_owner"),
        "HUURSPOOR_KEYS_DATABASE": f"postgresql://{service}@{at}/{keys.name}",
        "HUURSPOOR_KEYS_DATABASE_PASSWORD_FILE": password(service),
        "HUURSPOOR_NATS": nats.address,
        "HUURSPOOR_NATS_SEED_FILE": str(nats.seed(service)),
    }
