"""Errors that tell of a lost connection, or of a database that is away: nothing is wrong with what was asked of it.

What came of a question that was under way is unknown. ``OSError`` holds ``TimeoutError`` as well.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import asyncpg

WITHOUT_STATE = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)  # the driver itself noticed
# Classes of SQL states that say something of the server, nothing of what was asked of it: connection, transaction
# state, resources, intervention, system, internal. What came of a COMMIT that was under way is unknown.
OF_THE_SERVER = frozenset({"08", "25", "53", "57", "58", "XX"})
# Nothing came of it, for it stood in the way of others or they in its way: a deadlock, a lock that was held too long.
IN_THE_WAY = frozenset({"40", "55"})
NOT_ITS_FAULT = OF_THE_SERVER | IN_THE_WAY
LOST = (*WITHOUT_STATE, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)


class StoreBusy(Exception):
    """The queue is full, or the database cannot be reached or has no room: nothing was recorded, or found out."""


def is_away(error: BaseException) -> bool:
    """Whether an error says that the store or the keys are away, and nothing of what was asked: it may be asked again.

    So does one of the server without a state. A file that is missing or closed to us is another matter, and so is an
    address or a certificate that the driver refuses.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "08")[:2] in NOT_ITS_FAULT
    of_a_file = isinstance(error, OSError) and error.filename is not None
    return isinstance(error, (StoreBusy, *WITHOUT_STATE)) and not of_a_file and not isinstance(error, ValueError)


@contextlib.contextmanager
def busy_if_away() -> Iterator[None]:
    """Say ``StoreBusy`` in place of an error that says nothing of what was asked."""
    try:
        yield
    except Exception as why:
        if is_away(why):
            raise StoreBusy from why
        raise


async def fetched(pool: Any, query: str, *values: Any) -> list[Any]:
    """Ask what may be asked twice, and do so where the connection was dead: a restart leaves such ones in the pool.

    :raises StoreBusy: the database is away, or has no room.
    """
    with busy_if_away():
        try:
            return list(await pool.fetch(query, *values))
        except LOST:
            await pool.expire_connections()
            return list(await pool.fetch(query, *values))
