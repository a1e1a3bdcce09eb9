"""Build a discord.py slash command from an option layout. The only module of this package that imports discord."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import discord
from discord import app_commands

from bot.actor import Context
from bot.formatting import truncate
from bot.language import ENGLISH, use_language
from bot.limits import COMMAND_NAME_CHARS, DESCRIPTION_CHARS
from bot.options.autocomplete import Suggestion, is_personal, suggest_values
from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionType
from bot.options.text import strip_markdown
from bot.options.visibility import (
    VISIBILITY,
    has_room_for_visibility,
    visibility_choices,
    visibility_description,
)

Interaction = discord.Interaction[Any]
CommandCallback = Callable[[Interaction, dict[str, Any]], Awaitable[object]]
# What a person is offered of their own: characters, last prompts. By layout, option, text.
PersonalCompletion = Callable[[Interaction, OptionLayout, Option, str], Awaitable[list[Suggestion]]]
AutocompleteCallback = Callable[[Interaction, str], Coroutine[Any, Any, list[app_commands.Choice[str]]]]

EVERYWHERE: Final = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
BOTH_INSTALLS: Final = app_commands.AppInstallationType(guild=True, user=True)

_VISIBILITY_PARAMETER: Final = "visibility"  # the others are p0, p1, …

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
    layout: OptionLayout,
    callback: CommandCallback,
    nsfw: bool = False,
    permissions: int = 0,
    contexts: frozenset[Context] = frozenset(Context),
    personal: PersonalCompletion | None = None,
) -> app_commands.Command[Any, ..., None]:
    """Return the command; ``callback`` receives the interaction and the given values by option name.

    ``personal`` completes the prompt and the addresses of pictures, if it is given.
    ``nsfw`` is for channels for adults only, ``permissions`` are Discord's bits that a member needs by default.

    Attachments are ``discord.Attachment``; options that were not given are missing. discord.py reads the options from
    Python parameters, and a model's key need not be a valid one: the parameters are p0, p1, … and renamed.
    """
    options = {f"p{index}": option for index, option in enumerate(layout.options)}

    names = {parameter: option.name for parameter, option in options.items()}
    if has_room_for_visibility(layout):
        names[_VISIBILITY_PARAMETER] = VISIBILITY

    async def invoke(interaction: Interaction, **arguments: Any) -> None:
        values = {names[parameter]: value for parameter, value in arguments.items() if value is not None}
        await callback(interaction, values)

    _set_signature(invoke, options, with_visibility=_VISIBILITY_PARAMETER in names)
    if _VISIBILITY_PARAMETER in names:
        _annotate_visibility(invoke, is_translated=has_room_for_visibility(layout, translated=True))
    for parameter, option in options.items():
        _annotate_option(invoke, parameter, option, layout, personal)
    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name=name[:COMMAND_NAME_CHARS].lower(),
        description=truncate(strip_markdown(description), DESCRIPTION_CHARS)
        or f"Run {truncate(layout.model, DESCRIPTION_CHARS - len('Run '))}",
        callback=invoke,
        nsfw=nsfw,
        allowed_contexts=app_commands.AppCommandContext(
            guild=Context.SERVER in contexts,
            dm_channel=Context.BOT_DM in contexts,
            private_channel=Context.PRIVATE_CHANNEL in contexts,
        ),
        allowed_installs=BOTH_INSTALLS,
        auto_locale_strings=False,  # what a model calls its inputs is the same in every language
    )
    command.default_permissions = discord.Permissions(permissions) if permissions else None
    return command


def _set_signature(invoke: Callable[..., Any], options: dict[str, Option], *, with_visibility: bool) -> None:
    """Give the function the signature from which discord.py reads the options."""
    interaction = inspect.Parameter("interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Interaction)
    parameters = [
        inspect.Parameter(
            parameter,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=_annotation(option) if option.required else _annotation(option) | None,
            default=inspect.Parameter.empty if option.required else None,
        )
        for parameter, option in options.items()
    ]
    if with_visibility:
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(_VISIBILITY_PARAMETER, keyword, annotation=str | None, default=None))
    invoke.__signature__ = inspect.Signature([interaction, *parameters])  # type: ignore[attr-defined]  # read by inspect


def _annotation(option: Option) -> Any:
    option_type = _TYPES[option.type]
    low, high = option.minimum, option.maximum
    if option.type is OptionType.STRING:
        low, high = option.min_length, option.max_length
    if (low is None and high is None) or option.choices:
        return option_type
    cast = float if option.type is OptionType.NUMBER else int
    return app_commands.Range[
        option_type,
        None if low is None else cast(low),
        None if high is None else cast(high),
    ]


def _annotate_option(
    invoke: Callable[..., Any],
    parameter: str,
    option: Option,
    layout: OptionLayout,
    personal: PersonalCompletion | None,
) -> None:
    """Add what discord.py does not read from the signature: name, description, choices, autocomplete."""
    app_commands.rename(**{parameter: option.name})(invoke)
    app_commands.describe(**{parameter: option.description})(invoke)
    if option.static_choices:
        choices = [app_commands.Choice(name=choice.label, value=choice.value) for choice in option.static_choices]
        app_commands.choices(**{parameter: choices})(invoke)
    if personal is not None and is_personal(layout, option):
        app_commands.autocomplete(**{parameter: _make_autocomplete(option, layout, personal)})(invoke)
    elif option.autocomplete:
        app_commands.autocomplete(**{parameter: _make_autocomplete(option, layout, None)})(invoke)


def _annotate_visibility(invoke: Callable[..., Any], *, is_translated: bool) -> None:
    """Add the bot's own option, behind those of the model; whoever adds the command, its texts are English."""
    make = app_commands.locale_str if is_translated else str
    with use_language(ENGLISH):
        description, labels = visibility_description(), visibility_choices()
    choices = [app_commands.Choice(name=make(label), value=value.value) for label, value in labels]
    app_commands.rename(**{_VISIBILITY_PARAMETER: make(VISIBILITY)})(invoke)
    app_commands.describe(**{_VISIBILITY_PARAMETER: make(description)})(invoke)
    app_commands.choices(**{_VISIBILITY_PARAMETER: choices})(invoke)


def _make_autocomplete(
    option: Option, layout: OptionLayout, personal: PersonalCompletion | None
) -> AutocompleteCallback:
    async def complete(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        if personal is not None:
            suggestions = await personal(interaction, layout, option, str(current))
        else:
            suggestions = suggest_values(layout, option, str(current))
        return [app_commands.Choice(name=suggestion.label, value=suggestion.value) for suggestion in suggestions]

    return complete
