"""What the cogs may ask of the memory: runs, looked up. Nothing here changes a run."""

from typing import Protocol

from bot.media.media import Media
from bot.runs import Run


class Book(Protocol):
    """Finds runs."""

    async def get(self, run_id: str) -> Run | None:
        """Return the run of this id."""
        ...

    async def by_message(self, message_id: int) -> Run | None:
        """Return the run that this message belongs to."""
        ...

    async def undelivered(self) -> tuple[Run, ...]:
        """Return every run whose end Discord does not show yet."""
        ...

    async def files(self, run_id: str) -> tuple[Media, ...]:
        """Return the files that the run was given, while they are kept."""
        ...
