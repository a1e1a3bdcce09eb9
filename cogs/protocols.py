"""What cogs need of the store."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from bot.media.types import Media
from bot.runs import Run


class Book(Protocol):
    """Finds runs."""

    async def get(self, run_id: str) -> Run | None:
        """Return the run of this id."""
        ...

    async def find_by_message(self, message_id: int) -> Run | None:
        """Return the run that this message belongs to."""
        ...

    async def list_undelivered(self) -> tuple[Run, ...]:
        """Return every run whose end Discord does not show yet."""
        ...

    async def load_files(self, run_id: str) -> tuple[Media, ...]:
        """Return the files that the run was given, while they are kept."""
        ...


FreshToken = Callable[[str, str, datetime], bool]
"""Hands a run's reply a new token by which it can be edited; False when that reply does not live here."""
