"""What is under the hood, gathered for everybody who looks: predictions, streams, calls, rows, the bot itself."""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sandbox.discord.rest.calls import Call as DiscordCall
from sandbox.house import House
from sandbox.page.rows import Rows
from sandbox.page.switches import Switches
from sandbox.page.trim import trim
from sandbox.replicate.calls import Call as ReplicateCall
from sandbox.replicate.happenings import CallSeen, Happening, PredictionMoved, StreamEventSent, WebhookSent

Json = dict[str, Any]
Listener = Callable[[Json], None]
KEPT_CALLS, KEPT_EVENTS, KEPT_LINES = 400, 500, 400
LOG_CHARS, EVENT_CHARS = 20_000, 160
BREATH = 0.08  # what happens within it is told together
LOOK_AGAIN = 0.25  # at what no event tells of: files and processes
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Hood:
    """Watches both stand-ins and the bot; ``now`` is all of it, ``tell`` hands on what is new."""

    def __init__(self, house: House, switches: Switches) -> None:
        self._house = house
        self._switches = switches
        self._rows = Rows(house.database)
        self._predictions: dict[str, Json] = {}
        self._lists: dict[str, deque[Json]] = {
            "calls": deque(maxlen=KEPT_CALLS),
            "events": deque(maxlen=KEPT_EVENTS),
            "log": deque(maxlen=KEPT_LINES),
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
        with self._house.replicate.watch() as watch:
            async for happening in watch:
                self._note(happening)

    async def _watch_discord(self) -> None:
        changes = self._house.discord.world.changes()
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
            await asyncio.sleep(LOOK_AGAIN)

    async def _hand_on(self) -> None:
        while True:
            await self._fresh.wait()
            await asyncio.sleep(BREATH)
            self._fresh.clear()
            news, self._news = self._news, {}
            for listener in tuple(self.listeners):
                listener(news)

    def look(self) -> None:
        """Tell what state the bot and the switches are in, if it is another."""
        bot, discord = self._house.bot, self._house.discord
        connected = any(not getattr(one.connection, "silent", False) for one in discord.hub.connected)
        state = {
            "bot": {"running": bot.running, "pid": bot.pid, "connected": connected},
            "armed": self._switches.armed(),
        }
        if state != self._state:
            self._state = state
            self._news |= state
            self._fresh.set()

    def _note(self, happening: Happening) -> None:
        match happening:
            case PredictionMoved(prediction):
                shown = trim(prediction) | {"logs": str(prediction.get("logs") or "")[-LOG_CHARS:]}
                self._predictions[shown["id"]] = shown
                self._news.setdefault("predictions", {})[shown["id"]] = shown
                self._fresh.set()
            case StreamEventSent(prediction, event, id_, data):
                self._add(
                    "events", {"prediction": prediction, "event": event, "id": id_, "data": trim(data, EVENT_CHARS)}
                )
            case WebhookSent():
                self._add("events", {"prediction": happening.prediction_id, "event": f"webhook {happening.event}",
                                     "id": str(happening.status or ""), "data": happening.url})  # fmt: skip
            case CallSeen(call):
                self._add("calls", _replicate_call(call))
            case _:
                self.look()

    def _read_calls(self) -> None:
        calls = self._house.discord.calls
        self._unfinished += calls[self._calls_read :]
        self._calls_read = len(calls)
        for call in self._unfinished:
            if call.status is not None:
                self._add("calls", _discord_call(call))
        self._unfinished = [call for call in self._unfinished if call.status is None]

    def _read_log(self) -> None:
        try:
            with self._house.bot.log.open("rb") as log:
                log.seek(self._log_read)
                data = log.read()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._log_read += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            self._add("log", {"line": trim(_ANSI.sub("", line), 2000)})

    def _add(self, name: str, what: Json) -> None:
        self._number += 1
        what["n"] = self._number
        self._lists[name].append(what)
        self._news.setdefault(name, []).append(what)
        self._fresh.set()


def _replicate_call(call: ReplicateCall) -> Json:
    told = asdict(call)
    kept = {key: told[key] for key in ("method", "path", "status", "fault", "origin", "seconds")}
    more = {"query": dict(call.query), "body": call.body, "answer": call.answer}
    return {"to": "Replicate", "at": call.at.isoformat(), **kept, "more": trim(more)}


def _discord_call(call: DiscordCall) -> Json:
    files = [f"{name} ({size:,} bytes)" for name, size in call.files.values()]
    more = {"query": dict(call.query), "files": files, "body": call.payload, "answer": call.answer}
    return {
        "to": "Discord", "at": call.at.isoformat(), "method": call.method, "path": call.path,
        "status": call.status, "seconds": call.seconds, "more": trim(more),
    }  # fmt: skip
