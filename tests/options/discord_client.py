"""Commands as Discord receives them, and values as Discord sends them."""

import json
from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands

from bot.media.types import Media, MediaKind, MediaType
from bot.options.fields import Field, FieldKind
from bot.options.key_value_text import quote_value
from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionRole, OptionType
from bot.options.slash_command import build_command
from tests.options.strategies import FILE

IMAGE_FILE = Media(name="me.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"image")


async def ignore(_: Any, values: dict[str, Any]) -> None:
    """Do nothing: the callback of a command that is not run."""


def command_payload(layout: OptionLayout, description: str = "Make something") -> dict[str, Any]:
    """Return the command as it is sent to Discord."""
    command = build_command(name="generate", description=description, layout=layout, callback=ignore)
    client = discord.Client(intents=discord.Intents.none())
    return dict(command.to_dict(app_commands.CommandTree(client)))


def option_values(layout: OptionLayout, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the options that set these inputs; AssertionError if an input cannot be set."""
    values: dict[str, Any] = {}
    lines: list[str] = []
    for field in layout.fields:
        if field.name not in wanted:
            continue
        options = [option for option in layout.options if option.field == field.name]
        if field.accepts_files:
            found, rest = _file_values(options, wanted[field.name])
        else:
            found = {options[0].name: sent_value(field, options[0], wanted[field.name])} if options else {}
            rest = "" if options else typed_text(field, wanted[field.name])
        values |= found
        if rest or not found:
            lines.append(f"{layout.names[field.name]}={quote_value(rest)}")
    if lines:
        assert layout.option(layout.advanced) is not None, "no option and no advanced"
        values[layout.advanced] = " ".join(lines)
    return values


def _file_values(options: list[Option], value: Any) -> tuple[dict[str, Any], str]:
    """Return attachments and addresses by option, and the addresses that are left for ``advanced``."""
    parts = value if isinstance(value, list) else [value]
    attachments = [option.name for option in options if option.role is OptionRole.FILE]
    urls = " ".join(part for part in parts if part != FILE)
    address = next((option.name for option in options if option.role is OptionRole.URL), None)
    values: dict[str, Any] = dict(zip(attachments, [IMAGE_FILE] * parts.count(FILE), strict=False))
    if urls and address:
        return {**values, address: urls}, ""
    return values, urls


def sent_value(field: Field, option: Option, value: Any) -> Any:
    """Return what Discord sends when a person picks or types this value."""
    if option.choices and not field.is_list:
        return next(
            choice.value
            for choice in option.choices
            if type(choice.model_value) is type(value) and choice.model_value == value
        )
    if option.type is OptionType.STRING:
        return typed_text(field, value)
    return float(value) if option.type is OptionType.NUMBER else value


def typed_text(field: Field, value: Any) -> str:
    """Return what a person types for this value."""
    if field.kind is FieldKind.JSON or (isinstance(value, list) and not field.accepts_files):
        return json.dumps(value)
    if isinstance(value, list):
        return " ".join(value)
    return repr(value) if isinstance(value, float) else str(value)
