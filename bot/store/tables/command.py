"""The tables of added commands, their schemas, and small persistent values."""

from sqlalchemy import BigInteger, Column, Table, Text

from bot.store.tables.columns import Json, Time, ValidText, metadata

commands = Table(
    "commands",
    metadata,
    Column("name", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("description", ValidText),
    Column("added_by", BigInteger),
    Column("added_at", Time, nullable=False),
)

schemas = Table(
    "schemas",
    metadata,
    Column("target", Text, primary_key=True),
    Column("payload", Json, nullable=False),
)

key_value = Table(
    "key_value",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Json, nullable=False),
)
