"""The discord.py bot: intents, caches, what happens on login and on an error. No features."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aiohttp
import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.clock import Clock
from bot.discord_internals import disable_voice_warnings, reset_http_session
from bot.errors import UserError
from bot.limits import INTERACTION_TOKEN_LIFE
from bot.store.errors import QuotaExceeded
from bot.ui.render.strings import quota_sentence
from bot.ui.respond import respond

# Reactions and the guild's channels are all that is read; nothing here is privileged.
INTENTS = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True)

# Discord sends its servers one after another; this long after the last one, all are there.
_LAST_GUILD_AFTER = 0.5

# Seconds between two tries to log in while Discord does not answer.
_LOGIN_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)

log = structlog.get_logger(__name__)


class Tree(app_commands.CommandTree["Replicord"]):
    """The command tree; what goes wrong in a command ends here, as a sentence."""

    async def on_error(
        self, interaction: discord.Interaction["Replicord"], error: app_commands.AppCommandError, /
    ) -> None:
        """Tell the person what went wrong; log what was not their doing."""
        await report_error(interaction, error)


class Replicord(commands.AutoShardedBot):
    """The connection to Discord.

    ``on_login`` is awaited once, after Discord accepted the token and before the gateway opens: there the commands
    and cogs are added. ``shards`` set: that many, without asking Discord how many it wants. ``trace`` listens to the
    HTTP session, and ``received`` is told of every interaction the moment it arrives, by its id and what it is for.
    """

    def __init__(
        self,
        *,
        on_login: Callable[["Replicord"], Awaitable[None]],
        shards: int | None = None,
        trace: aiohttp.TraceConfig | None = None,
        received: Callable[[int, str], None] = lambda *_: None,
    ) -> None:
        disable_voice_warnings()
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=INTENTS,
            tree_cls=Tree,
            shard_count=shards,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=_LAST_GUILD_AFTER,
            http_trace=trace or aiohttp.TraceConfig(),
        )
        self._on_login = on_login
        self._received = received

    async def setup_hook(self) -> None:
        """Add everything that needs a login."""
        await self._on_login(self)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Record when an interaction arrived; its command or button is handled elsewhere."""
        self._received(interaction.id, _purpose(interaction))

    async def log_in(self, token: str, *, clock: Clock) -> None:
        """Log in, trying until Discord answers; LoginFailure when it does not take the token."""
        for pause in itertools.chain(_LOGIN_PAUSES, itertools.repeat(_LOGIN_PAUSES[-1])):
            try:
                await self.login(token)
            except (OSError, aiohttp.ClientError, discord.DiscordServerError) as error:
                if self.user is not None:  # the token was taken: this is about something that came after
                    raise
                log.warning("Discord cannot be reached; it is tried again.", error=str(error), seconds=pause)
            else:
                return
            await reset_http_session(self)
            await clock.sleep(pause)

    async def on_message(self, message: discord.Message, /) -> None:
        """Leave messages alone: everything here is a slash command, a button or a reaction."""

    async def on_error(self, event_method: str, /, *_: object, **__: object) -> None:
        """Log what a listener let slip; one event's failure never stops the bot."""
        log.error("A listener failed.", listener=event_method, exc_info=True)  # noqa: LOG014  # discord.py calls this inside its handler


async def report_error(interaction: discord.Interaction[Replicord], error: Exception) -> None:
    """Tell a person in a sentence what went wrong with their interaction; log what we did not foresee."""
    cause = getattr(error, "original", error)
    if isinstance(cause, QuotaExceeded):
        sentence = quota_sentence(cause)
    elif isinstance(cause, UserError):
        sentence = cause.sentence
    elif isinstance(cause, app_commands.CheckFailure):
        sentence = "You may not use this here."
    else:
        log.error("An interaction failed.", interaction=interaction.id, exc_info=cause)
        sentence = "That did not work, and the reason is in the bot's log. Nothing was started; try again."
    if discord.utils.utcnow() - interaction.created_at > INTERACTION_TOKEN_LIFE:
        return
    try:
        await respond(interaction, sentence)
    except discord.HTTPException as refused:
        log.warning("A person could not be told.", interaction=interaction.id, code=refused.code)


def _purpose(interaction: discord.Interaction) -> str:
    """Return what an interaction is for, in few words: its command's name, or button, modal, autocomplete."""
    match interaction.type:
        case discord.InteractionType.application_command:
            return str(cast("dict[str, Any]", interaction.data)["name"])
        case discord.InteractionType.component:
            return "button"
        case discord.InteractionType.modal_submit:
            return "modal"
        case other:
            return other.name
