"""Messages between the processes of one bot: PostgreSQL's LISTEN and NOTIFY. SQLite has one process and needs none.

A message is a word and ids, never content: everybody with access to the database can listen. It is sent in the
transaction that makes it true. Messages are lost while a listener is disconnected, so they only make things faster:
what they tell is also in the rows, and ``on_connected`` says when to look there.
"""

import asyncio
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import Connection, func, literal, select

from bot.clock import Clock
from bot.store.database import Database
from bot.store.postgresql import PostgresqlLocation

log = structlog.get_logger(__name__)


class Message(StrEnum):
    """What processes tell each other, and the ids that come with it."""

    CANCEL = "cancel"  # a run: its cancel is requested
    RENEWAL = "renewal"  # a run: a press brought a new token
    WEBHOOK = "webhook"  # a run, and perhaps its prediction: its webhook was called
    COMMANDS = "commands"  # the added commands have changed
    PREFERENCES = "preferences"  # a person chose something with /me
    ERASURE = "erasure"  # a person: what is stored of them is deleted


_CHANNEL_PREFIX: Final = "replicord_"
_WORDS: Final = frozenset(Message)
_RECONNECT_EVERY: Final = 1.0  # seconds


def notify(connection: Connection, message: Message, *ids: str) -> None:
    """Tell every process, this one too, once the transaction is committed; nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        channel = literal(_CHANNEL_PREFIX) + func.current_schema()
        connection.execute(select(func.pg_notify(channel, " ".join((message.value, *ids)))))


async def notify_all(database: Database, messages: Iterable[tuple[Message, tuple[str, ...]]]) -> None:
    """Send messages that are true already; StoreError if the database fails."""

    def send(connection: Connection) -> None:
        for message, ids in messages:
            notify(connection, message, *ids)

    await database.write(send)


class Listener:
    """Receives messages for as long as ``run`` runs; those that only newer versions know are ignored."""

    def __init__(
        self,
        location: PostgresqlLocation,
        *,
        handle: Callable[[Message, tuple[str, ...]], None],
        on_connected: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._location = location
        self._handle = handle
        self._on_connected = on_connected
        self._clock = clock

    async def run(self) -> None:
        """Listen, and connect again whenever the connection is lost."""
        import psycopg  # noqa: PLC0415 (an extra)

        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("listener_disconnected", error=type(error).__name__)
            await self._clock.sleep(_RECONNECT_EVERY)

    async def _listen(self) -> None:
        import psycopg  # noqa: PLC0415 (an extra)
        from psycopg import sql  # noqa: PLC0415 (an extra)

        async with await psycopg.AsyncConnection.connect(self._location.conninfo(), autocommit=True) as connection:
            async for (schema,) in await connection.execute("SELECT current_schema()"):
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(_CHANNEL_PREFIX + schema)))
            self._on_connected()
            async for message in connection.notifies():
                word, *ids = message.payload.split()
                if word in _WORDS:
                    self._handle(Message(word), tuple(ids))
                await asyncio.sleep(0)
