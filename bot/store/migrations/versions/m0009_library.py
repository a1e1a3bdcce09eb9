"""Store what people find again in their libraries, what they like, and its copies in galleries."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SQLITE = (
    (
        "CREATE VIRTUAL TABLE library_words USING fts5("
        "words, content='library_entries', content_rowid='number', detail=none, columnsize=0, "
        "tokenize='unicode61 remove_diacritics 0')"
    ),
    (
        "CREATE TRIGGER library_words_insert AFTER INSERT ON library_entries BEGIN "
        "INSERT INTO library_words(rowid, words) VALUES (new.number, new.words); END"
    ),
    (
        "CREATE TRIGGER library_words_delete AFTER DELETE ON library_entries BEGIN "
        "INSERT INTO library_words(library_words, rowid, words) VALUES ('delete', old.number, old.words); END"
    ),
    (
        "CREATE TRIGGER library_words_update AFTER UPDATE OF words ON library_entries BEGIN "
        "INSERT INTO library_words(library_words, rowid, words) VALUES ('delete', old.number, old.words); "
        "INSERT INTO library_words(rowid, words) VALUES (new.number, new.words); END"
    ),
)
_POSTGRESQL = (
    "CREATE INDEX library_entries_by_words ON library_entries USING gin (to_tsvector('simple'::regconfig, words))",
)


def upgrade() -> None:
    """Add the tables and the index of words. Results from before have no entry."""
    op.create_table(
        "library_entries",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("library_entries_by_run", "library_entries", ["run_id"], unique=True)
    op.create_index(
        "library_entries_by_author", "library_entries", ["author_id", "number", "command", "guild_id", "kind"]
    )
    op.create_index(
        "library_entries_by_command", "library_entries", ["author_id", "command", "number", "guild_id", "kind"]
    )
    op.create_table(
        "library_thumbnails",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["library_entries.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "favourites",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["library_entries.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "number"),
    )
    op.create_index("favourites_by_entry", "favourites", ["number", "user_id"])
    op.create_table(
        "gallery_consents",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("copies", sa.Boolean(), nullable=False),
        sa.Column("prompts", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "gallery_posts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sending_at", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("stars_shown", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("gallery_posts_by_message", "gallery_posts", ["message_id"])
    unsent = sa.text("message_id IS NULL")
    op.create_index(
        "gallery_posts_unsent", "gallery_posts", ["created_at"], sqlite_where=unsent, postgresql_where=unsent
    )
    outdated = sa.text("message_id IS NOT NULL AND closed_at IS NULL AND stars != stars_shown")
    op.create_index(
        "gallery_posts_outdated", "gallery_posts", ["created_at"], sqlite_where=outdated, postgresql_where=outdated
    )
    op.create_table(
        "message_removals",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("original", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    connection = op.get_bind()
    for statement in _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE:
        connection.exec_driver_sql(statement)
