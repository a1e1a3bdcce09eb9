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
from sandbox.replicate.request_log import Call as ReplicateCall
from sandbox.request_log import Call as DiscordCall

MAX_CHARS = 240
MAX_ITEMS = 40


def truncate(value: Any, chars: int = MAX_CHARS) -> Any:
    """Return JSON with long texts and lists cut, and whole numbers that JavaScript would round as text."""
    if isinstance(value, str):
        return value if len(value) <= chars else f"{value[:chars]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {str(key): truncate(one, chars) for key, one in value.items()}
    if isinstance(value, list | tuple):
        cut = [truncate(one, chars) for one in value[:MAX_ITEMS]]
        return cut if len(value) <= MAX_ITEMS else [*cut, f"… ({len(value):,} items)"]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return str(value)
    return value


Json = dict[str, Any]
MAX_ROWS = 50
# The person who looks knows these already, or nobody should.
OMITTED_COLUMNS = frozenset({"output_schema", "input", "output", "notes", "metrics"})
HIDDEN_COLUMNS = frozenset({"token"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DatabaseView:
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
        stamp = tuple(number for path in (self._path, Path(f"{self._path}-wal")) for number in _file_version(path))
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
            found = database.execute("SELECT * FROM runs ORDER BY created_at DESC LIMIT ?", (MAX_ROWS,)).fetchall()
        return [_row_json(dict(row)) for row in reversed(found)]


def _file_version(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


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


Listener = Callable[[Json], None]
MAX_CALLS, MAX_EVENTS, MAX_LOG_LINES = 400, 500, 400
LOG_CHARS, EVENT_CHARS = 20_000, 160
BATCH_SECONDS = 0.08  # what happens within it is told together
POLL_SECONDS = 0.25  # at what no event tells of: files and processes
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Inspector:
    """Watches both stand-ins and the bot; ``now`` is all of it, ``tell`` hands on what is new."""

    def __init__(self, environment: Environment, switches: FaultToggles) -> None:
        self._environment = environment
        self._switches = switches
        self._rows = DatabaseView(environment.database_path)
        self._predictions: dict[str, Json] = {}
        self._lists: dict[str, deque[Json]] = {
            "calls": deque(maxlen=MAX_CALLS),
            "events": deque(maxlen=MAX_EVENTS),
            "log": deque(maxlen=MAX_LOG_LINES),
        }
        self._news: Json = {}
        self._fresh = asyncio.Event()
        self._number = 0
        self._unfinished: list[DiscordCall] = []
        self._calls_read = 0
        self._log_read = 0
        self._state: Json = {}
        self.listeners: set[Listener] = set()

    async def run(self) -> None:
        """Watch for as long as the page is there."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_replicate(), name="hood-replicate")
            group.create_task(self._watch_discord(), name="hood-discord")
            group.create_task(self._watch_the_rest(), name="hood-rest")
            group.create_task(self._hand_on(), name="hood-telling")

    def now(self) -> Json:
        """Return everything, for somebody who just came."""
        lists = {name: list(kept) for name, kept in self._lists.items()}
        return {
            **lists,
            **self._state,
            "predictions": self._predictions,
            "rows": self._rows.all(),
            "switches": self._switches.shown(),
        }

    async def _watch_replicate(self) -> None:
        with self._environment.replicate.subscribe() as watch:
            async for happening in watch:
                self._note(happening)

    async def _watch_discord(self) -> None:
        changes = self._environment.discord.state.subscribe()
        self._read_calls()
        async for change in changes:
            if change.kind == "API_CALL":
                self._read_calls()

    async def _watch_the_rest(self) -> None:
        # Neither a file nor a process tells that it changed.
        while True:
            if self._rows.touched():
                changed = await asyncio.to_thread(self._rows.changed)
                if changed:
                    self._news.setdefault("rows", []).extend(changed)
                    self._fresh.set()
            self._read_log()
            self.look()
            await asyncio.sleep(POLL_SECONDS)

    async def _hand_on(self) -> None:
        while True:
            await self._fresh.wait()
            await asyncio.sleep(BATCH_SECONDS)
            self._fresh.clear()
            news, self._news = self._news, {}
            for listener in tuple(self.listeners):
                listener(news)

    def look(self) -> None:
        """Tell what state the bot and the switches are in, if it is another."""
        bot, discord = self._environment.bot, self._environment.discord
        connected = any(not getattr(one.connection, "silent", False) for one in discord.gateway.connected)
        state = {
            "bot": {"running": bot.running, "pid": bot.pid, "connected": connected},
            "armed": self._switches.armed(),
        }
        if state != self._state:
            self._state = state
            self._news |= state
            self._fresh.set()

    def _note(self, happening: StandInEvent) -> None:
        match happening:
            case PredictionChanged(prediction):
                shown = truncate(prediction) | {"logs": str(prediction.get("logs") or "")[-LOG_CHARS:]}
                self._predictions[shown["id"]] = shown
                self._news.setdefault("predictions", {})[shown["id"]] = shown
                self._fresh.set()
            case StreamEventSent(prediction, event, id_, data):
                self._add(
                    "events", {"prediction": prediction, "event": event, "id": id_, "data": truncate(data, EVENT_CHARS)}
                )
            case WebhookSent():
                self._add("events", {"prediction": happening.prediction_id, "event": f"webhook {happening.event}",
                                     "id": str(happening.status or ""), "data": happening.url})  # fmt: skip
            case CallLogged(call):
                self._add("calls", _replicate_call_json(call))
            case _:
                self.look()

    def _read_calls(self) -> None:
        calls = self._environment.discord.calls
        self._unfinished += calls[self._calls_read :]
        self._calls_read = len(calls)
        for call in self._unfinished:
            if call.status is not None:
                self._add("calls", _discord_call_json(call))
        self._unfinished = [call for call in self._unfinished if call.status is None]

    def _read_log(self) -> None:
        try:
            with self._environment.bot.log.open("rb") as log:
                log.seek(self._log_read)
                data = log.read()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._log_read += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            self._add("log", {"line": truncate(_ANSI.sub("", line), 2000)})

    def _add(self, name: str, what: Json) -> None:
        self._number += 1
        what["n"] = self._number
        self._lists[name].append(what)
        self._news.setdefault(name, []).append(what)
        self._fresh.set()


def _replicate_call_json(call: ReplicateCall) -> Json:
    told = asdict(call)
    kept = {key: told[key] for key in ("method", "path", "status", "fault", "origin", "seconds")}
    more = {"query": dict(call.query), "body": call.body, "answer": call.response}
    return {"to": "Replicate", "at": call.at.isoformat(), **kept, "more": truncate(more)}


def _discord_call_json(call: DiscordCall) -> Json:
    files = [f"{name} ({size:,} bytes)" for name, size in call.files.values()]
    more = {"query": dict(call.query), "files": files, "body": call.payload, "answer": call.answer}
    return {
        "to": "Discord", "at": call.at.isoformat(), "method": call.method, "path": call.path,
        "status": call.status, "seconds": call.seconds, "more": truncate(more),
    }  # fmt: skip
