"""A visit: one open page, its WebSocket, and the person that it speaks as."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.discord import snapshot as wire
from sandbox.discord.errors import ApiError
from sandbox.discord.people.client_checks import ClientRefused
from sandbox.discord.state.events import Event
from sandbox.environment import Environment
from sandbox.page.actions import Actions, ValueDecoder
from sandbox.page.fault_toggles import FaultToggles
from sandbox.page.inspector import Inspector

Json = dict[str, Any]
IGNORED_CHANGES = frozenset(
    {"API_CALL", "INTERACTION_UPDATE", "SESSION_UPDATE"}
)  # the hood and the answers tell of these
REACTION = "MESSAGE_REACTION"


class PageSession:
    """Tells the page what its person sees, and does what the page asks."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        *,
        environment: Environment,
        hood: Inspector,
        switches: FaultToggles,
        values: ValueDecoder,
    ) -> None:
        self._socket = socket
        self._environment = environment
        self._hood = hood
        self._switches = switches
        self._values = values
        self._acts: Actions
        self._out: asyncio.Queue[Json] = asyncio.Queue()
        self._asked: set[asyncio.Task[None]] = set()

    async def run(self, name: str) -> None:
        """Be there as the person called ``name`` until the page is closed."""
        changes = self._environment.discord.state.subscribe()
        self._be(name)
        self._hood.listeners.add(self._tell_hood)
        tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._watch(changes))]
        try:
            async for frame in self._socket:
                if frame.type is WSMsgType.TEXT:
                    self._take(frame.json())
        finally:
            self._hood.listeners.discard(self._tell_hood)
            for task in (*tasks, *self._asked):
                task.cancel()
            await asyncio.gather(*tasks, *self._asked, return_exceptions=True)

    def _be(self, name: str) -> None:
        """Speak as somebody else: everything that this person sees is told anew."""
        discord = self._environment.discord
        people = discord.people
        person = people.get(name) or people["mia"]
        discord.state.dm(person.user.username)
        self._acts = Actions(person, self._values)
        self._out.put_nowait(
            {
                "t": "hello",
                "at": discord.state.now().isoformat(),
                "people": list(people),
                "cdn": discord.cdn.origin,
                "file_bytes": max(person.max_file_bytes(channel) for channel in discord.state.channels.values()),
                "usable": self._usable(),
                "world": discord.snapshot(person.user),
                "hood": self._hood.now(),
            }
        )

    def _usable(self) -> dict[str, list[str]]:
        """Return by channel the ids of the commands that the person can use there."""
        person, channels = self._acts.person, self._environment.discord.state.channels.values()
        return {str(channel.id): [str(one.id) for one in person.commands(channel)] for channel in channels}

    def _tell_hood(self, news: Json) -> None:
        self._out.put_nowait({"t": "hood", **news})

    async def _send(self) -> None:
        while True:
            told = await self._out.get()
            await self._socket.send_str(json.dumps(told, separators=(",", ":")))

    async def _watch(self, changes: Any) -> None:
        async for change in changes:
            if change.kind not in IGNORED_CHANGES:
                self._tell(change)

    def _tell(self, change: Event) -> None:
        discord, viewer = self._environment.discord, self._acts.person.user
        if change.kind == "COMMANDS_UPDATE":
            commands = [one.data for one in discord.commands.all()]
            self._out.put_nowait({"t": "commands", "commands": commands, "usable": self._usable()})
            return
        told = wire.serialize_event(change, discord.cdn, viewer)
        if told is None:
            return
        if change.kind.startswith(REACTION) and change.message is not None:
            told = {
                **told,
                "t": "MESSAGE_UPDATE",
                "d": wire.serialize_seen_message(change.message, discord.cdn, viewer),
            }
        if change.message is not None and change.message.deleted and told["t"] != "MESSAGE_DELETE":
            return
        self._out.put_nowait({"t": "seen", "kind": told["t"], "at": told["at"], "d": told["d"]})

    def _take(self, ask: Json) -> None:
        task = asyncio.create_task(self._answer(ask))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _answer(self, ask: Json) -> None:
        number, name = ask.get("id"), str(ask.get("do"))
        try:
            done: Json = {"ok": True, "result": await self._do(name, ask)}
        except ClientRefused as refused:
            done = {"ok": False, "sentence": str(refused)}
        except ApiError as refused:
            done = {"ok": False, "sentence": str(refused.body.get("message") or refused)}
        except OSError as error:  # a process that cannot be started
            done = {"ok": False, "sentence": f"It could not be done: {error.strerror}."}
        self._out.put_nowait({"t": "re", "id": number, **done})

    def _do(self, name: str, ask: Json) -> Awaitable[Json]:
        return {"be": self._become, "switch": self._switch, "calm": self._calm}.get(name, self._act)(ask)

    def _act(self, ask: Json) -> Awaitable[Json]:
        return self._acts.do(str(ask.get("do")), ask)

    async def _become(self, ask: Json) -> Json:
        self._be(str(ask.get("person")))
        return {}

    async def _switch(self, ask: Json) -> Json:
        await self._switches.press(str(ask.get("name")), keep=bool(ask.get("keep")))
        self._hood.look()
        return {}

    async def _calm(self, _: Json) -> Json:
        self._switches.clear()
        self._hood.look()
        return {}
