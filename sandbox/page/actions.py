"""The actions of a person at the page, and decoding the values they send."""

import secrets
from collections.abc import Mapping
from typing import Any

from sandbox.discord.people.client_checks import ClientRefused
from sandbox.discord.people.interaction_result import InteractionResult
from sandbox.discord.people.person import Person
from sandbox.discord.state.models import Channel, Message
from sandbox.discord.state.state import DiscordState
from sandbox.page.files import UploadStore


class ValueDecoder:
    """Finds what ids stand for."""

    def __init__(self, world: DiscordState, uploads: UploadStore) -> None:
        self._world = world
        self._uploads = uploads

    def channel(self, id_: Any) -> Channel:
        """Return the channel with that id."""
        found = self._world.channels.get(_parse_id(id_))
        if found is None:
            raise ClientRefused("This channel is gone.")
        return found

    def message(self, channel_id: Any, id_: Any) -> Message:
        """Return the message with that id."""
        found = self.channel(channel_id).messages.get(_parse_id(id_))
        if found is None:
            raise ClientRefused("This message is gone.")
        return found

    def read(self, value: Any) -> Any:
        """Return a value, or what an object like ``{"upload": name}`` or ``{"user": id}`` stands for."""
        if isinstance(value, list):
            return [self.read(one) for one in value]
        if not isinstance(value, Mapping):
            return value
        kind, named = next(iter(value.items()), ("", ""))
        if kind == "upload":
            return self._uploads.get(str(named))
        found = self._named(str(kind), _parse_id(named))
        if found is None:
            raise ClientRefused("What was chosen is gone.")
        return found

    def all(self, values: Any) -> dict[str, Any]:
        """Return every value by its name."""
        return {str(name): self.read(value) for name, value in dict(values or {}).items()}

    def _named(self, kind: str, id_: int) -> Any:
        match kind:
            case "user":
                return self._world.users.get(id_)
            case "channel":
                return self._world.channels.get(id_)
            case "role":
                return next((guild.roles[id_] for guild in self._world.guilds.values() if id_ in guild.roles), None)
            case _:
                return None


def _parse_id(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0


Json = dict[str, Any]
KEPT_FORMS = 40


class Actions:
    """Acts as ``person``; raises ``ClientRefused`` with the sentence to show."""

    def __init__(self, person: Person, values: ValueDecoder) -> None:
        self.person = person
        self._values = values
        self._forms: dict[str, InteractionResult] = {}

    async def do(self, name: str, ask: Json) -> Json:
        """Do the act of that name."""
        act = {
            "slash": self._slash, "autocomplete": self._autocomplete, "menu": self._menu, "press": self._press,
            "choose": self._choose, "submit": self._submit, "say": self._say,
            "delete": self._delete, "react": self._react,
        }.get(name)  # fmt: skip
        if act is None:
            raise ClientRefused(f"The page knows no act “{name}”.")
        return await act(ask)

    async def _slash(self, ask: Json) -> Json:
        channel, values = self._values.channel(ask.get("channel")), self._values.all(ask.get("values"))
        return self._told(await self.person.use_command(channel, str(ask.get("command")), values))

    async def _autocomplete(self, ask: Json) -> Json:
        channel, values = self._values.channel(ask.get("channel")), self._values.all(ask.get("values"))
        exchange = await self.person.autocomplete(channel, str(ask.get("command")), values, str(ask.get("focused")))
        return {"choices": exchange.choices or []}

    async def _menu(self, ask: Json) -> Json:
        return self._told(await self.person.use_context_menu(self._message(ask), str(ask.get("name"))))

    async def _press(self, ask: Json) -> Json:
        return self._told(await self.person.press(self._message(ask), str(ask.get("control"))))

    async def _choose(self, ask: Json) -> Json:
        values = self._values.read(list(ask.get("values") or ()))
        return self._told(await self.person.choose(self._message(ask), str(ask.get("control")), values))

    async def _submit(self, ask: Json) -> Json:
        form = str(ask.get("form"))
        if form not in self._forms:
            raise ClientRefused("This form is no longer open.")
        told = self._told(await self.person.submit(self._forms[form], self._values.all(ask.get("values"))))
        if not told["failed"]:
            self._forms.pop(form, None)
        return told

    async def _say(self, ask: Json) -> Json:
        channel = self._values.channel(ask.get("channel"))
        reply = self._values.message(ask["channel"], ask["reply"]) if ask.get("reply") else None
        text, files = str(ask.get("text") or ""), self._values.read(list(ask.get("files") or ()))
        message = await self.person.send_message(channel, text, files, reply)
        return {"message": str(message.id)}

    async def _delete(self, ask: Json) -> Json:
        await self.person.delete(self._message(ask))
        return {}

    async def _react(self, ask: Json) -> Json:
        message, emoji = self._message(ask), str(ask.get("emoji"))
        if self.person.user in message.reaction_users(emoji):
            await self.person.remove_reaction(message, emoji)
        else:
            await self.person.react(message, emoji)
        return {}

    def _message(self, ask: Json) -> Any:
        return self._values.message(ask.get("channel"), ask.get("message"))

    def _told(self, exchange: InteractionResult) -> Json:
        told: Json = {"failed": not exchange.acknowledged, "latency": exchange.latency}
        if exchange.modal is not None:
            form = secrets.token_urlsafe(8)
            self._forms[form] = exchange
            while len(self._forms) > KEPT_FORMS:
                del self._forms[next(iter(self._forms))]
            told |= {"modal": exchange.modal, "form": form}
        return told
