"""A slash command's options, checked as Discord's client checks them before it sends anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.limits import INTEGER_BOUND, STRING_OPTION_CHARS
from sandbox.discord.people.refused import ClientRefused
from sandbox.discord.wire import people, places
from sandbox.discord.world.attachment import Attachment, Upload
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.guild import Guild, Role
from sandbox.discord.world.user import User

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.discord.world.world import World

Json = dict[str, Any]
SUB_COMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
BY_ID: dict[int, tuple[type, ...]] = {
    USER: (User,),
    CHANNEL: (Channel,),
    ROLE: (Role,),
    MENTIONABLE: (User, Role),
    ATTACHMENT: (Upload,),
}


class Options:
    """Turns values by option name into what an interaction carries: options, and what their ids stand for."""

    def __init__(self, world: World, guild: Guild | None, upload: Callable[[Upload], tuple[Attachment, Json]]) -> None:
        self._world = world
        self._guild = guild
        self._upload = upload
        self.resolved: dict[str, Json] = {}

    def fill(self, declared: list[Json], values: Mapping[str, Any], *, focused: str | None = None) -> list[Json]:
        """Return the options as Discord sends them; with ``focused`` (autocomplete) nothing is required yet."""
        by_name = {option["name"]: option for option in declared}
        for name in values:
            if name not in by_name:
                raise ClientRefused(f"There is no option “{name}”; there are: {', '.join(by_name) or 'none'}.")
        filled = []
        for name, option in by_name.items():
            if values.get(name) is None:
                if option.get("required") and focused is None:
                    raise ClientRefused(f"The option “{name}” is required.")
                continue
            partial = focused is not None
            one = {"name": name, "type": option["type"]}
            one["value"] = self._partial(option, values[name]) if partial else self._value(option, values[name])
            if name == focused:
                one["focused"] = True
            filled.append(one)
        return filled

    def _partial(self, option: Json, value: Any) -> Any:
        return value if option["type"] in {STRING, INTEGER, NUMBER, BOOLEAN} else self._value(option, value)

    def _value(self, option: Json, value: Any) -> Any:
        kind, name = option["type"], option["name"]
        if kind in BY_ID:
            if not isinstance(value, BY_ID[kind]):
                wanted = " or ".join(one.__name__ for one in BY_ID[kind])
                raise ClientRefused(f"The option “{name}” takes a {wanted}.")
            return self.resolve(value)
        if option.get("choices"):
            return _choose(option, value)
        if kind == STRING:
            return _text(option, value)
        if kind == BOOLEAN:
            if not isinstance(value, bool):
                raise ClientRefused(f"The option “{name}” takes True or False.")
            return value
        return _number(option, value)

    def resolve(self, value: Any) -> str:
        """Return the id of a user, role, channel or upload, and note what it stands for."""
        if isinstance(value, Upload):
            attachment, told = self._upload(value)
            self._note("attachments", attachment.id, told)
            return str(attachment.id)
        if isinstance(value, User):
            self._note("users", value.id, people.user(value))
            member = people.member_of(self._guild, value)
            if member is not None:
                self._note("members", value.id, {**people.member(member, with_user=False), "permissions": "0"})
        elif isinstance(value, Channel):
            self._note("channels", value.id, {**places.channel(value, self._world.bot), "permissions": "0"})
        else:
            self._note("roles", value.id, people.role(value))
        return str(value.id)

    def _note(self, what: str, id_: int, data: Json) -> None:
        self.resolved.setdefault(what, {})[str(id_)] = data


def _choose(option: Json, value: Any) -> Any:
    for choice in option["choices"]:
        if value == choice["value"] or value == choice["name"]:
            return choice["value"]
    offered = ", ".join(str(choice["name"]) for choice in option["choices"])
    raise ClientRefused(f"The option “{option['name']}” takes one of: {offered}.")


def _text(option: Json, value: Any) -> str:
    name = option["name"]
    if not isinstance(value, str) or not value:
        raise ClientRefused(f"The option “{name}” takes a text.")
    low, high = option.get("min_length") or 0, option.get("max_length") or STRING_OPTION_CHARS
    if not low <= len(value) <= high:
        raise ClientRefused(f"The option “{name}” takes {low} to {high} characters, not {len(value)}.")
    return value


def _number(option: Json, value: Any) -> int | float:
    name, whole = option["name"], option["type"] == INTEGER
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ClientRefused(f"The option “{name}” takes a {'whole number' if whole else 'number'}.")
    low = option.get("min_value", -INTEGER_BOUND)
    high = option.get("max_value", INTEGER_BOUND)
    if not low <= value <= high:
        raise ClientRefused(f"The option “{name}” takes a number from {low} to {high}.")
    return value


def descend(data: Json, path: list[str]) -> tuple[list[Json], list[Json]]:
    """Return the declared options of a subcommand, and its steps as interactions carry them, outermost first."""
    declared: list[Json] = data.get("options") or []
    steps: list[Json] = []
    for word in path:
        found = next((one for one in declared if one["name"] == word and one["type"] in {SUB_COMMAND, GROUP}), None)
        if found is None:
            raise ClientRefused(f"The command “{data['name']}” has no subcommand “{word}”.")
        steps.append({"type": found["type"], "name": word})
        declared = found.get("options") or []
    if any(one["type"] in {SUB_COMMAND, GROUP} for one in declared):
        names = ", ".join(one["name"] for one in declared)
        raise ClientRefused(f"Choose a subcommand of “{data['name']}”: {names}.")
    return declared, steps
