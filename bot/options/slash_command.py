"""Commands: a plan as a slash command of discord.py. The only module of this room that knows discord.py."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import discord
from discord import app_commands

from bot.formatting import truncate
from bot.limits import COMMAND_NAME_CHARS, DESCRIPTION_CHARS
from bot.options.autocomplete import suggest_values
from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionType
from bot.options.text import strip_markdown

Interaction = discord.Interaction[Any]
Callback = Callable[[Interaction, dict[str, Any]], Awaitable[None]]
Completer = Callable[[Interaction, str], Coroutine[Any, Any, list[app_commands.Choice[str]]]]

EVERYWHERE: Final = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
BOTH_INSTALLS: Final = app_commands.AppInstallationType(guild=True, user=True)

_TYPES: Final[dict[OptionType, Any]] = {
    OptionType.STRING: str,
    OptionType.INTEGER: int,
    OptionType.NUMBER: float,
    OptionType.BOOLEAN: bool,
    OptionType.ATTACHMENT: discord.Attachment,
}


def build_command(
    *,
    name: str,
    description: str,
    plan: OptionLayout,
    callback: Callback,
    contexts: app_commands.AppCommandContext = EVERYWHERE,
    installs: app_commands.AppInstallationType = BOTH_INSTALLS,
    nsfw: bool = False,
) -> app_commands.Command[Any, ..., None]:
    """Return the command; ``callback`` gets the interaction and the given values by option name.

    Attachments are ``discord.Attachment``; options that were not given are not in the values. discord.py asks for
    Python parameters, and a model's keys may be none, so the parameters are p0, p1, … and renamed.
    """
    options = {f"p{number}": option for number, option in enumerate(plan.options)}

    async def invoke(interaction: Interaction, **given: Any) -> None:
        values = {options[slot].name: value for slot, value in given.items() if value is not None}
        await callback(interaction, values)

    _sign(invoke, options)
    for slot, option in options.items():
        _dress(invoke, slot, option, plan)
    return app_commands.Command(
        name=name[:COMMAND_NAME_CHARS].lower(),
        description=truncate(strip_markdown(description), DESCRIPTION_CHARS)
        or f"Run {truncate(plan.model, DESCRIPTION_CHARS - 5)}",
        callback=invoke,
        nsfw=nsfw,
        allowed_contexts=contexts,
        allowed_installs=installs,
        extras={"model": plan.model},
    )


def _sign(invoke: Callable[..., Any], options: dict[str, Option]) -> None:
    """Give the function the signature from which discord.py reads the options."""
    interaction = inspect.Parameter("interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Interaction)
    parameters = [
        inspect.Parameter(
            slot,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=_annotation(option) if option.required else _annotation(option) | None,
            default=inspect.Parameter.empty if option.required else None,
        )
        for slot, option in options.items()
    ]
    invoke.__signature__ = inspect.Signature([interaction, *parameters])  # type: ignore[attr-defined]  # the technique


def _annotation(option: Option) -> Any:
    plain = _TYPES[option.type]
    low, high = option.minimum, option.maximum
    if option.type is OptionType.STRING:
        low, high = option.min_length, option.max_length
    if (low is None and high is None) or option.choices:
        return plain
    cast = float if option.type is OptionType.NUMBER else int
    return app_commands.Range[
        plain,
        None if low is None else cast(low),
        None if high is None else cast(high),
    ]


def _dress(invoke: Callable[..., Any], slot: str, option: Option, plan: OptionLayout) -> None:
    """Add what discord.py reads beside the signature: name, description, choices, autocomplete."""
    app_commands.rename(**{slot: option.name})(invoke)
    app_commands.describe(**{slot: option.description})(invoke)
    if option.listed:
        choices = [app_commands.Choice(name=choice.label, value=choice.sent) for choice in option.listed]
        app_commands.choices(**{slot: choices})(invoke)
    if option.autocomplete:
        app_commands.autocomplete(**{slot: _completer(option, plan)})(invoke)


def _completer(option: Option, plan: OptionLayout) -> Completer:
    async def complete(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:  # noqa: ARG001 - discord.py's form
        return [
            app_commands.Choice(name=each.label, value=each.sent) for each in suggest_values(plan, option, str(current))
        ]

    return complete
