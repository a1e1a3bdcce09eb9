"""Figures: named numbers, percentiles, and their table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Figure = float | int | str | None


@dataclass(slots=True)
class Row:
    """The figures of one candidate under one load; None for what could not be measured."""

    load: str
    candidate: str
    figures: dict[str, Figure] = field(default_factory=dict)

    def as_json(self) -> dict[str, Figure]:
        """Return one flat object."""
        return {"load": self.load, "candidate": self.candidate, **self.figures}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which ``share`` (0 to 1) of ``values`` are, or None if there are no values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def percentiles(name: str, values: Iterable[float], *shares: float) -> dict[str, Figure]:
    """Return percentiles as figures: ``name p50``, ``name p95``."""
    values = list(values)
    return {f"{name} p{round(share * 100)}": percentile(values, share) for share in shares}


def format_table(rows: Iterable[Row]) -> str:
    """Return rows as text: a block per load, a line per figure, a column per candidate."""
    blocks: dict[str, list[Row]] = {}
    for row in rows:
        blocks.setdefault(row.load, []).append(row)
    return "\n\n".join(_block(load, found) for load, found in blocks.items())


def _block(load: str, rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    widths = [max(18, len(row.candidate)) for row in rows]
    head = f"{load:<42}" + "".join(f"{row.candidate:>{width + 2}}" for row, width in zip(rows, widths, strict=True))
    lines = [head, "─" * len(head)]
    for name in names:
        shown = (
            f"{_format_figure(row.figures.get(name)):>{width + 2}}" for row, width in zip(rows, widths, strict=True)
        )
        lines.append(f"  {name:<40}" + "".join(shown))
    return "\n".join(lines)


def _format_figure(value: Figure) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)
