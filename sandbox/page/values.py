"""What a browser sends, turned into what a person of the stand-in takes."""

from collections.abc import Mapping
from typing import Any

from sandbox.discord.people.refused import ClientRefused
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.message import Message
from sandbox.discord.world.world import World
from sandbox.page.uploads import Uploads


class Values:
    """Finds what ids stand for."""

    def __init__(self, world: World, uploads: Uploads) -> None:
        self._world = world
        self._uploads = uploads

    def channel(self, id_: Any) -> Channel:
        """Return the channel with that id."""
        found = self._world.channels.get(_number(id_))
        if found is None:
            raise ClientRefused("This channel is gone.")
        return found

    def message(self, channel_id: Any, id_: Any) -> Message:
        """Return the message with that id."""
        found = self.channel(channel_id).messages.get(_number(id_))
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
        found = self._named(str(kind), _number(named))
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


def _number(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0
