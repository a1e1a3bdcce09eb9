"""Turn an interaction into a run: parse options, read files, start."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import discord

from bot.catalog.catalog import Command
from bot.client import Replicord
from bot.clock import Clock
from bot.formatting import join_facts
from bot.limits import DEFAULT_FILE_BYTES
from bot.media.types import StoredFile
from bot.options.parse import parse_options
from bot.options.visibility import take_visibility
from bot.rules.decide import RunTerms
from bot.runs import Place, Run, RunState, is_served, parse_target
from bot.runs.engine import Engine, repeat_run
from bot.store.models import RunParent
from bot.store.preferences import Preferences
from bot.store.quota import ServerQuota
from bot.store.runs import Runs
from bot.ui.first_response import defer_with_message, delete_followup
from bot.ui.requests import REQUEST_ERRORS
from bot.visibility import Visibility, stricter_visibility
from cogs.input_reader import InputReader
from cogs.permissions import RunAccess
from cogs.personal_inputs import PersonalInputs


def reply_place(interaction: discord.Interaction, message_id: int, *, ephemeral: bool = False) -> Place:
    """Return the place of the response ``message_id`` to this interaction.

    The bot's own token reaches the message only in servers that installed the bot and in its own direct messages, and
    no ephemeral one; elsewhere only the interaction's token does.
    """
    member = not ephemeral and (interaction.is_guild_integration() or bool(interaction.context.dm_channel))
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


@asynccontextmanager
async def _message_for_run(
    interaction: discord.Interaction[Replicord], message_id: int | None, *, ephemeral: bool
) -> AsyncIterator[int]:
    """Yield the message that shows a run: the response, or a further one, which goes if the run does not start."""
    if message_id is not None:
        yield message_id
        return
    message_id = await defer_with_message(interaction, ephemeral=ephemeral)
    try:
        yield message_id
    except BaseException:
        with suppress(*REQUEST_ERRORS):
            await delete_followup(interaction, message_id)
        raise


class RunStarter:
    """Starts runs. What can be refused without downloading a file is refused before the response is public."""

    def __init__(
        self,
        engine: Engine,
        *,
        runs: Runs,
        access: RunAccess,
        inputs: InputReader,
        personal: PersonalInputs,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._runs = runs
        self._access = access
        self._inputs = inputs
        self._personal = personal
        self._clock = clock
        self._new_id = new_id

    async def start(
        self,
        interaction: discord.Interaction[Replicord],
        values: Mapping[str, Any],
        *,
        command: Command,
        parent: RunParent | None = None,
        visibility: Visibility | None = None,
    ) -> Run:
        """Acknowledge the interaction, download the files and start the run.

        ``values`` go by option name; attachments and images of a message are not downloaded yet. ``parent`` is the run
        whose output is used; the new run shows no more than that one does. Who sees it is what the person chose in the
        options, else ``visibility``, else the command's default. Raises UserError if the run cannot start; nothing is
        billed then.
        """
        values, chosen = take_visibility(command.layout, values)
        preferences = await self._personal.get_preferences(interaction.user.id)
        placement = await self._personal.place(interaction, command.layout, values, chosen=preferences)
        options = parse_options(command.layout, placement.values, fetch_addresses=is_served(str(command.target)))
        decision = await self._access.decide(
            interaction,
            command=command.name,
            target=command.target,
            run_input=options.input,
            outputs=options.expected_outputs,
        )
        server = _server_quota(decision.terms)
        default = _default_visibility(command, preferences)
        visibility = await self._visibility(chosen or visibility or default, parent)
        is_private = visibility is Visibility.PRIVATE
        # A press that was acknowledged already waits for nothing, so its message comes when nothing can refuse the run.
        message_id = (
            None if interaction.response.is_done() else await defer_with_message(interaction, ephemeral=is_private)
        )
        run_id = self._new_id()
        async with (
            self._engine.hold_place(run_id, interaction.user.id, server=server),
            self._inputs.read(interaction.client, options, owner=interaction.user.id) as files,
            _message_for_run(interaction, message_id, ephemeral=is_private) as message_id,
        ):
            run = Run(
                id=run_id,
                command=command.name,
                target=str(command.target),
                author_id=interaction.user.id,
                author_name=interaction.user.display_name,
                place=reply_place(interaction, message_id, ephemeral=is_private),
                input=decision.input or {},
                prompt=next(iter(placement.prompt.values()), options.prompt),
                summary=join_facts(*placement.names, options.summary),
                notes=(*placement.notes, *files.notes),
                output_schema=command.output_schema,
                expected=options.expected_outputs,
                state=RunState.RESERVED,
                created_at=self._clock.now(),
                parent=parent,
                visibility=visibility,
                written=placement.describe_written(decision.input or {}, options.files),
                characters={character.id: character.owner_id for character in placement.characters},
            )
            return await self._engine.start(run, files=files.media, thumbnail=files.thumbnail, server=server)

    async def again(self, interaction: discord.Interaction[Replicord], run: Run, files: tuple[StoredFile, ...]) -> Run:
        """Start a run with the same model, version and input for the user of the interaction; raise Refused."""
        decision = await self._access.decide(
            interaction,
            command=run.command,
            target=parse_target(run.target),
            run_input=run.input,
            outputs=run.expected,
        )
        is_private = run.visibility is Visibility.PRIVATE
        message_id = await defer_with_message(interaction, ephemeral=is_private)
        repeated = repeat_run(
            run,
            id=self._new_id(),
            author_id=interaction.user.id,
            author_name=interaction.user.display_name,
            place=reply_place(interaction, message_id, ephemeral=is_private),
            visibility=run.visibility,
            parent=run.parent,
            notes=(),
            written=run.written,
            characters=run.characters,
            input=decision.input or {},
            # What the command adds to an older input may change the number of outputs.
            expected=run.expected if decision.input == run.input else None,
            created_at=self._clock.now(),
        )
        return await self._engine.start(repeated, files=files, server=_server_quota(decision.terms))

    async def _visibility(self, chosen: Visibility, parent: RunParent | None) -> Visibility:
        """Return who sees a run: no more people than see the run whose output it uses."""
        source = await self._runs.get(parent.run_id) if parent is not None else None
        return stricter_visibility(chosen, source.visibility) if source is not None else chosen


def _default_visibility(command: Command, preferences: Preferences) -> Visibility:
    """Return who sees a run of which nothing else was said: the person's choice, but no more than the command shows."""
    chosen = next((one for one in Visibility if one.value == preferences.visibility), None)
    return command.visibility if chosen is None else stricter_visibility(chosen, command.visibility)


def _server_quota(terms: RunTerms) -> ServerQuota | None:
    """Return the server's own limits of runs, None if it has none for the person."""
    limits = terms.limits
    if terms.guild_id is None or (limits.at_once is None and limits.per_day is None):
        return None
    return ServerQuota(guild_id=terms.guild_id, at_once=limits.at_once, per_day=limits.per_day)
