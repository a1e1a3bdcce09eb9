"""The commands that the application registered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.limits import GLOBAL_COMMANDS
from sandbox.discord.errors import TOO_MANY_COMMANDS, UNKNOWN_COMMAND, ApiError, FormErrors
from sandbox.discord.state.state import DiscordState
from sandbox.discord.validation.commands import validate_command

Json = dict[str, Any]
MAX_PER_TYPE = {1: GLOBAL_COMMANDS, 2: 15, 3: 15}  # context menus: 15 since 2026-03-03


@dataclass(frozen=True, slots=True)
class Command:
    """A registered command; ``data`` is its JSON, ``guild_id`` is None for a global one."""

    id: int
    guild_id: int | None
    data: Json

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def type(self) -> int:
        """1 for a slash command, 2 for a user command, 3 for a message command."""
        return int(self.data["type"])


class CommandRegistry:
    """Registers commands as Discord does: one with the same type and name is replaced and keeps its id.

    ``guild_id`` is the guild of a command, or None for a global one. Every change publishes ``COMMANDS_UPDATE``.
    """

    def __init__(self, state: DiscordState) -> None:
        self._state = state
        self._commands: dict[int, Command] = {}

    def in_scope(self, guild_id: int | None = None) -> list[Command]:
        """Return the global commands, or those of one guild without the global ones."""
        return [command for command in self._commands.values() if command.guild_id == guild_id]

    def all(self) -> list[Command]:
        """Return all commands, global and of every guild."""
        return list(self._commands.values())

    def get(self, command_id: int, guild_id: int | None) -> Command:
        """Return that command or raise ApiError."""
        command = self._commands.get(command_id)
        if command is None or command.guild_id != guild_id:
            raise ApiError(UNKNOWN_COMMAND)
        return command

    def find(self, name: str, type_: int, guild_id: int | None) -> Command | None:
        """Return the command that ``name`` runs in a guild; the guild's own command takes precedence."""
        for scope in (guild_id, None):
            for command in self.in_scope(scope):
                if command.name == name and command.type == type_:
                    return command
        return None

    def visible(self, guild_id: int | None) -> list[Command]:
        """Return the commands offered in a guild, or in a DM for None."""
        own = self.in_scope(guild_id) if guild_id is not None else []
        hidden = {(command.type, command.name) for command in own}
        return [*own, *(command for command in self.in_scope() if (command.type, command.name) not in hidden)]

    def register(self, payload: Json, guild_id: int | None) -> tuple[Command, bool]:
        """Register one command; return it and whether its name is new."""
        errors = FormErrors()
        checked = validate_command(payload, errors, (), in_guild=guild_id is not None)
        errors.raise_if_any()
        old = self._find_same_name(checked, guild_id)
        if old is None:
            self._check_count(checked["type"], guild_id)
        command = self._store(checked, guild_id, old)
        self._state.publish("COMMANDS_UPDATE")
        return command, old is None

    def update(self, command_id: int, payload: Json, guild_id: int | None) -> Command:
        """Change some fields of a command."""
        old = self.get(command_id, guild_id)
        errors = FormErrors()
        checked = validate_command({**old.data, **payload}, errors, (), in_guild=guild_id is not None)
        errors.raise_if_any()
        command = self._store(checked, guild_id, old)
        self._state.publish("COMMANDS_UPDATE")
        return command

    def replace_all(self, payloads: Iterable[Any], guild_id: int | None) -> list[Command]:
        """Replace all commands of the scope with these."""
        errors = FormErrors()
        checked: list[Json] = []
        seen: set[tuple[str, str]] = set()
        for number, payload in enumerate(payloads):
            one = validate_command(payload, errors, (number,), in_guild=guild_id is not None)
            if (key := (str(one.get("type", 1)), str(one.get("name", "")))) in seen:
                message = "Application command names must be unique"
                errors.add("APPLICATION_COMMANDS_DUPLICATE_NAME", message, number, "name")
            seen.add(key)
            checked.append(one)
        errors.raise_if_any()
        for kind, most in MAX_PER_TYPE.items():
            if sum(one["type"] == kind for one in checked) > most:
                raise ApiError(TOO_MANY_COMMANDS)
        old = {id(one): self._find_same_name(one, guild_id) for one in checked}
        for command in self.in_scope(guild_id):
            del self._commands[command.id]
        stored = [self._store(one, guild_id, old[id(one)]) for one in checked]
        self._state.publish("COMMANDS_UPDATE")
        return stored

    def delete(self, command_id: int, guild_id: int | None) -> None:
        del self._commands[self.get(command_id, guild_id).id]
        self._state.publish("COMMANDS_UPDATE")

    def _find_same_name(self, checked: Json, guild_id: int | None) -> Command | None:
        key = (checked["type"], checked["name"])
        return next((command for command in self.in_scope(guild_id) if (command.type, command.name) == key), None)

    def _check_count(self, type_: int, guild_id: int | None) -> None:
        if sum(command.type == type_ for command in self.in_scope(guild_id)) >= MAX_PER_TYPE[type_]:
            raise ApiError(TOO_MANY_COMMANDS)

    def _store(self, checked: Json, guild_id: int | None, old: Command | None) -> Command:
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
