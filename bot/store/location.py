"""Where the database lies: a DATABASE_URL read, its folder made, its mistakes said in sentences."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import ConfigError

_EXAMPLE = "sqlite+aiosqlite:///data/replicord.db"


@dataclass(frozen=True, slots=True)
class Location:
    """A database's place. ``path`` None is the memory of this process."""

    path: Path | None

    @classmethod
    def parse(cls, url: str) -> "Location":
        """Read a DATABASE_URL; ConfigError says how one looks."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigError(f"DATABASE_URL is not a URL. One looks like {_EXAMPLE}.") from error
        if parsed.get_backend_name() != "sqlite":
            raise ConfigError(f"DATABASE_URL names {parsed.get_backend_name()}; runs are kept in SQLite: {_EXAMPLE}.")
        if parsed.query or parsed.host or (parsed.database or "").startswith("file:"):
            raise ConfigError(f"DATABASE_URL takes a path and no more: {_EXAMPLE}, or with four slashes from the root.")
        if parsed.database in (None, "", ":memory:"):
            return cls(None)
        return cls(Path(parsed.database).expanduser().absolute())

    def __str__(self) -> str:
        return "memory" if self.path is None else str(self.path)

    @property
    def folder(self) -> Path:
        """The folder that the database lies in, for what belongs beside it."""
        return Path(tempfile.gettempdir(), f"replicord-{os.getpid()}") if self.path is None else self.path.parent

    def prepare(self) -> None:
        """Make the folder and an empty file that only the bot's user can read; ConfigError if that cannot be."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder {self.path.parent} cannot be made: {error.strerror}. "
                "Make it yourself for the bot's user, or change DATABASE_URL."
            ) from error
        if self.path.is_dir():
            raise ConfigError(f"DATABASE_URL names the folder {self.path}; add the name of a file.")
        if self.path.exists():
            return  # opening and closing it here would drop the locks of an SQLite connection in this process
        try:
            # Prompts and interaction tokens lie in it; SQLite gives its side files the same rights.
            self.path.touch(mode=0o600)
        except OSError as error:
            raise ConfigError(
                f"The database {self.path} cannot be written: {error.strerror}. "
                "Give the bot's user the right to, or change DATABASE_URL."
            ) from error
