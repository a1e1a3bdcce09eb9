"""Turn an interaction into a run: parse options, read files, start."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import discord

from bot.catalog.command import Command
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import BadOption
from bot.limits import DEFAULT_FILE_BYTES
from bot.media.sniff import sniff
from bot.media.types import Media, MediaKind
from bot.options.attachments import UploadedFile, check_file_size, read_attachment
from bot.options.layout import OptionLayout
from bot.options.parse import ParsedOptions, parse_options
from bot.runs import Place, Run, RunState
from bot.runs.engine import Engine, repeat_run
from cogs.message_images import CdnImage, MessageImage


def reply_place(interaction: discord.Interaction, message_id: int) -> Place:
    """Return the place of the reply ``message_id`` to this interaction.

    The bot reaches the message by itself only where it is a member: in a server that installed it, and in its own
    direct messages. Elsewhere the interaction's token is the only road.
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
    """Return what the bot itself may upload there: the author's own larger limit ends with the token."""
    return interaction.guild.filesize_limit if interaction.guild else DEFAULT_FILE_BYTES


_NO_BYTES_YET = sniff(b"")


class RunStarter:
    """Starts runs for people. What can be refused without reading a file is refused before the reply is public."""

    def __init__(self, engine: Engine, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._clock = clock
        self._new_id = new_id

    async def start(
        self, interaction: discord.Interaction[Replicord], command: Command, values: Mapping[str, Any]
    ) -> Run:
        """Acknowledge, read the files, start. UserError says what stands in the way; nothing was paid then.

        ``values`` go by option name as Discord sends them, attachments and a message's pictures unread.
        """
        parse_options(command.layout, {name: _unread(name, value) for name, value in values.items()})
        message_id = await _acknowledge(interaction)
        options = await _collect(command.layout, values)
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
        """Start the same run again for whoever asked: same model, same version, same input."""
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
    answer = await interaction.response.defer(thinking=True)
    if answer is None or answer.message_id is None:
        raise RuntimeError("Discord took the deferral and named no message.")
    return answer.message_id


def _unread(option: str, value: Any) -> Any:
    """Stand a file's name in for the file, so that everything else can be checked before it is read."""
    if isinstance(value, list):
        return [_unread(option, part) for part in value]
    if isinstance(value, discord.Attachment | CdnImage):
        check_file_size(option, value.filename, value.size)
        return Media(name=value.filename, type=_NO_BYTES_YET, data=b"")
    return value


async def _collect(layout: OptionLayout, values: Mapping[str, Any]) -> ParsedOptions:
    """Read every file at once, then collect; both away from the event loop where they take long."""
    read = await asyncio.gather(*(_read(layout, name, value) for name, value in values.items()))
    return await asyncio.to_thread(parse_options, layout, dict(zip(values, read, strict=True)))


async def _read(layout: OptionLayout, option: str, value: Any) -> Any:
    if isinstance(value, list):
        return list(await asyncio.gather(*(_read(layout, option, part) for part in value)))
    return await _take(layout, option, value) if isinstance(value, discord.Attachment | CdnImage) else value


async def _take(layout: OptionLayout, option: str, attachment: MessageImage) -> UploadedFile:
    """Read an attachment now: its address soon expires."""
    known = layout.option(option)
    field = layout.field(known.field) if known and known.field else layout.find_field(option)
    try:
        data = await attachment.read()
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise BadOption(option, f"`{option}`: Discord did not hand over “{attachment.filename}”. Try again.") from error
    return await asyncio.to_thread(read_attachment, option, attachment.filename, data, field.accepts if field else ())
