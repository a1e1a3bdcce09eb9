"""/chain: save the steps that led to a picture, and run them again with one command."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.catalog.chains import ConfiguredChains
from bot.catalog.resolve import parse_command_name
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.formatting import truncate
from bot.limits import (
    CHAIN_STEP_CHARS,
    CHAIN_STEPS,
    CHAINS_FOR_EVERYBODY,
    CHAINS_PER_PERSON,
    CHOICE_CHARS,
    CHOICES_PER_OPTION,
    COMMAND_NAME_CHARS,
)
from bot.media.types import find_references
from bot.options.form import build_form
from bot.own_commands import OwnCommand
from bot.runs import Run
from bot.secrets import contains_private_url, contains_secret
from bot.settings.commands import check_name, is_name
from bot.store.runs import Runs
from bot.store.saved_chains import SavedChain, SavedChains, SavedStep, SaveResult
from bot.ui.components import Action
from bot.ui.first_response import defer, edit_response, send_modal
from bot.ui.modals import Answers, Form, FormModal
from bot.ui.permissions import Reuse
from bot.ui.render import chains as words
from bot.ui.render.cards import Entry, Tone, list_card, sentence_card
from bot.ui.render.chains import name_description, name_label, save_title
from bot.ui.render.markdown import one_line
from bot.ui.render.results import MenuEntry
from cogs.chain.starter import ChainFinder, ChainStarter
from cogs.permissions import Editors, check_reuse

Interaction = discord.Interaction[Replicord]
NameEntered = Callable[[Interaction, str], Awaitable[None]]
Name = app_commands.Range[str, 1, COMMAND_NAME_CHARS]

CHAIN_ENTRIES: Final = (
    MenuEntry(
        action=Action.SAVE_CHAIN,
        row=0,
        is_offered=lambda actor, result: (
            result.run.author_id == actor.user_id
            and result.run.parent is not None
            and result.run.parent.output is not None
        ),
    ),
)

_RUNS_SEARCHED: Final = 100  # of a person's newest, for those that have a run before them


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class ChainCommands(
    commands.GroupCog,
    group_name=OwnCommand.CHAIN,
    group_description="Several commands one after the other",
):
    """Everybody saves chains of their own; editors may offer one to everybody."""

    def __init__(
        self,
        *,
        chains: SavedChains,
        configured: ConfiguredChains,
        finder: ChainFinder,
        runs: Runs,
        catalog: Catalog,
        starter: ChainStarter,
        editors: Editors,
        clock: Clock,
    ) -> None:
        self._chains = chains
        self._configured = configured
        self._finder = finder
        self._runs = runs
        self._catalog = catalog
        self._starter = starter
        self._editors = editors
        self._clock = clock

    @app_commands.command(description="Save the steps that led to one of your results")
    @app_commands.describe(
        name="What to call it",
        run="The last run of the steps; by default your newest",
        everybody="Offer it to everybody (editors only)",
    )
    async def save(
        self,
        interaction: Interaction,
        name: Name,
        run: str | None = None,
        everybody: bool = False,  # noqa: FBT001, FBT002  # an option
    ) -> None:
        """Save the line of runs that leads to a run."""
        chain_name = self._check(interaction, name, for_everybody=everybody)
        await defer(interaction, ephemeral=True)
        last = await self._find_run(interaction.user.id, run)
        await self._save(interaction, chain_name, last, for_everybody=everybody)

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Ask for a name, and save the line of runs that leads to a run."""
        if action is not Action.SAVE_CHAIN:
            return
        last = await self._find_run(interaction.user.id, run_id)
        await self._read_steps(last, interaction.user.id)  # refused before anybody thinks of a name

        async def submitted(answer: Interaction, name: str) -> None:
            chain_name = self._check(answer, name, for_everybody=False)
            await defer(answer, ephemeral=True, thinking=True)
            await self._save(answer, chain_name, last, for_everybody=False)

        await send_modal(interaction, ChainForm(submitted))

    def _check(self, interaction: Interaction, name: str, *, for_everybody: bool) -> str:
        """Return the name as it is stored; raise Refused if this person may not save a chain of that name."""
        if for_everybody and interaction.user.id not in self._editors.ids:
            raise Refused(words.explain_editors_only())
        chain_name = _check_chain_name(name)
        if self._catalog.get(chain_name) is not None or chain_name in self._configured.names:
            raise Refused(words.explain_name_of_command(chain_name))
        return chain_name

    async def _save(self, interaction: Interaction, name: str, last: Run, *, for_everybody: bool) -> None:
        steps = await self._read_steps(last, interaction.user.id)
        self._finder.build(name, steps)  # refused if a step gives or takes no picture
        saved = SavedChain(
            author_id=interaction.user.id,
            name=name,
            steps=steps,
            for_everybody=for_everybody,
            created_at=self._clock.now(),
        )
        match await self._chains.save(saved):
            case SaveResult.NAME_TAKEN:
                raise Refused(words.explain_name_taken(name))
            case SaveResult.TOO_MANY:
                limit = CHAINS_FOR_EVERYBODY if for_everybody else CHAINS_PER_PERSON
                raise Refused(words.explain_too_many_chains(limit, for_everybody=for_everybody))
            case SaveResult.SAVED:
                pass
        sentence = words.format_saved(name, [step.command for step in steps], for_everybody=for_everybody)
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))

    @app_commands.command(description="Run a chain: its first step's inputs, then one card for all steps")
    @app_commands.describe(name="The chain to run")
    async def run(self, interaction: Interaction, name: str) -> None:
        """Show the form of the first step; submitting it starts the chain."""
        chain = await self._finder.find(interaction.user.id, parse_command_name(name))
        await self._starter.check(interaction, chain)
        form = build_form(chain.layout)

        async def start_chain(answer: Interaction, answers: Answers) -> None:
            await self._starter.start(answer, form.fill(answers), chain=chain)

        await send_modal(interaction, FormModal(form, title=words.form_title(chain.name), submitted=start_chain))

    @app_commands.command(name="list", description="The chains you can run")
    async def show_list(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        entries = [
            Entry(
                text=words.format_chain_entry(
                    chain.name, [step.command.name for step in chain.steps], scope=words.scope_of_command()
                )
            )
            for chain in self._configured
        ]
        for saved in await self._chains.list_visible(interaction.user.id):
            scope = words.scope_of_everybody() if saved.for_everybody else words.scope_of_own()
            names = [step.command for step in saved.steps]
            entries.append(Entry(text=words.format_chain_entry(saved.name, names, scope=scope)))
        intro = "" if entries else words.explain_no_chains()
        await edit_response(interaction, view=list_card(words.list_title(), entries, intro=intro))

    @app_commands.command(description="Delete one of your chains")
    @app_commands.describe(name="The chain to delete")
    async def delete(self, interaction: Interaction, name: str) -> None:
        """Delete a chain of one's own, or as an editor one that is offered to everybody."""
        await defer(interaction, ephemeral=True)
        user, chain_name = interaction.user.id, parse_command_name(name)
        saved = await self._chains.find(user, chain_name)
        if saved is None:
            raise Refused(words.explain_unknown_chain(chain_name))
        if saved.author_id == user:
            await self._chains.delete(user, chain_name)
        elif user in self._editors.ids:
            await self._chains.delete_everybodys(chain_name)
        else:
            raise Refused(words.explain_not_your_chain(chain_name))
        await edit_response(interaction, view=sentence_card(words.format_deleted(chain_name), tone=Tone.SUCCESS))

    @run.autocomplete("name")
    async def _autocomplete_name(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        choices = [
            (saved.name, [step.command for step in saved.steps], saved.for_everybody)
            for saved in await self._chains.list_visible(interaction.user.id)
        ]
        choices += [(chain.name, [step.command.name for step in chain.steps], True) for chain in self._configured]
        return _choices(choices, current)

    @delete.autocomplete("name")
    async def _autocomplete_own(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        user = interaction.user.id
        visible = await self._chains.list_visible(user)
        own = [saved for saved in visible if saved.author_id == user or user in self._editors.ids]
        return _choices([(one.name, [step.command for step in one.steps], one.for_everybody) for one in own], current)

    @save.autocomplete("run")
    async def _autocomplete_run(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        names = {
            run.id: one_line(f"/{run.command} · {run.prompt or run.id}", CHOICE_CHARS)
            for run in await self._list_runs_with_parent(interaction.user.id)
        }
        return [
            app_commands.Choice(name=name, value=run_id)
            for run_id, name in names.items()
            if current.lower() in name.lower()
        ][:CHOICES_PER_OPTION]

    async def _list_runs_with_parent(self, user: int) -> list[Run]:
        recent = await self._runs.list_recent(user, limit=_RUNS_SEARCHED)
        return [run for run in recent if run.parent is not None and run.forgotten_at is None]

    async def _find_run(self, user: int, run_id: str | None) -> Run:
        """Return the last run of the steps to be saved."""
        if run_id is None:
            with_parent = await self._list_runs_with_parent(user)
            if not with_parent:
                raise Refused(words.explain_no_line())
            return with_parent[0]
        run = await self._runs.get(run_id)
        if run is None or run.author_id != user:
            raise Refused(words.explain_not_own_run())
        return run

    async def _read_steps(self, last: Run, user: int) -> tuple[SavedStep, ...]:
        """Return the steps that led to a run, by its parents."""
        line = [last]
        while (parent := line[0].parent) is not None:
            before = await self._runs.get(parent.run_id)
            if before is None:
                raise Refused(words.explain_deleted_step())
            line.insert(0, before)
            if len(line) > CHAIN_STEPS:
                raise Refused(words.explain_too_many_steps(CHAIN_STEPS))
        if len(line) < 2:
            raise Refused(words.explain_no_line())
        first = SavedStep(command=line[0].command, input={})
        return (first, *(_read_step(run, user) for run in line[1:]))


def _read_step(run: Run, user: int) -> SavedStep:
    """Return a run as a step: what its model was given beside the picture; raise Refused if that cannot be kept."""
    if run.forgotten_at is not None:
        raise Refused(words.explain_deleted_step())
    if run.parent is None or run.parent.output is None:
        raise Refused(words.explain_no_line())  # it was made with another picture, as by Try it on me
    pictures = [name for name, value in run.input.items() if find_references(value)]
    given = {name: value for name, value in run.input.items() if name not in pictures}
    check_reuse(replace(run, input=given), Reuse.INPUTS, user_id=user)
    takes_one = len(pictures) == 1 and len(find_references(run.input)) == 1
    if not takes_one or contains_secret(given) or contains_private_url(given):
        raise Refused(words.explain_private_step(run.command))
    if len(json.dumps(given)) > CHAIN_STEP_CHARS:
        raise Refused(words.explain_large_step(run.command))
    return SavedStep(command=run.command, input=given, picture=pictures[0])


def _check_chain_name(name: str) -> str:
    """Return the name as it is stored; raise Refused if no command could have it."""
    chain_name = parse_command_name(name)
    if not is_name(chain_name):
        raise Refused(words.explain_bad_name(chain_name))
    try:
        return check_name(chain_name)
    except ValueError as error:
        raise Refused(str(error)) from error


def _choices(chains: Sequence[tuple[str, Sequence[str], bool]], current: str) -> list[app_commands.Choice[str]]:
    labels: dict[str, str] = {}
    for name, steps, for_everybody in chains:
        labels.setdefault(name, words.label_choice(name, steps, for_everybody=for_everybody))
    return [
        app_commands.Choice[Any](name=truncate(label, CHOICE_CHARS), value=name)
        for name, label in labels.items()
        if current.lower() in label.lower()
    ][:CHOICES_PER_OPTION]


class ChainForm(Form):
    """Asks for a name; ``submitted`` is awaited with the interaction and what was entered."""

    def __init__(self, submitted: NameEntered) -> None:
        super().__init__(save_title())
        self._submitted = submitted
        self._name: ui.TextInput[ChainForm] = ui.TextInput(custom_id="name", max_length=COMMAND_NAME_CHARS)
        self.add_item(ui.Label(text=name_label(), description=name_description(), component=self._name))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._submitted(interaction, self._name.value)
