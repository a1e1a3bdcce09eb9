"""Cards about models: which there are, what one takes and makes, what was found, what a new version changes. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.catalog.command import Command
from bot.catalog.schema_diff import SchemaDiff
from bot.catalog.search import ModelSummary
from bot.formatting import format_count, format_large_number
from bot.options.text import describe_inputs
from bot.outputs.output_schema import describe_output
from bot.ui.components import ModelAction, ModelButton
from bot.ui.render.formatting import escape, one_line
from bot.ui.render.list_cards import Entry, Tone, list_card
from bot.ui.render.strings import DOT, model_link, model_url

PER_PAGE: Final = 8
_FOUND: Final = 8
_VERSION_CHARS: Final = 12
_GROUP_CHARS: Final = 900  # lines of one text; each text of a card stands a little apart


def commands_card(commands: Sequence[Command], *, page: int = 0) -> ui.LayoutView:
    """Return the list of commands, a page of it, with buttons to the others."""
    pages = max(1, -(-len(commands) // PER_PAGE))
    page = min(max(page, 0), pages - 1)
    shown = commands[page * PER_PAGE : (page + 1) * PER_PAGE]
    buttons: list[ui.Item[Any]] = []
    if pages > 1:
        buttons = [
            ModelButton(ModelAction.PAGE, str(page - 1), label="Previous", disabled=page == 0),
            ModelButton(ModelAction.PAGE, str(page + 1), label="Next", disabled=page == pages - 1),
        ]
    return list_card(
        "Models",
        [Entry(text=_command_line(command)) for command in shown],
        intro="" if commands else "There is none yet. /models add adds one.",
        footer=DOT.join(
            part
            for part in (
                f"-# {format_count(len(commands), 'command')}",
                f"page {page + 1} of {pages}" if pages > 1 else "",
                "/models info shows what one takes",
            )
            if part
        ),
        buttons=buttons,
    )


def found_card(words: str, found: Sequence[ModelSummary]) -> ui.LayoutView:
    """Return what a search found."""
    if not found:
        return list_card(f"Nothing for “{escape(one_line(words, 80))}”", [], intro="Try other or fewer words.")
    return list_card(
        f"Models for “{escape(one_line(words, 80))}”",
        [Entry(text=_listing_line(listing), picture=listing.cover_url) for listing in found[:_FOUND]],
        footer="-# /models info shows what one takes",
    )


def info_card(command: Command, listing: ModelSummary, *, known_as: Sequence[str] = ()) -> ui.LayoutView:
    """Return everything about a model: its page, its inputs, its output, the commands that run it."""
    inputs = [*describe_inputs(command.layout)]
    facts = [
        _facts(listing),
        DOT.join(f"**/{escape(name)}**" for name in known_as),
        _version(command),
    ]
    about = "\n".join(part for part in (escape(one_line(listing.description, 400)), *facts) if part)
    entries = [Entry(text=about, picture=listing.cover_url)]
    if inputs:
        entries += _grouped(f"**{format_count(len(inputs), 'input')}**", inputs)
    entries.append(Entry(text=f"**Output** {describe_output(command.output_schema)}"))
    return list_card(escape(one_line(listing.model, 100)), _output_first(entries), buttons=[_page(str(command.target))])


def changes_card(old: Command, new: Command, differences: SchemaDiff) -> ui.LayoutView:
    """Return what a newer version changes, with the button that switches to it."""
    entries: list[Entry] = []
    for title, lines in (
        ("Added", differences.added),
        ("Gone", differences.removed),
        ("Changed", differences.changed),
        ("Output", (differences.output,) if differences.output else ()),
    ):
        entries += _grouped(f"**{title}**", lines) if lines else []
    if not entries:
        entries = [Entry(text="What people can set and get stays the same.")]
    return list_card(
        f"A newer version for /{escape(old.name)}",
        entries,
        intro=f"{model_link(old.target.model)}{DOT}`{_short(old)}` → `{_short(new)}`",
        footer="-# Runs that are under way keep the version that they began with.",
        tone=Tone.WARNING,
        buttons=[ModelButton.switch(new), _page(str(new.target))],
    )


def added_card(command: Command, *, title: str) -> ui.LayoutView:
    """Return that a command is there, and what it takes."""
    names = DOT.join(f"`{option.name}`" for option in command.layout.options) or "nothing"
    return list_card(
        title,
        [Entry(text=f"It takes {names}."), Entry(text=f"It makes {describe_output(command.output_schema)}.")],
        intro=DOT.join(part for part in (model_link(command.target.model), _version(command)) if part),
        footer="-# If Discord does not show it yet, reload Discord.",
        tone=Tone.GOOD,
    )


def _command_line(command: Command) -> str:
    head = f"**/{escape(command.name)}**{DOT}{model_link(command.target.model)}"
    small = DOT.join(part for part in ("added" if command.added else "configured", _version(command)) if part)
    return f"{head}\n{escape(one_line(command.description, 140))}\n-# {small}"


def _listing_line(listing: ModelSummary) -> str:
    head = f"**{model_link(listing.model)}**"
    said = escape(one_line(listing.description, 140))
    return "\n".join(part for part in (head, said, f"-# {_facts(listing)}") if part)


def _facts(listing: ModelSummary) -> str:
    facts = ["official" if listing.official else "community"]
    if listing.run_count:
        facts.append(f"{format_large_number(listing.run_count)} {'run' if listing.run_count == 1 else 'runs'}")
    return DOT.join(facts)


def _version(command: Command) -> str:
    if command.target.version:
        return f"version `{_short(command)}`"
    return "the deployment's own version" if command.target.deployment else "always the newest version"


def _short(command: Command) -> str:
    return (command.target.version or "newest")[:_VERSION_CHARS]


def _grouped(title: str, lines: Iterable[str]) -> list[Entry]:
    """Put many lines into few texts, the title above the first."""
    groups: list[str] = [title]
    for line in lines:
        if len(groups[-1]) + len(line) + 1 > _GROUP_CHARS:
            groups.append(line)
        else:
            groups[-1] += f"\n{line}"
    return [Entry(text=group) for group in groups]


def _output_first(entries: list[Entry]) -> Iterator[Entry]:
    """Let what is made stand before what is taken: a long list of inputs may be cut."""
    yield entries[0]
    yield entries[-1]
    yield from entries[1:-1]


def _page(target: str) -> ui.Button[Any]:
    return ui.Button(label="On Replicate", url=model_url(target), style=discord.ButtonStyle.link)
