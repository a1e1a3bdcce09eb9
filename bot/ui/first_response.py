"""The first response to an interaction, made once even if Discord's answer to it is lost, and the edits of it.

Discord takes one first response. When the connection breaks after the request was sent, it is not known whether that
was this one; until it is, people see "thinking" without end. So the request is sent again, and Discord decides: it
takes it now, or it says that the interaction is acknowledged (40060), so the lost request took effect. Without a lost
answer, 40060 means that another process of this bot responded (a second session hears every event, too), and this one
has to leave the interaction alone.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import aiohttp
import discord
import structlog
from discord import InteractionResponseType, ui

from bot.command_mentions import link_commands
from bot.discord_codes import DiscordCode
from bot.discord_internals import PrebuiltLayout, mark_responded, register_view
from bot.limits import CONTENT_CHARS
from bot.ui.card_decorations import drop_decorations
from bot.ui.render import payloads, strings
from bot.ui.requests import REQUEST_SECONDS, MalformedResponse, send_request

# Seconds until an answer counts as lost. Discord accepts a first response for three, so by then it is decided.
_ANSWER_SECONDS: Final = 4.0
# Seconds before each further attempt: long enough for a short outage, as a run under "thinking" waits for it.
_PAUSES: Final = (0.1, 0.4, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
# Seconds that the answer to a message with a file may take.
_UPLOAD_SECONDS: Final = 120.0

# What a broken connection raises, whatever part of the exchange it breaks. A timeout is an OSError.
_CONNECTION_LOST: Final = (aiohttp.ClientError, OSError, MalformedResponse)

T = TypeVar("T")

OpenFiles = Callable[[], list[discord.File]]
"""Return the files of a message, opened for one request; called once a try."""

# The responses with an error of the server's, or of a proxy before it, in the attempt under way. discord.py sends such
# a request again by itself, and the answer to that one may be 40060.
_server_errors: ContextVar[list[int] | None] = ContextVar("server_errors", default=None)

log = structlog.get_logger(__name__)


async def note_server_error(
    _session: aiohttp.ClientSession, _context: object, params: aiohttp.TraceRequestEndParams
) -> None:
    """Note a response of 5xx; to be called at the end of every request of the client's HTTP session."""
    seen = _server_errors.get()
    if seen is not None and params.response.status >= 500:
        seen.append(params.response.status)


async def defer(interaction: discord.Interaction[Any], *, ephemeral: bool = False, thinking: bool = False) -> None:
    """Acknowledge the interaction; what is shown follows."""
    shows_thinking = thinking or interaction.type is discord.InteractionType.application_command
    await _respond(
        interaction,
        lambda: interaction.response.defer(ephemeral=ephemeral, thinking=thinking),
        InteractionResponseType.deferred_channel_message
        if shows_thinking
        else InteractionResponseType.deferred_message_update,
    )


async def defer_with_message(interaction: discord.Interaction[Any], *, ephemeral: bool = False) -> int:
    """Acknowledge with a message that says "thinking", which only the person sees if it is ephemeral; return its id.

    After a press that was acknowledged as an update of its message, a further message takes the place of that one.
    """
    if interaction.response.is_done():
        placeholder = PrebuiltLayout([payloads.text(strings.STARTING)])
        sent = await send_request(
            interaction.followup.send(view=placeholder, ephemeral=ephemeral, wait=True), _ANSWER_SECONDS
        )
        return sent.id
    response = await _respond(
        interaction,
        lambda: interaction.response.defer(ephemeral=ephemeral, thinking=True),
        InteractionResponseType.deferred_channel_message,
    )
    if response is not None and response.message_id is not None:
        return response.message_id
    return (await _repeat(interaction.original_response)).id


async def send_privately(
    interaction: discord.Interaction[Any],
    content: str | None = None,
    *,
    view: ui.LayoutView | None = None,
    open_files: OpenFiles | None = None,
) -> None:
    """Respond with a message that only the person sees: a text or a card, with the files that it shows."""
    await _respond(
        interaction,
        lambda: interaction.response.send_message(ephemeral=True, **_body(content, view), **_files(open_files)),
        InteractionResponseType.channel_message,
        view,
    )


async def edit_message(
    interaction: discord.Interaction[Any], *, view: ui.LayoutView, open_files: OpenFiles | None = None
) -> None:
    """Respond by replacing the message whose button was pressed, and with ``open_files`` also its files."""
    await _respond(
        interaction,
        lambda: interaction.response.edit_message(view=view, **_attachments(open_files)),
        InteractionResponseType.message_update,
        view,
    )


async def refresh_message(interaction: discord.Interaction[Any]) -> None:
    """Respond by showing the message of the component as it is, so that its select shows its placeholder again.

    Until a message is updated, Discord's client sends nothing for a choice that was made before (discord-api-docs
    issues 3441 and 4801). An update without content is one. It is a decoration: where Discord refuses it, the
    interaction waits for another response.
    """
    try:
        await _respond(interaction, interaction.response.edit_message, InteractionResponseType.message_update)
    except discord.HTTPException as error:
        if error.code in (DiscordCode.ALREADY_ACKNOWLEDGED, DiscordCode.UNKNOWN_INTERACTION):
            raise
        log.info("select_not_reset", interaction=interaction.id, error=str(error))


async def send_modal(interaction: discord.Interaction[Any], modal: ui.Modal) -> None:
    """Respond with a form."""
    register_view(interaction, modal)  # at once: it may be open before a lost answer is noticed
    await _respond(interaction, lambda: interaction.response.send_modal(modal), InteractionResponseType.modal)


async def edit_response(
    interaction: discord.Interaction[Any],
    *,
    view: ui.LayoutView | None = None,
    content: str | None = None,
    open_files: OpenFiles | None = None,
) -> None:
    """Replace the message that the first response showed, and with ``open_files`` its files; it may be done twice."""
    await _repeat(
        lambda: interaction.edit_original_response(**_body(content, view), **_attachments(open_files)),
        view=view,
        seconds=REQUEST_SECONDS if open_files is None else _UPLOAD_SECONDS,
    )


async def edit_response_with_file(
    interaction: discord.Interaction[Any], content: str, *, open_file: Callable[[], discord.File]
) -> None:
    """Replace the message that the first response showed by a text and a file; ``open_file`` is called once a try."""
    await _repeat(
        lambda: interaction.edit_original_response(content=content, attachments=[open_file()]), seconds=_UPLOAD_SECONDS
    )


async def edit_response_with_images(
    interaction: discord.Interaction[Any], *, view: ui.LayoutView, images: Mapping[str, bytes]
) -> None:
    """Replace the message that the first response showed by a card and the images (by file name) that it shows."""
    await _repeat(
        lambda: interaction.edit_original_response(
            view=view, attachments=[discord.File(io.BytesIO(data), filename=name) for name, data in images.items()]
        ),
        seconds=_UPLOAD_SECONDS,
        view=view,
    )


async def delete_response(interaction: discord.Interaction[Any]) -> None:
    """Delete the message that the first response showed, if it is still there."""
    try:
        await _repeat(interaction.delete_original_response)
    except discord.NotFound:
        return


async def delete_followup(interaction: discord.Interaction[Any], message_id: int) -> None:
    """Delete a further message of the interaction, if it is still there."""
    try:
        await _repeat(lambda: interaction.followup.delete_message(message_id))
    except discord.NotFound:
        return


async def follow_up_privately(
    interaction: discord.Interaction[Any],
    content: str | None = None,
    *,
    view: ui.LayoutView | None = None,
    open_files: OpenFiles | None = None,
) -> None:
    """Send one more message that only the person sees. If the answer is lost it may come twice, but it comes."""
    await _repeat(
        lambda: interaction.followup.send(ephemeral=True, **_body(content, view), **_files(open_files)), view=view
    )


def is_answered_elsewhere(error: BaseException) -> bool:
    """Return whether another process responded to the interaction."""
    return isinstance(error, discord.HTTPException) and error.code == DiscordCode.ALREADY_ACKNOWLEDGED


async def _respond(
    interaction: discord.Interaction[Any],
    request: Callable[[], Awaitable[T]],
    type_: InteractionResponseType,
    view: ui.LayoutView | None = None,
) -> T | None:
    """Make the first response; return Discord's answer, or None if the answer was lost and Discord has the response.

    ``view`` is the card in the response; people can use it as soon as Discord has it.
    """
    is_lost = False
    with _noting_server_errors() as server_errors:
        pauses = iter((*_PAUSES, None))
        pause = next(pauses)
        while True:
            try:
                return await send_request(request(), _ANSWER_SECONDS)
            except _CONNECTION_LOST:
                if pause is None:
                    raise
                if view is not None and not is_lost:
                    register_view(interaction, view)
                is_lost = True
                await asyncio.sleep(pause)
                pause = next(pauses)
            except discord.HTTPException as error:
                if view is not None and drop_decorations(view, error):
                    continue
                if error.code != DiscordCode.ALREADY_ACKNOWLEDGED or not (is_lost or server_errors):
                    raise
                log.info("response_answer_lost", interaction=interaction.id)
                mark_responded(interaction, type_)
                if view is not None and not is_lost:
                    register_view(interaction, view)
                return None


async def _repeat(
    request: Callable[[], Awaitable[T]], *, seconds: float = REQUEST_SECONDS, view: ui.LayoutView | None = None
) -> T:
    """Make a request that may be made twice, again if the connection breaks, and without refused decorations.

    ``view`` is the card in the message.
    """
    pauses = iter(_PAUSES)
    while True:
        try:
            return await send_request(request(), seconds)
        except _CONNECTION_LOST:
            pause = next(pauses, None)
            if pause is None:
                raise
            await asyncio.sleep(pause)
        except discord.HTTPException as error:
            if view is None or not drop_decorations(view, error):
                raise


def _files(open_files: OpenFiles | None) -> dict[str, Any]:
    """Return the files of a new message as the keyword that discord.py takes."""
    return {} if open_files is None else {"files": open_files()}


def _attachments(open_files: OpenFiles | None) -> dict[str, Any]:
    """Return the files of an edit as the keyword that discord.py takes."""
    return {} if open_files is None else {"attachments": list(open_files())}


def _body(content: str | None, view: ui.LayoutView | None) -> dict[str, Any]:
    """Return a text, with the commands that it names to click, or a card as the keyword that discord.py takes."""
    if view is not None:
        return {"view": view}
    return {"content": None if content is None else link_commands(content, chars=CONTENT_CHARS)}


@contextmanager
def _noting_server_errors() -> Iterator[list[int]]:
    seen: list[int] = []
    token = _server_errors.set(seen)
    try:
        yield seen
    finally:
        _server_errors.reset(token)
