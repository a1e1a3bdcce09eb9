"""The inspector's view of the bot's database."""

import sqlite3
from pathlib import Path

from sandbox.page.inspector import DatabaseView


def create_database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE runs (id TEXT, token TEXT, message_id INTEGER, created_at INTEGER, metrics TEXT)")
    return database


def test_a_missing_file_has_no_rows_and_is_not_created(tmp_path: Path) -> None:
    assert DatabaseView(tmp_path / "none.db").read_changes() == []
    assert not (tmp_path / "none.db").exists()


def test_only_changed_rows_are_returned_and_tokens_are_hidden(tmp_path: Path) -> None:
    path = tmp_path / "runs ?#.db"
    database, view = create_database(path), DatabaseView(path)
    database.execute("INSERT INTO runs VALUES ('a', 'secret', 1574260138435411968, 1795402260000000, '{}')")
    database.commit()
    assert view.has_changed()
    [row] = view.read_changes()
    assert row == {
        "id": "a",
        "token": "(hidden)",
        "message_id": "1574260138435411968",
        "created_at": "2026-11-23T02:51:00+00:00",
    }
    assert view.read_changes() == []
    database.execute("UPDATE runs SET token = NULL")
    database.commit()
    assert view.read_changes() == [{**row, "token": None}]
    database.close()
