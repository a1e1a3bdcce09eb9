"""Reads a running bot's database over one connection: tests ask it every few milliseconds, and each new connection
would read the whole schema, or start a process of the server's, which costs ten times the question."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.rows import DictRow, dict_row


class DatabaseReader(Protocol):
    """Asks questions with ``?`` for values; every answer is as of now. ``close`` ends the connection."""

    def query(self, question: str, *values: Any) -> list[dict[str, Any]]: ...
    def close(self) -> None: ...


class SqliteReader:
    """Reads a file; it is opened with the first question, and again after ``close``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def query(self, question: str, *values: Any) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
            self._connection.row_factory = sqlite3.Row
        return [dict(row) for row in self._connection.execute(question, values).fetchall()]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresqlReader:
    """Reads a database of a server; a connection that the server ended is made anew, once a question."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[DictRow] | None = None

    def query(self, question: str, *values: Any) -> list[dict[str, Any]]:
        statement = question.replace("?", "%s").encode()
        if self._connection is not None:
            with suppress(psycopg.OperationalError):
                return self._connection.execute(statement, values).fetchall()
            self.close()
        self._connection = psycopg.connect(self._url, row_factory=dict_row, autocommit=True)
        return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
