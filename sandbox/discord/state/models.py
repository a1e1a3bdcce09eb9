"""Users, guilds, channels, messages, attachments, interactions and the application."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import mimetypes
import re
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, UnidentifiedImageError

from bot.limits import DEFAULT_FILE_BYTES, MIB
from sandbox.discord.state.components import ComponentType, iter_components, iter_media, iter_texts, iter_words

if TYPE_CHECKING:
    from datetime import datetime

Json = dict[str, Any]

# resources "message formatting": a slash command to click, its full name and the id of the command.
_COMMAND_MENTION = re.compile(r"</([^:<>]{1,100}):[0-9]{1,22}>")

GENERIC_TYPE = "application/octet-stream"  # clients send it with every file, so the file name decides
FILE_BYTES_OF_TIER = (DEFAULT_FILE_BYTES, DEFAULT_FILE_BYTES, 50 * MIB, 100 * MIB)

# Message flags (resources/message#message-object-message-flags).
SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_NOTIFICATIONS = 1 << 12
COMPONENTS_V2 = 1 << 15


# -- users, guilds, channels


@dataclass(slots=True, eq=False)
class User:
    """A person or the bot.

    ``avatar`` is a PNG; ``premium_type`` is the Nitro tier, which decides how large the user's files may be;
    ``installed`` means that the user has installed the application for themselves. ``locale`` is the language of their
    client, which interactions bring.
    """

    id: int
    username: str
    global_name: str | None = None
    bot: bool = False
    avatar: bytes = field(default=b"", repr=False)
    premium_type: int = 0
    installed: bool = False
    locale: str = "en-US"

    @property
    def name(self) -> str:
        """The display name."""
        return self.global_name or self.username

    @property
    def avatar_hash(self) -> str | None:
        return hashlib.md5(self.avatar, usedforsecurity=False).hexdigest() if self.avatar else None

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@lru_cache(maxsize=64)  # every stand-in draws the same few people
def draw_avatar(letter: str, color: str, side: int = 128) -> bytes:
    """Return a PNG with ``letter`` on ``color``."""
    image = Image.new("RGB", (side, side), color)
    draw = ImageDraw.Draw(image)
    draw.text((side / 2, side / 2), letter, fill="white", anchor="mm", font_size=side // 2)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@dataclass(slots=True, eq=False)
class Application:
    """An application, its bot and its owner; ``privileged_intents`` are the ones its owner enabled, as bits."""

    id: int
    name: str
    description: str
    bot: User
    owner: User
    privileged_intents: int = 0
    secret: str = "sandbox-not-a-secret"  # noqa: S105 - it gives access to this stand-in only

    @property
    def token(self) -> str:
        """The bot's token, in the format of a real one: its id in base 64 and two more parts."""
        head = base64.urlsafe_b64encode(str(self.bot.id).encode()).decode().rstrip("=")
        return f"{head}.sand.{self.secret}"


@dataclass(slots=True, eq=False)
class Role:
    """A role of a guild; ``permissions`` are Discord's bits."""

    id: int
    name: str
    permissions: int
    position: int = 0
    color: int = 0
    mentionable: bool = False
    managed: bool = False
    bot_id: int | None = None


@dataclass(slots=True, eq=False)
class Member:
    """A user in one guild."""

    user: User
    joined_at: datetime
    roles: list[Role] = field(default_factory=list)
    nick: str | None = None


@dataclass(slots=True, eq=False)
class Guild:
    """A guild.

    ``premium_tier`` is its boost level, ``blocked_words`` are what its AutoMod refuses, ``preferred_locale`` is the
    language that its managers have set.
    """

    id: int
    name: str
    owner_id: int
    created_at: datetime
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    premium_tier: int = 0
    blocked_words: set[str] = field(default_factory=set)
    preferred_locale: str = "en-US"

    @property
    def everyone(self) -> Role:
        """The role of every member; its id is the guild's."""
        return self.roles[self.id]

    @property
    def max_file_bytes(self) -> int:
        return FILE_BYTES_OF_TIER[self.premium_tier]


def find_member(guild: Guild | None, user: User) -> Member | None:
    """Return ``user`` as a member of ``guild``, or None outside a guild or if they are not a member."""
    return guild.members.get(user.id) if guild is not None else None


class ChannelType(IntEnum):
    """The channel types that the stand-in supports (resources/channel)."""

    TEXT = 0
    DM = 1
    GROUP_DM = 3
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


@dataclass(slots=True)
class Overwrite:
    """What a channel allows and denies to a role (``type`` 0) or a member (``type`` 1)."""

    type: int
    allow: int = 0
    deny: int = 0


@dataclass(slots=True, eq=False)
class Channel:
    """A guild channel, a thread or a DM, with its messages, oldest first.

    ``recipients`` are the people in a DM or the members of a thread. ``nsfw``: for adults only.
    """

    id: int
    type: ChannelType
    created_at: datetime
    name: str | None = None
    guild: Guild | None = None
    parent: Channel | None = None
    owner_id: int | None = None
    topic: str | None = None
    position: int = 0
    archived: bool = False
    nsfw: bool = False
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict, repr=False)

    @property
    def is_thread(self) -> bool:
        return self.type in {ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD}

    @property
    def is_age_restricted(self) -> bool:
        """Whether Discord shows this channel, or the channel of this thread, to adults only."""
        return self.parent.nsfw if self.is_thread and self.parent else self.nsfw

    @property
    def is_private(self) -> bool:
        """Whether this is a DM or group DM."""
        return self.guild is None

    @property
    def max_file_bytes(self) -> int:
        """The largest file that anyone may send here without Nitro."""
        return self.guild.max_file_bytes if self.guild is not None else DEFAULT_FILE_BYTES

    @property
    def last_message_id(self) -> int | None:
        """The id of the newest message that is not ephemeral."""
        return next((id_ for id_, message in reversed(self.messages.items()) if message.audience is None), None)


# -- files and messages


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send; without ``content_type`` the type is detected from the data and the name."""

    name: str
    data: bytes = field(repr=False)
    content_type: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """A stored file; ``folder`` is the first part of its path on the CDN."""

    id: int
    folder: str
    owner_id: int
    filename: str
    data: bytes = field(repr=False)
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    description: str | None = None
    title: str | None = None
    spoiler: bool = False
    ephemeral: bool = False

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def path(self) -> str:
        """The path on the CDN."""
        return f"/{self.folder}/{self.owner_id}/{self.id}/{self.filename}"


def clean_filename(name: str) -> str:
    """Return ``name`` as Discord stores it: spaces become underscores, other special characters are dropped."""
    kept = re.sub(r"[^A-Za-z0-9_.\-]", "", name.replace(" ", "_")).strip(".")
    return kept or "unknown"


def probe_file(upload: Upload) -> tuple[str | None, int | None, int | None]:
    """Return the content type and, for an image, its width and height in pixels."""
    try:
        with Image.open(io.BytesIO(upload.data)) as image:
            return Image.MIME.get(image.format or "", "image/png"), image.width, image.height
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        declared = None if upload.content_type == GENERIC_TYPE else upload.content_type
        return declared or mimetypes.guess_type(upload.name)[0] or upload.content_type, None, None


@dataclass(frozen=True, slots=True)
class Emoji:
    """A Unicode emoji, or a guild's own, which has an ``id``."""

    name: str
    id: int | None = None

    @property
    def key(self) -> str:
        """The emoji as it appears in a path."""
        return f"{self.name}:{self.id}" if self.id else self.name


@dataclass(frozen=True, slots=True)
class MessageBody:
    """What a message shows: text, embeds, components and files."""

    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    flags: int = 0

    @property
    def text(self) -> str:
        """All visible text, in reading order, one part per line; of the mention of a command, its name is visible."""
        embed_texts = (embed.get(key) for embed in self.embeds for key in ("title", "description"))
        texts = [self.content, *(text for text in embed_texts if text), *iter_texts(self.components)]
        return _COMMAND_MENTION.sub(r"/\1", "\n".join(text for text in texts if text))

    @property
    def words(self) -> str:
        """All that people may read: the visible text, alt texts and labels."""
        return "\n".join((self.text, *iter_words(self.components)))

    @property
    def images(self) -> tuple[Attachment, ...]:
        """The visible images: with components V2 only the attachments that a component shows."""
        images = [item for item in self.attachments if (item.content_type or "").startswith("image/")]
        if self.flags & COMPONENTS_V2:
            shown = {item["url"].removeprefix("attachment://") for item in iter_media(self.components)}
            images = [item for item in images if item.filename in shown]
        return tuple(images)

    @property
    def is_ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)


@dataclass(frozen=True, slots=True)
class MessageVersion:
    """What a message showed from ``at`` until its next version."""

    at: datetime
    body: MessageBody
    deleted: bool = False


@dataclass(slots=True, eq=False)
class Reaction:
    """An emoji on a message, and who added it, in order; a super reaction is one of its own (``burst_users``)."""

    emoji: Emoji
    users: list[User] = field(default_factory=list)
    burst_users: list[User] = field(default_factory=list)

    def users_of(self, *, burst: bool) -> list[User]:
        """Return who added a reaction of this type."""
        return self.burst_users if burst else self.users


@dataclass(slots=True, eq=False)
class Message:
    """A message with its reactions and every version it had.

    ``audience`` is the one person who sees an ephemeral message. ``pinged`` holds the ids of the users it notified.
    """

    id: int
    channel: Channel
    author: User
    created_at: datetime
    body: MessageBody
    type: int = 0
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    audience: User | None = None
    mentions: tuple[User, ...] = ()
    mention_roles: tuple[int, ...] = ()
    mention_everyone: bool = False
    pinged: frozenset[int] = frozenset()
    nonce: str | int | None = None
    reference: Message | None = None
    interaction_metadata: Json | None = None
    application_id: int | None = None
    webhook_id: int | None = None
    reactions: dict[str, Reaction] = field(default_factory=dict)
    history: list[MessageVersion] = field(default_factory=list, repr=False)

    @property
    def content(self) -> str:
        """The text outside components."""
        return self.body.content

    @property
    def components(self) -> tuple[Json, ...]:
        return self.body.components

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """All files, including those that components show."""
        return self.body.attachments

    @property
    def text(self) -> str:
        """All visible text."""
        return self.body.text

    @property
    def images(self) -> tuple[Attachment, ...]:
        """The visible images."""
        return self.body.images

    @property
    def loading(self) -> bool:
        """Whether it still shows “… is thinking”."""
        return bool(self.body.flags & LOADING)

    @property
    def ephemeral(self) -> bool:
        return self.audience is not None

    @property
    def deleted(self) -> bool:
        return self.deleted_at is not None

    @property
    def buttons(self) -> tuple[str, ...]:
        """The labels of its buttons, in reading order."""
        found = iter_components(self.components)
        return tuple(item.get("label", "") for item in found if item["type"] == ComponentType.BUTTON)

    def reaction_users(self, emoji: str, *, burst: bool = False) -> tuple[User, ...]:
        """Return who reacted with ``emoji``, by an ordinary or a super reaction."""
        reaction = self.reactions.get(emoji)
        return tuple(reaction.users_of(burst=burst)) if reaction else ()

    def record_version(self, at: datetime) -> None:
        """Add the current body to the history."""
        self.history.append(MessageVersion(at, self.body, self.deleted))


# -- interactions


class InteractionType(IntEnum):
    """What the person did."""

    PING = 1
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class CallbackType(IntEnum):
    """How the application may respond."""

    PONG = 1
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE_MESSAGE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(slots=True, eq=False)
class Interaction:
    """One use of a command or component, and the application's response.

    ``owners`` are the installations that allowed it ("0" the guild's, "1" the user's). ``original`` is the response
    message, ``message`` the one whose component was used. ``started`` is in the clock's monotonic seconds, ``latency``
    the seconds until the first response. ``responded`` is set with that response.
    """

    id: int
    token: str
    type: InteractionType
    user: User
    channel: Channel
    data: Json
    created_at: datetime
    started: float
    owners: dict[str, str]
    file_limit: int
    command_type: int = 1
    message: Message | None = None
    trigger: Interaction | None = None
    always_ephemeral: bool = False
    callback_type: CallbackType | None = None
    latency: float | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None
    token_expired: bool = False
    responded: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def user_install_only(self) -> bool:
        """Whether only the user's own installation allowed it."""
        return "0" not in self.owners

    @property
    def context(self) -> int:
        """Where it happened: 0 a guild, 1 the bot's DM, 2 another DM or group DM."""
        if self.channel.guild is not None:
            return 0
        return 1 if any(user.bot for user in self.channel.recipients) else 2
