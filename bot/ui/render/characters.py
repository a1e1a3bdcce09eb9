"""Cards and sentences about saved characters. Text of people is escaped here."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.command_mentions import link_commands
from bot.formatting import join_facts
from bot.language import _, ngettext
from bot.limits import (
    CHARACTER_PICTURES,
    CHARACTERS_PER_PERSON,
    INTERACTION_TOKEN_LIFE,
    SHARED_PER_SERVER,
    TEXT_CHARS,
)
from bot.store.characters import Character, SaveResult, ShareResult
from bot.store.privacy import StoredCounts
from bot.ui.render.cards import Card, Tone
from bot.ui.render.markdown import escape, format_name, one_line

CHARACTERS_PER_PAGE: Final = 8

_DESCRIPTION_CHARS: Final = 160
_FILE_NAME_CHARS: Final = 60


def describe_photos(count: int | None) -> str:
    """Return the line above the form for a new character; ``count`` is None while the pictures are not chosen."""
    if count is None:
        return _("Saved without what cameras write into pictures. Delete them at any time.")
    return ngettext(
        "Saved with {count} picture, without what cameras write into it. Delete it at any time.",
        "Saved with {count} pictures, without what cameras write into them. Delete them at any time.",
        count,
    ).format(count=count)


def consent_to_keep() -> str:
    """Return what a person has to tick to save pictures."""
    return _("I may use the pictures of this person")


def consent_to_share() -> str:
    """Return what a person has to tick to share pictures."""
    return _("The person in the pictures agrees, if it is a real one")


def consent_missing() -> str:
    return _("Nothing was saved: the box has to be ticked.")


def not_an_image(name: str) -> str:
    """Return why an attached file is no picture of a character."""
    return _("“{name}” isn't an image. Send a PNG, JPEG, WebP or GIF.").format(
        name=escape(one_line(name, _FILE_NAME_CHARS))
    )


def explain_save(result: SaveResult, name: str, *, was_shared: bool = False) -> str:
    """Return what became of a character that was to be saved; TAKEN is a question."""
    at_name = f"**@{escape(name)}**"
    match result:
        case SaveResult.SAVED:
            return _("Saved {name}. Write {name} in any prompt, or pick it in an option that takes an image.").format(
                name=at_name
            )
        case SaveResult.REPLACED if was_shared:
            return _("Replaced {name}. It isn't shared with a server any more.").format(name=at_name)
        case SaveResult.REPLACED:
            return _("Replaced {name}.").format(name=at_name)
        case SaveResult.TAKEN:
            return _("You already have {name}. Replace it?").format(name=at_name)
        case SaveResult.TOO_MANY:
            return _("You have {count} characters, which is the limit. Delete one first.").format(
                count=CHARACTERS_PER_PERSON
            )


def explain_share(result: ShareResult, name: str, server: str) -> str:
    """Return what became of a character that was to be shared."""
    places = {"name": f"**@{escape(name)}**", "server": format_name(server), "count": SHARED_PER_SERVER}
    match result:
        case ShareResult.SHARED:
            return _("Everybody in {server} can use {name} now. Stop it with /character show.").format(**places)
        case ShareResult.ALREADY_SHARED:
            return _("{name} is shared with {server} already.").format(**places)
        case ShareResult.TAKEN:
            return _("Somebody else shares a {name} with {server}. Save yours under another name.").format(**places)
        case ShareResult.TOO_MANY:
            return _("{server} has {count} shared characters, which is the limit.").format(**places)
        case ShareResult.GONE:
            return _("{name} was deleted.").format(**places)


def explain_unshared(name: str, server: str) -> str:
    return _("{name} isn't shared with {server} any more.").format(
        name=f"**@{escape(name)}**", server=format_name(server)
    )


def explain_deleted(name: str) -> str:
    return _("Deleted {name} and its pictures.").format(name=f"**@{escape(name)}**")


def unknown_character(name: str) -> str:
    return _("You have no character @{name}. See yours with /character list.").format(name=escape(one_line(name, 40)))


def no_picture_found() -> str:
    return _("There is no picture in this message. Pick a message with one.")


def describe_creations(counts: StoredCounts) -> Iterator[str]:
    """Yield the lines of what a person saved, which no period ends."""
    if counts.characters:
        yield ngettext(
            "**{count} character**, until you delete it",
            "**{count} characters**, until you delete them",
            counts.characters,
        ).format(count=counts.characters)
    if counts.presets:
        yield ngettext(
            "**{count} preset**, until you delete it", "**{count} presets**, until you delete them", counts.presets
        ).format(count=counts.presets)


def describe_character(character: Character, *, person_id: int, guild_id: int | None) -> str:
    """Return a character as an entry of a list."""
    count = len(character.pictures)
    shared = ""
    if character.owner_id != person_id:
        shared = _("shared by {name}").format(name=format_name(character.owner_name))
    elif guild_id in character.guilds:
        shared = _("shared with this server")
    elif character.guilds:
        shared = ngettext("shared with {count} server", "shared with {count} servers", len(character.guilds)).format(
            count=len(character.guilds)
        )
    facts = join_facts(ngettext("{count} picture", "{count} pictures", count).format(count=count), shared)
    description = escape(one_line(character.description, _DESCRIPTION_CHARS))
    return "\n".join(line for line in (f"**@{escape(character.name)}**", description, f"-# {facts}") if line)


def character_list(
    characters: Sequence[Character],
    *,
    page: int,
    thumbnails: Collection[str],
    person_id: int,
    guild_id: int | None,
    controls: Sequence[ui.Item[Any]],
) -> Card:
    """Return one page of a person's characters; ``thumbnails`` are the ids of those with a picture attached."""
    items: list[ui.Item[Any]] = [ui.TextDisplay("### " + _("Your characters"))]
    if not characters:
        nothing = _("None yet. Save one with /character save, or from the menu of any message.")
        items.append(ui.TextDisplay(link_commands(nothing, chars=TEXT_CHARS)))
    start = page * CHARACTERS_PER_PAGE
    for character in characters[start : start + CHARACTERS_PER_PAGE]:
        text = ui.TextDisplay[Any](describe_character(character, person_id=person_id, guild_id=guild_id))
        if character.id in thumbnails:
            picture = ui.Thumbnail[Any](f"attachment://{thumbnail_name(character)}", description=f"@{character.name}")
            items.append(ui.Section(text, accessory=picture))
        else:
            items.append(text)
    items += [ui.ActionRow(*row) for row in _rows(controls)]
    return Card(items, Tone.INFO, timeout=INTERACTION_TOKEN_LIFE.total_seconds())


def character_card(
    character: Character, *, files: Sequence[str], person_id: int, guild_id: int | None, buttons: Sequence[ui.Item[Any]]
) -> Card:
    """Return one character with its pictures, which are attached as ``files``."""
    gallery = ui.MediaGallery[Any](
        *(discord.MediaGalleryItem(f"attachment://{name}", description=f"@{character.name}") for name in files)
    )
    text = describe_character(character, person_id=person_id, guild_id=guild_id)
    items: list[ui.Item[Any]] = [ui.TextDisplay(text), gallery]
    if buttons:
        items.append(ui.ActionRow(*buttons))
    return Card(items, Tone.INFO, timeout=INTERACTION_TOKEN_LIFE.total_seconds())


def thumbnail_name(character: Character) -> str:
    """Return the name of the file that shows a character in a list."""
    return f"{character.id}.webp"


def picture_names(character: Character) -> Mapping[int, str]:
    """Return number → the name of the file that shows a picture; the names that people gave may be anything."""
    return {picture.number: f"picture-{picture.number + 1}{picture.type.suffix}" for picture in character.pictures}


def too_many_photos() -> str:
    return ngettext("At most {count} picture.", "At most {count} pictures.", CHARACTER_PICTURES).format(
        count=CHARACTER_PICTURES
    )


def _rows(controls: Sequence[ui.Item[Any]]) -> list[list[ui.Item[Any]]]:
    """Return a select in a row of its own, and the buttons in another."""
    selects: list[list[ui.Item[Any]]] = [[item] for item in controls if isinstance(item, ui.Select)]
    buttons = [item for item in controls if not isinstance(item, ui.Select)]
    return [*selects, *([buttons] if buttons else [])]
