"""The bot's own memory, read over its shoulder: the rows of its runs, from the SQLite file, never written."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.page.trim import trim

Json = dict[str, Any]
NEWEST = 50
# The person who looks knows these already, or nobody should.
LEFT_OUT = frozenset({"output_schema", "input", "output", "notes", "metrics"})
HIDDEN = frozenset({"token"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rows:
    """The newest rows of ``runs``; ``changed`` returns those that are other than at the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Json] = {}
        self._stamp: tuple[int, ...] = ()

    def all(self) -> list[Json]:
        """Return every row that was seen."""
        return list(self._seen.values())

    def touched(self) -> bool:
        """Return whether the file was written since this was asked last."""
        stamp = tuple(number for path in (self._path, Path(f"{self._path}-wal")) for number in _look(path))
        touched, self._stamp = stamp != self._stamp, stamp
        return touched

    def changed(self) -> list[Json]:
        """Read the file and return the rows that changed, oldest first; none while there is nothing to read."""
        try:
            rows = self._read()
        except sqlite3.Error:
            self._stamp = ()  # it is being made, or locked for a moment: look again
            return []
        changed = [row for row in rows if self._seen.get(row["id"]) != row]
        self._seen |= {row["id"]: row for row in changed}
        return changed

    def _read(self) -> list[Json]:
        if not self._path.exists():
            return []
        address = f"file:{quote(str(self._path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=0.2)) as database:
            database.row_factory = sqlite3.Row
            found = database.execute("SELECT * FROM runs ORDER BY created_at DESC LIMIT ?", (NEWEST,)).fetchall()
        return [_shown(dict(row)) for row in reversed(found)]


def _look(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _shown(row: Json) -> Json:
    return {key: _value(key, value) for key, value in row.items() if key not in LEFT_OUT}


def _value(key: str, value: Any) -> Any:
    if key in HIDDEN:
        return None if value is None else "(hidden)"
    if key.endswith("_at") and isinstance(value, int):
        return (_EPOCH + timedelta(microseconds=value)).isoformat()
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return trim(json.loads(value))
        except ValueError:
            return trim(value)
    return trim(value)
