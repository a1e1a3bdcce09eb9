"""The commands that the application registered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.limits import GLOBAL_COMMANDS
from sandbox.discord.errors import TOO_MANY_COMMANDS, UNKNOWN_COMMAND, ApiError
from sandbox.discord.state.state import DiscordState
from sandbox.discord.validation.commands import validate_command
from sandbox.discord.validation.form_errors import FormErrors

Json = dict[str, Any]
MAX_PER_TYPE = {1: GLOBAL_COMMANDS, 2: 15, 3: 15}  # context menus: 15 since 2026-03-03


@dataclass(frozen=True, slots=True)
class Command:
    """A registered command; ``data`` is Discord's JSON of it, ``guild_id`` is None for a global one."""

    id: int
    guild_id: int | None
    data: Json

    @property
    def name(self) -> str:
        """What people type."""
        return str(self.data["name"])

    @property
    def type(self) -> int:
        """1 a slash command, 2 a user's menu, 3 a message's menu."""
        return int(self.data["type"])


class CommandRegistry:
    """Registers commands as Discord does: a command of the same type and name is replaced and keeps its id."""

    def __init__(self, state: DiscordState) -> None:
        self._state = state
        self._commands: dict[int, Command] = {}

    def in_scope(self, guild_id: int | None = None) -> list[Command]:
        """Return the global commands, or those of one guild alone."""
        return [command for command in self._commands.values() if command.guild_id == guild_id]

    def all(self) -> list[Command]:
        """Return all commands, those of guilds included."""
        return list(self._commands.values())

    def get(self, command_id: int, guild_id: int | None) -> Command:
        """Return that command."""
        command = self._commands.get(command_id)
        if command is None or command.guild_id != guild_id:
            raise ApiError(UNKNOWN_COMMAND)
        return command

    def find(self, name: str, type_: int, guild_id: int | None) -> Command | None:
        """Return the command that a person in ``guild_id`` gets by ``name``: the guild's own before the global one."""
        for scope in (guild_id, None):
            for command in self.in_scope(scope):
                if command.name == name and command.type == type_:
                    return command
        return None

    def visible(self, guild_id: int | None) -> list[Command]:
        """Return the commands offered in a guild, or in private."""
        own = self.in_scope(guild_id) if guild_id is not None else []
        hidden = {(command.type, command.name) for command in own}
        return [*own, *(command for command in self.in_scope() if (command.type, command.name) not in hidden)]

    def put(self, payload: Json, guild_id: int | None) -> tuple[Command, bool]:
        """Register one command and return it and whether its name is new."""
        problems = FormErrors()
        checked = validate_command(payload, problems, (), in_guild=guild_id is not None)
        problems.check()
        old = self._named(checked, guild_id)
        if old is None:
            self._check_room(checked["type"], guild_id)
        command = self._keep(checked, guild_id, old)
        self._state.publish("COMMANDS_UPDATE")
        return command, old is None

    def patch(self, command_id: int, payload: Json, guild_id: int | None) -> Command:
        """Change some fields of a command."""
        old = self.get(command_id, guild_id)
        problems = FormErrors()
        checked = validate_command({**old.data, **payload}, problems, (), in_guild=guild_id is not None)
        problems.check()
        command = self._keep(checked, guild_id, old)
        self._state.publish("COMMANDS_UPDATE")
        return command

    def replace(self, payloads: Iterable[Any], guild_id: int | None) -> list[Command]:
        """Register exactly these commands."""
        problems = FormErrors()
        checked: list[Json] = []
        seen: set[tuple[str, str]] = set()
        for number, payload in enumerate(payloads):
            one = validate_command(payload, problems, (number,), in_guild=guild_id is not None)
            if (key := (str(one.get("type", 1)), str(one.get("name", "")))) in seen:
                words = "Application command names must be unique"
                problems.add("APPLICATION_COMMANDS_DUPLICATE_NAME", words, number, "name")
            seen.add(key)
            checked.append(one)
        problems.check()
        for kind, most in MAX_PER_TYPE.items():
            if sum(one["type"] == kind for one in checked) > most:
                raise ApiError(TOO_MANY_COMMANDS)
        old = {id(one): self._named(one, guild_id) for one in checked}
        for command in self.in_scope(guild_id):
            del self._commands[command.id]
        kept = [self._keep(one, guild_id, old[id(one)]) for one in checked]
        self._state.publish("COMMANDS_UPDATE")
        return kept

    def delete(self, command_id: int, guild_id: int | None) -> None:
        """Take a command away."""
        del self._commands[self.get(command_id, guild_id).id]
        self._state.publish("COMMANDS_UPDATE")

    def _named(self, checked: Json, guild_id: int | None) -> Command | None:
        mine = (one for one in self.in_scope(guild_id) if (one.type, one.name) == (checked["type"], checked["name"]))
        return next(mine, None)

    def _check_room(self, type_: int, guild_id: int | None) -> None:
        if sum(command.type == type_ for command in self.in_scope(guild_id)) >= MAX_PER_TYPE[type_]:
            raise ApiError(TOO_MANY_COMMANDS)

    def _keep(self, checked: Json, guild_id: int | None, old: Command | None) -> Command:
        ids = self._state.ids
        command_id = old.id if old else ids.next()
        data = {
            "id": str(command_id),
            "application_id": str(self._state.application.id),
            "version": str(ids.next()),
            **({"guild_id": str(guild_id)} if guild_id is not None else {}),
            **checked,
        }
        self._commands[command_id] = Command(command_id, guild_id, data)
        return self._commands[command_id]
