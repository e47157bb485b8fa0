"""A shed with an empty database for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from operate.postgres import Postgres
from shared.authority import MANDATES
from shared.log import event_log
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_log, small_writer, template
from tests.shared.writer.shed import REFUSED, TOOL, TOOLS, Shed


@pytest.fixture(scope="module")
def laid(postgres: Postgres) -> Iterator[ScratchDatabase]:
    with template(postgres, "visits", partial(lay_out_log, views=[TOOLS.table])) as made:
        yield made


@pytest.fixture
async def shed(laid: ScratchDatabase) -> AsyncIterator[Shed]:
    database = laid.emptied()
    log = event_log(database.in_library_words)

    def make() -> Writer:
        return small_writer(database, TOOL, REFUSED, MANDATES, resources=[TOOLS], authority_stream=(MANDATES, "office"))

    writer = make()
    task = asyncio.create_task(writer.run())
    await writer.ready.wait()
    yield Shed(writer, database, log, task, make)
    task.cancel()
    log.datastore.close()
