"""Turn an interaction into a run: parse options, read files, start."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord

from bot.catalog.catalog import Command
from bot.client import Replicord
from bot.clock import Clock
from bot.discord_internals import download_from_cdn
from bot.errors import BadOption, Refused
from bot.limits import DEFAULT_FILE_BYTES, DOWNLOAD_SECONDS, FILE_BYTES, READ_SECONDS
from bot.media.types import InputFile, StoredFile
from bot.options.files import (
    AttachedFile,
    UploadedFile,
    WebFile,
    check_file_size,
    check_total_size,
    read_attachment,
)
from bot.options.parse import InputFiles, ParsedOptions, parse_options
from bot.outputs.download import Downloader
from bot.outputs.errors import AddressNotAllowed, DownloadError, FileTooLarge
from bot.runs import Place, Run, RunState, is_served, parse_target
from bot.runs.engine import Engine, repeat_run
from bot.runs.input_files import InputSpool
from bot.ui.first_response import defer_publicly
from bot.ui.requests import REQUEST_ERRORS
from bot.worker_pool import WorkerPool, WorkersBusy, WorkTooHeavy
from cogs.permissions import RunAccess


def reply_place(interaction: discord.Interaction, message_id: int) -> Place:
    """Return the place of the response ``message_id`` to this interaction.

    The bot's own token reaches the message only in servers that installed the bot and in its own direct messages;
    elsewhere only the interaction's token does.
    """
    member = interaction.is_guild_integration() or bool(interaction.context.dm_channel)
    # The author's own, larger limit ends with the token.
    file_limit = interaction.guild.filesize_limit if interaction.guild else DEFAULT_FILE_BYTES
    return Place(
        application_id=interaction.application_id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        message_id=message_id,
        token=interaction.token,
        token_expires_at=interaction.expires_at,
        token_only=not member,
        file_limit=file_limit if member else interaction.filesize_limit,
    )


class RunStarter:
    """Starts runs. What can be refused without downloading a file is refused before the response is public."""

    def __init__(
        self,
        engine: Engine,
        *,
        access: RunAccess,
        spool: InputSpool,
        web_files: Downloader,
        workers: WorkerPool,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._access = access
        self._spool = spool
        self._web_files = web_files
        self._workers = workers
        self._clock = clock
        self._new_id = new_id

    async def start(
        self, interaction: discord.Interaction[Replicord], values: Mapping[str, Any], *, command: Command
    ) -> Run:
        """Acknowledge the interaction, download the files and start the run.

        ``values`` go by option name; attachments and images of a message are not downloaded yet. Raises UserError if
        the run cannot start; nothing is billed then.
        """
        options = parse_options(command.layout, values, fetch_addresses=is_served(str(command.target)))
        decision = self._access.decide(
            interaction, command=command.name, target=command.target, run_input=options.input
        )
        message_id = await defer_publicly(interaction)
        run_id = self._new_id()
        async with (
            self._engine.hold_place(run_id, interaction.user.id),
            self._read_files(interaction, options) as files,
        ):
            run = Run(
                id=run_id,
                command=command.name,
                target=str(command.target),
                author_id=interaction.user.id,
                author_name=interaction.user.display_name,
                place=reply_place(interaction, message_id),
                input=decision.input or {},
                prompt=options.prompt,
                summary=options.summary,
                notes=files.notes,
                output_schema=command.output_schema,
                expected=options.expected_outputs,
                state=RunState.RESERVED,
                created_at=self._clock.now(),
            )
            return await self._engine.start(run, files=files.media, thumbnail=files.thumbnail)

    async def again(self, interaction: discord.Interaction[Replicord], run: Run, files: tuple[StoredFile, ...]) -> Run:
        """Start a run with the same model, version and input for the user of the interaction; raise Refused."""
        decision = self._access.decide(
            interaction, command=run.command, target=parse_target(run.target), run_input=run.input
        )
        message_id = await defer_publicly(interaction)
        repeated = repeat_run(
            run,
            id=self._new_id(),
            author_id=interaction.user.id,
            author_name=interaction.user.display_name,
            place=reply_place(interaction, message_id),
            notes=(),
            input=decision.input or {},
            # What the command adds to an older input may change the number of outputs.
            expected=run.expected if decision.input == run.input else None,
            created_at=self._clock.now(),
        )
        return await self._engine.start(repeated, files=files)

    @asynccontextmanager
    async def _read_files(
        self, interaction: discord.Interaction[Replicord], options: ParsedOptions
    ) -> AsyncIterator[InputFiles]:
        """Download and check the attached files, one after the other: their URLs expire soon.

        They are on disk during the block; then the run has them.
        """
        size = sum(file.source.size or FILE_BYTES for file in options.files if isinstance(file, AttachedFile))
        if not size:
            yield options.place_files([UploadedFile(file) for file in options.files if isinstance(file, InputFile)])
            return
        async with self._spool.folder(size) as folder:
            uploads = [
                await self._read_file(interaction, file, folder / str(number))
                if isinstance(file, AttachedFile)
                else UploadedFile(file)
                for number, file in enumerate(options.files)
            ]
            check_total_size(upload.media for upload in uploads)  # how large one from the web is, is known only now
            yield options.place_files(uploads)

    async def _read_file(
        self, interaction: discord.Interaction[Replicord], file: AttachedFile, path: Path
    ) -> UploadedFile:
        name = file.source.filename
        if isinstance(file.source, WebFile):
            size = await self._fetch(file.option, file.source, path)
        else:
            size = await _download_attachment(interaction.client, file, path)
        check_file_size(file.option, name, size)
        try:
            return await self._workers.run(
                read_attachment, file.option, name, path, file.accepts,
                owner=interaction.user.id, seconds=READ_SECONDS,
            )  # fmt: skip
        except WorkersBusy as error:
            raise Refused(error.sentence) from error
        except WorkTooHeavy as error:
            raise BadOption(file.option, f"`{file.option}`: “{name}” can't be used. {error.sentence}") from error

    async def _fetch(self, option: str, file: WebFile, path: Path) -> int:
        """Download a file from a public web address, and return its size."""
        try:
            async with asyncio.timeout(DOWNLOAD_SECONDS):
                return (await self._web_files.download(file.url, path)).size
        except (AddressNotAllowed, FileTooLarge) as error:
            raise BadOption(option, f"`{option}`: {str(error).rstrip('.')}. Attach the file itself.") from error
        except (DownloadError, TimeoutError) as error:
            sentence = f"`{option}`: couldn't download it. Check that the address opens for anyone, or attach the file."
            raise BadOption(option, sentence) from error


async def _download_attachment(client: Replicord, file: AttachedFile, path: Path) -> int:
    try:
        return await download_from_cdn(client, file.source.url, path, limit=FILE_BYTES, seconds=DOWNLOAD_SECONDS)
    except REQUEST_ERRORS as error:
        sentence = f"`{file.option}`: couldn't download “{file.source.filename}” from Discord. Attach it again."
        raise BadOption(file.option, sentence) from error
