"""What Discord says that it has of a message."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import discord
from discord.components import (
    Component,
    Container,
    FileComponent,
    MediaGalleryComponent,
    SectionComponent,
    ThumbnailComponent,
    UnfurledMediaItem,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What Discord has of a message: its files' ids by name, who sees it, whether the bot's reaction is there."""

    message_id: int
    attachments: Mapping[str, int]
    ephemeral: bool
    reacted: bool = False

    @classmethod
    def of(cls, message: discord.Message, emoji: str) -> "Shown":
        """Read it from Discord's answer; ``emoji`` is the reaction to look for."""
        return cls(
            message.id,
            _files(message),
            message.flags.ephemeral,
            any(reaction.me and str(reaction.emoji) == emoji for reaction in message.reactions),
        )


def _files(message: discord.Message) -> dict[str, int]:
    """Return all files: those that a component shows are listed nowhere but there."""
    files = {attachment.filename: attachment.id for attachment in message.attachments}
    for media in _media(message.components):
        if media.attachment_id is not None:
            name = unquote(urlsplit(media.url).path.rpartition("/")[2])
            files[name] = media.attachment_id
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
