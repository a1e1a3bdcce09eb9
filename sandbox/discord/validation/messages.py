"""Validation of messages: content, embeds, files, mentions and emoji."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.limits import ATTACHMENTS_PER_MESSAGE, CONTENT_CHARS, REQUEST_BYTES
from sandbox.discord.errors import EMPTY_MESSAGE, TOO_LARGE, UNKNOWN_EMOJI, ApiError
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
from sandbox.discord.validation.form_errors import FormErrors

MAX_EMBEDS = 10
MAX_EMBED_CHARS = 6000
EMBED_LENGTHS = {"title": 256, "description": 4096}
NESTED_EMBED_LENGTHS = {("footer", "text"): 2048, ("author", "name"): 256}


def validate_embeds(embeds: Any, problems: FormErrors) -> tuple[dict[str, Any], ...]:
    """Return the embeds, noting what is wrong with them."""
    total = 0
    found = problems.objects(embeds, 0, MAX_EMBEDS, "embeds")
    for number, embed in enumerate(found):
        total += _validate_embed(embed, problems, number)
    if total > MAX_EMBED_CHARS:
        problems.add("MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MAX_EMBED_CHARS}", "embeds")
    return tuple(found)


def _validate_embed(embed: dict[str, Any], problems: FormErrors, number: int) -> int:
    total = 0
    for key, high in EMBED_LENGTHS.items():
        problems.text(embed.get(key), 0, high, "embeds", number, key)
        total += len(str(embed.get(key) or ""))
    for (key, inner), high in NESTED_EMBED_LENGTHS.items():
        text = problems.object(embed.get(key), "embeds", number, key).get(inner)
        problems.text(text, 0, high, "embeds", number, key, inner)
        total += len(str(text or ""))
    for key in ("image", "thumbnail"):
        problems.text(problems.object(embed.get(key), "embeds", number, key).get("url"), 0, 2048, "embeds", number, key)
    for index, item in enumerate(problems.objects(embed.get("fields"), 0, 25, "embeds", number, "fields")):
        problems.text(item.get("name"), 1, 256, "embeds", number, "fields", index, "name")
        problems.text(item.get("value"), 1, 1024, "embeds", number, "fields", index, "value")
        total += len(str(item.get("name", ""))) + len(str(item.get("value", "")))
    return total


Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MessagePayload:
    """The body of a request: its JSON, and the files by their number in ``files[n]``."""

    payload: Json = field(default_factory=dict)
    files: Mapping[int, Upload] = field(default_factory=dict)


StoreFile = Callable[[Upload], Attachment]


def check_file_sizes(files: Mapping[int, Upload], limit: int) -> None:
    """Raise 40005 when a file is over ``limit`` or all are over what one request may hold."""
    sizes = [len(upload.data) for upload in files.values()]
    if any(size > limit for size in sizes) or sum(sizes) > max(REQUEST_BYTES, limit):
        raise ApiError(TOO_LARGE)


def resolve_attachments(
    sent: MessagePayload, before: tuple[Attachment, ...], problems: FormErrors, *, limit: int, keep: StoreFile
) -> tuple[Attachment, ...]:
    """Return the files that the message has after the request.

    An edit that names ``attachments`` keeps only those; one that does not keeps all. A new message has every file sent.
    """
    check_file_sizes(sent.files, limit)
    named = sent.payload.get("attachments")
    if named is None:
        chosen = [*before, *(keep(upload) for _, upload in sorted(sent.files.items()))]
    else:
        chosen = _resolve_named(named, sent, before, problems, keep)
    if len(chosen) > ATTACHMENTS_PER_MESSAGE:
        problems.add("BASE_TYPE_MAX_LENGTH", f"Must be {ATTACHMENTS_PER_MESSAGE} or fewer in length.", "attachments")
    return tuple(chosen)


def _resolve_named(
    named: Any, sent: MessagePayload, before: tuple[Attachment, ...], problems: FormErrors, keep: StoreFile
) -> list[Attachment]:
    old = {item.id: item for item in before}
    chosen: list[Attachment] = []
    used: set[int] = set()
    for number, entry in enumerate(problems.objects(named, 0, ATTACHMENTS_PER_MESSAGE, "attachments")):
        id_ = _parse_id(entry.get("id"))
        problems.text(entry.get("description"), 0, 1024, "attachments", number, "description")
        if id_ in sent.files:
            used.add(id_)
            chosen.append(_describe(keep(_rename_upload(sent.files[id_], entry)), entry))
        elif id_ in old:
            chosen.append(_describe(old[id_], entry))
        else:
            words = f"There is no file or attachment with id {entry.get('id')}"
            problems.add("ATTACHMENT_NOT_FOUND", words, "attachments", number, "id")
    if not before:
        chosen += [keep(upload) for index, upload in sorted(sent.files.items()) if index not in used]
    return chosen


def _parse_id(value: Any) -> int:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else -1


def _rename_upload(upload: Upload, entry: Json) -> Upload:
    return replace(upload, name=entry["filename"]) if entry.get("filename") else upload


def _describe(item: Attachment, entry: Json) -> Attachment:
    return replace(
        item,
        description=entry.get("description", item.description),
        spoiler=bool(entry.get("is_spoiler", item.spoiler)),
    )


SETTABLE_FLAGS = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
EDITABLE_FLAGS = SUPPRESS_EMBEDS | COMPONENTS_V2
UNSUPPORTED_FIELDS = ("poll", "sticker_ids", "shared_client_theme")


def build_body(
    sent: MessagePayload, before: MessageBody | None, *, limit: int, keep: StoreFile, ephemeral_ok: bool = False
) -> MessageBody:
    """Return what the message says after the request, or raise what Discord says is wrong with it."""
    problems, payload, old = FormErrors(), sent.payload, before or MessageBody()
    flags = _resolve_flags(payload, before, problems, ephemeral_ok=ephemeral_ok)
    content = payload.get("content") if "content" in payload else old.content
    problems.text(content, 0, CONTENT_CHARS, "content")
    embeds = validate_embeds(payload.get("embeds"), problems) if "embeds" in payload else old.embeds
    files = resolve_attachments(sent, old.attachments, problems, limit=limit, keep=keep)
    v2 = bool(flags & COMPONENTS_V2)
    raw: Any = payload["components"] if "components" in payload else list(old.components)
    _validate_v2_fields(problems, v2=v2, content=content, embeds=embeds, payload=payload)
    components = validate_components(raw, problems, v2=v2, names={item.filename for item in files})
    _validate_supported(payload, problems)
    problems.check()
    body = MessageBody(content or "", embeds, components, files, flags)
    if not (body.content or embeds or components or (files and not v2)):
        raise ApiError(EMPTY_MESSAGE)
    return body


def _resolve_flags(
    payload: dict[str, Any], before: MessageBody | None, problems: FormErrors, *, ephemeral_ok: bool
) -> int:
    wanted = payload.get("flags")
    if wanted is None:
        return before.flags & ~LOADING if before else 0
    if not problems.whole(wanted, 0, (1 << 31) - 1, "flags"):
        return 0
    if before is None:
        return int(wanted & (SETTABLE_FLAGS | (EPHEMERAL if ephemeral_ok else 0)))
    if before.flags & COMPONENTS_V2 and not wanted & COMPONENTS_V2:
        words = "The IS_COMPONENTS_V2 flag cannot be removed from a message"
        problems.add("MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", words, "flags")
    return int((before.flags & ~EDITABLE_FLAGS & ~LOADING) | (wanted & EDITABLE_FLAGS))


def _validate_v2_fields(problems: FormErrors, *, v2: bool, content: Any, embeds: Any, payload: dict[str, Any]) -> None:
    if not v2:
        return
    for key, value in (("content", content), ("embeds", embeds), ("poll", payload.get("poll"))):
        if value:
            words = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            problems.add("MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", words, key)


def _validate_supported(payload: dict[str, Any], problems: FormErrors) -> None:
    for key in UNSUPPORTED_FIELDS:
        if payload.get(key):
            problems.add("SANDBOX_UNSUPPORTED", f"The stand-in does not have '{key}'.", key)


USER_MENTION = re.compile(r"<@!?(\d{1,20})>")
ROLE_MENTION = re.compile(r"<@&(\d{1,20})>")
EVERYONE_MENTION = re.compile(r"@(?:everyone|here)\b")
ALL_MENTION_TYPES = frozenset({"users", "roles", "everyone"})


@dataclass(frozen=True, slots=True)
class Mentions:
    """Who is mentioned, and the ids of those whose client rings."""

    users: tuple[User, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False
    pinged: frozenset[int] = frozenset()


def validate_allowed_mentions(allowed: Any) -> None:
    """Raise when ``allowed_mentions`` contradicts itself."""
    problems = FormErrors()
    if problems.object(allowed, "allowed_mentions"):
        parse = problems.items(allowed.get("parse"), 0, 3, "allowed_mentions", "parse")
        for number, kind in enumerate(parse):
            problems.one_of(kind, ALL_MENTION_TYPES, "allowed_mentions", "parse", number)
        for kind in ("users", "roles"):
            named = problems.items(allowed.get(kind), 0, 100, "allowed_mentions", kind)
            for number, id_ in enumerate(named):
                problems.snowflake(id_, "allowed_mentions", kind, number)
            if named and kind in parse:
                words = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
                problems.add("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", words, "allowed_mentions")
    problems.check()


def resolve_mentions(
    body: MessageBody,
    channel: Channel,
    author: User,
    allowed: dict[str, Any] | None,
    *,
    default: frozenset[str] = ALL_MENTION_TYPES,
) -> Mentions:
    """Return whom ``body`` mentions and rings; ``default`` is what may ring when nothing was said about it."""
    rules = {"parse": sorted(default)} if allowed is None else allowed
    kinds = frozenset(rules.get("parse") or ())
    people = {who.id: who for who in _members(channel)}
    users = [int(id_) for id_ in dict.fromkeys(USER_MENTION.findall(body.text))]
    wanted_users = {int(id_) for id_ in rules.get("users") or ()}
    users = [id_ for id_ in users if id_ in people and ("users" in kinds or id_ in wanted_users)]
    rights = permissions_in(channel, author)
    roles = _resolve_roles(body.text, channel, rights, rules, kinds)
    everyone = "everyone" in kinds and bool(rights & Permission.MENTION_EVERYONE and EVERYONE_MENTION.search(body.text))
    pinged = set(people) if everyone else set(users)
    if channel.guild is not None:
        members = channel.guild.members.values()
        pinged |= {one.user.id for one in members if any(role.id in roles for role in one.roles)}
    if body.flags & SUPPRESS_NOTIFICATIONS:
        pinged = set()
    return Mentions(tuple(people[id_] for id_ in users), roles, everyone, frozenset(pinged - {author.id}))


def add_reply_mention(mentions: Mentions, origin: Message | None, allowed: dict[str, Any] | None) -> Mentions:
    """Return the mentions of a reply: its author is rung unless the reply says otherwise."""
    if origin is None or (allowed is not None and not allowed.get("replied_user", False)):
        return mentions
    users = tuple(dict.fromkeys((*mentions.users, origin.author)))
    return Mentions(users, mentions.roles, mentions.everyone, mentions.pinged | {origin.author.id})


def _members(channel: Channel) -> list[User]:
    if channel.guild is None:
        return channel.recipients
    return [one.user for one in channel.guild.members.values()]


def _resolve_roles(
    text: str, channel: Channel, rights: Permission, rules: dict[str, Any], kinds: frozenset[str]
) -> tuple[int, ...]:
    if channel.guild is None:
        return ()
    wanted = {int(id_) for id_ in rules.get("roles") or ()}
    found = [channel.guild.roles.get(int(id_)) for id_ in dict.fromkeys(ROLE_MENTION.findall(text))]
    return tuple(
        role.id
        for role in found
        if role is not None
        and (role.mentionable or rights & Permission.MENTION_EVERYONE)
        and ("roles" in kinds or role.id in wanted)
    )


CUSTOM_EMOJI = re.compile(r"(\w{2,32}):(\d{1,20})$")


def parse_emoji(text: str) -> Emoji:
    """Return the emoji that ``text`` is, as it stands in a path or is typed; raise when it is none."""
    if own := CUSTOM_EMOJI.match(text):
        return Emoji(own[1], int(own[2]))
    is_keycap = text[:1] in set("0123456789#*") and not text.isascii()
    has_letters = any(unicodedata.category(letter)[0] == "L" for letter in text)
    if not text or has_letters or (text.isascii() and not is_keycap):
        raise ApiError(UNKNOWN_EMOJI)
    return Emoji(text)
