"""The panel's look at the bot's database."""

import sqlite3
from pathlib import Path

from sandbox.page.inspector import DatabaseView


def make(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE runs (id TEXT, token TEXT, message_id INTEGER, created_at INTEGER, metrics TEXT)")
    return database


def test_a_file_that_is_not_there_yet_has_no_rows(tmp_path: Path) -> None:
    assert DatabaseView(tmp_path / "none.db").changed() == []
    assert not (tmp_path / "none.db").exists()


def test_only_rows_that_changed_are_told_and_no_secret_is_among_them(tmp_path: Path) -> None:
    path = tmp_path / "runs ?#.db"
    database, rows = make(path), DatabaseView(path)
    database.execute("INSERT INTO runs VALUES ('a', 'secret', 1574260138435411968, 1795402260000000, '{}')")
    database.commit()
    assert rows.touched()
    [row] = rows.changed()
    assert row == {
        "id": "a",
        "token": "(hidden)",
        "message_id": "1574260138435411968",
        "created_at": "2026-11-23T02:51:00+00:00",
    }
    assert rows.changed() == []
    database.execute("UPDATE runs SET token = NULL")
    database.commit()
    assert rows.changed() == [{**row, "token": None}]
    database.close()
