"""Times as Replicate writes them: UTC, a Z, and three, six or nine digits after the second."""

from datetime import UTC, datetime

DIGITS = (3, 6, 9)


def stamp(moment: datetime, *, digits: int = 6) -> str:
    """Return ``moment`` as ISO 8601 in UTC, cut (not rounded) to ``digits`` after the second."""
    utc = moment.astimezone(UTC)
    fraction = f"{utc.microsecond:06d}000"[:digits]
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def read(text: str) -> datetime:
    """Read an ISO 8601 time; one without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
