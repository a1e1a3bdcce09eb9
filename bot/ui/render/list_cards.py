"""Cards that answer a command: one sentence, or a list. All share the look of a run's card. Pure.

Texts passed in are our own Markdown: escape user text with :func:`bot.ui.render.formatting.escape` first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import discord
from discord import ui

from bot.formatting import truncate
from bot.limits import COMPONENTS_PER_MESSAGE, TEXT_CHARS
from bot.store.models import Place, Run, RunState
from bot.ui.render.formatting import escape, moment, one_line
from bot.ui.render.strings import DOT

_SAFE = ("https://", "http://", "attachment://")
_RESERVE_CHARS = 200  # for the line that says what is left out
_SECTION_COMPONENTS = 3  # a section, its text, its accessory

_STATES: Mapping[RunState, str] = {
    RunState.RESERVED: "waiting",
    RunState.SUBMITTED: "starting",
    RunState.RUNNING: "running",
    RunState.SUCCEEDED: "done",
    RunState.FAILED: "failed",
    RunState.CANCELED: "stopped",
    RunState.ABORTED: "ended early",
}


class Tone(IntEnum):
    """What a card is about, as its accent colour."""

    CALM = 0x80848E
    INFO = 0x5865F2
    GOOD = 0x23A55A
    WARNING = 0xF0B232
    BAD = 0xF23F43


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing of a list: a text, where it is, what it looks like, what can be done with it.

    ``picture`` stands beside the text; else ``button`` does; else a button that leads to ``jump``.
    """

    text: str
    jump: str | None = None
    picture: str | None = None
    button: ui.Button[Any] | ui.DynamicItem[ui.Button[Any]] | None = None


def sentence_card(text: str, *, tone: Tone = Tone.BAD) -> ui.LayoutView:
    """Return a card of one sentence: what happened, and what to do."""
    return _laid([ui.TextDisplay(truncate(text, TEXT_CHARS))], tone)


def list_card(
    title: str,
    entries: Iterable[Entry],
    *,
    intro: str = "",
    footer: str = "",
    tone: Tone = Tone.INFO,
    buttons: Sequence[ui.Item[Any]] = (),
) -> ui.LayoutView:
    """Return a card with a title, entries, and a row of at most five buttons.

    What has no room is left out, and a last line counts it.
    """
    given = list(entries)
    top: list[ui.Item[Any]] = [ui.TextDisplay(truncate(f"### {title}\n{intro}".strip(), TEXT_CHARS // 4))]
    foot = truncate(footer, TEXT_CHARS // 8)
    room = TEXT_CHARS - _length(top) - len(foot) - _RESERVE_CHARS
    places = COMPONENTS_PER_MESSAGE - len(top) - len(buttons) - 4
    middle: list[ui.Item[Any]] = []
    for entry in given:
        text = truncate(entry.text, TEXT_CHARS // 2)
        item = _entry(text, entry)
        taken = _SECTION_COMPONENTS if isinstance(item, ui.Section) else 1
        if len(text) > room or places < taken:
            break
        room, places = room - len(text), places - taken
        middle.append(item)
    left = len(given) - len(middle)
    last = "\n".join(line for line in (f"-# … and {left} more" if left else "", foot) if line)
    items = [*top, *middle, *([ui.TextDisplay(last)] if last else [])]
    if buttons:
        items.append(ui.ActionRow(*buttons))
    return _laid(items, tone)


def run_entry(run: Run, *, picture: str | None = None, button: ui.Item[Any] | None = None) -> Entry:
    """Return a run as an entry of a list: what was asked, how it went, where it is."""
    asked = escape(one_line(run.prompt, 120)) if run.prompt else ""
    head = DOT.join(part for part in (f"**/{escape(run.command)}**", asked) if part)
    stands = DOT.join((_STATES[run.state], moment(run.created_at)))
    given = button if isinstance(button, ui.Button | ui.DynamicItem) else None
    where = jump_url(run.place)
    foot = f"-# {stands}{DOT}[open]({where})" if given is not None or picture is not None else f"-# {stands}"
    return Entry(text=f"{head}\n{foot}", jump=where, picture=picture, button=given)


def jump_url(place: Place) -> str:
    """Return the address that opens a run's message in Discord."""
    return f"https://discord.com/channels/{place.guild_id or '@me'}/{place.channel_id}/{place.message_id}"


def _entry(text: str, entry: Entry) -> ui.Item[Any]:
    if entry.picture is not None and entry.picture.startswith(_SAFE) and len(entry.picture) <= 2000:
        return ui.Section(ui.TextDisplay(text), accessory=ui.Thumbnail(entry.picture))
    if entry.button is not None:
        return ui.Section(ui.TextDisplay(text), accessory=entry.button)
    if entry.jump is not None:
        button: ui.Button[Any] = ui.Button(label="Open", url=entry.jump, style=discord.ButtonStyle.link)
        return ui.Section(ui.TextDisplay(text), accessory=button)
    return ui.TextDisplay(text)


def _length(items: Iterable[ui.Item[Any]]) -> int:
    return sum(len(item.content) for item in items if isinstance(item, ui.TextDisplay))


def _laid(items: Sequence[ui.Item[Any]], tone: Tone) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*items, accent_colour=tone.value))
    return view
