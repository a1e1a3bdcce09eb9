"""Messages with everything that hangs on them, in Discord's JSON."""

from collections.abc import Iterable
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.wire import people
from sandbox.discord.world import components as parts
from sandbox.discord.world.attachment import Attachment
from sandbox.discord.world.message import Body, Message, Reaction
from sandbox.discord.world.user import User

Json = dict[str, Any]


def attachment(what: Attachment, cdn: Cdn) -> Json:
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


def message(what: Message, cdn: Cdn, viewer: User, *, reply: bool = True) -> Json:
    """Return a message as ``viewer`` gets it; attachments that a component or embed shows are listed only there."""
    data: Json = {
        "id": str(what.id),
        "channel_id": str(what.channel.id),
        "type": what.type,
        "author": people.user(what.author),
        **body(what.body, cdn),
        "timestamp": what.created_at.isoformat(),
        "edited_timestamp": what.edited_at.isoformat() if what.edited_at else None,
        "mentions": [people.user(who) for who in what.mentions],
        "mention_roles": [str(id_) for id_ in what.mention_roles],
        "mention_everyone": what.mention_everyone,
        "pinned": False,
        "tts": False,
    }
    data |= {key: value for key, value in _perhaps(what).items() if value is not None}
    if what.reactions:
        data["reactions"] = [reaction(one, viewer) for one in what.reactions.values()]
    if what.reference is not None:
        origin = what.reference
        data["message_reference"] = {"type": 0, "channel_id": str(origin.channel.id), "message_id": str(origin.id)}
        if origin.channel.guild is not None:
            data["message_reference"]["guild_id"] = str(origin.channel.guild.id)
        if reply:
            data["referenced_message"] = None if origin.deleted else message(origin, cdn, viewer, reply=False)
    return data


def _perhaps(what: Message) -> Json:
    return {
        "nonce": what.nonce,
        "interaction_metadata": what.interaction,
        "application_id": str(what.application_id) if what.application_id else None,
        "webhook_id": str(what.webhook_id) if what.webhook_id else None,
    }


def event(what: Message, cdn: Cdn, viewer: User) -> Json:
    """Return a message as MESSAGE_CREATE and MESSAGE_UPDATE carry it."""
    data = message(what, cdn, viewer)
    guild = what.channel.guild
    if guild is not None:
        data["guild_id"] = str(guild.id)
        author = people.member_of(guild, what.author)
        if author is not None:
            data["member"] = people.member(author, with_user=False)
    return data


def without_content(data: Json) -> Json:
    """Return the message as an app without the Message Content intent gets it."""
    return {**data, "content": "", "embeds": [], "attachments": [], "components": []}


def body(what: Body, cdn: Cdn) -> Json:
    """Return what the message says: content, embeds, attachments, components, flags."""
    files = {item.filename: item for item in what.attachments}
    shown = {item["url"].removeprefix("attachment://") for item in parts.media(what.components)}
    shown |= {one["url"].removeprefix("attachment://") for embed in what.embeds for one in _pictures(embed)}
    return {
        "content": what.content,
        "embeds": [_embed(embed, files, cdn) for embed in what.embeds],
        "attachments": [attachment(item, cdn) for item in what.attachments if item.filename not in shown],
        "components": components(what, cdn),
        "flags": what.flags,
    }


def components(what: Body, cdn: Cdn) -> list[Json]:
    """Return the components with every media item resolved."""
    files = {item.filename: item for item in what.attachments}
    return [_component(item, files, cdn) for item in what.components]


def _component(item: Json, files: dict[str, Attachment], cdn: Cdn) -> Json:
    data = dict(item)
    if "components" in data:
        data["components"] = [_component(child, files, cdn) for child in data["components"]]
    if "accessory" in data:
        data["accessory"] = _component(data["accessory"], files, cdn)
    if "items" in data:
        data["items"] = [{**entry, "media": media(entry["media"], files, cdn)} for entry in data["items"]]
    for key in ("media", "file"):
        if key in data:
            data[key] = media(data[key], files, cdn)
    if data["type"] == parts.ComponentType.FILE:
        named = files.get(item["file"]["url"].removeprefix("attachment://"))
        data |= {"name": named.filename if named else None, "size": named.size if named else None}
    return data


def media(item: Json, files: dict[str, Attachment], cdn: Cdn) -> Json:
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


def _pictures(embed: Json) -> Iterable[Json]:
    return (embed[key] for key in ("image", "thumbnail") if isinstance(embed.get(key), dict) and "url" in embed[key])


def _embed(embed: Json, files: dict[str, Attachment], cdn: Cdn) -> Json:
    data = {"type": "rich", **embed}
    for key in ("image", "thumbnail"):
        found = files.get(str((embed.get(key) or {}).get("url", "")).removeprefix("attachment://"))
        if found is not None:
            url = cdn.url(found)
            data[key] = {"url": url, "proxy_url": url, "width": found.width, "height": found.height}
    return data


def reaction(what: Reaction, viewer: User) -> Json:
    """Return a reaction and whether ``viewer`` is among those who reacted."""
    return {
        "emoji": emoji(what),
        "count": len(what.users),
        "count_details": {"burst": 0, "normal": len(what.users)},
        "burst_colors": [],
        "burst_me": False,
        "me_burst": False,
        "me": viewer in what.users,
        "burst_count": 0,
    }


def emoji(what: Reaction) -> Json:
    """Return the emoji of a reaction."""
    return {"id": str(what.emoji.id) if what.emoji.id else None, "name": what.emoji.name}
