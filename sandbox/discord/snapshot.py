"""What one person's client shows: a snapshot of the state and the events that change it, in Discord's JSON."""

from collections.abc import Iterable
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
from sandbox.discord.state.models import Message, User
from sandbox.discord.state.permissions import Permission, permissions_in
from sandbox.discord.state.state import DiscordState, Event

Json = dict[str, Any]


def serialize_snapshot(state: DiscordState, commands: Iterable[Json], cdn: Cdn, viewer: User) -> Json:
    """Return users, guilds, channels with their messages, and commands, as far as ``viewer`` sees them."""
    channels = [one for one in state.channels.values() if permissions_in(one, viewer) & Permission.VIEW_CHANNEL]
    return {
        "user": {**_serialize_user(viewer, cdn), "locale": viewer.locale},
        "users": [_serialize_user(user, cdn) for user in state.users.values()],
        "application": serialize_application(state.application, guilds=len(state.guilds)),
        "guilds": [serialize_guild(guild) for guild in state.guilds.values() if viewer.id in guild.members],
        "channels": [
            {
                **serialize_channel(channel, viewer),
                "permissions": str(int(permissions_in(channel, viewer))),
                "messages": [
                    serialize_visible_message(message, cdn, viewer)
                    for message in channel.messages.values()
                    if message.audience in {None, viewer}
                ],
            }
            for channel in channels
        ],
        "commands": list(commands),
    }


def serialize_event(event: Event, cdn: Cdn, viewer: User) -> Json | None:
    """Return an event as ``viewer``'s client receives it, or None if it is hidden from them.

    ``t`` is the kind, ``d`` the data.
    """
    if event.audience not in {None, viewer}:
        return None
    if event.channel is not None and not permissions_in(event.channel, viewer) & Permission.VIEW_CHANNEL:
        return None
    data = event.data
    if event.message is not None and event.kind in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
        data = serialize_visible_message(event.message, cdn, viewer)
    elif event.channel is not None and event.kind in {"CHANNEL_UPDATE", "THREAD_CREATE"}:
        data = serialize_channel(event.channel, viewer)
        if event.kind == "THREAD_CREATE":
            data |= {"permissions": str(int(permissions_in(event.channel, viewer)))}
    return {"t": event.kind, "at": event.at.isoformat(), "d": data}


def _serialize_user(user: User, cdn: Cdn) -> Json:
    return {**serialize_user(user), "avatar_url": cdn.avatar_url(user)}


def serialize_visible_message(message: Message, cdn: Cdn, viewer: User) -> Json:
    """Return a message with the URLs of all its files by name, and whether it notified ``viewer``."""
    data = serialize_message_event(message, cdn, viewer)
    data["author"] = _serialize_user(message.author, cdn)
    data["pinged"] = viewer.id in message.pinged
    data["files"] = {item.filename: serialize_attachment(item, cdn) for item in message.attachments}
    return data
