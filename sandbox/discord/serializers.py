"""The state as Discord writes it in JSON."""

from collections.abc import Iterable
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.state import components as parts
from sandbox.discord.state.models import (
    Application,
    Attachment,
    CallbackType,
    Channel,
    ChannelType,
    Guild,
    Interaction,
    InteractionType,
    Member,
    Message,
    MessageBody,
    Reaction,
    Role,
    User,
)
from sandbox.discord.state.permissions import USER_INSTALL_PERMISSIONS, permissions_in

Json = dict[str, Any]


def serialize_user(who: User) -> Json:
    """Return a user as others see them."""
    return {
        "id": str(who.id),
        "username": who.username,
        "global_name": who.global_name,
        "discriminator": "0000" if who.bot else "0",
        "avatar": who.avatar_hash,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
        "bot": who.bot,
    }


def serialize_self_user(who: User) -> Json:
    """Return a user as they see themselves."""
    return {
        **serialize_user(who),
        "mfa_enabled": False,
        "locale": "en-US",
        "premium_type": who.premium,
        "verified": True,
    }


def serialize_member(who: Member, *, with_user: bool = True) -> Json:
    """Return a member; ``with_user`` is off in events that carry the user beside it."""
    data: Json = {
        "nick": who.nick,
        "avatar": None,
        "banner": None,
        "roles": [str(role.id) for role in who.roles],
        "joined_at": who.joined_at.isoformat(),
        "premium_since": None,
        "communication_disabled_until": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
    }
    if with_user:
        data["user"] = serialize_user(who.user)
    return data


def serialize_role(what: Role) -> Json:
    """Return a role."""
    data: Json = {
        "id": str(what.id),
        "name": what.name,
        "description": None,
        "permissions": str(int(what.permissions)),
        "position": what.position,
        "color": what.colour,
        "colors": {"primary_color": what.colour, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": what.managed,
        "mentionable": what.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if what.bot_id is not None:
        data["tags"] = {"bot_id": str(what.bot_id)}
    return data


def serialize_application(what: Application, *, guilds: int) -> Json:
    """Return the application as its owner's token sees it."""
    return {
        "id": str(what.id),
        "name": what.name,
        "icon": None,
        "description": what.description,
        "type": None,
        "bot": serialize_user(what.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": _application_flags(what),
        "flags_new": str(_application_flags(what)),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "event_webhooks_url": None,
        "owner": serialize_user(what.owner),
        "approximate_guild_count": guilds,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
        "team": None,
        "integration_types_config": {"0": {}, "1": {}},
    }


def _application_flags(what: Application) -> int:
    limited = {1 << 8: 1 << 13, 1 << 1: 1 << 15, 1 << 15: 1 << 19}  # intent bit -> GATEWAY_*_LIMITED flag
    return sum(flag for intent, flag in limited.items() if what.privileged & intent)


def find_member(guild: Guild | None, who: User) -> Member | None:
    """Return ``who`` as a member of ``guild``, if there is one and they are."""
    return guild.members.get(who.id) if guild is not None else None


def serialize_attachment(what: Attachment, cdn: Cdn) -> Json:
    """Return a file with an address that works for a day."""
    url = cdn.url(what)
    data: Json = {
        "id": str(what.id),
        "filename": what.filename,
        "size": what.size,
        "url": url,
        "proxy_url": url,
        "content_type": what.content_type,
        "width": what.width,
        "height": what.height,
        "description": what.description,
        "title": what.title,
        "flags": 8 if what.spoiler else None,
        "ephemeral": True if what.ephemeral else None,
    }
    return {key: value for key, value in data.items() if value is not None}


def serialize_message(what: Message, cdn: Cdn, viewer: User, *, reply: bool = True) -> Json:
    """Return a message as ``viewer`` gets it; attachments that a component or embed shows are listed only there."""
    data: Json = {
        "id": str(what.id),
        "channel_id": str(what.channel.id),
        "type": what.type,
        "author": serialize_user(what.author),
        **serialize_body(what.body, cdn),
        "timestamp": what.created_at.isoformat(),
        "edited_timestamp": what.edited_at.isoformat() if what.edited_at else None,
        "mentions": [serialize_user(who) for who in what.mentions],
        "mention_roles": [str(id_) for id_ in what.mention_roles],
        "mention_everyone": what.mention_everyone,
        "pinned": False,
        "tts": False,
    }
    data |= {key: value for key, value in _optional_fields(what).items() if value is not None}
    if what.reactions:
        data["reactions"] = [serialize_reaction(one, viewer) for one in what.reactions.values()]
    if what.reference is not None:
        origin = what.reference
        data["message_reference"] = {"type": 0, "channel_id": str(origin.channel.id), "message_id": str(origin.id)}
        if origin.channel.guild is not None:
            data["message_reference"]["guild_id"] = str(origin.channel.guild.id)
        if reply:
            data["referenced_message"] = None if origin.deleted else serialize_message(origin, cdn, viewer, reply=False)
    return data


def _optional_fields(what: Message) -> Json:
    return {
        "nonce": what.nonce,
        "interaction_metadata": what.interaction,
        "application_id": str(what.application_id) if what.application_id else None,
        "webhook_id": str(what.webhook_id) if what.webhook_id else None,
    }


def serialize_message_event(what: Message, cdn: Cdn, viewer: User) -> Json:
    """Return a message as MESSAGE_CREATE and MESSAGE_UPDATE carry it."""
    data = serialize_message(what, cdn, viewer)
    guild = what.channel.guild
    if guild is not None:
        data["guild_id"] = str(guild.id)
        author = find_member(guild, what.author)
        if author is not None:
            data["member"] = serialize_member(author, with_user=False)
    return data


def strip_content(data: Json) -> Json:
    """Return the message as an app without the Message Content intent gets it."""
    return {**data, "content": "", "embeds": [], "attachments": [], "components": []}


def serialize_body(what: MessageBody, cdn: Cdn) -> Json:
    """Return what the message says: content, embeds, attachments, components, flags."""
    files = {item.filename: item for item in what.attachments}
    shown = {item["url"].removeprefix("attachment://") for item in parts.iter_media(what.components)}
    shown |= {one["url"].removeprefix("attachment://") for embed in what.embeds for one in _embed_images(embed)}
    return {
        "content": what.content,
        "embeds": [_serialize_embed(embed, files, cdn) for embed in what.embeds],
        "attachments": [serialize_attachment(item, cdn) for item in what.attachments if item.filename not in shown],
        "components": serialize_components(what, cdn),
        "flags": what.flags,
    }


def serialize_components(what: MessageBody, cdn: Cdn) -> list[Json]:
    """Return the components with every media item resolved."""
    files = {item.filename: item for item in what.attachments}
    return [_serialize_component(item, files, cdn) for item in what.components]


def _serialize_component(item: Json, files: dict[str, Attachment], cdn: Cdn) -> Json:
    data = dict(item)
    if "components" in data:
        data["components"] = [_serialize_component(child, files, cdn) for child in data["components"]]
    if "accessory" in data:
        data["accessory"] = _serialize_component(data["accessory"], files, cdn)
    if "items" in data:
        data["items"] = [{**entry, "media": serialize_media(entry["media"], files, cdn)} for entry in data["items"]]
    for key in ("media", "file"):
        if key in data:
            data[key] = serialize_media(data[key], files, cdn)
    if data["type"] == parts.ComponentType.FILE:
        named = files.get(item["file"]["url"].removeprefix("attachment://"))
        data |= {"name": named.filename if named else None, "size": named.size if named else None}
    return data


def serialize_media(item: Json, files: dict[str, Attachment], cdn: Cdn) -> Json:
    """Return a media item with its address, size and type filled in by Discord."""
    found = files.get(item["url"].removeprefix("attachment://"))
    if found is None:
        return {
            "id": "1",
            "url": item["url"],
            "proxy_url": item["url"],
            "width": None,
            "height": None,
            "content_type": None,
            "flags": 0,
        }
    url = cdn.url(found)
    return {
        "id": str(found.id),
        "url": url,
        "proxy_url": url,
        "width": found.width,
        "height": found.height,
        "content_type": found.content_type,
        "attachment_id": str(found.id),
        "flags": 0,
    }


def _embed_images(embed: Json) -> Iterable[Json]:
    return (embed[key] for key in ("image", "thumbnail") if isinstance(embed.get(key), dict) and "url" in embed[key])


def _serialize_embed(embed: Json, files: dict[str, Attachment], cdn: Cdn) -> Json:
    data = {"type": "rich", **embed}
    for key in ("image", "thumbnail"):
        found = files.get(str((embed.get(key) or {}).get("url", "")).removeprefix("attachment://"))
        if found is not None:
            url = cdn.url(found)
            data[key] = {"url": url, "proxy_url": url, "width": found.width, "height": found.height}
    return data


def serialize_reaction(what: Reaction, viewer: User) -> Json:
    """Return a reaction and whether ``viewer`` is among those who reacted."""
    return {
        "emoji": serialize_emoji(what),
        "count": len(what.users),
        "count_details": {"burst": 0, "normal": len(what.users)},
        "burst_colors": [],
        "burst_me": False,
        "me_burst": False,
        "me": viewer in what.users,
        "burst_count": 0,
    }


def serialize_emoji(what: Reaction) -> Json:
    """Return the emoji of a reaction."""
    return {"id": str(what.emoji.id) if what.emoji.id else None, "name": what.emoji.name}


GUILD_DEFAULTS: Json = {
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


def serialize_channel(what: Channel, viewer: User) -> Json:
    """Return a channel; ``viewer`` is left out of a private conversation's recipients."""
    data: Json = {
        "id": str(what.id),
        "type": int(what.type),
        "flags": 0,
        "last_message_id": str(what.last_message_id) if what.last_message_id else None,
        "last_pin_timestamp": None,
    }
    if what.guild is None:
        data["recipients"] = [serialize_user(who) for who in what.recipients if who is not viewer]
        if what.type is ChannelType.GROUP_DM:
            data |= {"name": what.name, "icon": None, "owner_id": str(what.recipients[0].id)}
        return data
    data |= {
        "guild_id": str(what.guild.id),
        "name": what.name,
        "parent_id": str(what.parent.id) if what.parent else None,
        "rate_limit_per_user": 0,
        **(_thread_fields(what, viewer) if what.is_thread else _text_channel_fields(what)),
    }
    return data


def _text_channel_fields(what: Channel) -> Json:
    return {
        "topic": what.topic,
        "position": what.position,
        "nsfw": False,
        "permission_overwrites": [
            {"id": str(id_), "type": one.type, "allow": str(int(one.allow)), "deny": str(int(one.deny))}
            for id_, one in what.overwrites.items()
        ],
    }


def _thread_fields(what: Channel, viewer: User) -> Json:
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


def serialize_guild(what: Guild) -> Json:
    """Return a guild as GET /guilds/{id} does."""
    return {
        **GUILD_DEFAULTS,
        "id": str(what.id),
        "name": what.name,
        "owner_id": str(what.owner_id),
        "roles": [serialize_role(one) for one in what.roles.values()],
        "premium_tier": what.tier,
    }


def serialize_guild_create(what: Guild, threads: list[Channel], viewer: User) -> Json:
    """Return a guild as the gateway sends it when a session starts."""
    return {
        **serialize_guild(what),
        "joined_at": what.members[viewer.id].joined_at.isoformat(),
        "large": False,
        "unavailable": False,
        "member_count": len(what.members),
        "members": [serialize_member(one) for one in what.members.values()],
        "channels": [serialize_channel(one, viewer) for one in what.channels.values()],
        "threads": [serialize_channel(one, viewer) for one in threads],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def serialize_interaction(what: Interaction, cdn: Cdn, bot: User) -> Json:
    """Return the payload of INTERACTION_CREATE."""
    channel, guild = what.channel, what.channel.guild
    rights = permissions_in(channel, what.user)
    data: Json = {
        "version": 1,
        "id": str(what.id),
        "application_id": str(bot.id),
        "type": int(what.type),
        "token": what.token,
        "data": what.data,
        "channel_id": str(channel.id),
        "channel": {**serialize_channel(channel, bot), "permissions": str(int(rights))},
        "app_permissions": str(int(permissions_in(channel, bot) or USER_INSTALL_PERMISSIONS)),
        "locale": "en-US",
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": dict(what.owners),
        "context": what.context,
        "attachment_size_limit": what.file_limit,
    }
    member = find_member(guild, what.user)
    if guild is not None and member is not None:
        data["guild_id"] = str(guild.id)
        data["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
        data["guild_locale"] = "en-US"
        data["member"] = {**serialize_member(member), "permissions": str(int(rights))}
    else:
        data["user"] = serialize_user(what.user)
    if what.message is not None:
        data["message"] = serialize_message(what.message, cdn, bot)
    return data


def serialize_interaction_metadata(what: Interaction, answered: Message | None = None) -> Json:
    """Return what a message tells about the interaction that it answers."""
    data: Json = {
        "id": str(what.id),
        "type": int(what.type),
        "user": serialize_user(what.user),
        "authorizing_integration_owners": dict(what.owners),
    }
    if what.type is InteractionType.COMMAND:
        data |= {"name": what.data["name"], "command_type": what.command_type}
        if what.command_type == 3:
            data["target_message_id"] = what.data["target_id"]
        elif what.command_type == 2:
            data["target_user"] = next(iter(what.data["resolved"]["users"].values()))
    elif what.type is InteractionType.COMPONENT and what.message is not None:
        data["interacted_message_id"] = str(what.message.id)
    elif what.trigger is not None:
        data["triggering_interaction_metadata"] = serialize_interaction_metadata(what.trigger)
    if answered is not None:
        data["original_response_message_id"] = str(answered.id)
    return data


def serialize_callback_response(what: Interaction, cdn: Cdn, bot: User) -> Json:
    """Return what a callback with ``with_response`` gets."""
    answer = what.answer or CallbackType.PONG
    told: Json = {"id": str(what.id), "type": int(what.type)}
    told["channel_id"] = str(what.channel.id)
    if what.channel.guild is not None:
        told["guild_id"] = str(what.channel.guild.id)
    data: Json = {"interaction": told}
    if what.original is None:
        return data
    told |= {
        "response_message_id": str(what.original.id),
        "response_message_loading": what.original.loading,
        "response_message_ephemeral": what.original.ephemeral,
    }
    if answer in {CallbackType.MESSAGE, CallbackType.UPDATE_MESSAGE}:
        data["resource"] = {"type": int(answer), "message": serialize_message(what.original, cdn, bot)}
    return data
