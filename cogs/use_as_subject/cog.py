"""“Use as subject”: a message's picture goes to a command that takes one. Slash commands cannot be replies."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.catalog.command import Command
from bot.client import Replicord, report_error
from bot.errors import Refused, UserError
from bot.limits import CHOICE_CHARS, INTERACTION_TOKEN_LIFE, MODAL_COMPONENTS, SELECT_OPTIONS
from bot.options.form import FormField, FormKind, build_form
from bot.options.options import Choice
from bot.options.slash_command import BOTH_INSTALLS, EVERYWHERE
from bot.ui.modals import Answers, FormModal
from bot.ui.render.formatting import escape, one_line
from bot.ui.render.list_cards import list_card
from cogs.message_images import ImageSource, images_of
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]
NAME: Final = "Use as subject"
_WHICH: Final = ":picture"  # no input has this name: names have no colon


class UseAsSubject(commands.Cog):
    """Adds an entry to the menu of every message."""

    def __init__(self, client: Replicord, *, catalog: Catalog, invocations: RunStarter) -> None:
        self._client = client
        self._catalog = catalog
        self._invocations = invocations
        self._menu = app_commands.ContextMenu(
            name=NAME, callback=self._use, allowed_contexts=EVERYWHERE, allowed_installs=BOTH_INSTALLS
        )

    async def cog_load(self) -> None:
        """Add the entry."""
        self._client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take it away."""
        self._client.tree.remove_command(NAME, type=discord.AppCommandType.message)

    async def _use(self, interaction: Interaction, message: discord.Message) -> None:
        pictures = images_of(message, self._client)
        if not pictures:
            raise Refused("There is no image in this message. Choose one that has an image.")
        takers = self._takers()
        if not takers:
            raise Refused("No command here takes an image. /models list shows what there is.")
        if len(takers) == 1:
            await interaction.response.send_modal(self._modal(takers[0], pictures))
            return

        async def chosen(answer: Interaction, command: Command) -> None:
            await answer.response.send_modal(self._modal(command, pictures, asked_by=interaction))

        select = _CommandSelect(takers, chosen)
        view = list_card("Which command shall get the image?", [], buttons=[select])
        view.timeout = INTERACTION_TOKEN_LIFE.total_seconds()
        await interaction.response.send_message(view=view, ephemeral=True)

    def _takers(self) -> list[Command]:
        """Return the commands that take an image; those that take any file only where no other does."""
        takers = [command for command in self._catalog if command.layout.image_field is not None]
        sure = [command for command in takers if _accepts(command)]
        return sure or takers

    def _modal(
        self, command: Command, pictures: Sequence[ImageSource], *, asked_by: Interaction | None = None
    ) -> FormModal:
        target = command.layout.image_field or ""
        asked = build_form(command.layout, exclude=(target,), max_components=MODAL_COMPONENTS - 1)

        async def submitted(answer: Interaction, answers: Answers) -> None:
            given = dict(answers)
            number = int(str(given.pop(_WHICH, 0)))
            values = {**asked.parse_answers(given), target: pictures[number]}
            await self._invocations.start(answer, command, values)
            if asked_by is not None:
                with suppress(discord.DiscordException):
                    await asked_by.delete_original_response()

        several = len(pictures) > 1
        return FormModal(
            asked,
            title=f"/{command.name}",
            submitted=submitted,
            failed=report_error,
            note=None if several else _note(command, pictures[0]),
            first=_which(pictures) if several else None,
        )


class _CommandSelect(ui.Select[ui.LayoutView]):
    """Asks which command it shall be."""

    def __init__(self, takers: Sequence[Command], chosen: Callable[[Interaction, Command], Awaitable[None]]) -> None:
        shown = takers[:SELECT_OPTIONS]
        super().__init__(
            placeholder="Choose a command",
            options=[
                discord.SelectOption(
                    label=f"/{command.name}",
                    value=command.name,
                    description=one_line(command.description, CHOICE_CHARS) or None,
                )
                for command in shown
            ],
        )
        self._takers = {command.name: command for command in shown}
        self._chosen = chosen

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        """Hand over what was chosen."""
        try:
            await self._chosen(interaction, self._takers[self.values[0]])
        except (UserError, discord.DiscordException) as error:
            await report_error(interaction, error)


def _accepts(command: Command) -> bool:
    field = command.layout.field(command.layout.image_field or "")
    return field is not None and bool(field.accepts)


def _note(command: Command, picture: ImageSource) -> str:
    name = command.layout.names[command.layout.image_field or ""]
    return f"“{escape(one_line(picture.filename, 80))}” is given as `{name}`."


def _which(pictures: Sequence[ImageSource]) -> FormField:
    """Return the part of a form that asks which of several pictures it shall be."""
    choices = tuple(
        Choice(one_line(f"{number}: {picture.filename}", CHOICE_CHARS), str(number - 1), str(number - 1))
        for number, picture in enumerate(pictures, start=1)
    )
    return FormField(
        key=_WHICH,
        kind=FormKind.CHOICE,
        label="Image",
        description="Which image of the message",
        value="0",
        choices=choices,
        required=True,
    )
