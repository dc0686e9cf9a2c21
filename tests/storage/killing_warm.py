"""Imported by the server that children are forked from: everything is imported and a database was opened once, so that a child begins to write at once."""

from __future__ import annotations

import asyncio

import killing  # noqa: F401 -- for the children

from bot.storage.database import Database


async def open_once() -> None:
    database = await Database.open("sqlite+aiosqlite:///:memory:")
    await database.close()


asyncio.run(open_once())
