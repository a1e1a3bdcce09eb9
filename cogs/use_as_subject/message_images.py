"""Find the images of a message: attachments, components and embeds. Only Discord's own copies are downloaded."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import discord

from bot.errors import Refused
from bot.limits import SELECT_OPTIONS
from bot.media.types import is_named_as_image
from bot.store.models import Run
from bot.ui.permissions import Reuse, decide_reuse
from bot.ui.render.rendered_message import THUMBNAIL_NAME
from bot.ui.render.reuse import explain_barrier


@dataclass(frozen=True, slots=True)
class CdnImage:
    """An image that a message shows in a component or embed.

    ``url`` is Discord's own copy: a URL that somebody wrote into the message is never requested. The size is not known.
    """

    filename: str
    url: str = field(repr=False)
    size: int = 0


MessageImage = discord.Attachment | CdnImage


def find_images(message: discord.Message) -> tuple[MessageImage, ...]:
    """Return the images of a message and of what it forwards, thumbnails last; at most as many as a select offers."""
    found: dict[str, MessageImage] = {}
    parts: tuple[discord.Message | discord.MessageSnapshot, ...] = (message, *message.message_snapshots)
    for part in parts:
        for image in _images(part.attachments, part.components, part.embeds):
            found.setdefault(image.url.partition("?")[0], image)
    return tuple(found.values())[:SELECT_OPTIONS]


def check_images(images: Sequence[MessageImage], run: Run | None, *, user_id: int) -> tuple[MessageImage, ...]:
    """Return the images of a message that this person may use; Refused if all there is are another person's own.

    The card of ``run`` shows what it was given as well as what it made.
    """
    barrier = None if run is None else decide_reuse(run, Reuse.INPUTS, user_id=user_id)
    if run is None or barrier is None:
        return tuple(images)
    usable = tuple(image for image in images if image.filename != THUMBNAIL_NAME)
    if images and not usable:
        raise Refused(explain_barrier(barrier, run))
    return usable


def _images(
    attachments: Sequence[discord.Attachment],
    components: Sequence[Any],
    embeds: Sequence[discord.Embed],
) -> Iterator[MessageImage]:
    for attachment in attachments:
        if is_named_as_image(attachment.content_type, attachment.filename):
            yield attachment
    thumbnails: list[CdnImage] = []
    for media, is_thumbnail in _media_items(components):
        image = _cdn_image(media.url if media.attachment_id else media.proxy_url, media.content_type)
        if image is None:
            continue
        if is_thumbnail:
            thumbnails.append(image)
        else:
            yield image
    for embed in embeds:
        # The image of an embed is an image whatever its URL looks like.
        if (image := _cdn_image(embed.image.proxy_url, "image/*")) is not None:
            yield image
        if (image := _cdn_image(embed.thumbnail.proxy_url, "image/*")) is not None:
            thumbnails.append(image)
    yield from thumbnails


def _media_items(components: Iterable[Any]) -> Iterator[tuple[discord.UnfurledMediaItem, bool]]:
    """Yield every media item of the components, and whether it is a thumbnail."""
    for component in components:
        if isinstance(component, discord.MediaGalleryComponent):
            yield from ((item.media, False) for item in component.items)
        elif isinstance(component, discord.FileComponent):
            yield component.media, False
        elif isinstance(component, discord.SectionComponent):
            if isinstance(component.accessory, discord.ThumbnailComponent):
                yield component.accessory.media, True
        elif isinstance(component, discord.Container):
            yield from _media_items(component.children)


def _cdn_image(url: str | None, content_type: str | None) -> CdnImage | None:
    if not url or not url.startswith(("https://", "http://")):
        return None
    name = unquote(PurePosixPath(urlsplit(url).path).name) or "image"
    return CdnImage(name, url) if is_named_as_image(content_type, name) else None
