"""Errors that tell of a lost connection, or of a database that is away: nothing is wrong with what was asked of it.

What came of a question that was under way is unknown. ``OSError`` holds ``TimeoutError`` as well.
"""

import asyncpg

WITHOUT_STATE = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)  # the driver itself noticed
LOST = (*WITHOUT_STATE, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
