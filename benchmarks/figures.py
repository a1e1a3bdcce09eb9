"""Figures: numbers with names, percentiles, and the table they are printed as."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Figure = float | int | str | None


@dataclass(slots=True)
class Row:
    """What one load showed of one subject; None stands for what could not be measured."""

    load: str
    subject: str
    figures: dict[str, Figure] = field(default_factory=dict)

    def as_json(self) -> dict[str, Figure]:
        """Return it as one flat object."""
        return {"load": self.load, "subject": self.subject, **self.figures}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which ``share`` (0 to 1) of ``values`` lie, None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def percentiles(name: str, values: Iterable[float], *shares: float) -> dict[str, Figure]:
    """Return percentiles as figures: ``name p50``, ``name p95``."""
    known = list(values)
    return {f"{name} p{round(share * 100)}": percentile(known, share) for share in shares}


def format_table(rows: Iterable[Row]) -> str:
    """Return rows as text, a load a block and a figure a line; the subjects stand beside one another."""
    blocks: dict[str, list[Row]] = {}
    for row in rows:
        blocks.setdefault(row.load, []).append(row)
    return "\n\n".join(_block(load, found) for load, found in blocks.items())


def _block(load: str, rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    widths = [max(18, len(row.subject)) for row in rows]
    head = f"{load:<42}" + "".join(f"{row.subject:>{width + 2}}" for row, width in zip(rows, widths, strict=True))
    lines = [head, "─" * len(head)]
    for name in names:
        shown = (f"{_shown(row.figures.get(name)):>{width + 2}}" for row, width in zip(rows, widths, strict=True))
        lines.append(f"  {name:<40}" + "".join(shown))
    return "\n".join(lines)


def _shown(value: Figure) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)


def format_markdown(rows: Iterable[Row], names: Mapping[str, str]) -> str:
    """Return a Markdown table of some figures, a row a load and subject; ``names`` are their headings."""
    lines = ["| load | subject | " + " | ".join(names.values()) + " |", "|---" * (len(names) + 2) + "|"]
    lines += [
        f"| {row.load} | {row.subject} | " + " | ".join(_shown(row.figures.get(name)) for name in names) + " |"
        for row in rows
    ]
    return "\n".join(lines)
