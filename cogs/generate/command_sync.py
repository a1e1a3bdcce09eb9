"""Send the commands to Discord when they have changed."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

import discord
import structlog
from discord import app_commands

from bot.client import Replicord
from bot.discord_internals import command_payloads, upsert_commands
from bot.store.commands import KeyValue

log = structlog.get_logger(__name__)

# Discord rejects these keys in the commands of one server: they are for global commands.
_GLOBAL_KEYS: Final = frozenset({"contexts", "integration_types", "dm_permission"})
_INVALID_FORM: Final = 50035


class CommandSync:
    """Keeps Discord's commands equal to the tree; a digest of what was sent last is stored.

    ``guild`` is the server to send them to, for development: they appear there at once. None sends them globally.
    Where several processes share a bot, ``share`` is entered around each sync, and brings the tree up to date, and
    ``may_send`` tells whether this process's commands are the newest.
    """

    def __init__(self, client: Replicord, *, key_value: KeyValue, guild: int | None) -> None:
        self._client = client
        self._key_value = key_value
        self._guild = guild
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
            key = f"commands:{self._client.application_id}:{self._guild or 'global'}"
            if await self._key_value.get(key) == digest:
                return False
            await self._send(payload)
            await self._key_value.put(key, digest)
        log.info("commands_synced", commands=[command["name"] for command in payload])
        return True

    async def _payload(self) -> list[dict[str, Any]]:
        payload = await command_payloads(self._client.tree)
        if self._guild is None:
            return payload
        return [{key: value for key, value in command.items() if key not in _GLOBAL_KEYS} for command in payload]

    async def _send(self, payload: list[dict[str, Any]]) -> None:
        try:
            await upsert_commands(self._client, payload, guild_id=self._guild)
        except discord.HTTPException as error:
            if error.status == 400 and error.code == _INVALID_FORM:
                raise app_commands.CommandSyncFailure(error, self._client.tree.get_commands()) from None
            raise


def _digest(payload: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
