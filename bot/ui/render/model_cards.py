"""Cards about models: commands, search results, inputs and outputs, and what a new version changes. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import discord
from discord import ui

from bot.catalog.catalog import Command
from bot.catalog.schema_diff import SchemaDiff
from bot.catalog.search import ModelSummary
from bot.command_mentions import mention_command
from bot.formatting import SEPARATOR, format_large_number, join_facts
from bot.language import _, ngettext, retranslate
from bot.limits import CHOICE_CHARS
from bot.options.text import describe_inputs
from bot.outputs.output_schema import describe_output
from bot.runs import OWN_MODEL, is_served
from bot.ui.components import ModelAction, ModelButton, ModelSelect
from bot.ui.render.cards import Card, Entry, Tone, list_card
from bot.ui.render.markdown import escape, one_line
from bot.ui.render.strings import model_link, model_url

PER_PAGE: Final = 8
_RESULTS_SHOWN: Final = 8
_VERSION_CHARS: Final = 12
_GROUP_CHARS: Final = 900  # of the lines in one text display; displays stand a little apart
_INFO_HINT: Final = _("See a model's inputs with /models info")


def commands_card(commands: Sequence[Command], *, page: int = 0) -> Card:
    """Return one page of the list of commands, with buttons to the other pages; pages count from 0."""
    pages = max(1, -(-len(commands) // PER_PAGE))
    page = min(max(page, 0), pages - 1)
    shown = commands[page * PER_PAGE : (page + 1) * PER_PAGE]
    buttons: list[ui.Item[Any]] = []
    if pages > 1:
        buttons = [
            ModelButton(ModelAction.PAGE, str(page - 1), label=_("Previous"), disabled=page == 0),
            ModelButton(ModelAction.PAGE, str(page + 1), label=_("Next"), disabled=page == pages - 1),
        ]
    position = _("page {number} of {pages}").format(number=page + 1, pages=pages) if pages > 1 else ""
    return list_card(
        _("Models"),
        [Entry(text=_command_text(command)) for command in shown],
        intro="" if commands else _("No models yet. Add one with /models add."),
        footer="-# " + join_facts(_count_commands(len(commands)), position, retranslate(_INFO_HINT)),
        buttons=buttons,
    )


def search_card(
    query: str, results: Sequence[ModelSummary], *, can_try: Collection[str] = (), can_add: Collection[str] = ()
) -> Card:
    """Return the results of a search, with what the person may do with them; ``can_…`` are models as owner/name."""
    title = f"“{escape(one_line(query, 80))}”"
    if not results:
        return list_card(_("No models match {title}").format(title=title), [], intro=_("Try fewer words."))
    return list_card(
        _("Models for {title}").format(title=title),
        [Entry(text=_summary_text(summary), image=summary.cover_url) for summary in results[:_RESULTS_SHOWN]],
        footer=f"-# {retranslate(_INFO_HINT)}",
        selects=[*_model_select(ModelAction.TRY, results, can_try), *_model_select(ModelAction.ADD, results, can_add)],
    )


def _model_select(
    action: ModelAction, results: Sequence[ModelSummary], allowed: Collection[str]
) -> Iterator[ModelSelect]:
    """Yield the select for one of the results, if there is one whose name fits into it."""
    names = [summary.model for summary in results[:_RESULTS_SHOWN]]
    models = [name for name in dict.fromkeys(names) if name in allowed and len(name) <= CHOICE_CHARS]
    if models:
        yield ModelSelect(action, models)


def info_card(
    command: Command,
    summary: ModelSummary,
    *,
    command_names: Sequence[str] = (),
    price: str = "",
    actions: Mapping[ModelAction, str] = MappingProxyType({}),
) -> Card:
    """Return everything about a model: description, price, output, inputs, and the commands that run it.

    ``actions`` are what the person may do with it, each with the model's name for that.
    """
    about = [
        escape(one_line(summary.description, 400)),
        _facts(summary),
        SEPARATOR.join(f"**{mention_command(name)}**" for name in command_names),
        _describe_version(command),
        price,
    ]
    inputs = [*describe_inputs(command.layout)]
    entries = [
        Entry(text="\n".join(line for line in about if line), image=summary.cover_url),
        # Above the inputs, because a long list of them may be cut.
        Entry(text=_describe_output(command)),
        *(_group_lines(_count_inputs(len(inputs)), inputs) if inputs else ()),
    ]
    buttons = [ModelButton.for_model(action, model) for action, model in actions.items()]
    return list_card(escape(one_line(summary.model, 100)), entries, buttons=[*filter(None, buttons), *_links(command)])


def update_card(old: Command, new: Command, changes: SchemaDiff) -> Card:
    """Return what a newer version changes, with the button that switches to it."""
    entries: list[Entry] = []
    for title, lines in (
        (_("Added"), changes.added),
        (_("Removed"), changes.removed),
        (_("Changed"), changes.changed),
        (_("Output"), (changes.output,) if changes.output else ()),
    ):
        entries += _group_lines(f"**{title}**", lines) if lines else []
    if not entries:
        entries = [Entry(text=_("Inputs and output stay the same."))]
    return list_card(
        _("A newer version for /{name}").format(name=escape(old.name)),
        entries,
        intro=f"{model_link(old.target.model)}{SEPARATOR}`{_short_version(old)}` → `{_short_version(new)}`",
        footer=_("-# Runs in progress keep the version they started with."),
        tone=Tone.WARNING,
        buttons=[ModelButton.for_switch(new), *_links(new)],
    )


def added_card(command: Command, *, title: str) -> Card:
    """Return that a command was added or switched, and what its inputs and output are."""
    names = SEPARATOR.join(f"`{option.name}`" for option in command.layout.options) or _("none")
    return list_card(
        title,
        [Entry(text=_("**Inputs** {names}").format(names=names)), Entry(text=_describe_output(command))],
        intro=join_facts(model_link(command.target.model), _describe_version(command)),
        footer=_("-# Not showing up yet? Reload Discord (Ctrl+R)."),
        tone=Tone.SUCCESS,
    )


def _count_commands(count: int) -> str:
    return ngettext("{count} command", "{count} commands", count).format(count=count)


def _count_inputs(count: int) -> str:
    return ngettext("**{count} input**", "**{count} inputs**", count).format(count=count)


def _describe_output(command: Command) -> str:
    return _("**Output** {kind}").format(kind=describe_output(command.output_schema))


def _command_text(command: Command) -> str:
    head = f"**{mention_command(command.name)}**{SEPARATOR}{model_link(command.target.model)}"
    origin = _("added") if command.added else _("configured")
    description = escape(one_line(command.description, 140))
    return f"{head}\n{description}\n-# {join_facts(origin, _describe_version(command))}"


def _summary_text(summary: ModelSummary) -> str:
    lines = (
        f"**{model_link(summary.model)}**",
        escape(one_line(summary.description, 140)),
        f"-# {_facts(summary)}",
    )
    return "\n".join(line for line in lines if line)


def _facts(summary: ModelSummary) -> str:
    if summary.model == OWN_MODEL:
        return ""
    runs = count_model_runs(summary.run_count) if summary.run_count else ""
    return join_facts(_("official") if summary.official else _("community"), runs)


def count_model_runs(count: int) -> str:
    """Return how often a model was run on Replicate: "12.3 thousand runs"."""
    return ngettext("{count} run", "{count} runs", count).format(count=format_large_number(count))


def _describe_version(command: Command) -> str:
    if is_served(str(command.target)):
        return _("on a server of its own")
    if command.target.version:
        return _("version `{version}`").format(version=_short_version(command))
    return _("the deployment's own version") if command.target.deployment else _("always the latest version")


def _short_version(command: Command) -> str:
    return (command.target.version or "latest")[:_VERSION_CHARS]


def _group_lines(title: str, lines: Iterable[str]) -> Iterator[Entry]:
    """Put many lines into few entries, the title above the first."""
    group = title
    for line in lines:
        if len(group) + len(line) + 1 > _GROUP_CHARS:
            yield Entry(text=group)
            group = line
        else:
            group += f"\n{line}"
    yield Entry(text=group)


def _links(command: Command) -> list[ui.Button[Any]]:
    """Return the button to a model's page, if it has one."""
    target = str(command.target)
    if is_served(target):
        return []
    return [ui.Button(label=_("View on Replicate"), url=model_url(target), style=discord.ButtonStyle.link)]
