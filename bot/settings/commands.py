"""Parse the configured slash commands, from COMMANDS and COMMANDS_FILE."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from bot.actor import Context
from bot.backends.target import ServedModel, Target, parse_target
from bot.language import _
from bot.limits import CHAIN_STEPS, COG_AT_ONCE_MAX, COMMAND_NAME_CHARS, DESCRIPTION_CHARS, GLOBAL_COMMANDS
from bot.own_commands import OwnCommand
from bot.settings.permissions import PERMISSIONS
from bot.settings.text import quote, read_text
from bot.visibility import Visibility

RESERVED_NAMES: Final = frozenset(OwnCommand)

_NAME = re.compile(r"[-_\w]+")
_OFFER_KEYS = frozenset({"nsfw", "default_member_permissions", "contexts"})
_OWN_KEYS = frozenset(
    {"model", "description", "role", "required", "hidden", "defaults", "limits", "at_once", "visibility", "sample"}
)
_KEYS = _OWN_KEYS | _OFFER_KEYS
_CHAIN_KEYS = frozenset({"steps", "description"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOffer:
    """Where and to whom Discord offers a command.

    ``age_restricted``: only in channels for adults. ``permissions`` are Discord's bits that somebody needs in a server
    unless its administrators decide otherwise; 0 is everybody.
    """

    age_restricted: bool = False
    permissions: int = 0
    contexts: frozenset[Context] = frozenset(Context)


class CommandRole(StrEnum):
    """What a command does with a picture, as offered under every result; the value stands in COMMANDS_FILE."""

    UPSCALE = "upscale"
    EDIT = "edit"
    ANIMATE = "animate"
    DESCRIBE = "describe"
    REMOVE_BACKGROUND = "remove-background"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A configured command: its name, its model, and what differs from the model's own schema.

    ``required`` and ``hidden`` name inputs. ``defaults`` are sent for inputs left empty. ``limits`` are the largest
    values allowed for number inputs, below the model's own. ``role`` is what is done to a picture that somebody picks
    from a result. ``at_once`` is how many runs each server of a served model takes at the same time. ``offer`` is where
    and to whom Discord offers the command. ``visibility`` is who sees a result, where nobody chose. ``sample`` has
    inputs that are known to work, for a first run.
    """

    name: str
    target: Target
    description: str | None = None
    role: CommandRole | None = None
    required: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    at_once: int = 1
    offer: CommandOffer = field(default_factory=CommandOffer)
    visibility: Visibility = Visibility.PUBLIC
    sample: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSpec:
    """A configured chain: its name, and the commands that are its steps, each given the picture of the one before."""

    name: str
    steps: tuple[str, ...]
    description: str | None = None


def is_name(name: str) -> bool:
    """Return whether Discord takes the name for a command."""
    return bool(_NAME.fullmatch(name)) and len(name) <= COMMAND_NAME_CHARS and name == name.lower()


def check_name(name: str) -> str:
    """Return the name if it is valid for a command and not one of the bot's own; ValueError says what is wrong."""
    if not is_name(name):
        raise ValueError(
            _("“{name}” is not a valid command name. Use 1–{count} lower-case letters, digits, - and _.").format(
                name=name, count=COMMAND_NAME_CHARS
            )
        )
    if name in RESERVED_NAMES:
        raise ValueError(_("“{name}” is one of the bot's own commands. Choose another name.").format(name=name))
    return name


def parse_commands(text: str) -> tuple[CommandSpec, ...]:
    """Parse ``name=owner/model[:version], …``; ValueError says which entry is wrong and shows the format."""
    specs = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, target = entry.partition("=")
        if not equals:
            raise ValueError(f"“{entry}” is not a command. Use name=owner/model or name=owner/model:version.")
        specs.append(CommandSpec(name=check_name(name.strip()), target=parse_target(target)))
    return tuple(specs)


def read_commands(path: Path) -> tuple[CommandSpec, ...]:
    """Read a TOML file with one table per command or chain; ValueError says what is wrong and where."""
    return tuple(_parse_table(path, name, table) for name, table in _read_tables(path).items() if not _is_chain(table))


def read_chains(path: Path) -> tuple[ChainSpec, ...]:
    """Return the chains in the same file: the tables that have ``steps``."""
    return tuple(_parse_chain(path, name, table) for name, table in _read_tables(path).items() if _is_chain(table))


def _read_tables(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}.") from error


def _is_chain(table: object) -> bool:
    return isinstance(table, dict) and "steps" in table


def merge_commands(from_list: tuple[CommandSpec, ...], from_file: tuple[CommandSpec, ...]) -> tuple[CommandSpec, ...]:
    """Combine both sources; ValueError names a command configured twice, or says that there are too many."""
    names = [spec.name for spec in (*from_list, *from_file)]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise ValueError(f"/{duplicates[0]} is configured twice. Remove one.")
    if len(names) > GLOBAL_COMMANDS - len(RESERVED_NAMES):
        raise ValueError(
            f"{len(names)} commands are too many: Discord allows {GLOBAL_COMMANDS}, and "
            f"{len(RESERVED_NAMES)} are the bot's own."
        )
    return (*from_list, *from_file)


def check_chains(chains: tuple[ChainSpec, ...], commands: tuple[CommandSpec, ...]) -> tuple[ChainSpec, ...]:
    """Return the chains if every step is a command with a model; ValueError says which is not.

    A step that is a chain is refused, and so no chain can lead back to itself.
    """
    command_names, chain_names = {spec.name for spec in commands}, {chain.name for chain in chains}
    for chain in chains:
        if chain.name in command_names:
            raise ValueError(f"/{chain.name} is configured twice. Remove one.")
        for step in chain.steps:
            if step in chain_names:
                raise ValueError(f"/{chain.name}: its step “{step}” is a chain. A step must be a command with a model.")
            if step not in command_names:
                raise ValueError(f"/{chain.name}: its step “{step}” is not one of the configured commands.")
    if len(command_names) + len(chains) > GLOBAL_COMMANDS - len(RESERVED_NAMES):
        raise ValueError(f"The commands and chains are too many: Discord allows {GLOBAL_COMMANDS} with the bot's own.")
    return chains


def _parse_chain(path: Path, name: str, table: Mapping[str, Any]) -> ChainSpec:
    _check_keys(path, name, table, _CHAIN_KEYS)
    steps = table["steps"]
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise ValueError(f'{path}: [{name}] steps must be a list of commands, like ["draw", "upscale"].')
    if not 2 <= len(steps) <= CHAIN_STEPS:
        raise ValueError(f"{path}: [{name}] steps must be 2 to {CHAIN_STEPS} commands.")
    return ChainSpec(
        name=check_name(name),
        steps=tuple(step.strip().removeprefix("/") for step in steps),
        description=_read_description(path, name, table),
    )


def _check_keys(path: Path, name: str, table: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise ValueError(f"{path}: [{name}] has an unknown key {unknown[0]}. Valid keys: {', '.join(sorted(known))}.")


def _read_description(path: Path, name: str, table: Mapping[str, Any]) -> str | None:
    description = table.get("description")
    if description is not None and not (isinstance(description, str) and 0 < len(description) <= DESCRIPTION_CHARS):
        raise ValueError(f"{path}: [{name}] description must be text of 1 to {DESCRIPTION_CHARS} characters.")
    return description


def _parse_table(path: Path, name: str, table: object) -> CommandSpec:
    if not isinstance(table, dict) or not isinstance(table.get("model"), str):
        raise ValueError(f'{path}: [{name}] needs a line model = "owner/name".')
    _check_keys(path, name, table, _KEYS)
    target = parse_target(table["model"])
    return CommandSpec(
        name=check_name(name),
        target=target,
        role=_read_role(path, name, table),
        description=_read_description(path, name, table),
        required=_read_names(path, name, "required", table),
        hidden=_read_names(path, name, "hidden", table),
        defaults=_read_table(path, name, "defaults", table),
        limits=_read_limits(path, name, table),
        at_once=_read_at_once(path, name, table, target),
        offer=_read_offer(path, name, table),
        visibility=_read_visibility(path, name, table),
        sample=_read_table(path, name, "sample", table),
    )


def _read_offer(path: Path, name: str, table: Mapping[str, Any]) -> CommandOffer:
    nsfw = table.get("nsfw", False)
    if not isinstance(nsfw, bool):
        raise ValueError(f"{path}: [{name}] nsfw must be true or false.")
    contexts = _read_choices(path, name, "contexts", table.get("contexts", list(Context)), list(Context))
    if not contexts:
        raise ValueError(f"{path}: [{name}] contexts must name at least one of {', '.join(Context)}.")
    key = "default_member_permissions"
    permissions = _read_choices(path, name, key, table.get(key, []), list(PERMISSIONS))
    bits = sum(1 << number for number in {PERMISSIONS[permission] for permission in permissions})
    return CommandOffer(age_restricted=nsfw, permissions=bits, contexts=frozenset(map(Context, contexts)))


def _read_choices(path: Path, name: str, key: str, value: Any, valid: Sequence[str]) -> list[str]:
    """Return the names in a list, or one name alone; ValueError if one is not valid."""
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'{path}: [{name}] {key} must be a list of names, like ["{valid[0]}"].')
    unknown = next((item for item in value if item not in valid), None)
    if unknown is not None:
        raise ValueError(
            f"{path}: [{name}] {key}: there is no {quote(unknown)}. Valid names: {', '.join(sorted(valid))}."
        )
    return value


def _read_visibility(path: Path, name: str, table: Mapping[str, Any]) -> Visibility:
    try:
        return Visibility(table.get("visibility", Visibility.PUBLIC))
    except ValueError as error:
        raise ValueError(f"{path}: [{name}] visibility must be one of {', '.join(Visibility)}.") from error


def _read_role(path: Path, name: str, table: Mapping[str, Any]) -> CommandRole | None:
    value = table.get("role")
    if value is not None and value not in list(CommandRole):
        raise ValueError(f"{path}: [{name}] role must be one of {', '.join(CommandRole)}.")
    return None if value is None else CommandRole(value)


def _read_at_once(path: Path, name: str, table: Mapping[str, Any], target: Target) -> int:
    value = table.get("at_once", 1)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= COG_AT_ONCE_MAX:
        raise ValueError(f"{path}: [{name}] at_once must be a number from 1 to {COG_AT_ONCE_MAX}.")
    if "at_once" in table and not isinstance(target, ServedModel):
        raise ValueError(f"{path}: [{name}] at_once is for Cog servers only; Replicate takes CREATES_PER_MINUTE.")
    return value


def _read_names(path: Path, name: str, key: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'{path}: [{name}] {key} must be a list of input names, like ["prompt"].')
    return tuple(value)


def _read_table(path: Path, name: str, key: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{path}: [{name}] {key} must be a table, like {{ seed = 42 }}.")
    return value


def _read_limits(path: Path, name: str, table: Mapping[str, Any]) -> Mapping[str, float]:
    limits = _read_table(path, name, "limits", table)
    if not all(isinstance(limit, int | float) and not isinstance(limit, bool) for limit in limits.values()):
        raise ValueError(f"{path}: [{name}] limits must be numbers, like {{ number_of_outputs = 5 }}.")
    return limits
