"""Durations as people write them: ``90s``, ``30m``, ``1h30m``, ``7d``; a bare number is seconds."""

import re
from datetime import timedelta

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def parse_duration(text: str) -> timedelta:
    """Read a duration; ValueError says how one is written."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise ValueError(f"“{text}” is not a duration. Write it like 90s, 30m, 1h30m or 7d.")
    amounts = {name: int(amount) for name, amount in zip(_UNITS.values(), found.groups(), strict=True) if amount}
    return timedelta(**amounts)


def format_duration(span: timedelta) -> str:
    """Write a duration the way it is read, in whole seconds."""
    left = int(span.total_seconds())
    written = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, left = divmod(left, size)
        written += f"{amount}{unit}" if amount else ""
    return written or "0s"
