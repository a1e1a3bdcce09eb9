"""Presets as commands of a server: the tree, and Discord's list, are kept equal to the database."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import discord
import structlog

from bot.catalog.catalog import Catalog, Command
from bot.client import Replicord
from bot.errors import Refused
from bot.language import _
from bot.options.slash_command import PersonalCompletion, build_command
from bot.presets.use import build_command_layout, check_fit, plan_use, read_options
from bot.runs import parse_target
from bot.settings.commands import check_name
from bot.store.commands import KeyValue
from bot.store.errors import StoreError
from bot.store.presets import Preset, Presets
from bot.ui.render import presets as render
from cogs.generate.command_sync import CommandSync
from cogs.start_run import RunStarter

log = structlog.get_logger(__name__)

# The servers that were sent commands: written before, so that those of a bot that was killed are found again.
_KEY: Final = "preset_servers"


@dataclass(frozen=True, slots=True)
class _Published:
    """What a command in the tree was made of."""

    preset: Preset
    command: Command


class PublishedPresets:
    """The commands that presets are in their servers."""

    def __init__(
        self,
        client: Replicord,
        *,
        presets: Presets,
        catalog: Catalog,
        starter: RunStarter,
        sync: CommandSync,
        key_value: KeyValue,
        personal: PersonalCompletion,
    ) -> None:
        self._client = client
        self._presets = presets
        self._catalog = catalog
        self._starter = starter
        self._sync = sync
        self._key_value = key_value
        self._personal = personal
        self._offered: Mapping[tuple[int, str], _Published] = {}
        self._lock = asyncio.Lock()

    def check_name(self, preset: Preset) -> None:
        """Raise Refused if no command can have the name of this preset."""
        name = preset.name.lower()
        try:
            check_name(name)
        except ValueError as error:
            raise Refused(str(error)) from error
        if self._catalog.get(name) is not None:
            raise Refused(
                _("There is a command /{name} already. Save the preset under another name.").format(name=name)
            )
        if self._find_command(preset) is None:
            raise Refused(_("Only a preset of a command that exists here can be one itself."))

    async def update_tree(self) -> None:
        """Offer what is stored now; Discord is not told."""
        async with self._lock:
            published = await self._presets.list_published()
            wanted = {
                (guild_id, preset.name.lower()): _Published(preset, command)
                for guild_id, presets in published.items()
                for preset in presets
                if (command := self._find_command(preset)) is not None
            }
            tree = self._client.tree
            for guild_id, name in self._offered.keys() - wanted.keys():
                tree.remove_command(name, guild=discord.Object(guild_id))
            for (guild_id, name), one in wanted.items():
                if self._offered.get((guild_id, name)) != one:
                    tree.add_command(self._build(name, one), guild=discord.Object(guild_id), override=True)
            self._offered = wanted

    async def update(self, *guild_ids: int) -> None:
        """Offer what is stored now, and send it to these servers, or to all, where it has changed.

        What Discord refuses is logged, and sent again with the next change or start.
        """
        try:
            await self.update_tree()
            now = {guild_id for guild_id, _name in self._offered}
            before = set(await self._key_value.get(_KEY) or ())
            if now - before:
                await self._key_value.put(_KEY, sorted(now | before))
            asked = {*guild_ids} or now | before
            failed = await self._sync.sync_guilds(sorted(asked))
            kept = now | failed | (before - asked)
            if kept != before:
                await self._key_value.put(_KEY, sorted(kept) or None)
        except StoreError as error:
            log.warning("presets_not_published", error=str(error))

    def _find_command(self, preset: Preset) -> Command | None:
        """Return the command that a preset is of, or one of the same model."""
        target = parse_target(preset.target)
        command = self._catalog.find_by_model(target)
        named = self._catalog.get(preset.command)
        return named if named is not None and command is not None and named.target.model == target.model else command

    def _build(self, name: str, one: _Published) -> Any:
        layout = build_command_layout(one.preset, check_fit(one.preset, one.command.layout), one.command.layout)

        async def run(interaction: discord.Interaction[Any], values: dict[str, Any]) -> None:
            await self._run(interaction, one.preset, read_options(layout, values))

        return build_command(
            name=name,
            description=one.preset.template or one.preset.command,
            layout=layout,
            callback=run,
            personal=self._personal,
        )

    async def _run(self, interaction: discord.Interaction[Any], preset: Preset, values: Mapping[str, Any]) -> None:
        command = self._find_command(preset)
        if command is None:
            raise Refused(_("/{command}, which this preset is of, was removed.").format(command=preset.command))
        fit = check_fit(preset, command.layout)
        if fit.misfits:
            raise Refused(render.misfit_text(preset, fit.misfits))
        await self._starter.start(interaction, plan_use(preset, fit, command.layout).complete(values), command=command)
