"""Discord's list of commands, kept equal to ours."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol

import discord
import structlog

from bot.client import Replicord

log = structlog.get_logger(__name__)


class Memory(Protocol):
    """Remembers small things under a key."""

    async def get(self, key: str) -> Any:
        """Return what stands under the key, None if nothing."""
        ...

    async def put(self, key: str, value: Any) -> None:
        """Write it down."""
        ...


class Registration:
    """Sends the commands to Discord when they differ from what was sent last, and only then.

    ``guild`` set: to that one server, where they appear at once; for development.
    """

    def __init__(self, client: Replicord, *, memory: Memory, guild: int | None) -> None:
        self._client = client
        self._memory = memory
        self._guild = discord.Object(guild) if guild else None

    async def sync(self) -> bool:
        """Make Discord's list equal to the tree; False: it was already. CommandSyncFailure names what it refuses."""
        tree = self._client.tree
        if self._guild:
            tree.copy_global_to(guild=self._guild)
        digest = _digest(await self._payload())
        key = f"commands:{self._client.application_id}:{self._guild.id if self._guild else 'global'}"
        if await self._memory.get(key) == digest:
            return False
        sent = await tree.sync(guild=self._guild)
        await self._memory.put(key, digest)
        log.info("Discord has the commands.", commands=[command.name for command in sent])
        return True

    async def _payload(self) -> Sequence[Any]:
        tree = self._client.tree
        commands = tree.get_commands(guild=self._guild)
        if tree.translator is None:
            return [command.to_dict(tree) for command in commands]
        return [await command.get_translated_payload(tree, tree.translator) for command in commands]


def _digest(payload: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
