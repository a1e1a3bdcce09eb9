"""Apps → Use as subject: start a run with the image of a message. Slash commands cannot be replies."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.catalog.next_actions import find_image_commands
from bot.client import Replicord
from bot.errors import Refused
from bot.language import _
from bot.limits import CHOICE_CHARS, INTERACTION_TOKEN_LIFE, MODAL_COMPONENTS, SELECT_OPTIONS
from bot.options.form import FormField, FormKind, build_form
from bot.options.options import Choice
from bot.options.slash_command import BOTH_INSTALLS, EVERYWHERE
from bot.store.models import RunParent
from bot.store.runs import Runs
from bot.ui.first_response import delete_response, send_modal, send_privately
from bot.ui.modals import Answers, FormModal
from bot.ui.render.cards import list_card
from bot.ui.render.markdown import escape, one_line
from bot.ui.render.next import no_image_in_message
from bot.ui.requests import REQUEST_ERRORS
from cogs.personal_inputs import PersonalInputs
from cogs.start_run import RunStarter
from cogs.use_as_subject.message_images import MessageImage, check_images, find_images

Interaction = discord.Interaction[Replicord]

_NAME: Final = "Use as subject"
_IMAGE_KEY: Final = ":image"  # of the field that asks for the image; no input has a colon in its name


class UseAsSubject(commands.Cog):
    """Adds an entry to the Apps menu of every message."""

    def __init__(
        self, client: Replicord, *, catalog: Catalog, starter: RunStarter, personal: PersonalInputs, runs: Runs
    ) -> None:
        self._client = client
        self._runs = runs
        self._catalog = catalog
        self._starter = starter
        self._personal = personal
        self._menu = app_commands.ContextMenu(
            name=_NAME, callback=self._use, allowed_contexts=EVERYWHERE, allowed_installs=BOTH_INSTALLS
        )

    async def cog_load(self) -> None:
        self._client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        self._client.tree.remove_command(_NAME, type=discord.AppCommandType.message)

    async def _use(self, interaction: Interaction, message: discord.Message) -> None:
        """Show the form of the command that takes images, or ask which command first."""
        found = find_images(message)
        if not found:
            raise Refused(no_image_in_message())
        run = await self._runs.find_by_message(message.id)
        images = check_images(found, run, user_id=interaction.user.id)
        parent = None if run is None else RunParent(run.id)  # what is made of a private image stays private
        image_commands = find_image_commands(self._catalog)
        if not image_commands:
            raise Refused(_("No command here takes an image. See the models with /models list."))
        chosen = (await self._personal.get_preferences(interaction.user.id)).command
        only = image_commands if len(image_commands) == 1 else [one for one in image_commands if one.name == chosen]
        if only:
            await send_modal(interaction, self._build_modal(only[0], images, parent))
            return

        async def open_form(answer: Interaction, command: Command) -> None:
            await send_modal(answer, self._build_modal(command, images, parent, question=interaction))

        select = _CommandSelect(image_commands, open_form)
        timeout = INTERACTION_TOKEN_LIFE.total_seconds()
        card = list_card(_("Which command should get the image?"), [], buttons=[select], timeout=timeout)
        await send_privately(interaction, view=card)

    def _build_modal(
        self,
        command: Command,
        images: Sequence[MessageImage],
        parent: RunParent | None,
        *,
        question: Interaction | None = None,
    ) -> FormModal:
        """Return the form of the other inputs; ``question`` is the interaction that asked for the command, if any.

        ``parent`` is the run whose result or input the images are, None if they are anybody's.
        """
        image_input = command.layout.image_field or ""
        form = build_form(command.layout, exclude=(image_input,), max_components=MODAL_COMPONENTS - 1)

        async def start_run(answer: Interaction, answers: Answers) -> None:
            answers = dict(answers)
            image = images[int(str(answers.pop(_IMAGE_KEY, 0)))]
            values = form.fill(answers, known={image_input: image})
            await self._starter.start(answer, values, command=command, parent=parent)
            if question is not None:
                with suppress(*REQUEST_ERRORS):
                    await delete_response(question)

        several = len(images) > 1
        return FormModal(
            form,
            title=f"/{command.name}",
            submitted=start_run,
            note=None if several else _describe_image(command, images[0]),
            first=_image_field(images) if several else None,
        )


class _CommandSelect(ui.Select[ui.LayoutView]):
    """Asks for a command."""

    def __init__(
        self, image_commands: Sequence[Command], chosen: Callable[[Interaction, Command], Awaitable[None]]
    ) -> None:
        self._commands = {command.name: command for command in image_commands[:SELECT_OPTIONS]}
        self._chosen = chosen
        super().__init__(
            placeholder=_("Choose a command"),
            options=[
                discord.SelectOption(
                    label=f"/{command.name}",
                    value=command.name,
                    description=one_line(command.description, CHOICE_CHARS) or None,
                )
                for command in self._commands.values()
            ],
        )

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        await self._chosen(interaction, self._commands[self.values[0]])


def _describe_image(command: Command, image: MessageImage) -> str:
    name = command.layout.names[command.layout.image_field or ""]
    return _("“{file}” will be used as `{input}`.").format(file=escape(one_line(image.filename, 80)), input=name)


def _image_field(images: Sequence[MessageImage]) -> FormField:
    """Return the field that asks which of several images to use."""
    choices = tuple(
        Choice(one_line(f"{number}: {image.filename}", CHOICE_CHARS), str(number - 1), str(number - 1))
        for number, image in enumerate(images, start=1)
    )
    return FormField(
        key=_IMAGE_KEY,
        kind=FormKind.CHOICE,
        label=_("Image"),
        description=_("Which image of the message to use"),
        value="0",
        choices=choices,
        required=True,
    )
