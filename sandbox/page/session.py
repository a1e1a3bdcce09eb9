"""A session: one open page, its WebSocket, and the person it acts as."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.discord.client_checks import ClientRefused
from sandbox.discord.errors import ApiError
from sandbox.discord.snapshot import serialize_event, serialize_visible_message
from sandbox.discord.state.state import Event, EventStream
from sandbox.environment import Environment
from sandbox.page.actions import Actions, ValueDecoder
from sandbox.page.fault_toggles import FaultToggles
from sandbox.page.inspector import Inspector

Json = dict[str, Any]
DEFAULT_PERSON = "mia"
# The inspector and the responses cover these.
IGNORED_EVENTS = frozenset({"API_CALL", "INTERACTION_UPDATE", "SESSION_UPDATE"})
REACTION = "MESSAGE_REACTION"
# The locales of Discord's clients (reference.mdx#locales).
LOCALES = frozenset({
    "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "hi", "hr", "hu", "id", "it", "ja",
    "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk", "vi", "zh-CN", "zh-TW",
})  # fmt: skip


class PageSession:
    """Sends the page what its person sees, and performs what the page requests.

    Messages to the page have a type ``t``: "snapshot" (everything, at the start and for another person), "event",
    "commands", "inspector", and "response" to the request with the same ``id``. Requests name an ``action``.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        *,
        environment: Environment,
        inspector: Inspector,
        toggles: FaultToggles,
        decoder: ValueDecoder,
    ) -> None:
        self._socket = socket
        self._environment = environment
        self._inspector = inspector
        self._toggles = toggles
        self._decoder = decoder
        self._actions: Actions
        self._outgoing: asyncio.Queue[Json] = asyncio.Queue()
        self._pending: set[asyncio.Task[None]] = set()

    async def run(self, name: str) -> None:
        """Act as the person called ``name`` until the page is closed."""
        events = self._environment.discord.state.subscribe()
        self._switch_person(name)
        self._inspector.listeners.add(self._send_inspector_changes)
        tasks = [asyncio.create_task(self._send_messages()), asyncio.create_task(self._forward_events(events))]
        try:
            async for frame in self._socket:
                if frame.type is WSMsgType.TEXT:
                    self._start_request(frame.json())
        finally:
            self._inspector.listeners.discard(self._send_inspector_changes)
            for task in (*tasks, *self._pending):
                task.cancel()
            await asyncio.gather(*tasks, *self._pending, return_exceptions=True)

    def _switch_person(self, name: str) -> None:
        """Act as another person and send everything that this person sees."""
        discord = self._environment.discord
        people = discord.people
        person = people.get(name) or people[DEFAULT_PERSON]
        discord.state.dm(person.user.username)
        self._actions = Actions(person, self._decoder)
        self._outgoing.put_nowait(
            {
                "t": "snapshot",
                "at": discord.state.now().isoformat(),
                "people": list(people),
                "cdn": discord.cdn.origin,
                "file_bytes": max(person.max_file_bytes(channel) for channel in discord.state.channels.values()),
                "usable": self._usable_commands(),
                "discord": discord.snapshot(person.user),
                "inspector": self._inspector.snapshot(),
            }
        )

    def _usable_commands(self) -> dict[str, list[str]]:
        """Return the ids of the commands that the person can use, by channel."""
        person, channels = self._actions.person, self._environment.discord.state.channels.values()
        return {
            str(channel.id): [str(command.id) for command in person.available_commands(channel)] for channel in channels
        }

    def _send_inspector_changes(self, changes: Json) -> None:
        self._outgoing.put_nowait({"t": "inspector", **changes})

    async def _send_messages(self) -> None:
        while True:
            message = await self._outgoing.get()
            await self._socket.send_str(json.dumps(message, separators=(",", ":")))

    async def _forward_events(self, events: EventStream) -> None:
        async for event in events:
            if event.kind not in IGNORED_EVENTS:
                self._send_event(event)

    def _send_event(self, event: Event) -> None:
        discord, viewer = self._environment.discord, self._actions.person.user
        if event.kind == "COMMANDS_UPDATE":
            commands = [command.data for command in discord.commands.all()]
            self._outgoing.put_nowait({"t": "commands", "commands": commands, "usable": self._usable_commands()})
            return
        data = serialize_event(event, discord.cdn, viewer)
        if data is None:
            return
        if event.kind == "THREAD_CREATE":
            data = {**data, "d": {**data["d"], "usable": self._usable_commands()}}
        if event.kind.startswith(REACTION) and event.message is not None:
            message = serialize_visible_message(event.message, discord.cdn, viewer)
            data = {**data, "t": "MESSAGE_UPDATE", "d": message}
        if event.message is not None and event.message.deleted and data["t"] != "MESSAGE_DELETE":
            return
        self._outgoing.put_nowait({"t": "event", "kind": data["t"], "at": data["at"], "d": data["d"]})

    def _start_request(self, request: Json) -> None:
        task = asyncio.create_task(self._handle_request(request))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _handle_request(self, request: Json) -> None:
        try:
            response: Json = {"ok": True, "result": await self._perform(request)}
        except ClientRefused as error:
            response = {"ok": False, "error": str(error)}
        except ApiError as error:
            response = {"ok": False, "error": str(error.body.get("message") or error)}
        except OSError as error:  # the bot's process cannot be started
            response = {"ok": False, "error": f"That didn't work: {error.strerror}."}
        self._outgoing.put_nowait({"t": "response", "id": request.get("id"), **response})

    def _perform(self, request: Json) -> Awaitable[Json]:
        name = str(request.get("action"))
        handlers = {
            "switch_person": self._handle_switch_person,
            "choose_locale": self._choose_locale,
            "toggle_fault": self._toggle_fault,
            "undo_fault": self._undo_fault,
            "reset_faults": self._reset_faults,
        }
        return handlers[name](request) if name in handlers else self._actions.perform(name, request)

    async def _handle_switch_person(self, request: Json) -> Json:
        self._switch_person(str(request.get("person")))
        return {}

    async def _choose_locale(self, request: Json) -> Json:
        """Let the person's Discord be in another language from now on."""
        locale = str(request.get("locale"))
        if locale not in LOCALES:
            raise ClientRefused(f"There is no locale {locale}.")
        self._actions.person.user.locale = locale
        return {}

    async def _toggle_fault(self, request: Json) -> Json:
        await self._toggles.toggle(str(request.get("name")), keep=bool(request.get("keep")))
        self._inspector.refresh_status()
        return {}

    async def _undo_fault(self, request: Json) -> Json:
        await self._toggles.undo(str(request.get("name")))
        self._inspector.refresh_status()
        return {}

    async def _reset_faults(self, _: Json) -> Json:
        self._toggles.reset()
        self._inspector.refresh_status()
        return {}
