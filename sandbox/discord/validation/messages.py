"""Validation of messages: content, embeds, files, mentions and emoji."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.limits import ATTACHMENTS_PER_MESSAGE, CONTENT_CHARS, REQUEST_BYTES
from sandbox.discord.errors import EMPTY_MESSAGE, TOO_LARGE, UNKNOWN_EMOJI, ApiError, FormErrors
from sandbox.discord.state.models import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    Attachment,
    Channel,
    Emoji,
    Message,
    MessageBody,
    Upload,
    User,
)
from sandbox.discord.state.permissions import Permission, permissions_in
from sandbox.discord.validation.components import validate_components

Json = dict[str, Any]
StoreFile = Callable[[Upload], Attachment]

SETTABLE_FLAGS = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
EDITABLE_FLAGS = SUPPRESS_EMBEDS | COMPONENTS_V2
UNSUPPORTED_FIELDS = ("poll", "sticker_ids", "shared_client_theme")

# resources/message#embed-object-embed-limits
MAX_EMBEDS = 10
MAX_EMBED_CHARS = 6000
EMBED_LENGTHS = {"title": 256, "description": 4096}
NESTED_EMBED_LENGTHS = {("footer", "text"): 2048, ("author", "name"): 256}

USER_MENTION = re.compile(r"<@!?(\d{1,20})>")
ROLE_MENTION = re.compile(r"<@&(\d{1,20})>")
EVERYONE_MENTION = re.compile(r"@(?:everyone|here)\b")
ALL_MENTION_TYPES = frozenset({"users", "roles", "everyone"})

CUSTOM_EMOJI = re.compile(r"(\w{2,32}):(\d{1,20})$")


@dataclass(frozen=True, slots=True)
class MessagePayload:
    """The body of a request: its JSON, and the files by their number in ``files[n]``."""

    fields: Json = field(default_factory=dict)
    files: Mapping[int, Upload] = field(default_factory=dict)


def build_body(
    payload: MessagePayload, before: MessageBody | None, *, limit: int, store: StoreFile, ephemeral_ok: bool = False
) -> MessageBody:
    """Return the body of a message after a request; ``before`` is None for a new message.

    ``limit`` is the largest file in bytes. Raises ApiError for an invalid or empty message.
    """
    errors, fields, old = FormErrors(), payload.fields, before or MessageBody()
    flags = _resolve_flags(fields, before, errors, ephemeral_ok=ephemeral_ok)
    content = fields.get("content") if "content" in fields else old.content
    errors.check_text(content, 0, CONTENT_CHARS, "content")
    embeds = _validate_embeds(fields.get("embeds"), errors) if "embeds" in fields else old.embeds
    files = _resolve_attachments(payload, old.attachments, errors, limit=limit, store=store)
    v2 = bool(flags & COMPONENTS_V2)
    raw: Any = fields["components"] if "components" in fields else list(old.components)
    _check_v2_fields(errors, v2=v2, content=content, embeds=embeds, fields=fields)
    components = validate_components(raw, errors, v2=v2, names={item.filename for item in files})
    _check_supported(fields, errors)
    errors.raise_if_any()
    body = MessageBody(content or "", embeds, components, files, flags)
    if not (body.content or embeds or components or (files and not v2)):
        raise ApiError(EMPTY_MESSAGE)
    return body


def _resolve_flags(fields: Json, before: MessageBody | None, errors: FormErrors, *, ephemeral_ok: bool) -> int:
    flags = fields.get("flags")
    if flags is None:
        return before.flags & ~LOADING if before else 0
    if not errors.check_integer(flags, 0, (1 << 31) - 1, "flags"):
        return 0
    if before is None:
        return int(flags & (SETTABLE_FLAGS | (EPHEMERAL if ephemeral_ok else 0)))
    if before.flags & COMPONENTS_V2 and not flags & COMPONENTS_V2:
        message = "The IS_COMPONENTS_V2 flag cannot be removed from a message"
        errors.add("MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", message, "flags")
    return int((before.flags & ~EDITABLE_FLAGS & ~LOADING) | (flags & EDITABLE_FLAGS))


def _check_v2_fields(errors: FormErrors, *, v2: bool, content: Any, embeds: Any, fields: Json) -> None:
    if not v2:
        return
    for key, value in (("content", content), ("embeds", embeds), ("poll", fields.get("poll"))):
        if value:
            message = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            errors.add("MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message, key)


def _check_supported(fields: Json, errors: FormErrors) -> None:
    for key in UNSUPPORTED_FIELDS:
        if fields.get(key):
            errors.add("SANDBOX_UNSUPPORTED", f"The stand-in does not support '{key}'.", key)


# -- embeds


def _validate_embeds(embeds: Any, errors: FormErrors) -> tuple[Json, ...]:
    total = 0
    found = errors.check_objects(embeds, 0, MAX_EMBEDS, "embeds")
    for number, embed in enumerate(found):
        total += _validate_embed(embed, errors, number)
    if total > MAX_EMBED_CHARS:
        errors.add("MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MAX_EMBED_CHARS}", "embeds")
    return tuple(found)


def _validate_embed(embed: Json, errors: FormErrors, number: int) -> int:
    """Add the errors of one embed and return its number of characters."""
    total = 0
    for key, high in EMBED_LENGTHS.items():
        errors.check_text(embed.get(key), 0, high, "embeds", number, key)
        total += len(str(embed.get(key) or ""))
    for (key, inner), high in NESTED_EMBED_LENGTHS.items():
        text = errors.check_object(embed.get(key), "embeds", number, key).get(inner)
        errors.check_text(text, 0, high, "embeds", number, key, inner)
        total += len(str(text or ""))
    for key in ("image", "thumbnail"):
        url = errors.check_object(embed.get(key), "embeds", number, key).get("url")
        errors.check_text(url, 0, 2048, "embeds", number, key)
    for index, item in enumerate(errors.check_objects(embed.get("fields"), 0, 25, "embeds", number, "fields")):
        errors.check_text(item.get("name"), 1, 256, "embeds", number, "fields", index, "name")
        errors.check_text(item.get("value"), 1, 1024, "embeds", number, "fields", index, "value")
        total += len(str(item.get("name", ""))) + len(str(item.get("value", "")))
    return total


# -- files (reference#uploading-files)


def _resolve_attachments(
    payload: MessagePayload, before: tuple[Attachment, ...], errors: FormErrors, *, limit: int, store: StoreFile
) -> tuple[Attachment, ...]:
    """Return the files that the message has after the request.

    An edit with ``attachments`` keeps only those listed; one without keeps all. A new message has every uploaded file.
    """
    _check_file_sizes(payload.files, limit)
    listed = payload.fields.get("attachments")
    if listed is None:
        files = [*before, *(store(upload) for _, upload in sorted(payload.files.items()))]
    else:
        files = _resolve_listed(listed, payload, before, errors, store)
    if len(files) > ATTACHMENTS_PER_MESSAGE:
        errors.add("BASE_TYPE_MAX_LENGTH", f"Must be {ATTACHMENTS_PER_MESSAGE} or fewer in length.", "attachments")
    return tuple(files)


def _check_file_sizes(files: Mapping[int, Upload], limit: int) -> None:
    """Raise error 40005 if a file is larger than ``limit`` or all together are larger than a request may be."""
    sizes = [len(upload.data) for upload in files.values()]
    if any(size > limit for size in sizes) or sum(sizes) > max(REQUEST_BYTES, limit):
        raise ApiError(TOO_LARGE)


def _resolve_listed(
    listed: Any, payload: MessagePayload, before: tuple[Attachment, ...], errors: FormErrors, store: StoreFile
) -> list[Attachment]:
    old = {item.id: item for item in before}
    files: list[Attachment] = []
    used: set[int] = set()
    for number, entry in enumerate(errors.check_objects(listed, 0, ATTACHMENTS_PER_MESSAGE, "attachments")):
        id_ = _parse_id(entry.get("id"))
        errors.check_text(entry.get("description"), 0, 1024, "attachments", number, "description")
        if id_ in payload.files:
            used.add(id_)
            files.append(_apply_entry(store(_rename_upload(payload.files[id_], entry)), entry))
        elif id_ in old:
            files.append(_apply_entry(old[id_], entry))
        else:
            message = f"There is no file or attachment with id {entry.get('id')}"
            errors.add("ATTACHMENT_NOT_FOUND", message, "attachments", number, "id")
    if not before:
        files += [store(upload) for index, upload in sorted(payload.files.items()) if index not in used]
    return files


def _parse_id(value: Any) -> int:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else -1


def _rename_upload(upload: Upload, entry: Json) -> Upload:
    return replace(upload, name=entry["filename"]) if entry.get("filename") else upload


def _apply_entry(item: Attachment, entry: Json) -> Attachment:
    """Return the attachment with the description and spoiler flag of its entry in ``attachments``."""
    return replace(
        item,
        description=entry.get("description", item.description),
        spoiler=bool(entry.get("is_spoiler", item.spoiler)),
    )


# -- mentions (resources/message#allowed-mentions-object)


@dataclass(frozen=True, slots=True)
class Mentions:
    """Whom a message mentions, and the ids of the users it notifies."""

    users: tuple[User, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False
    pinged: frozenset[int] = frozenset()


def validate_allowed_mentions(allowed: Any) -> None:
    """Raise ApiError if ``allowed_mentions`` is invalid."""
    errors = FormErrors()
    if errors.check_object(allowed, "allowed_mentions"):
        parse = errors.check_list(allowed.get("parse"), 0, 3, "allowed_mentions", "parse")
        for number, kind in enumerate(parse):
            errors.check_one_of(kind, ALL_MENTION_TYPES, "allowed_mentions", "parse", number)
        for kind in ("users", "roles"):
            ids = errors.check_list(allowed.get(kind), 0, 100, "allowed_mentions", kind)
            for number, id_ in enumerate(ids):
                errors.check_snowflake(id_, "allowed_mentions", kind, number)
            if ids and kind in parse:
                message = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
                errors.add("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message, "allowed_mentions")
    errors.raise_if_any()


def resolve_mentions(
    body: MessageBody,
    channel: Channel,
    author: User,
    allowed: Json | None,
    *,
    default: frozenset[str] = ALL_MENTION_TYPES,
) -> Mentions:
    """Return whom ``body`` mentions and notifies; ``default`` are the allowed types if ``allowed`` is None."""
    rules = {"parse": sorted(default)} if allowed is None else allowed
    types = frozenset(rules.get("parse") or ())
    recipients = {user.id: user for user in _recipients(channel)}
    mentioned = [int(id_) for id_ in dict.fromkeys(USER_MENTION.findall(body.text))]
    allowed_ids = {int(id_) for id_ in rules.get("users") or ()}
    user_ids = [id_ for id_ in mentioned if id_ in recipients and ("users" in types or id_ in allowed_ids)]
    permissions = permissions_in(channel, author)
    roles = _resolve_roles(body.text, channel, permissions, rules, types)
    may_mention_everyone = bool(permissions & Permission.MENTION_EVERYONE)
    everyone = "everyone" in types and may_mention_everyone and bool(EVERYONE_MENTION.search(body.text))
    pinged = set(recipients) if everyone else set(user_ids)
    if channel.guild is not None:
        members = channel.guild.members.values()
        pinged |= {member.user.id for member in members if any(role.id in roles for role in member.roles)}
    if body.flags & SUPPRESS_NOTIFICATIONS:
        pinged = set()
    return Mentions(tuple(recipients[id_] for id_ in user_ids), roles, everyone, frozenset(pinged - {author.id}))


def add_reply_mention(mentions: Mentions, referenced: Message | None, allowed: Json | None) -> Mentions:
    """Add the author of the message that is replied to, unless ``allowed`` excludes them."""
    if referenced is None or (allowed is not None and not allowed.get("replied_user", False)):
        return mentions
    users = tuple(dict.fromkeys((*mentions.users, referenced.author)))
    return Mentions(users, mentions.roles, mentions.everyone, mentions.pinged | {referenced.author.id})


def _recipients(channel: Channel) -> list[User]:
    if channel.guild is None:
        return channel.recipients
    return [member.user for member in channel.guild.members.values()]


def _resolve_roles(
    text: str, channel: Channel, permissions: Permission, rules: Json, types: frozenset[str]
) -> tuple[int, ...]:
    if channel.guild is None:
        return ()
    allowed_ids = {int(id_) for id_ in rules.get("roles") or ()}
    found = [channel.guild.roles.get(int(id_)) for id_ in dict.fromkeys(ROLE_MENTION.findall(text))]
    return tuple(
        role.id
        for role in found
        if role is not None
        and (role.mentionable or permissions & Permission.MENTION_EVERYONE)
        and ("roles" in types or role.id in allowed_ids)
    )


# -- emoji


def parse_emoji(text: str) -> Emoji:
    """Return the emoji that ``text`` names in a path or in a client; raise ApiError if it is none."""
    if custom := CUSTOM_EMOJI.match(text):
        return Emoji(custom[1], int(custom[2]))
    is_keycap = text[:1] in set("0123456789#*") and not text.isascii()
    has_letters = any(unicodedata.category(letter)[0] == "L" for letter in text)
    if not text or has_letters or (text.isascii() and not is_keycap):
        raise ApiError(UNKNOWN_EMOJI)
    return Emoji(text)
