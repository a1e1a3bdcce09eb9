"""One Discord message of a reply: what Discord has of it, and what is sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import discord
from discord import ui
from discord.components import Component as ReceivedComponent
from discord.components import (
    Container,
    FileComponent,
    MediaGalleryComponent,
    SectionComponent,
    ThumbnailComponent,
    UnfurledMediaItem,
)

from bot.discord_internals import CoveredFile, KeptAttachment
from bot.outputs.items import FileItem
from bot.ui.render.payloads import Component
from bot.ui.render.rendered_message import THUMBNAIL_NAME, RenderedMessage

CANCEL_EMOJI: Final = "❌"
_EPHEMERAL: Final = discord.MessageFlags(ephemeral=True).value


@dataclass(frozen=True, slots=True)
class MessageState:
    """What Discord has of a message. ``attachments`` are ids by file name; ``reacted``: the bot's own ❌ is there."""

    message_id: int
    attachments: Mapping[str, int]
    ephemeral: bool
    reacted: bool = False

    @classmethod
    def from_message(cls, message: discord.Message) -> "MessageState":
        # Attachments that a component shows are listed there and not in ``attachments``.
        attachments = {attachment.filename: attachment.id for attachment in message.attachments}
        for media in _media_of(message.components):
            if media.attachment_id is not None:
                attachments[_file_name(media.url)] = media.attachment_id
        return cls(
            message.id,
            attachments,
            message.flags.ephemeral,
            any(reaction.me and str(reaction.emoji) == CANCEL_EMOJI for reaction in message.reactions),
        )

    @classmethod
    def from_response(cls, response: Mapping[str, Any] | discord.Message) -> "MessageState":
        """Read a message as Discord sends it, or as discord.py builds it in spite of ``InteractionWebhook``."""
        if isinstance(response, discord.Message):
            return cls.from_message(response)
        attachments = {attachment["filename"]: int(attachment["id"]) for attachment in response.get("attachments", ())}
        for media in _media_in(response.get("components", ())):
            attachments[_file_name(media["url"])] = int(media["attachment_id"])
        return cls(
            int(response["id"]),
            attachments,
            bool(response.get("flags", 0) & _EPHEMERAL),
            any(
                reaction["me"] and reaction["emoji"]["name"] == CANCEL_EMOJI
                for reaction in response.get("reactions", ())
            ),
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """A new attachment: its upload name, its content on disk or in memory, its size in bytes.

    ``spoiler`` covers it, as its component does.
    """

    name: str
    source: Path | bytes
    size: int
    spoiler: bool = False

    def open(self) -> discord.File:
        """Return the file, to be read once. Raises OSError if it is no longer on disk."""
        source = BytesIO(self.source) if isinstance(self.source, bytes) else self.source
        return CoveredFile(source, filename=self.name) if self.spoiler else discord.File(source, filename=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message that is ready to be sent, with a layout or with a content. ``mentions`` are the users it may ping."""

    view: ui.LayoutView | None = None
    content: str | None = None
    kept: tuple[discord.Attachment, ...] = ()
    uploads: tuple[Upload, ...] = ()
    mentions: Sequence[int] = ()

    def files(self) -> list[discord.File]:
        """Return the new attachments, opened for one request. Raises OSError, and then leaves none open."""
        opened: list[discord.File] = []
        try:
            opened.extend(upload.open() for upload in self.uploads)
        except OSError:
            for file in opened:
                file.close()
            raise
        return opened

    def body(self) -> dict[str, Any]:
        """Return the layout or the content, as the keyword that discord.py takes."""
        return {"content": self.content} if self.view is None else {"view": self.view}

    def allowed_mentions(self) -> discord.AllowedMentions:
        users: list[discord.abc.Snowflake] = [discord.Object(user_id) for user_id in self.mentions]
        return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=users or False)


@dataclass(slots=True)
class TrackedMessage:
    """One message of a reply and what is known of it; number 0 is the card.

    ``key`` is its key at the rate limiter. ``attachments`` are the ids of the attachments that Discord has, by upload
    name; ``verified``: they are certain. ``lost``: it is deleted, or Discord does not accept it. ``bot_only``: the
    interaction token does not reach it. ``resent``: it was sent anew already. ``shown`` are its components, None
    if they are unknown.
    """

    number: int
    key: int
    message_id: int | None = None
    attachments: Mapping[str, int] = field(default_factory=dict)
    verified: bool = False
    lost: bool = False
    bot_only: bool = False
    resent: bool = False
    shown: list[Component] | None = None

    def reset(self) -> None:
        """Send a new message instead of this one at the next edit."""
        self.resent = True
        self.message_id, self.attachments, self.verified, self.shown = None, {}, True, None

    def update(self, state: MessageState, rendered: RenderedMessage | None = None) -> None:
        """Record what Discord has of the message, and what it shows."""
        self.message_id = state.message_id
        self.attachments = state.attachments
        self.verified = True
        if rendered is not None:
            self.shown = rendered.components

    def needs(self, rendered: RenderedMessage) -> bool:
        """Whether Discord shows something else than this."""
        return not self.lost and self.shown != rendered.components

    def new_files(self, rendered: RenderedMessage) -> tuple[FileItem, ...]:
        """Return the files that are shown and that Discord does not have."""
        return tuple(file for name, file in rendered.files.items() if name not in self.attachments)

    def files_over(self, rendered: RenderedMessage, max_bytes: int) -> list[str]:
        """Return the names of the new files that exceed ``max_bytes`` together; the first one never does."""
        names, left = [], max_bytes
        for file in self.new_files(rendered):
            if file.size > left and left < max_bytes:
                names.append(file.name)
            else:
                left -= file.size
        return names

    def kept(self, rendered: RenderedMessage) -> tuple[discord.Attachment, ...]:
        """Return the attachments that Discord has and that are still shown."""
        kept = [KeptAttachment(name, self.attachments[name]) for name in self.kept_names(rendered)]
        return cast("tuple[discord.Attachment, ...]", tuple(kept))

    def kept_names(self, rendered: RenderedMessage) -> list[str]:
        """Return the upload names of the attachments that are kept, in the order of the request."""
        thumbnail = (THUMBNAIL_NAME,) if rendered.has_thumbnail else ()
        names = (*thumbnail, *rendered.kept, *rendered.files, *rendered.places)
        return [name for name in names if name in self.attachments]


def _media_of(components: Iterable[ReceivedComponent]) -> Iterator[UnfurledMediaItem]:
    for component in components:
        match component:
            case Container():
                yield from _media_of(component.children)
            case SectionComponent():
                yield from _media_of([component.accessory])
            case MediaGalleryComponent():
                yield from (item.media for item in component.items)
            case FileComponent() | ThumbnailComponent():
                yield component.media
            case _:
                pass


def _media_in(value: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every media object in a payload of components that is an attachment of the message."""
    if isinstance(value, dict):
        if value.get("attachment_id") is not None:
            yield value
        value = value.values()
    for inner in value:
        if isinstance(inner, (dict, list)):
            yield from _media_in(inner)


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])
