"""One Discord message of a run: what is sent, and what Discord has of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import discord
from discord import ui
from discord.components import (
    Component,
    Container,
    FileComponent,
    MediaGalleryComponent,
    SectionComponent,
    ThumbnailComponent,
    UnfurledMediaItem,
)

from bot.discord_internals import KeptAttachment
from bot.outputs.items import FileItem
from bot.ui.render.attachment_names import GIVEN, upload_name
from bot.ui.render.run_card import RenderedMessage

_EPHEMERAL: Final = discord.MessageFlags(ephemeral=True).value


@dataclass(frozen=True, slots=True)
class MessageState:
    """What Discord has of a message: its files' ids by name, who sees it, whether the bot's reaction is there."""

    message_id: int
    attachments: Mapping[str, int]
    ephemeral: bool
    reacted: bool = False

    @classmethod
    def of(cls, message: discord.Message, emoji: str) -> "MessageState":
        """Read it from a message of discord.py's; ``emoji`` is the reaction to look for."""
        return cls(
            message.id,
            _files(message),
            message.flags.ephemeral,
            any(reaction.me and str(reaction.emoji) == emoji for reaction in message.reactions),
        )

    @classmethod
    def told(cls, data: Mapping[str, Any], emoji: str) -> "MessageState":
        """Read it from a message as Discord sends it; ``emoji`` is the reaction to look for."""
        files = {attachment["filename"]: int(attachment["id"]) for attachment in data.get("attachments", ())}
        for media in _media_in(data.get("components", ())):
            files[_name(media["url"])] = int(media["attachment_id"])
        return cls(
            int(data["id"]),
            files,
            bool(data.get("flags", 0) & _EPHEMERAL),
            any(one["me"] and one["emoji"]["name"] == emoji for one in data.get("reactions", ())),
        )


def _files(message: discord.Message) -> dict[str, int]:
    """Return all files: those that a component shows are listed nowhere but there."""
    files = {attachment.filename: attachment.id for attachment in message.attachments}
    for media in _media(message.components):
        if media.attachment_id is not None:
            files[_name(media.url)] = media.attachment_id
    return files


def _media(components: Iterable[Component]) -> Iterator[UnfurledMediaItem]:
    for component in components:
        match component:
            case Container():
                yield from _media(component.children)
            case SectionComponent():
                yield from _media([component.accessory])
            case MediaGalleryComponent():
                yield from (item.media for item in component.items)
            case FileComponent() | ThumbnailComponent():
                yield component.media
            case _:
                pass


def _media_in(value: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every piece of media among components that is a file of the message's own."""
    if isinstance(value, dict):
        if value.get("attachment_id") is not None:
            yield value
        value = value.values()
    for inner in value:
        if isinstance(inner, (dict, list)):
            yield from _media_in(inner)


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Upload:
    """A new file under its upload name: on our disk, or in memory."""

    name: str
    source: Path | bytes
    size: int

    def open(self) -> discord.File:
        """Return the file ready to be read once; OSError when it is no longer there."""
        source = BytesIO(self.source) if isinstance(self.source, bytes) else self.source
        return discord.File(source, filename=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message, ready to be sent. ``mentions`` is whom it may ping: nobody, unless it is the notice."""

    view: ui.LayoutView | None = None
    content: str | None = None
    kept: tuple[KeptAttachment, ...] = ()
    uploads: tuple[Upload, ...] = ()
    mentions: Sequence[int] = ()

    def attachments(self) -> list[discord.Attachment | discord.File]:
        """Return the files as discord.py takes them; new ones are opened, for one request."""
        # discord.py asks a kept attachment for nothing but ``to_dict``.
        kept = [cast("discord.Attachment", file) for file in self.kept]
        return [*kept, *self.files()]

    def files(self) -> list[discord.File]:
        """Return the new files, opened for one request; all or, with an OSError, none."""
        opened: list[discord.File] = []
        try:
            opened.extend(upload.open() for upload in self.uploads)
        except OSError:
            for file in opened:
                file.close()
            raise
        return opened

    def allowed(self) -> discord.AllowedMentions:
        """Return who may be pinged."""
        users: list[discord.abc.Snowflake] = [discord.Object(user) for user in self.mentions]
        return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=users or False)


MessageContent = tuple[list[dict[str, Any]], frozenset[str]]


@dataclass(slots=True)
class TrackedMessage:
    """One message, by its number: 0 is the card.

    ``key`` is its key at the gate. ``known`` are the files that Discord has, by name. ``learned`` says whether that is
    sure; ``lost`` that the message is deleted or cannot be sent; ``bot_only`` that the token does not reach it.
    """

    number: int
    key: int
    message_id: int | None = None
    known: dict[str, int] = field(default_factory=dict)
    learned: bool = False
    lost: bool = False
    bot_only: bool = False
    shown: MessageContent | None = None

    def forget(self) -> None:
        """Begin anew: what is shown next is a new message."""
        self.message_id, self.known, self.learned, self.shown = None, {}, True, None

    def needs(self, drawing: RenderedMessage) -> bool:
        """Whether Discord shows something else than this."""
        return not self.lost and self.shown != _look(drawing)

    def new(self, drawing: RenderedMessage) -> tuple[FileItem, ...]:
        """Return the run's files that the drawing shows and Discord does not have."""
        return tuple(file for file in drawing.files if upload_name(file.name) not in self.known)

    def beyond(self, drawing: RenderedMessage, room: int) -> list[str]:
        """Return the new files, by name, that a request of ``room`` bytes has no place for; it takes one at least."""
        beyond, left = [], room
        for file in self.new(drawing):
            if file.size > left and left < room:
                beyond.append(file.name)
            else:
                left -= file.size
        return beyond

    def kept(self, drawing: RenderedMessage) -> tuple[KeptAttachment, ...]:
        """Return the files that Discord has and the drawing still shows."""
        return tuple(KeptAttachment(name, self.known[name]) for name in names(drawing) if name in self.known)

    def learn(self, answer: MessageState, drawing: RenderedMessage | None = None) -> None:
        """Take over what Discord said of the message."""
        self.message_id = answer.message_id
        self.known = dict(answer.attachments)
        self.learned = True
        if drawing is not None:
            self.shown = _look(drawing)


def names(drawing: RenderedMessage) -> list[str]:
    """Return the upload names of a drawing's files, in order."""
    return [GIVEN] * drawing.given + [upload_name(file.name) for file in drawing.files]


def _look(drawing: RenderedMessage) -> MessageContent:
    return drawing.components, frozenset(names(drawing))
