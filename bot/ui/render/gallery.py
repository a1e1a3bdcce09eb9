"""The copy of a result in a server's gallery."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.formatting import truncate
from bot.language import _, ngettext, use_language
from bot.limits import GALLERY_DESCRIPTION_CHARS, GALLERY_PICTURES, MIB, REQUEST_BYTES
from bot.store.models import Run, RunOutput
from bot.ui.components import Action, RunButton
from bot.ui.render.cards import message_url
from bot.ui.render.markdown import escape, format_name, format_quote, one_line
from bot.visibility import Visibility

_REQUEST_REST: Final = MIB  # of a request, for what is no file
_GOLD: Final = 0xF0B232
_PROMPT_LINES: Final = 4
_PROMPT_CHARS: Final = 500


def copied_pictures(run: Run, outputs: Sequence[RunOutput]) -> tuple[RunOutput, ...]:
    """Return the pictures of a result that its copy shows: the first ones that fit into one request together."""
    pictures: list[RunOutput] = []
    left = min(REQUEST_BYTES - _REQUEST_REST, GALLERY_PICTURES * run.place.file_limit)
    for output in filter(is_picture, outputs):
        if output.size <= left and len(pictures) < GALLERY_PICTURES:
            pictures.append(output)
            left -= output.size
    return tuple(pictures)


def is_picture(output: RunOutput) -> bool:
    """Return whether an output is an image that is still in its message."""
    return output.is_image and output.removed_at is None


def picture_name(run: Run, output: RunOutput) -> str:
    """Return the name of a picture in the copy; Discord covers those that begin so."""
    return f"SPOILER_{output.name}" if run.visibility is Visibility.SPOILER else output.name


def gallery_card(run: Run, pictures: Sequence[RunOutput], *, stars: int, shows_prompt: bool) -> ui.LayoutView:
    """Return the copy: its ⭐, command and author, the prompt if that is allowed, the pictures and the way to it."""
    view = ui.LayoutView(timeout=None)
    with use_language(run.place.language):
        items = tuple(_items(run, pictures, stars=stars, shows_prompt=shows_prompt))
    view.add_item(ui.Container(*items, accent_colour=_GOLD))
    return view


def _items(run: Run, pictures: Sequence[RunOutput], *, stars: int, shows_prompt: bool) -> Iterator[ui.Item[Any]]:
    count = ngettext("⭐ {count}", "⭐ {count}", stars).format(count=stars)
    made = _("**/{command}** by {author}").format(command=escape(run.command), author=format_name(run.author_name))
    yield ui.TextDisplay(f"**{count}** · {made}")
    prompt = (run.prompt or "") if shows_prompt else ""
    if quote := format_quote(prompt, lines=_PROMPT_LINES, chars=_PROMPT_CHARS).strip():
        yield ui.TextDisplay(quote)
    alt_text = truncate(one_line(prompt, 200), GALLERY_DESCRIPTION_CHARS) or None
    yield ui.MediaGallery(
        *(
            discord.MediaGalleryItem(
                f"attachment://{picture_name(run, output)}",
                description=alt_text,
                spoiler=run.visibility is Visibility.SPOILER,
            )
            for output in pictures
        )
    )
    yield ui.ActionRow(
        ui.Button(label=_("Open"), url=message_url(run.place), style=discord.ButtonStyle.link),
        RunButton(Action.FAVOURITE, run.id),
    )
