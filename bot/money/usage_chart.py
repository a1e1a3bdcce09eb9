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

from bot.money.amounts import MICROS, format_dollars

_SIZE: Final = (6.6, 4.2)  # inches, at 200 dots each: letters of this size can be read on a phone
_DOTS: Final = 200
_GROUND: Final = "#232428"
_TEXT: Final = "#f2f3f5"
_FAINT: Final = "#4e5058"
_COLOURS: Final = ("#56b4e9", "#e69f00", "#2fbf9b", "#f0e442", "#cc79a7", "#d55e00", "#8c9eff")
_OTHERS: Final = "#949ba4"
_TICKS: Final = 6
_LEGEND_COLUMNS: Final = 4


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
    """Return the chart as a PNG of 1320 × 840 pixels."""
    # Where the library keeps what it finds out about fonts; a process of ours has no home.
    os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir(), "replicord-charts")))
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
    from matplotlib.figure import Figure  # noqa: PLC0415 (an extra)
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415 (an extra)

    layout = ConstrainedLayoutEngine(w_pad=0.16, h_pad=0.16)  # inches
    figure = Figure(figsize=_SIZE, dpi=_DOTS, facecolor=_GROUND, layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_bars(axes, chart)
    _style(axes, chart)
    if chart.series:
        legend = figure.legend(
            loc="outside lower center", ncols=_LEGEND_COLUMNS, frameon=False, fontsize=10.5, handlelength=0.9,
            handleheight=0.9, columnspacing=1.4,
        )  # fmt: skip
        for text in legend.get_texts():
            text.set_color(_TEXT)
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
    axes.set_ylim(0, (max(bottom, default=0.0) or 0.01) * 1.08)


def _style(axes: Any, chart: UsageChart) -> None:
    axes.set_facecolor(_GROUND)
    axes.set_title(_escape(chart.title), color=_TEXT, fontsize=13, fontweight="bold", loc="left", pad=12)
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


def _format_tick(value: float) -> str:
    return _escape(format_dollars(round(value * MICROS)))


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
