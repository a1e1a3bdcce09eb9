"""All that one person sees of the world at one moment, and how it changes, in Discord's JSON."""

from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.commands import Commands
from sandbox.discord.wire import messages, people, places
from sandbox.discord.world.feed import Change
from sandbox.discord.world.message import Message
from sandbox.discord.world.permissions import Permission, permissions_in
from sandbox.discord.world.user import User
from sandbox.discord.world.world import World

Json = dict[str, Any]


def user(who: User, cdn: Cdn) -> Json:
    """Return a user with the address of their picture."""
    return {**people.user(who), "avatar_url": cdn.avatar_url(who)}


def message(what: Message, cdn: Cdn, viewer: User) -> Json:
    """Return a message as ``viewer``'s client draws it, with every file that it has by name."""
    data = messages.event(what, cdn, viewer)
    data["author"] = user(what.author, cdn)
    data["pinged"] = viewer.id in what.pinged
    data["files"] = {item.filename: messages.attachment(item, cdn) for item in what.attachments}
    return data


def snapshot(world: World, commands: Commands, cdn: Cdn, viewer: User) -> Json:
    """Return users, guilds, channels with their messages, and commands, as far as ``viewer`` sees them."""
    seen = [one for one in world.channels.values() if permissions_in(one, viewer) & Permission.VIEW_CHANNEL]
    return {
        "user": user(viewer, cdn),
        "users": [user(who, cdn) for who in world.users.values()],
        "application": people.application(world.application, guilds=len(world.guilds)),
        "guilds": [places.guild(one) for one in world.guilds.values() if viewer.id in one.members],
        "channels": [
            {
                **places.channel(one, viewer),
                "permissions": str(int(permissions_in(one, viewer))),
                "messages": [
                    message(what, cdn, viewer) for what in one.messages.values() if what.audience in {None, viewer}
                ],
            }
            for one in seen
        ],
        "commands": [command.data for command in commands.every()],
    }


def change(what: Change, cdn: Cdn, viewer: User) -> Json | None:
    """Return a change as ``viewer``'s client gets it, or None when it is hidden from them."""
    if what.audience not in {None, viewer}:
        return None
    if what.channel is not None and not permissions_in(what.channel, viewer) & Permission.VIEW_CHANNEL:
        return None
    data = what.data
    if what.message is not None and what.kind in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
        data = message(what.message, cdn, viewer)
    elif what.channel is not None and what.kind == "CHANNEL_UPDATE":
        data = places.channel(what.channel, viewer)
    return {"t": what.kind, "at": what.at.isoformat(), "d": data}
