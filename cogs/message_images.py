"""The pictures of a message, wherever they stand in it; each can be read from Discord, and from nowhere else."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import discord

from bot.client import Replicord
from bot.discord_internals import read_from_cdn
from bot.limits import SELECT_OPTIONS

_ENDINGS: Final = frozenset({".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True)
class ShownImage:
    """A picture that a message shows without listing it as an attachment.

    ``url`` is Discord's own copy: an address that somebody wrote into the message is never asked.
    """

    filename: str
    url: str = field(repr=False)
    client: Replicord = field(repr=False)
    size: int = 0

    async def read(self) -> bytes:
        """Return the bytes."""
        return await read_from_cdn(self.client, self.url)


ImageSource = discord.Attachment | ShownImage


def images_of(message: discord.Message, client: Replicord) -> tuple[ImageSource, ...]:
    """Return the pictures of a message and of what it forwards, as many as a select can offer, large ones first."""
    found: dict[str, ImageSource] = {}
    parts: tuple[discord.Message | discord.MessageSnapshot, ...] = (message, *message.message_snapshots)
    for part in parts:
        for picture in _pictures(part.attachments, part.components, part.embeds, client):
            found.setdefault(picture.url.partition("?")[0], picture)
    return tuple(found.values())[:SELECT_OPTIONS]


def _pictures(
    attachments: Sequence[discord.Attachment],
    components: Sequence[Any],
    embeds: Sequence[discord.Embed],
    client: Replicord,
) -> Iterator[ImageSource]:
    for attachment in attachments:
        if _is_picture(attachment.content_type, attachment.filename):
            yield attachment
    small: list[ShownImage] = []
    for media, is_small in _media(components):
        shown = _shown(media.url if media.attachment_id else media.proxy_url, media.content_type, client)
        if shown is not None:
            if is_small:
                small.append(shown)
            else:
                yield shown
    for embed in embeds:
        for proxy, into in ((embed.image, None), (embed.thumbnail, small)):
            # An embed's picture is a picture whatever its address looks like.
            shown = _shown(proxy.proxy_url, "image/*", client)
            if shown is None:
                continue
            if into is None:
                yield shown
            else:
                into.append(shown)
    yield from small


def _media(components: Iterable[Any]) -> Iterator[tuple[discord.UnfurledMediaItem, bool]]:
    """Yield every media item of the components, and whether it is a small one beside a text."""
    for component in components:
        if isinstance(component, discord.MediaGalleryComponent):
            yield from ((item.media, False) for item in component.items)
        elif isinstance(component, discord.FileComponent):
            yield component.media, False
        elif isinstance(component, discord.SectionComponent):
            if isinstance(component.accessory, discord.ThumbnailComponent):
                yield component.accessory.media, True
        elif isinstance(component, discord.Container):
            yield from _media(component.children)


def _shown(url: str | None, content_type: str | None, client: Replicord) -> ShownImage | None:
    if not url or not url.startswith(("https://", "http://")):
        return None
    name = unquote(PurePosixPath(urlsplit(url).path).name) or "image"
    return ShownImage(name, url, client) if _is_picture(content_type, name) else None


def _is_picture(content_type: str | None, filename: str) -> bool:
    if content_type:
        return content_type.startswith("image/")
    return PurePosixPath(filename.lower()).suffix in _ENDINGS
