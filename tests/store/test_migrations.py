"""The steps lead from every version to today's tables."""

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
from bot.store.database import DatabaseConnection, DatabaseLocation
from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.store import Store
from bot.store.tables import metadata
from tests.clock import VirtualClock
from tests.store.sample import MIA, PNG, a_run, after

PAST = Path(__file__).with_name("past")


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[DatabaseConnection]:
    session = await DatabaseConnection.open(DatabaseLocation(tmp_path / "replicord.db"))
    yield session
    await session.close()


def tables(connection: Connection) -> dict[str, list[str]]:
    """Return each table's and index's parts as SQLite has them, in an order of ours."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    return {
        name: sorted(part.strip(" ,\t") for part in re.split(r"\n", sql.replace('"', "")))
        for name, sql in rows
        if name != "alembic_version"
    }


async def test_the_steps_make_the_tables_that_the_program_knows(session: DatabaseConnection) -> None:
    await session.run_without_transaction(migrations.upgrade)
    known = create_engine("sqlite://")
    metadata.create_all(known)
    with known.connect() as connection:
        assert await session.run(tables) == tables(connection)
    known.dispose()


async def test_alembic_finds_nothing_left_to_do(session: DatabaseConnection) -> None:
    def left(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    await session.run_without_transaction(migrations.upgrade)
    assert await session.run(left) == []


def test_the_steps_are_one_line_and_all_are_named() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    found = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == migrations.STEPS


def test_every_version_is_kept_to_start_from() -> None:
    assert tuple(sorted(file.stem for file in PAST.glob("*.sql"))) == migrations.STEPS


@pytest.mark.parametrize("step", migrations.STEPS)
async def test_every_step_can_be_stopped_at_and_gone_on_from(session: DatabaseConnection, step: str) -> None:
    await session.run_without_transaction(partial(migrations.upgrade, to=step))
    assert await session.run(migrations.read_version) == step
    await session.run_without_transaction(migrations.upgrade)
    assert await session.run(migrations.read_version) == migrations.STEPS[-1]


@pytest.mark.parametrize("step", migrations.STEPS)
async def test_what_any_version_wrote_is_read_and_worked_on(
    url: str, tmp_path: Path, clock: VirtualClock, step: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell:
        shell.executescript((PAST / f"{step}.sql").read_text(encoding="utf-8"))
    store = await Store.open(url, clock=clock)
    undelivered = await store.runs.list_undelivered()
    assert [run.state for run in undelivered] == list(RunState)
    running = await store.runs.get("running-1")
    assert running is not None
    canceled_by = (running.cancel_requested_by, running.canceled_by_id)
    assert canceled_by == (("mia", None) if step < "0003" else (None, MIA))
    assert running.messages == {1: 71}
    assert running.prediction_id == "prediction-running-1"
    assert await store.runs.load_files("running-1") == (PNG,)
    assert await store.runs.mark_ended("running-1", state=RunState.CANCELED, at=after(9))
    assert len(await store.runs.list_recent(MIA, limit=99)) == 11
    assert [row.name for row in await store.commands.list_all()] == ["draw"]
    assert await store.key_value.get("commands") == "hash"
    assert await store.commands.get_schema("owner/model") is not None
    await store.close()


async def test_a_step_that_fails_leaves_the_database_as_it_was(session: DatabaseConnection) -> None:
    await session.run(lambda connection: connection.exec_driver_sql("CREATE TABLE schemas (key TEXT)").close())
    before = await session.run(tables)
    with pytest.raises(Exception, match="already exists"):
        await session.run_without_transaction(migrations.upgrade)
    assert await session.run(tables) == before


async def test_a_step_keeps_what_hangs_on_the_rows_it_moves(url: str, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await store.runs.reserve(a_run(), (PNG,))
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await store.database.write(
            lambda connection: connection.exec_driver_sql("INSERT INTO run_messages VALUES ('nobody', 1, 71)").close()
        )
    await store.close()
