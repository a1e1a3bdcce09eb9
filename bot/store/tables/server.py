"""The tables of a server's own rules, blocks, reports and threads."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from bot.store.tables.columns import Json, Time, ValidText, metadata

# What a server allows, as JSON (``bot.rules.stored``), and every change of it. See ``bot.store.server_rules``.
server_rules = Table(
    "server_rules",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("rules", Json, nullable=False),
    Column("changed_at", Time, nullable=False),
)

server_changes = Table(
    "server_changes",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("section", Text, nullable=False),
    Column("by_id", BigInteger),
    Column("subject_id", BigInteger),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    Column("changed_at", Time, nullable=False),
)

# Who may start no run in a server.
server_blocks = Table(
    "server_blocks",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("by_id", BigInteger),
    Column("reason", ValidText, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
)
Index("server_blocks_by_user", server_blocks.c.user_id)

# Results that somebody reported to the moderators, with the card in the log channel. See ``bot.store.reports``.
reports = Table(
    "reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id", ondelete="SET NULL")),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author_name", ValidText, nullable=False),
    Column("command", Text, nullable=False),
    Column("reporter_id", BigInteger),
    Column("reason", ValidText, nullable=False),
    Column("state", Text, nullable=False),
    Column("log_channel_id", BigInteger, nullable=False),
    Column("log_message_id", BigInteger),
    Column("created_at", Time, nullable=False),
    Column("closed_by_id", BigInteger),
    Column("closed_at", Time),
    CheckConstraint("state IN ('open', 'removed', 'blocked', 'dismissed')", name="report_state_is_known"),
)
_OPEN_REPORT = reports.c.state == "open"
Index("reports_open", reports.c.message_id, unique=True, sqlite_where=_OPEN_REPORT, postgresql_where=_OPEN_REPORT)
Index("reports_by_run", reports.c.run_id)
Index("reports_by_author", reports.c.author_id)
Index("reports_by_reporter", reports.c.reporter_id)
Index("reports_by_time", reports.c.created_at)

# The thread of a channel that shows a person's results, where a server wants them in threads.
result_threads = Table(
    "result_threads",
    metadata,
    Column("channel_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("thread_id", BigInteger, nullable=False),
)
Index("result_threads_by_user", result_threads.c.user_id)
