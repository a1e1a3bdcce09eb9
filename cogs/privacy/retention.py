"""How long things are kept, as people say it."""

from dataclasses import dataclass
from datetime import timedelta

_UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionText:
    """Three spans in words: ``prompts`` (and all texts), ``files`` that were given, ``runs`` (the rows)."""

    prompts: str
    files: str
    runs: str

    @classmethod
    def of(cls, prompts: timedelta, files: timedelta, runs: timedelta) -> "RetentionText":
        """Put the settings in words."""
        return cls(prompts=format_span(prompts), files=format_span(files), runs=format_span(runs))


def format_span(span: timedelta) -> str:
    """Return a span in the largest unit that it fills: “30 days”, “1 hour”."""
    seconds = max(1, int(span.total_seconds()))
    name, size = next((name, size) for name, size in _UNITS if seconds >= size and seconds % size == 0)
    count = seconds // size
    return f"{count} {name}{'s' if count != 1 else ''}"
