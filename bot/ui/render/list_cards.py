"""Cards that answer a command: one sentence, or a list.

Texts passed in are Markdown of ours: escape text from people with ``bot.ui.render.formatting.escape`` first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import discord
from discord import ui

from bot.formatting import truncate
from bot.limits import COMPONENTS_PER_MESSAGE, TEXT_CHARS, URL_CHARS
from bot.store.models import Place, Run, RunState
from bot.ui.render.formatting import escape, format_timestamp, one_line
from bot.ui.render.strings import SEPARATOR
from bot.ui.respond import report_error

_URL_SCHEMES: Final = ("https://", "http://", "attachment://")
_MORE_LINE_CHARS: Final = 200  # kept free for the line that counts what is left out
_SECTION_COMPONENTS: Final = 3  # a section, its text, its accessory
_OWN_COMPONENTS: Final = 4  # the container, the title, the footer and the row of buttons

_STATES: Final[Mapping[RunState, str]] = {
    RunState.RESERVED: "queued",
    RunState.SUBMITTED: "starting",
    RunState.RUNNING: "running",
    RunState.SUCCEEDED: "done",
    RunState.FAILED: "failed",
    RunState.CANCELED: "stopped",
    RunState.ABORTED: "ended early",
}


class Tone(IntEnum):
    """The accent colour of a card."""

    NEUTRAL = 0x80848E
    INFO = 0x5865F2
    SUCCESS = 0x23A55A
    WARNING = 0xF0B232
    ERROR = 0xF23F43


class Card(ui.LayoutView):
    """A card with a coloured edge; errors in its buttons and selects are reported to the person who used them."""

    def __init__(self, items: Iterable[ui.Item[Any]], tone: Tone, *, timeout: float | None = None) -> None:
        super().__init__(timeout=timeout)
        self.add_item(ui.Container(*items, accent_colour=tone.value))

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, _item: ui.Item[Any], /) -> None:
        await report_error(interaction, error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a list.

    Beside the text stands ``image`` (a URL), else ``button``, else a link button that opens ``url``.
    """

    text: str
    url: str | None = None
    image: str | None = None
    button: ui.Button[Any] | ui.DynamicItem[ui.Button[Any]] | None = None


def sentence_card(text: str, *, tone: Tone = Tone.ERROR) -> Card:
    """Return a card of one sentence: what happened, and what to do."""
    return Card([ui.TextDisplay(truncate(text, TEXT_CHARS))], tone)


def list_card(
    title: str,
    entries: Iterable[Entry],
    *,
    intro: str = "",
    footer: str = "",
    tone: Tone = Tone.INFO,
    buttons: Sequence[ui.Item[Any]] = (),
    timeout: float | None = None,
) -> Card:
    """Return a card with a title, entries, and a row of at most five buttons or one select.

    Entries beyond Discord's limits are left out, and a last line counts them. ``timeout`` is in seconds.
    """
    entries = list(entries)
    top = truncate(f"### {title}\n{intro}".strip(), TEXT_CHARS // 4)
    footer = truncate(footer, TEXT_CHARS // 8)
    chars_left = TEXT_CHARS - len(top) - len(footer) - _MORE_LINE_CHARS
    components_left = COMPONENTS_PER_MESSAGE - _OWN_COMPONENTS - 1 - len(buttons)
    items: list[ui.Item[Any]] = [ui.TextDisplay(top)]
    for entry in entries:
        text = truncate(entry.text, TEXT_CHARS // 2)
        item = _entry_item(text, entry)
        components = _SECTION_COMPONENTS if isinstance(item, ui.Section) else 1
        if len(text) > chars_left or components > components_left:
            break
        chars_left, components_left = chars_left - len(text), components_left - components
        items.append(item)
    left_out = len(entries) - (len(items) - 1)
    last_lines = [f"-# … and {left_out} more" if left_out else "", footer]
    if any(last_lines):
        items.append(ui.TextDisplay("\n".join(line for line in last_lines if line)))
    if buttons:
        items.append(ui.ActionRow(*buttons))
    return Card(items, tone, timeout=timeout)


def run_entry(run: Run, *, image: str | None = None, button: ui.DynamicItem[ui.Button[Any]] | None = None) -> Entry:
    """Return a run as an entry of a list: command and prompt, state and age, and the way to its message."""
    prompt = escape(one_line(run.prompt, 120)) if run.prompt else ""
    head = SEPARATOR.join(part for part in (f"**/{escape(run.command)}**", prompt) if part)
    url = message_url(run.place)
    link = f"[open]({url})" if button is not None or image is not None else ""
    state = SEPARATOR.join(part for part in (_STATES[run.state], format_timestamp(run.created_at), link) if part)
    return Entry(text=f"{head}\n-# {state}", url=url, image=image, button=button)


def message_url(place: Place) -> str:
    """Return the URL that opens a run's message in Discord."""
    return f"https://discord.com/channels/{place.guild_id or '@me'}/{place.channel_id}/{place.message_id}"


def _entry_item(text: str, entry: Entry) -> ui.Item[Any]:
    if entry.image is not None and entry.image.startswith(_URL_SCHEMES) and len(entry.image) <= URL_CHARS:
        return ui.Section(ui.TextDisplay(text), accessory=ui.Thumbnail(entry.image))
    if entry.button is not None:
        return ui.Section(ui.TextDisplay(text), accessory=entry.button)
    if entry.url is not None:
        button: ui.Button[Any] = ui.Button(label="Open", url=entry.url, style=discord.ButtonStyle.link)
        return ui.Section(ui.TextDisplay(text), accessory=button)
    return ui.TextDisplay(text)
