"""The state as JSON, as Discord's API and gateway send it."""

from collections.abc import Iterable
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.state.components import ComponentType, iter_media
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
    find_member,
)
from sandbox.discord.state.permissions import USER_INSTALL_PERMISSIONS, permissions_in

Json = dict[str, Any]

SUBCOMMAND_OPTIONS = {1, 2}  # the types of a subcommand and of a group of them

# What every guild of the sandbox has.
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


def serialize_user(user: User) -> Json:
    """Return a user object as others see it."""
    return {
        "id": str(user.id),
        "username": user.username,
        "global_name": user.global_name,
        "discriminator": "0000" if user.bot else "0",
        "avatar": user.avatar_hash,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
        "bot": user.bot,
    }


def serialize_self_user(user: User) -> Json:
    """Return the bot's own user, with the fields that only it sees."""
    return {
        **serialize_user(user),
        "mfa_enabled": False,
        "locale": "en-US",
        "premium_type": user.premium_type,
        "verified": True,
    }


def serialize_member(member: Member, *, with_user: bool = True) -> Json:
    """Return a member; events that carry the user in a field of its own leave it out."""
    data: Json = {
        "nick": member.nick,
        "avatar": None,
        "banner": None,
        "roles": [str(role.id) for role in member.roles],
        "joined_at": member.joined_at.isoformat(),
        "premium_since": None,
        "communication_disabled_until": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
    }
    if with_user:
        data["user"] = serialize_user(member.user)
    return data


def serialize_role(role: Role) -> Json:
    data: Json = {
        "id": str(role.id),
        "name": role.name,
        "description": None,
        "permissions": str(int(role.permissions)),
        "position": role.position,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.managed,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if role.bot_id is not None:
        data["tags"] = {"bot_id": str(role.bot_id)}
    return data


def serialize_application(application: Application, *, guilds: int) -> Json:
    """Return the application as its own token sees it."""
    return {
        "id": str(application.id),
        "name": application.name,
        "icon": None,
        "description": application.description,
        "type": None,
        "bot": serialize_user(application.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": _application_flags(application),
        "flags_new": str(_application_flags(application)),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "event_webhooks_url": None,
        "owner": serialize_user(application.owner),
        "approximate_guild_count": guilds,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
        "team": None,
        "integration_types_config": {"0": {}, "1": {}},
    }


def _application_flags(application: Application) -> int:
    limited = {1 << 8: 1 << 13, 1 << 1: 1 << 15, 1 << 15: 1 << 19}  # intent bit -> GATEWAY_*_LIMITED flag
    return sum(flag for intent, flag in limited.items() if application.privileged_intents & intent)


def serialize_attachment(attachment: Attachment, cdn: Cdn) -> Json:
    """Return an attachment with a freshly signed URL."""
    url = cdn.sign_url(attachment)
    data: Json = {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "size": attachment.size,
        "url": url,
        "proxy_url": url,
        "content_type": attachment.content_type,
        "width": attachment.width,
        "height": attachment.height,
        "description": attachment.description,
        "title": attachment.title,
        "flags": 8 if attachment.spoiler else None,
        "ephemeral": True if attachment.ephemeral else None,
    }
    return {key: value for key, value in data.items() if value is not None}


def serialize_message(message: Message, cdn: Cdn, viewer: User, *, reply: bool = True) -> Json:
    """Return a message as ``viewer`` receives it.

    Attachments that a component or embed shows are listed only there. ``reply`` includes the referenced message.
    """
    data: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": message.type,
        "author": serialize_user(message.author),
        **serialize_body(message.body, cdn),
        "timestamp": message.created_at.isoformat(),
        "edited_timestamp": message.edited_at.isoformat() if message.edited_at else None,
        "mentions": [serialize_user(user) for user in message.mentions],
        "mention_roles": [str(id_) for id_ in message.mention_roles],
        "mention_everyone": message.mention_everyone,
        "pinned": False,
        "tts": False,
    }
    data |= {key: value for key, value in _optional_fields(message).items() if value is not None}
    if message.reactions:
        data["reactions"] = [serialize_reaction(reaction, viewer) for reaction in message.reactions.values()]
    if message.reference is not None:
        referenced = message.reference
        data["message_reference"] = {
            "type": 0,
            "channel_id": str(referenced.channel.id),
            "message_id": str(referenced.id),
        }
        if referenced.channel.guild is not None:
            data["message_reference"]["guild_id"] = str(referenced.channel.guild.id)
        if reply:
            data["referenced_message"] = (
                None if referenced.deleted else serialize_message(referenced, cdn, viewer, reply=False)
            )
    return data


def _optional_fields(message: Message) -> Json:
    return {
        "nonce": message.nonce,
        "interaction_metadata": message.interaction_metadata,
        "application_id": str(message.application_id) if message.application_id else None,
        "webhook_id": str(message.webhook_id) if message.webhook_id else None,
    }


def serialize_message_event(message: Message, cdn: Cdn, viewer: User) -> Json:
    """Return the payload of MESSAGE_CREATE and MESSAGE_UPDATE."""
    data = serialize_message(message, cdn, viewer)
    guild = message.channel.guild
    if guild is not None:
        data["guild_id"] = str(guild.id)
        author = find_member(guild, message.author)
        if author is not None:
            data["member"] = serialize_member(author, with_user=False)
    return data


def strip_content(data: Json) -> Json:
    """Return the message as an app without the Message Content intent receives it."""
    return {**data, "content": "", "embeds": [], "attachments": [], "components": []}


def serialize_body(body: MessageBody, cdn: Cdn) -> Json:
    """Return the content, embeds, attachments, components and flags of a message."""
    files = {item.filename: item for item in body.attachments}
    shown = {item["url"].removeprefix("attachment://") for item in iter_media(body.components)}
    shown |= {image["url"].removeprefix("attachment://") for embed in body.embeds for image in _embed_images(embed)}
    return {
        "content": body.content,
        "embeds": [_serialize_embed(embed, files, cdn) for embed in body.embeds],
        "attachments": [serialize_attachment(item, cdn) for item in body.attachments if item.filename not in shown],
        "components": serialize_components(body, cdn),
        "flags": body.flags,
    }


def serialize_components(body: MessageBody, cdn: Cdn) -> list[Json]:
    """Return the components with the URLs, sizes and types of their media."""
    files = {item.filename: item for item in body.attachments}
    return [_serialize_component(item, files, cdn) for item in body.components]


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
    if data["type"] == ComponentType.FILE:
        found = files.get(item["file"]["url"].removeprefix("attachment://"))
        data |= {"name": found.filename if found else None, "size": found.size if found else None}
    return data


def serialize_media(item: Json, files: dict[str, Attachment], cdn: Cdn) -> Json:
    """Return a media item with its URL, size and type."""
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
    url = cdn.sign_url(found)
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
            url = cdn.sign_url(found)
            data[key] = {"url": url, "proxy_url": url, "width": found.width, "height": found.height}
    return data


def serialize_reaction(reaction: Reaction, viewer: User) -> Json:
    return {
        "emoji": serialize_emoji(reaction),
        "count": len(reaction.users) + len(reaction.burst_users),
        "count_details": {"burst": len(reaction.burst_users), "normal": len(reaction.users)},
        "burst_colors": [],
        "burst_me": viewer in reaction.burst_users,
        "me_burst": viewer in reaction.burst_users,
        "me": viewer in reaction.users,
        "burst_count": len(reaction.burst_users),
    }


def serialize_emoji(reaction: Reaction) -> Json:
    return {"id": str(reaction.emoji.id) if reaction.emoji.id else None, "name": reaction.emoji.name}


def serialize_channel(channel: Channel, viewer: User) -> Json:
    """Return a channel; a DM's recipients exclude ``viewer``."""
    data: Json = {
        "id": str(channel.id),
        "type": int(channel.type),
        "flags": 0,
        "last_message_id": str(channel.last_message_id) if channel.last_message_id else None,
        "last_pin_timestamp": None,
    }
    if channel.guild is None:
        data["recipients"] = [serialize_user(user) for user in channel.recipients if user is not viewer]
        if channel.type is ChannelType.GROUP_DM:
            data |= {"name": channel.name, "icon": None, "owner_id": str(channel.recipients[0].id)}
        return data
    data |= {
        "guild_id": str(channel.guild.id),
        "name": channel.name,
        "parent_id": str(channel.parent.id) if channel.parent else None,
        "rate_limit_per_user": 0,
        **(_thread_fields(channel, viewer) if channel.is_thread else _text_channel_fields(channel)),
    }
    return data


def _text_channel_fields(channel: Channel) -> Json:
    return {
        "topic": channel.topic,
        "position": channel.position,
        "nsfw": channel.nsfw,
        "permission_overwrites": [
            {
                "id": str(id_),
                "type": overwrite.type,
                "allow": str(int(overwrite.allow)),
                "deny": str(int(overwrite.deny)),
            }
            for id_, overwrite in channel.overwrites.items()
        ],
    }


def _thread_fields(channel: Channel, viewer: User) -> Json:
    data: Json = {
        "owner_id": str(channel.owner_id),
        "message_count": len(channel.messages),
        "member_count": len(channel.recipients),
        "total_message_sent": len(channel.messages),
        "thread_metadata": {
            "archived": channel.archived,
            "archive_timestamp": channel.created_at.isoformat(),
            "auto_archive_duration": 1440,
            "locked": False,
            "create_timestamp": channel.created_at.isoformat(),
        },
    }
    if viewer in channel.recipients:
        data["member"] = {
            "id": str(channel.id),
            "user_id": str(viewer.id),
            "join_timestamp": channel.created_at.isoformat(),
            "flags": 0,
        }
    return data


def serialize_guild(guild: Guild) -> Json:
    """Return a guild as GET /guilds/{id} sends it."""
    return {
        **GUILD_DEFAULTS,
        "id": str(guild.id),
        "preferred_locale": guild.preferred_locale,
        "name": guild.name,
        "owner_id": str(guild.owner_id),
        "roles": [serialize_role(role) for role in guild.roles.values()],
        "premium_tier": guild.premium_tier,
    }


def serialize_guild_create(guild: Guild, threads: list[Channel], viewer: User) -> Json:
    """Return the payload of GUILD_CREATE."""
    return {
        **serialize_guild(guild),
        "joined_at": guild.members[viewer.id].joined_at.isoformat(),
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [serialize_member(member) for member in guild.members.values()],
        "channels": [serialize_channel(channel, viewer) for channel in guild.channels.values()],
        "threads": [serialize_channel(channel, viewer) for channel in threads],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def serialize_interaction(interaction: Interaction, cdn: Cdn, bot: User) -> Json:
    """Return the payload of INTERACTION_CREATE."""
    channel, guild = interaction.channel, interaction.channel.guild
    permissions = permissions_in(channel, interaction.user)
    data: Json = {
        "version": 1,
        "id": str(interaction.id),
        "application_id": str(bot.id),
        "type": int(interaction.type),
        "token": interaction.token,
        "data": interaction.data,
        "channel_id": str(channel.id),
        "channel": {**serialize_channel(channel, bot), "permissions": str(int(permissions))},
        "app_permissions": str(int(permissions_in(channel, bot) or USER_INSTALL_PERMISSIONS)),
        "locale": interaction.user.locale,
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": dict(interaction.owners),
        "context": interaction.context,
        "attachment_size_limit": interaction.file_limit,
    }
    member = find_member(guild, interaction.user)
    if guild is not None and member is not None:
        data["guild_id"] = str(guild.id)
        data["guild"] = {"id": str(guild.id), "locale": guild.preferred_locale, "features": []}
        data["guild_locale"] = guild.preferred_locale
        data["member"] = {**serialize_member(member), "permissions": str(int(permissions))}
    else:
        data["user"] = serialize_user(interaction.user)
    if interaction.message is not None:
        data["message"] = serialize_message(interaction.message, cdn, bot)
    return data


def serialize_interaction_metadata(interaction: Interaction, original: Message | None = None) -> Json:
    """Return the ``interaction_metadata`` of the message that responds to an interaction."""
    data: Json = {
        "id": str(interaction.id),
        "type": int(interaction.type),
        "user": serialize_user(interaction.user),
        "authorizing_integration_owners": dict(interaction.owners),
    }
    if interaction.type is InteractionType.COMMAND:
        data |= {"name": _command_path(interaction.data), "command_type": interaction.command_type}
        if interaction.command_type == 3:
            data["target_message_id"] = interaction.data["target_id"]
        elif interaction.command_type == 2:
            data["target_user"] = next(iter(interaction.data["resolved"]["users"].values()))
    elif interaction.type is InteractionType.COMPONENT and interaction.message is not None:
        data["interacted_message_id"] = str(interaction.message.id)
    elif interaction.trigger is not None:
        data["triggering_interaction_metadata"] = serialize_interaction_metadata(interaction.trigger)
    if original is not None:
        data["original_response_message_id"] = str(original.id)
    return data


def _command_path(data: Json) -> str:
    """Return the name of a command with those of its group and subcommand, as messages carry it."""
    inner = next((one for one in data.get("options") or () if one["type"] in SUBCOMMAND_OPTIONS), None)
    return f"{data['name']} {_command_path(inner)}" if inner else str(data["name"])


def serialize_callback_response(interaction: Interaction, cdn: Cdn, bot: User) -> Json:
    """Return the response to a callback with ``with_response``."""
    callback_type = interaction.callback_type or CallbackType.PONG
    summary: Json = {
        "id": str(interaction.id),
        "type": int(interaction.type),
        "channel_id": str(interaction.channel.id),
    }
    if interaction.channel.guild is not None:
        summary["guild_id"] = str(interaction.channel.guild.id)
    data: Json = {"interaction": summary}
    if interaction.original is None:
        return data
    summary |= {
        "response_message_id": str(interaction.original.id),
        "response_message_loading": interaction.original.loading,
        "response_message_ephemeral": interaction.original.ephemeral,
    }
    if callback_type in {CallbackType.MESSAGE, CallbackType.UPDATE_MESSAGE}:
        data["resource"] = {"type": int(callback_type), "message": serialize_message(interaction.original, cdn, bot)}
    return data
