"""What /about shows: a welcome, a first run for each command that has a sample, and where everything else is."""

from collections.abc import Iterable, Sequence
from typing import Final

import discord

from bot.catalog.catalog import Command
from bot.catalog.samples import Sample
from bot.command_mentions import mention_command
from bot.formatting import join_facts
from bot.language import _
from bot.runs import is_served
from bot.ui.components import SampleButton
from bot.ui.render.cards import Card, Entry, list_card
from bot.ui.render.markdown import escape, one_line

# With more, nobody chooses; a tile takes three of the 40 components of a card.
SAMPLES_SHOWN: Final = 4

_DESCRIPTION_CHARS: Final = 140
_PROMPT_CHARS: Final = 120
_OTHERS_SHOWN: Final = 20


def about_card(
    commands: Sequence[Command], samples: Sequence[Sample], *, facts: Sequence[str], link: str | None
) -> Card:
    """Return the welcome for somebody who may run ``commands``; ``facts`` are about the bot itself."""
    sampled = {sample.command.name for sample in samples}
    others = [command for command in commands if command.name not in sampled]
    entries = [_sample_entry(sample) for sample in samples]
    entries += [Entry(text=_describe(command)) for command in others[:_OTHERS_SHOWN]]
    more = [_("All commands: /models list.")] if len(others) > _OTHERS_SHOWN else []
    footer = [
        *more,
        _("Your runs are in /runs list. I store your prompts, results and times: /privacy show, /privacy delete."),
        join_facts(*facts),
    ]
    return list_card(
        _("Welcome to Replicord"),
        entries,
        intro=_intro(commands, has_samples=bool(samples)),
        footer="\n".join(f"-# {line}" for line in footer if line),
        buttons=[discord.ui.Button(label=_("More"), url=link)] if link else (),
    )


def describe_version(version: str, process: str | None) -> str:
    """Return the version of the bot, and which of its processes answers."""
    if process is None:
        return _("Version {version}").format(version=version)
    return _("Version {version} · process {process}").format(version=version, process=process)


def describe_latency(seconds: float) -> str:
    return _("{milliseconds} ms to Discord").format(milliseconds=f"{seconds * 1000:.0f}")


def no_sample(command: str) -> str:
    """Return why a tile does nothing any more."""
    return _("/{command} has no sample anymore. See what there is with /about.").format(command=one_line(command, 32))


def sample_started(command: str) -> str:
    """Return why a second press, at once after the first, starts nothing."""
    return _("Your sample of /{command} has just started. Press again in a few seconds for another one.").format(
        command=one_line(command, 32)
    )


def _intro(commands: Iterable[Command], *, has_samples: bool) -> str:
    lines = [_explain_models(commands)]
    if has_samples:
        lines.append(_("Press **Try it** for a first result, or click a command to write your own prompt."))
    lines.append(_("React ❌ to stop a run; you keep what's finished."))
    return "\n".join(lines)


def _explain_models(commands: Iterable[Command]) -> str:
    replicate = "[Replicate](https://replicate.com)"
    served = [is_served(str(command.target)) for command in commands]
    if not any(served):
        return _("I run {replicate} models right here and show results as they arrive.").format(replicate=replicate)
    if all(served):
        return _("I run models on my own servers right here and show results as they arrive.")
    return _("I run {replicate} models, and some on my own servers, and show results as they arrive.").format(
        replicate=replicate
    )


def _sample_entry(sample: Sample) -> Entry:
    lines = [f"**{mention_command(sample.command.name)}**", _short_description(sample.command)]
    if sample.prompt:
        lines.append(f"> {escape(one_line(sample.prompt, _PROMPT_CHARS))}")
    return Entry(text="\n".join(lines), button=SampleButton(sample.command.name))


def _describe(command: Command) -> str:
    return f"**{mention_command(command.name)}**\n{_short_description(command)}"


def _short_description(command: Command) -> str:
    return f"-# {escape(one_line(command.description, _DESCRIPTION_CHARS))}"
