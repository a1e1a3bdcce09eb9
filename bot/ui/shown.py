"""What Discord says that it has of a message."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
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

_EPHEMERAL: Final = discord.MessageFlags(ephemeral=True).value


@dataclass(frozen=True, slots=True)
class Shown:
    """What Discord has of a message: its files' ids by name, who sees it, whether the bot's reaction is there."""

    message_id: int
    attachments: Mapping[str, int]
    ephemeral: bool
    reacted: bool = False

    @classmethod
    def of(cls, message: discord.Message, emoji: str) -> "Shown":
        """Read it from a message of discord.py's; ``emoji`` is the reaction to look for."""
        return cls(
            message.id,
            _files(message),
            message.flags.ephemeral,
            any(reaction.me and str(reaction.emoji) == emoji for reaction in message.reactions),
        )

    @classmethod
    def told(cls, data: Mapping[str, Any], emoji: str) -> "Shown":
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
