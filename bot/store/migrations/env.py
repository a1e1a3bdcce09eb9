"""Alembic's environment: applies the steps on the connection and in the transaction of ``upgrade``."""

from alembic import context

from bot.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
