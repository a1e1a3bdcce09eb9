"""The tables of budgets, usage and prices."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from bot.store.tables.columns import Day, Json, Time, ValidText, metadata

# What is spent, and reserved for runs that have not ended, in micro-dollars, by whose it is (``bot.money.budgets``) and
# by the day on which the runs were created.
budget_sums = Table(
    "budget_sums",
    metadata,
    Column("key", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("reserved", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
)

Index("budget_sums_by_day", budget_sums.c.day)

# Who may spend how much. ``warned_for`` is the first day of the period of which most was used, ``told_for`` that of the
# last one that somebody was told of.
budgets = Table(
    "budgets",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("guild_id", BigInteger),
    Column("amount", BigInteger, nullable=False),
    Column("set_by", BigInteger),
    Column("set_at", Time, nullable=False),
    Column("warned_for", Day),
    Column("told_for", Day),
)
Index("budgets_by_key", budgets.c.key)
Index("budgets_by_guild", budgets.c.guild_id)

# What the runs that have ended have cost. The author 0 stands for people whose data is erased, the guild 0 for DMs.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day", Day, primary_key=True),
    Column("guild_id", BigInteger, primary_key=True),
    Column("author_id", BigInteger, primary_key=True),
    Column("command", Text, primary_key=True),
    Column("spent", BigInteger, nullable=False),
    Column("runs", BigInteger, nullable=False),
)
Index("usage_days_by_author", usage_days.c.author_id, usage_days.c.day)
Index("usage_days_by_guild", usage_days.c.guild_id, usage_days.c.day)

# What some earlier runs of a command and model took, in a fixed number of slots: enough for a median.
run_samples = Table(
    "run_samples",
    metadata,
    Column("subject", ValidText, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("milliseconds", BigInteger, nullable=False),
    Column("outputs", BigInteger, nullable=False),
    Column("quantities", Json, nullable=False),
    Column("taken_at", Time, nullable=False),
)
Index("run_samples_by_time", run_samples.c.taken_at)
