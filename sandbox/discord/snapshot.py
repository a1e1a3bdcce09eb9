"""All that one person sees of the state at one moment, and how it changes, in Discord's JSON."""

from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.serializers import (
    serialize_application,
    serialize_attachment,
    serialize_channel,
    serialize_guild,
    serialize_message_event,
    serialize_user,
)
from sandbox.discord.services.commands import CommandRegistry
from sandbox.discord.state.events import Event
from sandbox.discord.state.models import Message, User
from sandbox.discord.state.permissions import Permission, permissions_in
from sandbox.discord.state.state import DiscordState

Json = dict[str, Any]


def serialize_seen_user(who: User, cdn: Cdn) -> Json:
    """Return a user with the address of their picture."""
    return {**serialize_user(who), "avatar_url": cdn.avatar_url(who)}


def serialize_seen_message(what: Message, cdn: Cdn, viewer: User) -> Json:
    """Return a message as ``viewer``'s client draws it, with every file that it has by name."""
    data = serialize_message_event(what, cdn, viewer)
    data["author"] = serialize_seen_user(what.author, cdn)
    data["pinged"] = viewer.id in what.pinged
    data["files"] = {item.filename: serialize_attachment(item, cdn) for item in what.attachments}
    return data


def serialize_snapshot(state: DiscordState, commands: CommandRegistry, cdn: Cdn, viewer: User) -> Json:
    """Return users, guilds, channels with their messages, and commands, as far as ``viewer`` sees them."""
    seen = [one for one in state.channels.values() if permissions_in(one, viewer) & Permission.VIEW_CHANNEL]
    return {
        "user": serialize_seen_user(viewer, cdn),
        "users": [serialize_seen_user(who, cdn) for who in state.users.values()],
        "application": serialize_application(state.application, guilds=len(state.guilds)),
        "guilds": [serialize_guild(one) for one in state.guilds.values() if viewer.id in one.members],
        "channels": [
            {
                **serialize_channel(one, viewer),
                "permissions": str(int(permissions_in(one, viewer))),
                "messages": [
                    serialize_seen_message(what, cdn, viewer)
                    for what in one.messages.values()
                    if what.audience in {None, viewer}
                ],
            }
            for one in seen
        ],
        "commands": [command.data for command in commands.all()],
    }


def serialize_event(what: Event, cdn: Cdn, viewer: User) -> Json | None:
    """Return a change as ``viewer``'s client gets it, or None when it is hidden from them."""
    if what.audience not in {None, viewer}:
        return None
    if what.channel is not None and not permissions_in(what.channel, viewer) & Permission.VIEW_CHANNEL:
        return None
    data = what.data
    if what.message is not None and what.kind in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
        data = serialize_seen_message(what.message, cdn, viewer)
    elif what.channel is not None and what.kind == "CHANNEL_UPDATE":
        data = serialize_channel(what.channel, viewer)
    return {"t": what.kind, "at": what.at.isoformat(), "d": data}
