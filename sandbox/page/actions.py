"""The actions of a person at the page, and decoding the values that the browser sends with them."""

import secrets
from collections.abc import Mapping
from typing import Any

from sandbox.discord.client_checks import ClientRefused
from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message
from sandbox.discord.state.state import DiscordState
from sandbox.page.files import UploadStore

Json = dict[str, Any]
MAX_OPEN_FORMS = 40


class ValueDecoder:
    """Resolves the ids and upload names that the browser sends."""

    def __init__(self, state: DiscordState, uploads: UploadStore) -> None:
        self._state = state
        self._uploads = uploads

    def find_channel(self, channel_id: Any) -> Channel:
        channel = self._state.channels.get(_parse_id(channel_id))
        if channel is None:
            raise ClientRefused("This channel no longer exists.")
        return channel

    def find_message(self, channel_id: Any, message_id: Any) -> Message:
        message = self.find_channel(channel_id).messages.get(_parse_id(message_id))
        if message is None:
            raise ClientRefused("This message no longer exists.")
        return message

    def decode(self, value: Any) -> Any:
        """Return a plain value as it is, and the object behind a reference: ``{"upload": name}``, ``{"user": id}``."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        kind, name = next(iter(value.items()), ("", ""))
        if kind == "upload":
            return self._uploads.get(str(name))
        entity = self._find_entity(str(kind), _parse_id(name))
        if entity is None:
            raise ClientRefused("Your selection no longer exists.")
        return entity

    def decode_all(self, values: Any) -> dict[str, Any]:
        """Return every value, decoded, by its name."""
        return {str(name): self.decode(value) for name, value in dict(values or {}).items()}

    def _find_entity(self, kind: str, entity_id: int) -> Any:
        match kind:
            case "user":
                return self._state.users.get(entity_id)
            case "channel":
                return self._state.channels.get(entity_id)
            case "role":
                guilds = self._state.guilds.values()
                return next((guild.roles[entity_id] for guild in guilds if entity_id in guild.roles), None)
            case _:
                return None


class Actions:
    """Performs actions as ``person``; a ``ClientRefused`` holds the sentence to display."""

    def __init__(self, person: Person, decoder: ValueDecoder) -> None:
        self.person = person
        self._decoder = decoder
        self._forms: dict[str, InteractionResult] = {}

    async def perform(self, name: str, request: Json) -> Json:
        """Perform the action called ``name`` and return its result for the page."""
        action = {
            "use_command": self._use_command,
            "autocomplete": self._autocomplete,
            "use_context_menu": self._use_context_menu,
            "press": self._press,
            "select": self._select,
            "submit_form": self._submit_form,
            "send_message": self._send_message,
            "delete_message": self._delete_message,
            "toggle_reaction": self._toggle_reaction,
        }.get(name)
        if action is None:
            raise ClientRefused(f"Unknown action: “{name}”.")
        return await action(request)

    async def _use_command(self, request: Json) -> Json:
        channel = self._decoder.find_channel(request.get("channel"))
        values = self._decoder.decode_all(request.get("values"))
        return self._to_json(await self.person.use_command(channel, str(request.get("command")), values))

    async def _autocomplete(self, request: Json) -> Json:
        channel = self._decoder.find_channel(request.get("channel"))
        values = self._decoder.decode_all(request.get("values"))
        command, focused = str(request.get("command")), str(request.get("focused"))
        result = await self.person.autocomplete(channel, command, values, focused)
        return {"choices": result.choices or []}

    async def _use_context_menu(self, request: Json) -> Json:
        return self._to_json(await self.person.use_context_menu(self._message(request), str(request.get("name"))))

    async def _press(self, request: Json) -> Json:
        return self._to_json(await self.person.press(self._message(request), str(request.get("control"))))

    async def _select(self, request: Json) -> Json:
        values = self._decoder.decode(list(request.get("values") or ()))
        return self._to_json(await self.person.choose(self._message(request), str(request.get("control")), values))

    async def _submit_form(self, request: Json) -> Json:
        form = str(request.get("form"))
        if form not in self._forms:
            raise ClientRefused("This form has expired. Open it again.")
        values = self._decoder.decode_all(request.get("values"))
        result = self._to_json(await self.person.submit(self._forms[form], values))
        if not result["failed"]:
            self._forms.pop(form, None)
        return result

    async def _send_message(self, request: Json) -> Json:
        channel = self._decoder.find_channel(request.get("channel"))
        reply = self._decoder.find_message(request["channel"], request["reply"]) if request.get("reply") else None
        files = self._decoder.decode(list(request.get("files") or ()))
        message = await self.person.send_message(channel, str(request.get("text") or ""), files, reply)
        return {"message": str(message.id)}

    async def _delete_message(self, request: Json) -> Json:
        await self.person.delete(self._message(request))
        return {}

    async def _toggle_reaction(self, request: Json) -> Json:
        message, emoji = self._message(request), str(request.get("emoji"))
        if self.person.user in message.reaction_users(emoji):
            await self.person.remove_reaction(message, emoji)
        else:
            await self.person.react(message, emoji)
        return {}

    def _message(self, request: Json) -> Message:
        return self._decoder.find_message(request.get("channel"), request.get("message"))

    def _to_json(self, result: InteractionResult) -> Json:
        data: Json = {"failed": not result.acknowledged, "latency": result.latency}
        if result.modal is not None:
            form = secrets.token_urlsafe(8)
            self._forms[form] = result
            while len(self._forms) > MAX_OPEN_FORMS:
                del self._forms[next(iter(self._forms))]
            data |= {"modal": result.modal, "form": form}
        return data


def _parse_id(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0
