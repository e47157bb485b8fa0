"""Lays out the key database: the only tables that belong to no service."""

import asyncio

import asyncpg

from shared import keys
from shared.settings import Settings, with_password


async def lay_out(address: str) -> None:
    """Make what is missing of the key database. :param address: for its owner, with the password."""
    owner = await asyncpg.connect(address, timeout=10)
    try:
        await keys.migrate(owner)
    finally:
        await owner.close()


if __name__ == "__main__":
    settings = Settings()
    asyncio.run(lay_out(with_password(settings.database_owner, settings.database_owner_password_file)))
