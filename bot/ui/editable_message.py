"""Change a message that Discord shows: cover its media, or take some away. Pure; nothing else of it changes.

A delivered message is edited as it is there, not drawn anew: its output is no longer on disk, and what Discord refused
of it was left out for a reason.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import discord

from bot.discord_internals import KeptAttachment, PrebuiltLayout
from bot.ui.render import payloads
from bot.ui.render.payloads import Component

_ROW: Final = 1
_UPLOADED: Final = "attachment://"
_MEDIA_KEYS: Final = ("media", "file")


@dataclass(frozen=True, slots=True)
class EditableMessage:
    """The components of a message as payloads, and its attachments by id; media are ``attachment://`` names in both.

    ``ordinary``: Discord has it without components, with its texts as the content and its files as attachments.
    """

    components: tuple[Component, ...]
    attachments: Mapping[int, str]
    ordinary: bool = False

    @classmethod
    def read(cls, message: discord.Message) -> Self:
        """Return what Discord shows of a message."""
        attachments = {attachment.id: attachment.filename for attachment in message.attachments}
        if not message.components:
            files = (payloads.file(f"{_UPLOADED}{name}") for name in attachments.values())
            return cls((payloads.text(message.content), *files), attachments, ordinary=True)
        names: dict[str, str] = {}  # by address
        for media in iterate_media(message.components):
            if media.attachment_id is not None:
                name = unquote(urlsplit(media.url).path.rpartition("/")[2])
                attachments[media.attachment_id] = name
                names[media.url] = name
        components = (component.to_dict() for component in message.components)
        return cls(tuple(_name_uploads(component, names) for component in components), attachments)

    def without(self, attachment_ids: Collection[int], *, notice: str) -> "EditableMessage":
        """Return the message without these attachments; ``notice`` stands where none of its media is left."""
        removed = {self.attachments[id_] for id_ in attachment_ids if id_ in self.attachments}
        addresses = frozenset(f"{_UPLOADED}{name}" for name in removed)
        components = tuple(part for component in self.components for part in _drop_media(component, addresses, notice))
        kept = {id_: name for id_, name in self.attachments.items() if name not in removed}
        if self.ordinary and removed and not kept:
            components = (payloads.text(notice), *components)
        return replace(self, components=components, attachments=kept)

    def find_text(self, id_: int) -> str | None:
        """Return the content of the text with an id; None if the message has none."""
        return next((str(text["content"]) for text in _texts(self.components) if text.get("id") == id_), None)

    def with_text(self, id_: int, content: str, *, accent: int) -> "EditableMessage":
        """Return the message with another content of the text with an id, and another colour of the frame around it."""
        components = tuple(_replace_text(component, id_, content, accent) for component in self.components)
        return replace(self, components=components)

    def without_controls(self) -> "EditableMessage":
        """Return the message without its buttons and selects, as it can be read anywhere."""
        components = (part for component in self.components for part in _drop_controls(component))
        return replace(self, components=tuple(components))

    def covered(self, *, spoiler: bool) -> "EditableMessage":
        """Return the message with every picture and file behind a spoiler, or with none."""
        return replace(self, components=tuple(_cover(component, spoiler=spoiler) for component in self.components))

    def body(self, *further: Component) -> dict[str, Any]:
        """Return what it shows, and components below that, as the keyword that discord.py takes."""
        components = [*self.components, *further]
        return {"content": payloads.join_texts(components)} if self.ordinary else {"view": PrebuiltLayout(components)}

    def kept(self, *, spoiler: bool | None = None) -> tuple[KeptAttachment, ...]:
        """Return the attachments for the request; ``spoiler`` covers or uncovers them, None leaves them as they are."""
        return tuple(KeptAttachment(name, id_, spoiler) for id_, name in self.attachments.items())


def iterate_media(components: Iterable[Any]) -> Iterator[discord.UnfurledMediaItem]:
    """Yield every media item in the components of a message."""
    for component in components:
        match component:
            case discord.Container():
                yield from iterate_media(component.children)
            case discord.SectionComponent():
                yield from iterate_media([component.accessory])
            case discord.MediaGalleryComponent():
                yield from (item.media for item in component.items)
            case discord.FileComponent() | discord.ThumbnailComponent():
                yield component.media
            case _:
                pass


def attachment_addresses(message: discord.Message) -> Iterator[tuple[int, str]]:
    """Yield the id and the address of every attachment of a message, shown by a component or not."""
    for attachment in message.attachments:
        yield attachment.id, attachment.url
    for media in iterate_media(message.components):
        if media.attachment_id is not None:
            yield media.attachment_id, media.url


def _texts(components: Iterable[Component]) -> Iterator[Component]:
    for component in components:
        if "content" in component:
            yield component
        yield from _texts(component.get("components", ()))


def _replace_text(component: Component, id_: int, content: str, accent: int) -> Component:
    if "content" in component:
        return {**component, "content": content} if component.get("id") == id_ else component
    children = component.get("components")
    if not children or all(text.get("id") != id_ for text in _texts(children)):
        return component
    changed = {**component, "components": [_replace_text(child, id_, content, accent) for child in children]}
    return {**changed, "accent_color": accent} if "accent_color" in component else changed


def _drop_controls(component: Component) -> list[Component]:
    if component["type"] == _ROW:
        return []
    copy = {key: value for key, value in component.items() if key != "id"}
    if "components" in copy:
        copy["components"] = [part for child in copy["components"] for part in _drop_controls(child)]
    return [copy]


def _name_uploads(value: Any, names: Mapping[str, str]) -> Any:
    """Return a payload in which the addresses of attachments are their names, as a request needs them."""
    if isinstance(value, list):
        return [_name_uploads(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _name_uploads(item, names) for key, item in value.items()}
    for key in _MEDIA_KEYS:
        media = copy.get(key)
        if isinstance(media, dict) and media.get("url") in names:
            copy[key] = {"url": f"{_UPLOADED}{names[media['url']]}"}
    return copy


def _drop_media(component: Component, addresses: Collection[str], notice: str) -> list[Component]:
    """Return what is left of a component: itself, itself with less in it, a notice in its place, or nothing."""
    if "items" in component:  # a gallery
        items = [item for item in component["items"] if item["media"]["url"] not in addresses]
        if items:
            return [{**component, "items": items}]
        return [payloads.text(notice)]
    if isinstance(component.get("file"), dict) and component["file"].get("url") in addresses:
        return []
    accessory = component.get("accessory")
    if isinstance(accessory, dict):  # a section, whose texts stay without their picture
        media = accessory.get("media")
        is_gone = isinstance(media, dict) and media.get("url") in addresses
        return list(component["components"]) if is_gone else [component]
    if "components" in component:
        children = [part for child in component["components"] for part in _drop_media(child, addresses, notice)]
        return [{**component, "components": children or [payloads.text(notice)]}]
    return [component]


def _cover(component: Component, *, spoiler: bool) -> Component:
    copy = dict(component)
    if "items" in copy:
        copy["items"] = [{**item, "spoiler": spoiler} for item in copy["items"]]
    if "file" in copy:
        copy["spoiler"] = spoiler
    if "components" in copy:
        copy["components"] = [_cover(child, spoiler=spoiler) for child in copy["components"]]
    accessory = copy.get("accessory")
    if isinstance(accessory, dict) and "media" in accessory:
        copy["accessory"] = {**accessory, "spoiler": spoiler}
    return copy
