"""Discord's list of commands, kept equal to ours."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

import discord
import structlog
from discord import app_commands

from bot.client import Replicord
from bot.discord_internals import command_payloads, upsert_commands

log = structlog.get_logger(__name__)

# A command of one server says nothing of where it is used and by whose installation; Discord refuses those keys.
_GLOBAL_KEYS: Final = frozenset({"contexts", "integration_types", "dm_permission"})
_INVALID: Final = 50035


class Memory(Protocol):
    """Remembers small things under a key."""

    async def get(self, key: str) -> Any:
        """Return what stands under the key, None if nothing."""
        ...

    async def put(self, key: str, value: Any) -> None:
        """Write it down."""
        ...


class CommandSync:
    """Sends the commands to Discord when they differ from what was sent last, and only then.

    ``guild`` set: to that one server, where they appear at once; for development.
    """

    def __init__(self, client: Replicord, *, memory: Memory, guild: int | None) -> None:
        self._client = client
        self._memory = memory
        self._guild = guild
        self._turn = asyncio.Lock()

    async def sync(self) -> bool:
        """Make Discord's list equal to the tree; False: it was already. CommandSyncFailure names what it refuses."""
        async with self._turn:
            payload = await self._payload()
            digest = _digest(payload)
            key = f"commands:{self._client.application_id}:{self._guild or 'global'}"
            if await self._memory.get(key) == digest:
                return False
            await self._send(payload)
            await self._memory.put(key, digest)
        log.info("Discord has the commands.", commands=[command["name"] for command in payload])
        return True

    async def _payload(self) -> list[dict[str, Any]]:
        payload = await command_payloads(self._client.tree)
        if self._guild is None:
            return payload
        return [{key: value for key, value in one.items() if key not in _GLOBAL_KEYS} for one in payload]

    async def _send(self, payload: list[dict[str, Any]]) -> None:
        try:
            await upsert_commands(self._client, payload, guild_id=self._guild)
        except discord.HTTPException as error:
            if error.status == 400 and error.code == _INVALID:
                raise app_commands.CommandSyncFailure(error, self._client.tree.get_commands()) from None
            raise


def _digest(payload: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
