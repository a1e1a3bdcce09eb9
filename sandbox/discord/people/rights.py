"""Which commands a person gets where, and by whose installation (resources/application#installation-context)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.discord.people.refused import ClientRefused
from sandbox.discord.world.permissions import Permission, sending_in

if TYPE_CHECKING:
    from sandbox.discord.commands import Command
    from sandbox.discord.site import Site
    from sandbox.discord.world.channel import Channel
    from sandbox.discord.world.user import User
    from sandbox.discord.world.world import World

GUILD_INSTALL, USER_INSTALL = 0, 1
IN_GUILD, IN_BOT_DM, IN_PRIVATE = 0, 1, 2


def owners_of(command: Command, user: User, channel: Channel, world: World) -> dict[str, str]:
    """Return the installations that let ``user`` use ``command`` here, as interactions carry them; none means no."""
    rights = world.permissions(channel, user)
    if not rights & Permission.USE_APPLICATION_COMMANDS:
        return {}
    context = context_of(channel, world)
    types = command.data.get("integration_types") or [GUILD_INSTALL]
    contexts = command.data.get("contexts")
    if contexts is None:
        contexts = [IN_GUILD, IN_BOT_DM, *([IN_PRIVATE] if USER_INSTALL in types else [])]
    if context not in contexts or (context == IN_BOT_DM and command.data.get("dm_permission") is False):
        return {}
    needed = command.data.get("default_member_permissions")
    if needed is not None and channel.guild is not None and not _has(rights, int(needed)):
        return {}
    owners = {}
    if GUILD_INSTALL in types and channel.guild is not None and world.bot.id in channel.guild.members:
        owners["0"] = str(channel.guild.id)
    elif GUILD_INSTALL in types and context == IN_BOT_DM:
        owners["0"] = "0"
    if USER_INSTALL in types and user.installed:
        owners["1"] = str(user.id)
    return owners


def may_answer_openly(channel: Channel, rights: Permission) -> bool:
    """Return whether an app that only the person installed may answer so that others see it."""
    needed = Permission.USE_EXTERNAL_APPS | sending_in(channel)
    return not needed & ~rights


def context_of(channel: Channel, world: World) -> int:
    """Return whether ``channel`` is in a guild, the bot's own DM, or another private conversation."""
    if channel.guild is not None:
        return IN_GUILD
    return IN_BOT_DM if world.bot in channel.recipients else IN_PRIVATE


def check_reachable(site: Site, user: User, channel: Channel, name: str, type_: int) -> tuple[Command, dict[str, str]]:
    """Return the command of that name and by whose installation ``user`` has it here."""
    if not site.world.permissions(channel, user) & Permission.VIEW_CHANNEL:
        raise ClientRefused(f"{user.name} does not see this channel.")
    found = site.commands.find(name, type_, channel.guild.id if channel.guild else None)
    if found is None:
        names = ", ".join(command.name for command in site.commands.all() if command.type == type_)
        raise ClientRefused(f"There is no command “{name}”; registered: {names or 'none'}.")
    owners = owners_of(found, user, channel, site.world)
    if not owners:
        raise ClientRefused(f"{user.name} cannot use “{name}” here.")
    return found, owners


def _has(rights: Permission, needed: int) -> bool:
    if needed == 0:
        return bool(rights & Permission.ADMINISTRATOR)
    return not needed & ~rights or bool(rights & Permission.ADMINISTRATOR)
