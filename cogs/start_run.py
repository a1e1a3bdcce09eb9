"""Turn an interaction into a run: parse options, read files, start."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import discord

from bot.catalog.catalog import Command
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import BadOption
from bot.limits import DEFAULT_FILE_BYTES
from bot.media.types import Media, MediaKind, sniff
from bot.options.files import UploadedFile, check_file_size, read_attachment
from bot.options.layout import OptionLayout
from bot.options.parse import ParsedOptions, parse_options
from bot.runs import Place, Run, RunState
from bot.runs.engine import Engine, repeat_run
from cogs.use_as_subject.message_images import CdnImage, MessageImage

_UNREAD: Final = sniff(b"")  # the type of a file that is not downloaded yet


def reply_place(interaction: discord.Interaction, message_id: int) -> Place:
    """Return the place of the response ``message_id`` to this interaction.

    The bot's own token reaches the message only in servers that installed the bot and in its own direct messages;
    elsewhere only the interaction's token does.
    """
    member = interaction.is_guild_integration() or bool(interaction.context.dm_channel)
    return Place(
        application_id=interaction.application_id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        message_id=message_id,
        token=interaction.token,
        token_expires_at=interaction.expires_at,
        token_only=not member,
        file_limit=_file_limit(interaction) if member else interaction.filesize_limit,
    )


def _file_limit(interaction: discord.Interaction) -> int:
    """Return how many bytes the bot may upload there; the author's own, larger limit ends with the token."""
    return interaction.guild.filesize_limit if interaction.guild else DEFAULT_FILE_BYTES


class RunStarter:
    """Starts runs. What can be refused without downloading a file is refused before the response is public."""

    def __init__(self, engine: Engine, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._clock = clock
        self._new_id = new_id

    async def start(
        self, interaction: discord.Interaction[Replicord], command: Command, values: Mapping[str, Any]
    ) -> Run:
        """Acknowledge the interaction, download the files and start the run.

        ``values`` go by option name; attachments and images of a message are not downloaded yet. Raises UserError if
        the run cannot start; nothing is billed then.
        """
        parse_options(command.layout, {name: _without_download(name, value) for name, value in values.items()})
        message_id = await _acknowledge(interaction)
        options = await _download_and_parse(command.layout, values)
        run = Run(
            id=self._new_id(),
            command=command.name,
            target=str(command.target),
            author_id=interaction.user.id,
            author_name=interaction.user.display_name,
            place=reply_place(interaction, message_id),
            input=options.input,
            prompt=options.prompt,
            summary=options.summary,
            notes=options.notes,
            output_schema=command.output_schema,
            expected=options.expected_outputs,
            state=RunState.RESERVED,
            created_at=self._clock.now(),
        )
        return await self._engine.start(run, files=options.files, thumbnail=options.thumbnail)

    async def again(self, interaction: discord.Interaction[Replicord], run: Run, files: tuple[Media, ...]) -> Run:
        """Start a run with the same model, version and input for the user of the interaction."""
        message_id = await _acknowledge(interaction)
        repeated = repeat_run(
            run,
            id=self._new_id(),
            author_id=interaction.user.id,
            author_name=interaction.user.display_name,
            place=reply_place(interaction, message_id),
            notes=(),
            created_at=self._clock.now(),
        )
        thumbnail = next((file for file in files if file.type.kind is MediaKind.IMAGE), None)
        return await self._engine.start(repeated, files=files, thumbnail=thumbnail)


async def _acknowledge(interaction: discord.Interaction[Replicord]) -> int:
    """Defer with a public message and return its id."""
    response = await interaction.response.defer(thinking=True)
    if response is None or response.message_id is None:
        raise RuntimeError("Discord returned no message id for a deferred response.")
    return response.message_id


def _without_download(option: str, value: Any) -> Any:
    """Replace files by empty media of the same name, so that everything else can be validated before the download."""
    if isinstance(value, list):
        return [_without_download(option, item) for item in value]
    if isinstance(value, discord.Attachment | CdnImage):
        check_file_size(option, value.filename, value.size)
        return Media(name=value.filename, type=_UNREAD, data=b"")
    return value


async def _download_and_parse(layout: OptionLayout, values: Mapping[str, Any]) -> ParsedOptions:
    """Download all files at once, then parse the options in a thread."""
    downloaded = await asyncio.gather(*(_download(layout, name, value) for name, value in values.items()))
    return await asyncio.to_thread(parse_options, layout, dict(zip(values, downloaded, strict=True)))


async def _download(layout: OptionLayout, option: str, value: Any) -> Any:
    if isinstance(value, list):
        return list(await asyncio.gather(*(_download(layout, option, item) for item in value)))
    if isinstance(value, discord.Attachment | CdnImage):
        return await _download_file(layout, option, value)
    return value


async def _download_file(layout: OptionLayout, option: str, file: MessageImage) -> UploadedFile:
    """Download a file now, because its URL expires soon."""
    slash_option = layout.option(option)
    field = layout.field(slash_option.field) if slash_option and slash_option.field else layout.find_field(option)
    try:
        data = await file.read()
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise BadOption(
            option, f"`{option}`: couldn't download “{file.filename}” from Discord. Attach it again."
        ) from error
    return await asyncio.to_thread(read_attachment, option, file.filename, data, field.accepts if field else ())
