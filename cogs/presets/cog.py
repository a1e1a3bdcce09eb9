"""/preset: use, list, show, share and delete presets; and saving one from a run."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.characters.names import SavedName, make_key, parse_name
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import BadOption, Refused
from bot.formatting import join_facts
from bot.language import _
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION, INTERACTION_TOKEN_LIFE
from bot.options.form import build_form
from bot.own_commands import OwnCommand
from bot.presets.draft import check_size, draft_preset
from bot.presets.use import PresetFit, PresetUse, check_fit, plan_use
from bot.runs import Run, parse_target
from bot.store.characters import SaveResult, ShareResult
from bot.store.presets import EVERYBODY, Preset, Presets
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.first_response import defer, edit_response, send_modal, send_privately
from bot.ui.modals import Answers, FormModal
from bot.ui.permissions import Reuse, may_reuse
from bot.ui.render import presets as render
from bot.ui.render.cards import Card, Tone, sentence_card
from bot.ui.render.markdown import format_name, one_line
from bot.ui.render.results import MenuEntry
from bot.ui.render.strings import RUN_DELETED
from cogs.card_controls import CardButton
from cogs.deferred_modal import open_modal
from cogs.permissions import Editors, RunAccess, check_reuse
from cogs.presets.form import PresetAnswers, PresetForm
from cogs.presets.published import PublishedPresets
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]
Choices = list[app_commands.Choice[str]]

_CARD_SECONDS: Final = INTERACTION_TOKEN_LIFE.total_seconds()

PRESET_ENTRIES: Final = (
    MenuEntry(
        action=Action.SAVE_PRESET,
        row=0,
        is_offered=lambda actor, result: may_reuse(result.run, Reuse.INPUTS, user_id=actor.user_id),
    ),
)


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class PresetCommands(
    commands.GroupCog,
    group_name=OwnCommand.PRESET,
    group_description="Your presets: a command with inputs that stay the same",
):
    """Everybody uses their own presets, those of a server, and those that editors share with everybody."""

    def __init__(
        self,
        *,
        presets: Presets,
        runs: Runs,
        catalog: Catalog,
        access: RunAccess,
        starter: RunStarter,
        editors: Editors,
        published: PublishedPresets,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._presets = presets
        self._runs = runs
        self._catalog = catalog
        self._access = access
        self._starter = starter
        self._editors = editors
        self._published = published
        self._clock = clock
        self._new_id = new_id

    async def cog_load(self) -> None:
        """Offer the presets that are commands of a server; they are sent to Discord with all other commands."""
        await self._published.update_tree()

    @app_commands.command(description="Run a preset")
    @app_commands.describe(
        name="The preset", prompt="The words of this use", image="A picture, if the preset asks for one"
    )
    async def use(
        self, interaction: Interaction, name: str, prompt: str | None = None, image: discord.Attachment | None = None
    ) -> None:
        """Run a preset, after a form for what else it asks for."""
        preset = await self._find(interaction, name)
        target = parse_target(preset.target)
        command = (await self._access.decide(interaction, command=preset.command, target=target)).command
        given: dict[str, Any] = {"words": prompt, "image": image}
        if command is not None:
            await self._use(interaction, preset, command, **given)
            return

        async def load_command() -> Command:
            return await self._catalog.resolve_model(target)

        def build_modal(loaded: Command) -> ui.Modal:
            fit = check_fit(preset, loaded.layout)
            if fit.misfits:
                return self._whole_form(preset, fit, loaded)
            return self._form(preset, plan_use(preset, fit, loaded.layout, **given), loaded)

        await open_modal(interaction, load_command(), build_modal)

    async def _use(self, interaction: Interaction, preset: Preset, command: Command, **given: Any) -> None:
        fit = check_fit(preset, command.layout)
        if fit.misfits:

            async def open_form(press: Interaction) -> None:
                await send_modal(press, self._whole_form(preset, fit, command))

            button = CardButton(_("Use the rest"), open_form, style=discord.ButtonStyle.primary)
            await send_privately(interaction, view=_question_card(render.misfit_text(preset, fit.misfits), button))
            return
        plan = plan_use(preset, fit, command.layout, **given)
        if plan.open is None:
            await self._starter.start(interaction, plan.values, command=command)
        else:
            await send_modal(interaction, self._form(preset, plan, command))

    def _form(self, preset: Preset, plan: PresetUse, command: Command) -> FormModal:
        """Return the form of what a use still asks for, or of everything if that is nothing."""
        if plan.open is None:
            return self._build_modal(preset, command, plan.values)
        form = build_form(plan.open)

        async def start_run(answer: Interaction, answers: Answers) -> None:
            filled = form.fill(answers, known=plan.values, complete=plan.complete)
            await self._starter.start(answer, filled, command=command)

        return FormModal(form, title=preset.name, submitted=start_run)

    def _whole_form(self, preset: Preset, fit: PresetFit, command: Command) -> FormModal:
        """Return the command's own form, filled in with what of the preset still fits."""
        values = dict(fit.values)
        if preset.template and command.layout.prompt_field is not None:
            values[command.layout.prompt_field] = preset.template
        return self._build_modal(preset, command, values)

    def _build_modal(self, preset: Preset, command: Command, values: Mapping[str, Any]) -> FormModal:
        form = build_form(command.layout, values)

        async def start_run(answer: Interaction, answers: Answers) -> None:
            await self._starter.start(answer, form.fill(answers), command=command)

        return FormModal(form, title=preset.name, submitted=start_run)

    @app_commands.command(name="list", description="The presets that you can use here")
    async def show_list(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        usable = await self._presets.list_usable(interaction.user.id, interaction.guild_id)
        view = render.preset_list(usable, person_id=interaction.user.id, guild_id=interaction.guild_id)
        await edit_response(interaction, view=view)

    @app_commands.command(description="What a preset keeps and what it asks for")
    @app_commands.describe(name="The preset")
    async def show(self, interaction: Interaction, name: str) -> None:
        await defer(interaction, ephemeral=True)
        preset = await self._find(interaction, name)
        view = render.preset_card(preset, person_id=interaction.user.id, guild_id=interaction.guild_id)
        await edit_response(interaction, view=view)

    @app_commands.command(description="Let others use a preset of yours, or stop that")
    @app_commands.describe(
        name="The preset",
        to="Who can use it",
        command="Also as a command of this server; for who manages it",
    )
    @app_commands.choices(
        to=[
            app_commands.Choice(name="this server", value="server"),
            app_commands.Choice(name="everybody (editors only)", value="everybody"),
            app_commands.Choice(name="nobody", value="nobody"),
        ]
    )
    async def share(
        self,
        interaction: Interaction,
        name: str,
        to: Literal["server", "everybody", "nobody"],
        command: bool = False,  # noqa: FBT001, FBT002  # an option of Discord's
    ) -> None:
        preset = await self._find(interaction, name)
        if preset.owner_id != interaction.user.id:
            raise Refused(_("Only who saved a preset can share it."))
        if to == "everybody":
            self._editors.check(interaction.user)
        if to == "server" and not interaction.is_guild_integration():
            raise Refused(_("Use this in the server that you want to share it with."))
        if command:
            self._check_publishable(interaction, preset, to)
        await defer(interaction, ephemeral=True)
        if to == "nobody":
            for guild_id in preset.shares:
                await self._presets.unshare(preset.id, guild_id)
            await self._update(preset)
            sentence = _("Only you can use {name} now.").format(name=f"**{preset.name}**")
            await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))
            return
        await self._share(interaction, preset, everybody=to == "everybody", command=command)

    async def _share(self, interaction: Interaction, preset: Preset, *, everybody: bool, command: bool) -> None:
        guild_id = EVERYBODY if everybody else interaction.guild_id or EVERYBODY
        result = await self._presets.share(preset, guild_id, published=command, at=self._clock.now())
        if result is ShareResult.SHARED and (command or preset.shares.get(guild_id)):
            await self._published.update(guild_id)
        guild = interaction.guild
        server = format_name(guild.name) if guild is not None and guild.name else render.this_server()
        place = render.everybody() if everybody else server
        sentence = render.explain_share(result, preset.name, place, published=command)
        await edit_response(interaction, view=sentence_card(sentence, tone=render.TONES[result]))

    @app_commands.command(description="Delete a preset, or take one out of a server that you manage")
    @app_commands.describe(name="The preset")
    async def delete(self, interaction: Interaction, name: str) -> None:
        preset = await self._find(interaction, name)
        if preset.owner_id == interaction.user.id:
            await defer(interaction, ephemeral=True)
            await self._presets.delete(preset.id, owner_id=interaction.user.id)
            sentence = render.explain_deleted(preset.name)
        else:
            if interaction.guild_id in preset.shares:
                if not interaction.permissions.manage_guild:
                    raise Refused(_("Only its owner, or who manages this server, can do that."))
                guild_id = interaction.guild_id or EVERYBODY
            else:
                self._editors.check(interaction.user)
                guild_id = EVERYBODY
            await defer(interaction, ephemeral=True)
            await self._presets.unshare(preset.id, guild_id)
            sentence = render.explain_unshared(preset.name)
        await self._update(preset)
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))

    @use.autocomplete("name")
    @show.autocomplete("name")
    @delete.autocomplete("name")
    async def _complete_usable(self, interaction: Interaction, current: str) -> Choices:
        return _make_choices(await self._presets.list_usable(interaction.user.id, interaction.guild_id), current)

    @share.autocomplete("name")
    async def _complete_own(self, interaction: Interaction, current: str) -> Choices:
        return _make_choices(await self._presets.list_own(interaction.user.id), current)

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Show the form that makes a preset of a run."""
        if action is not Action.SAVE_PRESET:
            return
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        await self._open_form(interaction, run)

    async def _open_form(self, interaction: Interaction, run: Run) -> None:
        is_author = interaction.user.id == run.author_id
        check_reuse(run, Reuse.INPUTS, user_id=interaction.user.id)
        if run.forgotten_at is not None:
            raise Refused(_("This run's data was deleted, so it can't be saved."))
        target = parse_target(run.target)
        command = (await self._access.decide(interaction, command=run.command, target=target)).command

        async def load_command() -> Command:
            return command or await self._catalog.resolve_model(target)

        def build_modal(loaded: Command) -> PresetForm:
            draft = draft_preset(loaded.layout, run.input, run.written if is_author else {})

            async def submitted(answer: Interaction, answers: PresetAnswers) -> None:
                fixed = {key: value for key, value in draft.values.items() if key not in answers.asked}
                check_size(fixed, answers.template)
                preset = self._make_preset(answer, parse_name(answers.name), run, answers, fixed)
                await defer(answer, ephemeral=True, thinking=True)
                await self._save(answer, preset, replace=False)

            return PresetForm(draft, submitted=submitted)

        await open_modal(interaction, load_command(), build_modal)

    def _make_preset(
        self, interaction: Interaction, name: SavedName, run: Run, answers: PresetAnswers, fixed: Mapping[str, Any]
    ) -> Preset:
        return Preset(
            id=self._new_id(),
            owner_id=interaction.user.id,
            owner_name=interaction.user.display_name,
            name=name.text,
            key=name.key,
            command=run.command,
            target=run.target,
            template=answers.template,
            fixed=fixed,
            asked=tuple(sorted(answers.asked)),
            created_at=self._clock.now(),
            shares={},
        )

    async def _save(self, interaction: Interaction, preset: Preset, *, replace: bool) -> None:
        result = await self._presets.save(preset, replace=replace)
        sentence = render.explain_save(result, preset.name)
        if result is SaveResult.TAKEN:

            async def replace_it(press: Interaction) -> None:
                await defer(press)
                await self._save(press, preset, replace=True)
                await self._published.update()  # the one of before may have been a command

            button = CardButton(_("Replace"), replace_it, style=discord.ButtonStyle.danger)
            await edit_response(interaction, view=_question_card(sentence, button))
            return
        tone = Tone.ERROR if result is SaveResult.TOO_MANY else Tone.SUCCESS
        await edit_response(interaction, view=sentence_card(sentence, tone=tone))

    async def _update(self, preset: Preset) -> None:
        """Update the servers of which a preset was a command."""
        published = [guild_id for guild_id, is_command in preset.shares.items() if is_command]
        if published:
            await self._published.update(*published)

    def _check_publishable(self, interaction: Interaction, preset: Preset, to: str) -> None:
        """Raise Refused if a preset cannot be a command of this server, or not by this person."""
        if to != "server":
            raise BadOption("command", _("`command` goes only with this server."))
        if not interaction.permissions.manage_guild:
            raise Refused(_("Only who manages this server can make a preset one of its commands."))
        self._published.check_name(preset)

    async def _find(self, interaction: Interaction, name: str) -> Preset:
        key = make_key(name)
        usable = await self._presets.list_usable(interaction.user.id, interaction.guild_id)
        found = next((preset for preset in usable if preset.id == name or preset.key == key), None)
        if found is None:
            raise Refused(render.unknown_preset(name))
        return found


def _question_card(question: str, button: CardButton) -> Card:
    return Card([ui.TextDisplay(question), ui.ActionRow(button)], Tone.WARNING, timeout=_CARD_SECONDS)


def _make_choices(presets: tuple[Preset, ...], current: str) -> Choices:
    key = make_key(current)
    return [
        app_commands.Choice(
            name=one_line(join_facts(preset.name, f"/{preset.command}", preset.template or ""), CHOICE_CHARS),
            value=preset.id,
        )
        for preset in presets
        if key in preset.key
    ][:CHOICES_PER_OPTION]
