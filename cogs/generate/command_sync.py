"""Send the commands to Discord when they have changed."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

import discord
import structlog
from discord import app_commands

from bot.client import Replicord
from bot.command_mentions import CommandMentions, read_ids
from bot.discord_codes import DiscordCode
from bot.discord_internals import command_payloads, fetch_commands, upsert_commands
from bot.start_failures import describe_error
from bot.store.commands import KeyValue
from bot.ui.requests import REQUEST_ERRORS

log = structlog.get_logger(__name__)

# Discord rejects these keys in the commands of one server: they are for global commands.
_GLOBAL_KEYS: Final = frozenset({"contexts", "integration_types", "dm_permission"})
_SENDING: Final = "sending"


class CommandSync:
    """Keeps Discord's commands equal to the tree; a digest of what was sent last is stored, with the commands' ids.

    ``guild`` is the server to send them to, for development: they appear there at once. None sends them globally.
    Where several processes share a bot, ``share`` is entered around each sync, and brings the tree up to date, and
    ``may_send`` tells whether this process's commands are the newest.
    """

    def __init__(self, client: Replicord, *, key_value: KeyValue, guild: int | None, mentions: CommandMentions) -> None:
        self._client = client
        self._key_value = key_value
        self._guild = guild
        self._mentions = mentions
        self._lock = asyncio.Lock()
        self._share: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
        self._may_send: Callable[[], bool] = lambda: True

    def share_by(self, share: Callable[[], AbstractAsyncContextManager[None]], *, may_send: Callable[[], bool]) -> None:
        """From now on, take turns with other processes."""
        self._share = share
        self._may_send = may_send

    async def sync(self) -> bool:
        """Send the tree to Discord; return False if Discord has it already, or another process sends a newer one.

        Raises CommandSyncFailure, with the commands that Discord rejects.
        """
        async with self._lock, self._share():
            if not self._may_send():
                log.info("command_sync_left_to_newer_version")
                return False
            payload = await self._payload()
            digest = _digest(payload)
            key = self._key(self._guild)
            if await self._key_value.get(key) == digest:
                await self.load_mentions()
                return False
            ids = read_ids(await self._send(payload, self._guild))
            self._mentions.load(ids)
            await self._key_value.put(self._ids_key(), ids)  # first: with the digest, they are not asked for again
            await self._key_value.put(key, digest)
        log.info("commands_synced", commands=[command["name"] for command in payload])
        return True

    async def load_mentions(self) -> None:
        """Take the ids that were stored with the newest sync, by whichever process; those of none are asked for."""
        stored = ids = await self._key_value.get(self._ids_key())
        if ids is None:
            try:
                ids = read_ids(await fetch_commands(self._client, guild_id=self._guild))
            except REQUEST_ERRORS as error:
                log.info("command_ids_not_known", error=describe_error(error))
                return
        self._mentions.load(ids)
        if stored is None:
            await self._key_value.put(self._ids_key(), ids)

    async def sync_guilds(self, guild_ids: Iterable[int]) -> frozenset[int]:
        """Send servers the commands that only they have, where Discord has others; return those that did not work.

        A server that removed the bot has no commands any more, and needs none.
        """
        failed: set[int] = set()
        async with self._lock, self._share():
            if not self._may_send():
                return frozenset()
            for guild_id in guild_ids:
                try:
                    await self._sync_guild(guild_id)
                except discord.Forbidden:
                    await self._key_value.put(self._key(guild_id), None)
                    log.info("guild_commands_refused", guild=guild_id)
                except REQUEST_ERRORS as error:
                    log.warning("guild_commands_not_synced", guild=guild_id, error=describe_error(error))
                    failed.add(guild_id)
        return frozenset(failed)

    async def _sync_guild(self, guild_id: int) -> None:
        payload = await self._guild_payload(guild_id)
        digest = _digest(payload) if payload else None
        key = self._key(guild_id)
        if await self._key_value.get(key) != digest:
            await self._key_value.put(key, _SENDING)  # no commands have no digest, and a bot may be killed here
            await self._send(payload, guild_id)
            await self._key_value.put(key, digest)
            log.info("guild_commands_synced", guild=guild_id, commands=[command["name"] for command in payload])

    def _key(self, guild_id: int | None) -> str:
        return f"commands:{self._client.application_id}:{guild_id or 'global'}"

    def _ids_key(self) -> str:
        return f"command_ids:{self._client.application_id}:{self._guild or 'global'}"

    async def _payload(self) -> list[dict[str, Any]]:
        return (
            await command_payloads(self._client.tree) if self._guild is None else await self._guild_payload(self._guild)
        )

    async def _guild_payload(self, guild_id: int) -> list[dict[str, Any]]:
        """Return a server's own commands; for development, all others as well."""
        payload = await command_payloads(self._client.tree, guild_id=guild_id)
        if guild_id == self._guild:
            payload = [*await command_payloads(self._client.tree), *payload]
        return [{key: value for key, value in command.items() if key not in _GLOBAL_KEYS} for command in payload]

    async def _send(self, payload: list[dict[str, Any]], guild_id: int | None) -> Sequence[Mapping[str, Any]]:
        try:
            return await upsert_commands(self._client, payload, guild_id=guild_id)
        except discord.HTTPException as error:
            if error.status == 400 and error.code == DiscordCode.INVALID_FORM_BODY:
                raise app_commands.CommandSyncFailure(error, self._client.tree.get_commands()) from None
            raise


def _digest(payload: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
