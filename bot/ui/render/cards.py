"""Cards that answer a command or a button: one sentence, a list, the details of a run.

Texts passed in are Markdown of ours: escape text from people with ``bot.ui.render.markdown.escape`` first.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import discord
from discord import ui

from bot.command_mentions import link_commands
from bot.formatting import SEPARATOR, format_duration, truncate_utf16, utf16_length
from bot.language import _, retranslate
from bot.limits import COMPONENTS_PER_MESSAGE, TEXT_CHARS, URL_CHARS
from bot.media.types import parse_reference
from bot.runs import is_served
from bot.secrets import MASK, is_secret_name, mask_secrets
from bot.store.models import Place, Run
from bot.ui.render import money, strings
from bot.ui.render.markdown import escape, format_code_block, format_timestamp, one_line
from bot.ui.render.status import run_duration
from bot.ui.respond import report_error

_URL_SCHEMES: Final = ("https://", "http://", "attachment://")
_MORE_LINE_CHARS: Final = 200  # kept free for the line that counts what is left out
_SECTION_COMPONENTS: Final = 3  # a section, its text, its accessory
_OWN_COMPONENTS: Final = 4  # the container, the title, the footer and the row of buttons

# The details of a run
_VALUE_CHARS: Final = 160
_INPUT_CHARS: Final = 1500
_METRICS_SHOWN: Final = 10
_METRIC_NAMES: Final = {
    "predict_time": _("model time"),
    "total_time": _("total time"),
    "time_to_first_token": _("time to first token"),
    "image_count": _("images"),
    "input_token_count": _("input tokens"),
    "output_token_count": _("output tokens"),
    "tokens_per_second": _("tokens per second"),
}
_LONGEST_SECONDS: Final = 1e9  # some 30 years; more is no duration that people can read
_DURATIONS: Final = ("predict_time", "total_time", "time_to_first_token")


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
    return Card([ui.TextDisplay(link_commands(truncate_utf16(retranslate(text), TEXT_CHARS), chars=TEXT_CHARS))], tone)


def list_card(
    title: str,
    entries: Iterable[Entry],
    *,
    intro: str = "",
    footer: str = "",
    tone: Tone = Tone.INFO,
    buttons: Sequence[ui.Item[Any]] = (),
    selects: Sequence[ui.Item[Any]] = (),
    timeout: float | None = None,
) -> Card:
    """Return a card with a title, entries, a row of at most five buttons or one select, and a row for each of selects.

    Entries beyond Discord's limits are left out, and a last line counts them. ``timeout`` is in seconds.
    """
    entries = list(entries)
    heading = f"### {retranslate(title)}\n"
    intro = link_commands(retranslate(intro), chars=TEXT_CHARS // 4 - utf16_length(heading))
    top = truncate_utf16(f"{heading}{intro}".strip(), TEXT_CHARS // 4)
    footer = link_commands(truncate_utf16(retranslate(footer), TEXT_CHARS // 8), chars=TEXT_CHARS // 8)
    chars_left = TEXT_CHARS - utf16_length(top) - utf16_length(footer) - _MORE_LINE_CHARS
    components_left = COMPONENTS_PER_MESSAGE - _OWN_COMPONENTS - 1 - len(buttons) - 2 * len(selects)
    items: list[ui.Item[Any]] = [ui.TextDisplay(top)]
    for entry in entries:
        text = truncate_utf16(entry.text, TEXT_CHARS // 2)
        item = _entry_item(text, entry)
        components = _SECTION_COMPONENTS if isinstance(item, ui.Section) else 1
        chars = utf16_length(text)
        if chars > chars_left or components > components_left:
            break
        chars_left, components_left = chars_left - chars, components_left - components
        items.append(item)
    left_out = len(entries) - (len(items) - 1)
    last_lines = [_("-# … and {count} more").format(count=left_out) if left_out else "", footer]
    if any(last_lines):
        items.append(ui.TextDisplay("\n".join(line for line in last_lines if line)))
    if buttons:
        items.append(ui.ActionRow(*buttons))
    items += [ui.ActionRow(select) for select in selects]
    return Card(items, tone, timeout=timeout)


def message_url(place: Place) -> str:
    """Return the URL that opens a run's message in Discord."""
    return f"https://discord.com/channels/{place.guild_id or '@me'}/{place.channel_id}/{place.message_id}"


def _entry_item(text: str, entry: Entry) -> ui.Item[Any]:
    if entry.image is not None and entry.image.startswith(_URL_SCHEMES) and len(entry.image) <= URL_CHARS:
        return ui.Section(ui.TextDisplay(text), accessory=ui.Thumbnail(entry.image))
    if entry.button is not None:
        return ui.Section(ui.TextDisplay(text), accessory=entry.button)
    if entry.url is not None:
        button: ui.Button[Any] = ui.Button(label=_("Open"), url=entry.url, style=discord.ButtonStyle.link)
        return ui.Section(ui.TextDisplay(text), accessory=button)
    return ui.TextDisplay(text)


def details_card(run: Run, *, is_author: bool = True) -> Card:
    """Return the times, metrics and inputs of one run; what it cost, and its page on Replicate, for its author only."""
    facts = "\n".join(f"**{name}** {value}" for name, value in _facts(run, is_author=is_author))
    items: list[ui.Item[Any]] = [
        ui.TextDisplay(truncate_utf16(_("### Details") + f"\n{facts}", TEXT_CHARS - _INPUT_CHARS - 100))
    ]
    inputs = format_inputs(run.input)
    if inputs:
        items += [ui.Separator(), ui.TextDisplay(format_code_block(truncate_utf16(inputs, _INPUT_CHARS), "yaml"))]
    if is_author and (prediction_id := strings.linked_prediction(run)) is not None:
        url = strings.prediction_url(prediction_id)
        items.append(ui.ActionRow(ui.Button(label=_("View on Replicate"), url=url, style=discord.ButtonStyle.link)))
    return Card(items, Tone.NEUTRAL)


def format_inputs(inputs: Mapping[str, Any]) -> str:
    """Return the inputs as lines of ``name: value``; files by their number, secrets as dots."""
    return "\n".join(f"{_plain(one_line(name, 60))}: {_format_value(name, value)}" for name, value in inputs.items())


def _facts(run: Run, *, is_author: bool) -> Iterator[tuple[str, str]]:
    model, _colon, version = run.target.partition(":")
    yield _("Model"), strings.model_link(run.target)
    if version and not is_served(run.target):
        yield _("Version"), f"`{version[:12]}`"
    elif model and not is_served(run.target):
        yield _("Version"), _("the latest when it ran")
    yield _("Run"), f"`{run.id}`"
    if is_author and run.prediction_id is not None:
        yield _("Prediction"), _code(run.prediction_id)
    yield _("Requested"), format_timestamp(run.created_at, "f")
    if run.started_at is not None:
        yield _("Started"), _("after {duration}").format(duration=format_duration(run.started_at - run.created_at))
    duration = run_duration(run)
    if duration is not None:
        yield _("Finished"), _("after {duration}").format(duration=format_duration(duration))
    yield _("Seed"), _format_seed(run)
    if is_author and (cost := money.format_cost(run)):
        yield _("Cost"), cost
    metrics = SEPARATOR.join(_metrics(run.metrics))
    if metrics:
        yield _("Metrics"), metrics
    if run.cause is not None:
        yield _("Cause"), _code(run.cause)


def _format_seed(run: Run) -> str:
    """Return the seed that was given, else the one that the model said it used."""
    if "seed" in run.input:
        return f"`{_format_value('seed', run.input['seed'])}`"
    if run.seed is not None:
        return _("`{seed}` (chosen by the model)").format(seed=run.seed)
    return _("random (chosen by the model)")


def _metrics(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield the numbers among the first metrics, whatever they are called and however large they are."""
    for name, value in list(metrics.items())[:_METRICS_SHOWN]:
        number = _to_float(value)
        if number is None:
            continue
        known = _METRIC_NAMES.get(name)
        label = escape(one_line(name.replace("_", " "), 40)) if known is None else retranslate(known)
        if name not in _DURATIONS:
            yield f"{label} {number:g}"
        elif _LONGEST_SECONDS > number >= 10:
            yield f"{label} {format_duration(number)}"
        else:
            yield f"{label} {number:.1f} s" if number < 10 else f"{label} {number:g} s"


def _to_float(value: Any) -> float | None:
    """Return a number; None for any other value, for no number (NaN), and for one without bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer of some 310 digits or more
        return None
    return number if math.isfinite(number) else None


def _format_value(name: str, value: Any) -> str:
    if is_secret_name(name):
        return MASK
    if isinstance(value, str):
        index = parse_reference(value)
        return _plain(value) if index is None else _("(file {number})").format(number=index + 1)
    return _plain(json.dumps(mask_secrets(value), ensure_ascii=False, default=str))


def _plain(text: str) -> str:
    return one_line(text, _VALUE_CHARS).replace("`", "'")


def _code(text: str) -> str:
    return f"`{one_line(text, 60).replace('`', '')}`"
