"""Leave out of a private card what Discord refuses, if it is only a decoration, and show the rest."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.discord_codes import DiscordCode
from bot.discord_internals import error_fields

# Invalid form body; blocked by AutoMod, in a message and in its title; harmful links.
_REFUSED: Final = frozenset(
    {
        DiscordCode.INVALID_FORM_BODY,
        DiscordCode.BLOCKED_BY_AUTOMOD,
        DiscordCode.TITLE_BLOCKED_BY_AUTOMOD,
        DiscordCode.HARMFUL_LINKS,
    }
)

Parent = ui.Container[Any] | ui.LayoutView


def drop_decorations(view: ui.LayoutView, error: discord.HTTPException) -> bool:
    """Leave thumbnails and links out of a refused card: those that Discord names, else all; return whether any were.

    A button that does something is no decoration. Changes the card.
    """
    if error.code not in _REFUSED:
        return False
    decorated = list(_decorated(view, ()))
    paths = [path[path[:1] == ("data",) :] for path in error_fields(error)]
    named = [(parent, item) for parent, item, own in decorated if any(path[: len(own)] == own for path in paths)]
    chosen = named or [(parent, item) for parent, item, _ in decorated]
    for parent, item in chosen:
        _drop(parent, item)
    return bool(chosen)


def _decorated(parent: Parent, path: Sequence[str]) -> Iterator[tuple[Parent, ui.Item[Any], tuple[str, ...]]]:
    """Yield the items that are or have a decoration, each with what it is in and its path in the payload."""
    for number, item in enumerate(parent.children):
        own = (*path, "components", str(number))
        if isinstance(item, ui.Container):
            yield from _decorated(item, own)
        elif _has_decoration(item):
            yield parent, item, own


def _has_decoration(item: ui.Item[Any]) -> bool:
    match item:
        case ui.MediaGallery():
            return True
        case ui.Section():
            return _is_decoration(item.accessory)
        case ui.ActionRow():
            return any(map(_is_decoration, item.children))
        case _:
            return False


def _is_decoration(item: ui.Item[Any]) -> bool:
    return isinstance(item, ui.Thumbnail) or (isinstance(item, ui.Button) and item.url is not None)


def _drop(parent: Parent, item: ui.Item[Any]) -> None:
    """Remove an item, or its decoration alone; the others keep their order."""
    kept: list[ui.Item[Any]] = []
    for other in list(parent.children):
        parent.remove_item(other)
        if other is not item:
            kept.append(other)
        elif isinstance(item, ui.Section):
            kept += item.children
        elif isinstance(item, ui.ActionRow) and (rest := [one for one in item.children if not _is_decoration(one)]):
            kept.append(ui.ActionRow(*rest))
    for other in kept:
        parent.add_item(other)
