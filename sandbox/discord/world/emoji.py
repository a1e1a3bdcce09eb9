"""An emoji: one of Unicode's, or a guild's own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Emoji:
    """An emoji; ``id`` is set for a guild's own, whose ``name`` is a word."""

    name: str
    id: int | None = None

    @property
    def key(self) -> str:
        """The emoji as it stands in a path."""
        return f"{self.name}:{self.id}" if self.id else self.name
