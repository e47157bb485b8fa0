"""Errors that tell of a lost connection, or of a database that is away: nothing is wrong with what was asked of it.

What came of a question that was under way is unknown. ``OSError`` holds ``TimeoutError`` as well.
"""

import asyncpg

WITHOUT_STATE = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)  # the driver itself noticed
# Classes of SQL states that say something of the server, nothing of what was asked of it: connection, transaction
# state, resources, intervention, system, internal. What came of a COMMIT that was under way is unknown.
OF_THE_SERVER = frozenset({"08", "25", "53", "57", "58", "XX"})
# Nothing came of it, for it stood in the way of others or they in its way: a deadlock, a lock that was held too long.
IN_THE_WAY = frozenset({"40", "55"})
NOT_ITS_FAULT = OF_THE_SERVER | IN_THE_WAY
LOST = (*WITHOUT_STATE, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)


def is_not_its_fault(error: asyncpg.PostgresError) -> bool:
    """Whether an error says nothing of what was asked, so that it may be asked again; so does one without a state."""
    return (error.sqlstate or "08")[:2] in NOT_ITS_FAULT
