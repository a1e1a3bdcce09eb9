"""Guilds and channels, in Discord's JSON."""

from typing import Any

from sandbox.discord.wire import people
from sandbox.discord.world.channel import Channel, ChannelType
from sandbox.discord.world.guild import Guild
from sandbox.discord.world.user import User

Json = dict[str, Any]
PLAIN_GUILD: Json = {
    "icon": None,
    "description": None,
    "home_header": None,
    "splash": None,
    "discovery_splash": None,
    "features": [],
    "banner": None,
    "application_id": None,
    "region": "deprecated",
    "afk_channel_id": None,
    "afk_timeout": 300,
    "system_channel_id": None,
    "system_channel_flags": 0,
    "widget_enabled": False,
    "widget_channel_id": None,
    "verification_level": 0,
    "default_message_notifications": 0,
    "mfa_level": 0,
    "explicit_content_filter": 0,
    "max_presences": None,
    "max_members": 500_000,
    "max_stage_video_channel_users": 50,
    "max_video_channel_users": 25,
    "vanity_url_code": None,
    "premium_subscription_count": 0,
    "preferred_locale": "en-US",
    "rules_channel_id": None,
    "safety_alerts_channel_id": None,
    "public_updates_channel_id": None,
    "premium_progress_bar_enabled": False,
    "nsfw": False,
    "nsfw_level": 0,
    "emojis": [],
    "stickers": [],
    "incidents_data": None,
}
"""What every guild of the sandbox has: nothing special."""


def channel(what: Channel, viewer: User) -> Json:
    """Return a channel; ``viewer`` is left out of a private conversation's recipients."""
    data: Json = {
        "id": str(what.id),
        "type": int(what.type),
        "flags": 0,
        "last_message_id": str(what.last_message_id) if what.last_message_id else None,
        "last_pin_timestamp": None,
    }
    if what.guild is None:
        data["recipients"] = [people.user(who) for who in what.recipients if who is not viewer]
        if what.type is ChannelType.GROUP_DM:
            data |= {"name": what.name, "icon": None, "owner_id": str(what.recipients[0].id)}
        return data
    data |= {
        "guild_id": str(what.guild.id),
        "name": what.name,
        "parent_id": str(what.parent.id) if what.parent else None,
        "rate_limit_per_user": 0,
        **(_thread(what, viewer) if what.is_thread else _text(what)),
    }
    return data


def _text(what: Channel) -> Json:
    return {
        "topic": what.topic,
        "position": what.position,
        "nsfw": False,
        "permission_overwrites": [
            {"id": str(id_), "type": one.type, "allow": str(int(one.allow)), "deny": str(int(one.deny))}
            for id_, one in what.overwrites.items()
        ],
    }


def _thread(what: Channel, viewer: User) -> Json:
    data: Json = {
        "owner_id": str(what.owner_id),
        "message_count": len(what.messages),
        "member_count": len(what.recipients),
        "total_message_sent": len(what.messages),
        "thread_metadata": {
            "archived": what.archived,
            "archive_timestamp": what.made_at.isoformat(),
            "auto_archive_duration": 1440,
            "locked": False,
            "create_timestamp": what.made_at.isoformat(),
        },
    }
    if viewer in what.recipients:
        data["member"] = {
            "id": str(what.id),
            "user_id": str(viewer.id),
            "join_timestamp": what.made_at.isoformat(),
            "flags": 0,
        }
    return data


def guild(what: Guild) -> Json:
    """Return a guild as GET /guilds/{id} does."""
    return {
        **PLAIN_GUILD,
        "id": str(what.id),
        "name": what.name,
        "owner_id": str(what.owner_id),
        "roles": [people.role(one) for one in what.roles.values()],
        "premium_tier": what.tier,
    }


def guild_create(what: Guild, threads: list[Channel], viewer: User) -> Json:
    """Return a guild as the gateway sends it when a session starts."""
    return {
        **guild(what),
        "joined_at": what.members[viewer.id].joined_at.isoformat(),
        "large": False,
        "unavailable": False,
        "member_count": len(what.members),
        "members": [people.member(one) for one in what.members.values()],
        "channels": [channel(one, viewer) for one in what.channels.values()],
        "threads": [channel(one, viewer) for one in threads],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }
