"""The tables of chains: those under way, and those that people saved."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from bot.store.tables.columns import Json, Time, ValidText, metadata

# The chains that are under way: the run of the step that each is at. See ``bot.store.chain_runs``.
chain_runs = Table(
    "chain_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("author_id", BigInteger, nullable=False),
    Column("name", ValidText, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("cancel_requested_at", Time),
    Column("canceled_by_id", BigInteger),
)
Index("chain_runs_by_author", chain_runs.c.author_id)

# The chains that people saved. A name is theirs alone, but for those that editors offer to everybody.
saved_chains = Table(
    "saved_chains",
    metadata,
    Column("author_id", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("steps", Json, nullable=False),
    Column("for_everybody", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
)
_FOR_EVERYBODY = saved_chains.c.for_everybody
Index(
    "saved_chains_for_everybody",
    saved_chains.c.name,
    unique=True,
    sqlite_where=_FOR_EVERYBODY,
    postgresql_where=_FOR_EVERYBODY,
)
