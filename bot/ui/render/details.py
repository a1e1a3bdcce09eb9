"""The private card behind the Details button: times, metrics and inputs of one run. Pure."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import discord
from discord import ui

from bot.formatting import format_duration, truncate
from bot.limits import TEXT_CHARS
from bot.media.types import parse_reference
from bot.secrets import MASK, is_secret_name, mask_secrets
from bot.store.models import Run
from bot.ui.render import strings
from bot.ui.render.formatting import escape, format_code_block, format_timestamp, one_line
from bot.ui.render.list_cards import Card, Tone

_VALUE_CHARS: Final = 160
_INPUT_CHARS: Final = 1500
_METRICS_SHOWN: Final = 10
_METRIC_NAMES: Final = {
    "predict_time": "model time",
    "total_time": "total time",
    "time_to_first_token": "time to first token",
    "image_count": "images",
    "input_token_count": "input tokens",
    "output_token_count": "output tokens",
    "tokens_per_second": "tokens per second",
}
_DURATIONS: Final = ("predict_time", "total_time", "time_to_first_token")


def details_card(run: Run) -> Card:
    """Return the card; only the run's author may see it."""
    facts = "\n".join(f"**{name}** {value}" for name, value in _facts(run))
    items: list[ui.Item[Any]] = [ui.TextDisplay(truncate(f"### Details\n{facts}", TEXT_CHARS - _INPUT_CHARS - 100))]
    inputs = format_inputs(run.input)
    if inputs:
        items += [ui.Separator(), ui.TextDisplay(format_code_block(truncate(inputs, _INPUT_CHARS), "yaml"))]
    if run.prediction_id is not None:
        url = strings.prediction_url(run.prediction_id)
        items.append(ui.ActionRow(ui.Button(label="View on Replicate", url=url, style=discord.ButtonStyle.link)))
    return Card(items, Tone.NEUTRAL)


def format_inputs(inputs: Mapping[str, Any]) -> str:
    """Return the inputs as lines of ``name: value``; files by their number, secrets as dots."""
    return "\n".join(f"{one_line(name, 60)}: {_format_value(name, value)}" for name, value in inputs.items())


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    model, _, version = run.target.partition(":")
    yield "Model", strings.model_link(run.target)
    if version:
        yield "Version", f"`{version[:12]}`"
    elif model:
        yield "Version", "the latest when it ran"
    yield "Run", f"`{run.id}`"
    if run.prediction_id is not None:
        yield "Prediction", _code(run.prediction_id)
    yield "Requested", format_timestamp(run.created_at, "f")
    if run.started_at is not None:
        yield "Started", f"after {format_duration(run.started_at - run.created_at)}"
    duration = strings.run_duration(run)
    if duration is not None:
        yield "Finished", f"after {format_duration(duration)}"
    yield (
        "Seed",
        f"`{_format_value('seed', run.input['seed'])}`" if "seed" in run.input else "random (chosen by the model)",
    )
    metrics = strings.SEPARATOR.join(_metrics(run.metrics))
    if metrics:
        yield "Metrics", metrics
    if run.cause is not None:
        yield "Cause", _code(run.cause)


def _metrics(metrics: Mapping[str, Any]) -> Iterator[str]:
    for name, value in list(metrics.items())[:_METRICS_SHOWN]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            continue
        label = _METRIC_NAMES.get(name, escape(one_line(name.replace("_", " "), 40)))
        if name in _DURATIONS:
            yield f"{label} {format_duration(value) if value >= 10 else f'{value:.1f} s'}"
        else:
            yield f"{label} {value:g}"


def _format_value(name: str, value: Any) -> str:
    if is_secret_name(name):
        return MASK
    if isinstance(value, str):
        index = parse_reference(value)
        return _plain(value) if index is None else f"(file {index + 1})"
    return _plain(json.dumps(mask_secrets(value), ensure_ascii=False, default=str))


def _plain(text: str) -> str:
    return one_line(text, _VALUE_CHARS).replace("`", "'")


def _code(text: str) -> str:
    return f"`{one_line(text, 60).replace('`', '')}`"
