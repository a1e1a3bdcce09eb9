"""The tables of the processes of one bot; PostgreSQL only."""

from sqlalchemy import BigInteger, Column, Sequence, Table, Text

from bot.store.tables.columns import ValidText, metadata

# The processes of one bot and what they own; PostgreSQL only. See ``bot.store.leases``.
processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", ValidText, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)

lease_fences = Sequence("lease_fences", metadata=metadata)

# The rates that the processes share, and in which of them people wait for a create. See ``bot.store.shared_limits``.
rates = Table(
    "rates",
    metadata,
    Column("name", Text, primary_key=True),
    Column("free_at", BigInteger, nullable=False),
)

create_turns = Table(
    "create_turns",
    metadata,
    Column("process", Text, primary_key=True),
    Column("lately", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
)
