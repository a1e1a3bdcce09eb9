"""The inspector: predictions, API calls, database rows and the bot's log, as the page shows them."""

import asyncio
import json
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.environment import Environment
from sandbox.page.fault_toggles import FaultToggles
from sandbox.replicate.events import CallLogged, PredictionChanged, StandInEvent, StreamEventSent, WebhookSent
from sandbox.request_log import Call

Json = dict[str, Any]
Listener = Callable[[Json], None]

MAX_CHARS, MAX_ITEMS = 240, 40
MAX_ROWS, MAX_CALLS, MAX_EVENTS, MAX_LOG_LINES, MAX_MOMENTS = 50, 400, 500, 400, 200
LOG_CHARS, LOG_LINE_CHARS, EVENT_CHARS = 20_000, 2000, 160
BATCH_SECONDS = 0.08  # changes within this time are sent together
POLL_SECONDS = 0.25  # of files and processes, which publish no events
OMITTED_COLUMNS = frozenset({"output_schema", "input", "output", "notes", "metrics"})  # long, and shown elsewhere
HIDDEN_COLUMNS = frozenset({"token"})
_MAX_SAFE_INTEGER = 1 << 53  # JavaScript rounds larger numbers
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PREDICTION_PATH = re.compile(r"/predictions/([a-z0-9]+)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def truncate(value: Any, chars: int = MAX_CHARS) -> Any:
    """Return JSON with long texts and lists truncated, and integers that JavaScript would round as text."""
    if isinstance(value, str):
        return value if len(value) <= chars else f"{value[:chars]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {str(key): truncate(item, chars) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [truncate(item, chars) for item in value[:MAX_ITEMS]]
        return items if len(value) <= MAX_ITEMS else [*items, f"… ({len(value):,} items)"]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _MAX_SAFE_INTEGER:
        return str(value)
    return value


class DatabaseView:
    """The newest rows of the bot's table ``runs``, read from its SQLite file, which is never written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, Json] = {}
        self._file_versions: tuple[int, ...] = ()

    def all_rows(self) -> list[Json]:
        """Return every row that has been read."""
        return list(self._rows.values())

    def has_changed(self) -> bool:
        """Return whether the file was written since the last call."""
        paths = (self._path, Path(f"{self._path}-wal"))
        versions = tuple(number for path in paths for number in _file_version(path))
        changed, self._file_versions = versions != self._file_versions, versions
        return changed

    def read_changes(self) -> list[Json]:
        """Read the file and return the rows that changed, oldest first; none while it cannot be read."""
        try:
            rows = self._read()
        except sqlite3.Error:
            self._file_versions = ()  # it is being created or is locked: read it again
            return []
        changed = [row for row in rows if self._rows.get(row["id"]) != row]
        self._rows |= {row["id"]: row for row in changed}
        return changed

    def _read(self) -> list[Json]:
        if not self._path.exists():
            return []
        uri = f"file:{quote(str(self._path))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=0.2)) as database:
            database.row_factory = sqlite3.Row
            rows = database.execute("SELECT * FROM runs ORDER BY created_at DESC LIMIT ?", (MAX_ROWS,)).fetchall()
        return [_row_json(dict(row)) for row in reversed(rows)]


class Inspector:
    """Watches both stand-ins and the bot; ``snapshot`` returns everything, ``listeners`` get what is new."""

    def __init__(self, environment: Environment, toggles: FaultToggles) -> None:
        self._environment = environment
        self._toggles = toggles
        self._database = DatabaseView(environment.database_path)
        self._predictions: dict[str, Json] = {}
        self._lists: dict[str, deque[Json]] = {
            "calls": deque(maxlen=MAX_CALLS),
            "events": deque(maxlen=MAX_EVENTS),
            "log": deque(maxlen=MAX_LOG_LINES),
            "moments": deque(maxlen=MAX_MOMENTS),
        }
        self._changes: Json = {}
        self._has_changes = asyncio.Event()
        self._entry_number = 0
        self._unfinished_calls: list[Call] = []
        self._calls_read = 0
        self._log_read = 0
        self._status: Json = {}
        self.listeners: set[Listener] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_replicate(), name="inspector-replicate")
            group.create_task(self._watch_discord(), name="inspector-discord")
            group.create_task(self._poll(), name="inspector-poll")
            group.create_task(self._notify_listeners(), name="inspector-notify")

    def snapshot(self) -> Json:
        """Return everything, for a page that has just connected."""
        lists = {name: list(entries) for name, entries in self._lists.items()}
        return {
            **lists,
            **self._status,
            "predictions": self._predictions,
            "rows": self._database.all_rows(),
            "toggles": self._toggles.to_json(),
        }

    def refresh_status(self) -> None:
        """Publish the status of the bot and of the toggles if it has changed."""
        bot, discord = self._environment.bot, self._environment.discord
        connected = any(not getattr(session.connection, "silent", False) for session in discord.gateway.connected)
        status: Json = {
            "bot": {"running": bot.running, "pid": bot.pid, "connected": connected},
            "armed": self._toggles.armed(),
            "happened": self._toggles.happened(),
            "undo": self._toggles.undoable(),
        }
        if status != self._status:
            self._add_moments(self._status, status)
            self._status = status
            self._changes |= status
            self._has_changes.set()

    async def _watch_replicate(self) -> None:
        with self._environment.replicate.subscribe() as events:
            async for event in events:
                self._add_replicate_event(event)

    async def _watch_discord(self) -> None:
        events = self._environment.discord.state.subscribe()
        self._read_discord_calls()
        async for event in events:
            if event.kind == "API_CALL":
                self._read_discord_calls()

    async def _poll(self) -> None:
        while True:
            if self._database.has_changed():
                rows = await asyncio.to_thread(self._database.read_changes)
                if rows:
                    self._changes.setdefault("rows", []).extend(rows)
                    self._has_changes.set()
            self._read_log()
            self.refresh_status()
            await asyncio.sleep(POLL_SECONDS)

    async def _notify_listeners(self) -> None:
        while True:
            await self._has_changes.wait()
            await asyncio.sleep(BATCH_SECONDS)
            self._has_changes.clear()
            changes, self._changes = self._changes, {}
            for listener in tuple(self.listeners):
                listener(changes)

    def _add_replicate_event(self, event: StandInEvent) -> None:
        match event:
            case PredictionChanged(prediction):
                data = truncate(prediction) | {"logs": str(prediction.get("logs") or "")[-LOG_CHARS:]}
                self._predictions[data["id"]] = data
                self._changes.setdefault("predictions", {})[data["id"]] = data
                self._has_changes.set()
            case StreamEventSent(prediction_id, name, event_id, text):
                data = {"prediction": prediction_id, "event": name, "id": event_id, "data": truncate(text, EVENT_CHARS)}
                self._append("events", data)
            case WebhookSent(prediction_id, name, url, status):
                data = {"prediction": prediction_id, "event": f"webhook {name}", "id": str(status or ""), "data": url}
                self._append("events", data)
            case CallLogged(call):
                self._append("calls", _replicate_call_json(call))
            case _:
                self.refresh_status()

    def _add_moments(self, before: Json, now: Json) -> None:
        """Add what happened to the bot's process and what went wrong, for the time line."""
        if before and before["bot"]["pid"] != now["bot"]["pid"]:
            if before["bot"]["running"]:
                self._append("moments", {"kind": "bot-ended"})
            if now["bot"]["running"]:
                self._append("moments", {"kind": "bot-started"})
        known = before.get("happened", {})
        for name, happened in now["happened"].items():
            if happened["count"] != known.get(name, {}).get("count"):
                self._append("moments", {"kind": "fault", "name": name, "label": happened["label"]})

    def _read_discord_calls(self) -> None:
        calls = self._environment.discord.calls
        self._unfinished_calls += calls[self._calls_read :]
        self._calls_read = len(calls)
        for call in self._unfinished_calls:
            if call.status is not None:
                self._append("calls", _discord_call_json(call))
        self._unfinished_calls = [call for call in self._unfinished_calls if call.status is None]

    def _read_log(self) -> None:
        try:
            with self._environment.bot.log.open("rb") as log:
                log.seek(self._log_read)
                data = log.read()
        except OSError:
            return
        complete = data[: data.rfind(b"\n") + 1]
        self._log_read += len(complete)
        for line in complete.decode("utf-8", "replace").splitlines():
            self._append("log", {"line": truncate(_ANSI.sub("", line), LOG_LINE_CHARS)})

    def _append(self, name: str, entry: Json) -> None:
        self._entry_number += 1
        entry["n"] = self._entry_number
        entry["seen"] = datetime.now(UTC).isoformat()  # one clock for all: faults let the stand-ins' own jump
        self._lists[name].append(entry)
        self._changes.setdefault(name, []).append(entry)
        self._has_changes.set()


def _file_version(path: Path) -> tuple[int, int]:
    """Return the modification time and the size of a file, zeros if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _row_json(row: Json) -> Json:
    return {key: _column_json(key, value) for key, value in row.items() if key not in OMITTED_COLUMNS}


def _column_json(key: str, value: Any) -> Any:
    if key in HIDDEN_COLUMNS:
        return None if value is None else "(hidden)"
    if key.endswith("_at") and isinstance(value, int):
        return (_EPOCH + timedelta(microseconds=value)).isoformat()
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return truncate(json.loads(value))
        except ValueError:
            return truncate(value)
    return truncate(value)


def _replicate_call_json(call: Call) -> Json:
    fields = asdict(call)
    summary = {key: fields[key] for key in ("method", "path", "status", "fault", "origin", "seconds")}
    details = {"query": dict(call.query), "body": call.body, "response": call.response}
    about = {"prediction": _find_prediction(call)}
    return {"to": "Replicate", "at": call.at.isoformat(), **summary, **about, "details": truncate(details)}


def _find_prediction(call: Call) -> str | None:
    """Return the id of the prediction that a call to Replicate is about."""
    if found := _PREDICTION_PATH.search(call.path):
        return found[1]
    response = call.response
    return str(response["id"]) if isinstance(response, Mapping) and "urls" in response and "id" in response else None


def _find_message(call: Call) -> str | None:
    """Return the id of the message that a call to Discord is about."""
    named = call.params.get("message_id", "")
    if named.isdigit():
        return named
    response = call.response if isinstance(call.response, Mapping) else {}
    message = response.get("resource", {}).get("message") or response
    return str(message["id"]) if isinstance(message, Mapping) and "channel_id" in message and "id" in message else None


def _discord_call_json(call: Call) -> Json:
    files = [f"{name} ({size:,} bytes)" for name, size in call.files.values()]
    details = {"query": dict(call.query), "files": files, "body": call.body, "response": call.response}
    return {
        "to": "Discord",
        "at": call.at.isoformat(),
        "method": call.method,
        "path": call.path,
        "status": call.status,
        "seconds": call.seconds,
        "message": _find_message(call),
        "details": truncate(details),
    }
