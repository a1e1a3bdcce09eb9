"""Draw what was spent each day, stacked by command, as a PNG. For a worker process: the library takes a second to load.

The chart has its own dark ground, so it reads alike in Discord's light and dark themes. The colours are those of Okabe
and Ito, which people with any colour vision can tell apart, here on a dark ground.
"""

import io
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from bot.money.amounts import MICROS

_SIZE: Final = (9.0, 4.6)  # inches, at 150 dots each: sharp on a phone, and 60 kB
_DOTS: Final = 150
_GROUND: Final = "#232428"
_TEXT: Final = "#f2f3f5"
_FAINT: Final = "#4e5058"
_COLOURS: Final = ("#56b4e9", "#e69f00", "#2fbf9b", "#f0e442", "#cc79a7", "#d55e00", "#8c9eff")
_OTHERS: Final = "#949ba4"
_TICKS: Final = 7


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One command: what it has cost on each day, in micro-dollars. ``is_rest``: all the others."""

    label: str
    spent: tuple[int, ...]
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class UsageChart:
    """What to draw: each series has a value for each day."""

    title: str
    days: tuple[date, ...]
    series: tuple[ChartSeries, ...]


def draw_usage_chart(chart: UsageChart) -> bytes:
    """Return the chart as a PNG of 1350 × 690 pixels."""
    # Where the library keeps what it finds out about fonts; a process of ours has no home.
    os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir(), "replicord-charts")))
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
    from matplotlib.figure import Figure  # noqa: PLC0415 (an extra)

    figure = Figure(figsize=_SIZE, dpi=_DOTS, facecolor=_GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_bars(axes, chart)
    _style(axes, chart)
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor=_GROUND)
    return file.getvalue()


def _draw_bars(axes: Any, chart: UsageChart) -> None:
    positions = range(len(chart.days))
    bottom = [0.0] * len(chart.days)
    colours = iter(_COLOURS)
    for series in chart.series:
        heights = [spent / MICROS for spent in series.spent]
        colour = _OTHERS if series.is_rest else next(colours, _OTHERS)
        axes.bar(positions, heights, bottom=bottom, width=0.82, color=colour, label=_escape(series.label), linewidth=0)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_ylim(0, max(*bottom, 0.01) * 1.08)


def _style(axes: Any, chart: UsageChart) -> None:
    axes.set_facecolor(_GROUND)
    axes.set_title(_escape(chart.title), color=_TEXT, fontsize=14, fontweight="bold", loc="left", pad=14)
    axes.set_xlim(-0.6, len(chart.days) - 0.4)
    step = max(1, -(-len(chart.days) // _TICKS))
    ticks = range(len(chart.days) - 1, -1, -step)
    axes.set_xticks(list(ticks), [f"{chart.days[tick]:%b} {chart.days[tick].day}" for tick in ticks])
    axes.yaxis.set_major_formatter(lambda value, _: _format_tick(value))
    axes.tick_params(colors=_TEXT, labelsize=11, length=0, pad=6)
    axes.grid(visible=True, axis="y", color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    if len(chart.series) > 0:
        legend = axes.legend(
            loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=11, handlelength=0.9, handleheight=0.9
        )
        for text in legend.get_texts():
            text.set_color(_TEXT)


def _format_tick(value: float) -> str:
    if value >= 1000:
        return rf"\${value:,.0f}"
    return rf"\${value:.2f}" if value < 10 else rf"\${value:.0f}"


def _escape(text: str) -> str:
    """Return a text in which a dollar does not begin a formula."""
    return text.replace("$", r"\$")


def stack_by_command(
    rows: Sequence[tuple[date, str, int]], days: Sequence[date], *, shown: int, rest: str
) -> tuple[ChartSeries, ...]:
    """Return the series of the ``shown`` most expensive commands, and of the rest as one.

    ``rows`` are (day, command, micro-dollars).
    """
    totals: dict[str, int] = {}
    for _, command, spent in rows:
        totals[command] = totals.get(command, 0) + spent
    ordered = sorted((name for name in totals if totals[name]), key=lambda name: (-totals[name], name))
    by_day: dict[tuple[str, date], int] = {}
    named = frozenset(ordered[:shown])
    for day, command, spent in rows:
        key = (command if command in named else "", day)
        by_day[key] = by_day.get(key, 0) + spent
    series = [ChartSeries(f"/{name}", tuple(by_day.get((name, day), 0) for day in days)) for name in ordered[:shown]]
    others = tuple(by_day.get(("", day), 0) for day in days)
    return (*series, ChartSeries(rest, others, is_rest=True)) if any(others) else tuple(series)
