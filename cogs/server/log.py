"""Lines in a server's log channel. They are sent when there is time, and never hold up or stop anything."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import discord
import structlog

from bot.aio import cancel_and_wait
from bot.clock import Clock
from bot.formatting import truncate_utf16
from bot.language import use_language
from bot.limits import CONTENT_CHARS, SERVER_LOG_CHARS, SERVER_LOG_WAITING
from bot.rules.server_rules import LogLine, ServerRules
from bot.store.errors import StoreError
from bot.store.models import Run
from bot.store.server_rules import Servers
from bot.ui.render.markdown import escape, one_line
from bot.ui.render.server_history import describe_run
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.ui.spoken_language import server_language
from bot.visibility import Visibility

_PAUSE: Final = 1.0  # seconds between two messages: a channel takes five in five seconds, and people write there, too

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    guild_id: int
    kind: LogLine
    text: str
    prompt: str | None


class ServerLog:
    """Posts lines of the kinds that a server has chosen, in its log channel.

    Lines that come faster than the channel takes them are joined to one message; beyond SERVER_LOG_WAITING the oldest
    are dropped. ``close`` ends the task.
    """

    def __init__(self, client: discord.Client, servers: Servers, *, clock: Clock) -> None:
        self._client = client
        self._servers = servers
        self._clock = clock
        self._waiting: deque[_Line] = deque(maxlen=SERVER_LOG_WAITING)
        self._task: asyncio.Task[None] | None = None
        self.unwritable: set[int] = set()  # channels that refused the last line

    def post(self, guild_id: int | None, kind: LogLine, say: Callable[[], str], *, prompt: str | None = None) -> None:
        """Post a line of Markdown soon, said in the server's language; ``prompt`` follows where it wants prompts.

        Nothing outside servers, or in one that the bot is not in.
        """
        if guild_id is None or self._client.get_guild(guild_id) is None:
            return
        with use_language(server_language(self._client, guild_id)):
            self._waiting.append(_Line(guild_id=guild_id, kind=kind, text=say(), prompt=prompt))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_waiting(), name="server log")

    def post_run(self, run: Run) -> None:
        """Post that a run is over; of a private one nobody reads the prompt."""
        prompt = None if run.visibility is Visibility.PRIVATE else run.prompt
        self.post(run.place.guild_id, LogLine.RUNS, lambda: describe_run(run), prompt=prompt)

    async def close(self) -> None:
        """Stop; lines that are not sent are lost."""
        if self._task is not None:
            await cancel_and_wait([self._task])

    async def _send_waiting(self) -> None:
        while self._waiting:
            guild_id = self._waiting[0].guild_id
            lines = [line for line in self._waiting if line.guild_id == guild_id]
            self._waiting = deque(
                (line for line in self._waiting if line.guild_id != guild_id), maxlen=SERVER_LOG_WAITING
            )
            try:
                await self._send(guild_id, lines)
            except (*REQUEST_ERRORS, StoreError) as error:
                log.info("server_log_not_written", guild=guild_id, error=str(error))
            except Exception:  # of our own: it costs these lines
                log.exception("server_log_failed", guild=guild_id)
            await self._clock.sleep(_PAUSE)

    async def _send(self, guild_id: int, lines: list[_Line]) -> None:
        rules = await self._servers.get_rules(guild_id)
        channel_id = rules.log_channel_id
        texts = [_to_text(line, rules) for line in lines if line.kind in rules.log_lines]
        if channel_id is None or not texts:
            return
        channel = self._client.get_partial_messageable(channel_id, guild_id=guild_id)
        while texts:
            content, texts = _take_message(texts)
            try:
                await send_request(channel.send(content, allowed_mentions=discord.AllowedMentions.none()))
            except (discord.Forbidden, discord.NotFound):
                self.unwritable.add(channel_id)
                raise
            self.unwritable.discard(channel_id)


def _to_text(line: _Line, rules: ServerRules) -> str:
    if line.prompt is None or not rules.log_prompts:
        return line.text
    return f"{line.text}\n> {escape(one_line(line.prompt, SERVER_LOG_CHARS))}"


def _take_message(texts: list[str]) -> tuple[str, list[str]]:
    """Return as many lines as fit into one message, at least one, and the others."""
    content = truncate_utf16(texts[0], CONTENT_CHARS)
    number = 1
    while number < len(texts) and len(content) + 1 + len(texts[number]) <= CONTENT_CHARS // 2:
        content += f"\n{texts[number]}"
        number += 1
    return content, texts[number:]
