"""Migrations lead from every version to today's tables."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from bot.store import migrations
from bot.store.database import DatabaseConnection
from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.sqlite import SqliteLocation
from bot.store.store import Store
from bot.store.tables import metadata
from tests.clock import VirtualClock
from tests.store.databases import sqlite_only
from tests.store.samples import MIA, PNG, after, load_files, make_run

pytestmark = sqlite_only


# A column that a later step added stands on the line of the one before it.
_BETWEEN_PARTS = re.compile(r"[\s,]*\n[\s,]*|, (?=[a-z_]+ (?:BIGINT|TEXT|INTEGER))")
PAST = Path(__file__).with_name("past")


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[DatabaseConnection]:
    connection = await DatabaseConnection.open(SqliteLocation(tmp_path / "replicord.db"))
    yield connection
    await connection.close()


def tables(transaction: Connection) -> dict[str, list[str]]:
    """Return the parts of each table and index as SQLite stores them, sorted."""
    rows = transaction.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    return {
        name: sorted(re.split(_BETWEEN_PARTS, sql.replace('"', "").removesuffix(")")))
        for name, sql in rows
        if name != "alembic_version"
    }


def is_table_of_code(name: str | None, kind: str, _parents: object) -> bool:
    """Whether Alembic compares it: FTS5 keeps its index in tables of its own."""
    return kind != "table" or name is None or not name.startswith("library_words")


async def test_migrations_create_the_tables_of_the_code(connection: DatabaseConnection) -> None:
    await connection.run_without_transaction(migrations.upgrade)
    expected = create_engine("sqlite://")
    metadata.create_all(expected)
    with expected.connect() as transaction:
        assert await connection.run(tables) == tables(transaction)
    expected.dispose()


async def test_alembic_finds_no_difference(connection: DatabaseConnection) -> None:
    def compare(transaction: Connection) -> object:
        options = {"compare_type": True, "include_name": is_table_of_code}
        return compare_metadata(MigrationContext.configure(transaction, opts=options), metadata)

    await connection.run_without_transaction(migrations.upgrade)
    assert await connection.run(compare) == []


def test_steps_are_linear_and_complete() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    found = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == migrations.STEPS


def test_every_version_has_a_dump() -> None:
    assert tuple(sorted(file.stem for file in PAST.glob("*.sql"))) == migrations.STEPS


@pytest.mark.parametrize("step", migrations.STEPS)
async def test_upgrade_continues_from_every_step(connection: DatabaseConnection, step: str) -> None:
    await connection.run_without_transaction(partial(migrations.upgrade, to=step))
    assert await connection.run(migrations.read_version) == step
    await connection.run_without_transaction(migrations.upgrade)
    assert await connection.run(migrations.read_version) == migrations.STEPS[-1]


@pytest.mark.parametrize("step", migrations.STEPS)
async def test_databases_of_all_versions_are_usable(url: str, tmp_path: Path, clock: VirtualClock, step: str) -> None:
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as source:
        source.executescript((PAST / f"{step}.sql").read_text(encoding="utf-8"))
    store = await Store.open(url, clock=clock)
    undelivered = await store.runs.list_undelivered()
    assert [run.state for run in undelivered] == list(RunState)
    running = await store.runs.get("running-1")
    assert running is not None
    canceled_by = (running.cancel_requested_by, running.canceled_by_id)
    assert canceled_by == (("mia", None) if step < "0003" else (None, MIA))
    assert running.messages == {1: 71}
    assert running.prediction_id == "prediction-running-1"
    assert await load_files(store.runs, "running-1") == (PNG,)
    assert await store.runs.mark_ended("running-1", state=RunState.CANCELED, at=after(9))
    assert len(await store.runs.list_recent(MIA, limit=99)) == 11
    assert [row.name for row in await store.commands.list_all()] == ["draw"]
    assert await store.key_value.get("commands") == "hash"
    assert await store.commands.get_schema("owner/model") is not None
    await store.close()


async def test_failed_step_leaves_the_database_unchanged(connection: DatabaseConnection) -> None:
    await connection.run(lambda transaction: transaction.exec_driver_sql("CREATE TABLE schemas (key TEXT)").close())
    before = await connection.run(tables)
    with pytest.raises(Exception, match="already exists"):
        await connection.run_without_transaction(migrations.upgrade)
    assert await connection.run(tables) == before


async def test_foreign_keys_are_enforced_after_migrations(url: str, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await store.runs.reserve(make_run(), (PNG,))
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await store.database.write(
            lambda transaction: transaction.exec_driver_sql("INSERT INTO run_messages VALUES ('nobody', 1, 71)").close()
        )
    await store.close()
