"""The private card behind “Details”: what a run was given, how long it took, what was measured. Pure."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import discord
from discord import ui

from bot.formatting import format_duration, truncate
from bot.limits import TEXT_CHARS
from bot.secrets import MASK, is_secret_name, mask_secrets
from bot.store.models import Run
from bot.ui.render import strings
from bot.ui.render.formatting import code_block, escape, moment, one_line
from bot.ui.render.list_cards import Tone

_VALUE_CHARS = 160
_INPUT_CHARS = 1500
_METRICS = {
    "predict_time": "the model worked",
    "total_time": "in all at Replicate",
    "time_to_first_token": "first words after",
    "image_count": "images",
    "input_token_count": "tokens in",
    "output_token_count": "tokens out",
    "tokens_per_second": "tokens a second",
}
_SPANS = ("predict_time", "total_time", "time_to_first_token")


def details(run: Run) -> ui.LayoutView:
    """Return the card; the person who asked for it is the only one who may see it."""
    lines = "\n".join(f"**{name}** {value}" for name, value in _facts(run))
    items: list[ui.Item[Any]] = [ui.TextDisplay(truncate(f"### Details\n{lines}", TEXT_CHARS - _INPUT_CHARS - 100))]
    given = inputs(run.input)
    if given:
        items += [ui.Separator(), ui.TextDisplay(code_block(truncate(given, _INPUT_CHARS), "yaml"))]
    if run.prediction_id is not None:
        url = strings.prediction_url(run.prediction_id)
        items.append(ui.ActionRow(ui.Button(label="Open at Replicate", url=url, style=discord.ButtonStyle.link)))
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*items, accent_colour=Tone.CALM.value))
    return view


def inputs(given: Mapping[str, Any]) -> str:
    """Return the input as lines of ``name: value``; files by their number, secrets as dots."""
    return "\n".join(f"{one_line(name, 60)}: {_value(name, value)}" for name, value in given.items())


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    model, _, version = run.target.partition(":")
    yield "Model", strings.model_link(run.target)
    if version:
        yield "Version", f"`{version[:12]}`"
    elif model:
        yield "Version", "the newest when it ran"
    yield "Run", f"`{run.id}`"
    if run.prediction_id is not None:
        yield "Prediction", f"`{one_line(run.prediction_id, 60).replace('`', '')}`"
    yield "Asked", moment(run.created_at, "f")
    if run.started_at is not None:
        yield "Began", f"after {format_duration((run.started_at - run.created_at).total_seconds())}"
    took = strings.elapsed(run)
    if took is not None:
        yield "Over", f"after {format_duration(took.total_seconds())}"
    yield "Seed", f"`{_value('seed', run.input['seed'])}`" if "seed" in run.input else "the model's own choice"
    measured = strings.DOT.join(_metrics(run.metrics))
    if measured:
        yield "Measured", measured
    if run.cause is not None:
        yield "Cause", f"`{one_line(run.cause, 60).replace('`', '')}`"


def _metrics(metrics: Mapping[str, Any]) -> Iterator[str]:
    for name, value in list(metrics.items())[:10]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            continue
        label = _METRICS.get(name, escape(one_line(name.replace("_", " "), 40)))
        if name in _SPANS:
            yield f"{label} {format_duration(value) if value >= 10 else f'{value:.1f} s'}"
        else:
            yield f"{label} {value:g}"


def _value(name: str, value: Any) -> str:
    if is_secret_name(name):
        return MASK
    value = mask_secrets(value)
    if isinstance(value, str):
        mark = re.fullmatch(r"file:(\d+)", value)
        return f"(file {int(mark[1]) + 1})" if mark else one_line(value, _VALUE_CHARS).replace("`", "'")
    return one_line(json.dumps(value, ensure_ascii=False, default=str), _VALUE_CHARS).replace("`", "'")
