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
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, UnidentifiedImageError

from bot.limits import DEFAULT_FILE_BYTES, MIB
from sandbox.discord.state import components as parts

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True, eq=False)
class User:
    """Someone with a name; ``avatar`` is a PNG, ``premium`` a Nitro tier, which decides the size of files."""

    id: int
    username: str
    global_name: str | None = None
    bot: bool = False
    avatar: bytes = field(default=b"", repr=False)
    premium: int = 0
    installed: bool = False
    """Whether this person has installed the application for themselves."""

    @property
    def name(self) -> str:
        """What others read above this user's messages."""
        return self.global_name or self.username

    @property
    def avatar_hash(self) -> str | None:
        """The name that Discord gives the avatar's bytes."""
        return hashlib.md5(self.avatar, usedforsecurity=False).hexdigest() if self.avatar else None

    @property
    def mention(self) -> str:
        """The text that mentions this user."""
        return f"<@{self.id}>"


def draw_avatar(letter: str, colour: str, side: int = 128) -> bytes:
    """Return a PNG with ``letter`` on ``colour``."""
    image = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(image)
    draw.text((side / 2, side / 2), letter, fill="white", anchor="mm", font_size=side // 2)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


FILE_BYTES_OF_TIER = (DEFAULT_FILE_BYTES, DEFAULT_FILE_BYTES, 50 * MIB, 100 * MIB)


@dataclass(slots=True, eq=False)
class Role:
    """A role: a name and what it allows, as Discord's permission bits."""

    id: int
    name: str
    permissions: int
    position: int = 0
    colour: int = 0
    mentionable: bool = False
    managed: bool = False
    bot_id: int | None = None


@dataclass(slots=True, eq=False)
class Member:
    """A user as one guild knows them."""

    user: User
    joined_at: datetime
    roles: list[Role] = field(default_factory=list)
    nick: str | None = None


@dataclass(slots=True, eq=False)
class Guild:
    """A guild; ``tier`` is its boost level, ``blocked_words`` what its AutoMod refuses."""

    id: int
    name: str
    owner_id: int
    made_at: datetime
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    tier: int = 0
    blocked_words: set[str] = field(default_factory=set)

    @property
    def everyone(self) -> Role:
        """The role that every member has; its id is the guild's."""
        return self.roles[self.id]

    @property
    def max_file_bytes(self) -> int:
        """How large one file of a message may be here."""
        return FILE_BYTES_OF_TIER[self.tier]


class ChannelType(IntEnum):
    """The kinds of channel that the stand-in knows (resources/channel)."""

    TEXT = 0
    DM = 1
    GROUP_DM = 3
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


@dataclass(slots=True)
class Overwrite:
    """What one channel gives to and takes from a role (``type`` 0) or a member (``type`` 1)."""

    type: int
    allow: int = 0
    deny: int = 0


@dataclass(slots=True, eq=False)
class Channel:
    """A channel and everything said in it, oldest first.

    ``recipients`` are the people of a private conversation or the members of a thread.
    """

    id: int
    type: ChannelType
    made_at: datetime
    name: str | None = None
    guild: Guild | None = None
    parent: Channel | None = None
    owner_id: int | None = None
    topic: str | None = None
    position: int = 0
    archived: bool = False
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict, repr=False)

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread of another channel."""
        return self.type in {ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD}

    @property
    def is_private(self) -> bool:
        """Whether this is a conversation outside any guild."""
        return self.guild is None

    @property
    def max_file_bytes(self) -> int:
        """How large one file of a message may be here, whoever sends it."""
        return self.guild.max_file_bytes if self.guild is not None else DEFAULT_FILE_BYTES

    @property
    def last_message_id(self) -> int | None:
        """The id of the newest message that everybody may see."""
        return next((id_ for id_, message in reversed(self.messages.items()) if message.audience is None), None)


GENERIC_TYPE = "application/octet-stream"  # what clients say of every file; the name says more


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as someone hands it over: a name and bytes; the type is told from both when not given."""

    name: str
    data: bytes = field(repr=False)
    content_type: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """A file as Discord keeps it; ``folder`` is the first part of its path on the CDN."""

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
        """The number of bytes."""
        return len(self.data)

    @property
    def path(self) -> str:
        """Where the CDN has it."""
        return f"/{self.folder}/{self.owner_id}/{self.id}/{self.filename}"


def clean_filename(name: str) -> str:
    """Return ``name`` as Discord writes it: spaces as underscores, other odd characters dropped."""
    kept = re.sub(r"[^A-Za-z0-9_.\-]", "", name.replace(" ", "_")).strip(".")
    return kept or "unknown"


def probe_file(upload: Upload) -> tuple[str | None, int | None, int | None]:
    """Return the content type and, for a picture, its width and height."""
    try:
        with Image.open(io.BytesIO(upload.data)) as image:
            return Image.MIME.get(image.format or "", "image/png"), image.width, image.height
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        told = None if upload.content_type == GENERIC_TYPE else upload.content_type
        return told or mimetypes.guess_type(upload.name)[0] or upload.content_type, None, None


@dataclass(frozen=True, slots=True)
class Emoji:
    """An emoji; ``id`` is set for a guild's own, whose ``name`` is a word."""

    name: str
    id: int | None = None

    @property
    def key(self) -> str:
        """The emoji as it stands in a path."""
        return f"{self.name}:{self.id}" if self.id else self.name


Json = dict[str, Any]

EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_EMBEDS = 1 << 2
SUPPRESS_NOTIFICATIONS = 1 << 12
COMPONENTS_V2 = 1 << 15


@dataclass(frozen=True, slots=True)
class MessageBody:
    """What a message says at one moment."""

    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    flags: int = 0

    @property
    def text(self) -> str:
        """All words that a reader sees, in reading order."""
        embedded = (embed.get(key) for embed in self.embeds for key in ("title", "description"))
        said = [self.content, *(text for text in embedded if text), *parts.iter_texts(self.components)]
        return "\n".join(text for text in said if text)

    @property
    def images(self) -> tuple[Attachment, ...]:
        """The attached images that a reader sees: with components V2 only those that a component shows."""
        images = [item for item in self.attachments if (item.content_type or "").startswith("image/")]
        if self.flags & COMPONENTS_V2:
            shown = {item["url"].removeprefix("attachment://") for item in parts.iter_media(self.components)}
            images = [item for item in images if item.filename in shown]
        return tuple(images)


@dataclass(frozen=True, slots=True)
class MessageVersion:
    """What a message was from ``at`` on."""

    at: datetime
    body: MessageBody
    deleted: bool = False


@dataclass(slots=True, eq=False)
class Reaction:
    """One emoji under a message and who put it there, in that order."""

    emoji: Emoji
    users: list[User] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Message:
    """A message; ``audience`` is the one person who sees it when it is ephemeral.

    ``pinged`` holds the ids of the users whose client really rang.
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
    interaction: Json | None = None
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
        """The components, as the bot sent them."""
        return self.body.components

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Every file of the message, those that components show included."""
        return self.body.attachments

    @property
    def text(self) -> str:
        """All words that a reader sees now."""
        return self.body.text

    @property
    def images(self) -> tuple[Attachment, ...]:
        """The images that a reader sees now."""
        return self.body.images

    @property
    def loading(self) -> bool:
        """Whether it still says “… is thinking”."""
        return bool(self.body.flags & LOADING)

    @property
    def ephemeral(self) -> bool:
        """Whether only one person sees it."""
        return self.audience is not None

    @property
    def deleted(self) -> bool:
        """Whether it is gone."""
        return self.deleted_at is not None

    @property
    def buttons(self) -> tuple[str, ...]:
        """The labels of its buttons, in reading order."""
        found = parts.iter_components(self.components)
        return tuple(item.get("label", "") for item in found if item["type"] == parts.ComponentType.BUTTON)

    def reaction_users(self, emoji: str) -> tuple[User, ...]:
        """Return who reacted with ``emoji``."""
        reaction = self.reactions.get(emoji)
        return tuple(reaction.users) if reaction else ()

    def record(self, at: datetime) -> None:
        """Remember the present state."""
        self.history.append(MessageVersion(at, self.body, self.deleted))


class InteractionType(IntEnum):
    """What the person did."""

    PING = 1
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class CallbackType(IntEnum):
    """How the application may answer."""

    PONG = 1
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE_MESSAGE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(slots=True, eq=False)
class Interaction:
    """One use of a command or control, with what became of it.

    ``owners`` says by which installations it was possible ("0" a guild's, "1" the user's). ``original`` is the
    message that answers it, ``message`` the one whose control was used.
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
    answer: CallbackType | None = None
    latency: float | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None
    token_expired: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def user_install_only(self) -> bool:
        """Whether only the person's own installation made it possible."""
        return "0" not in self.owners

    @property
    def context(self) -> int:
        """Where it happened: 0 a guild, 1 the bot's own DM, 2 another private conversation."""
        if self.channel.guild is not None:
            return 0
        return 1 if any(who.bot for who in self.channel.recipients) else 2


@dataclass(slots=True, eq=False)
class Application:
    """An application, its bot and who owns it.

    ``privileged`` are the privileged gateway intents that its owner switched on, as bits.
    """

    id: int
    name: str
    description: str
    bot: User
    owner: User
    privileged: int = 0
    secret: str = "sandbox-not-a-secret"  # noqa: S105 - the name says it: it opens nothing but this stand-in

    @property
    def token(self) -> str:
        """The bot's token, in the shape of a real one: its id in base 64 and two more parts."""
        head = base64.urlsafe_b64encode(str(self.bot.id).encode()).decode().rstrip("=")
        return f"{head}.sand.{self.secret}"
