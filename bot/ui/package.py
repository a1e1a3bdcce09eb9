"""A drawing with what must travel with it: new files, and the names of those that Discord has."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

import discord
from discord import ui


@dataclass(frozen=True, slots=True)
class Upload:
    """A new file under its upload name: on our disk, or in memory."""

    name: str
    source: Path | bytes
    size: int

    def open(self) -> discord.File:
        """Return the file ready to be read once; OSError when it is no longer there."""
        source = BytesIO(self.source) if isinstance(self.source, bytes) else self.source
        return discord.File(source, filename=self.name)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that Discord has, by its name and id; an edit must name it or lose it."""

    name: str
    id: int

    def to_dict(self) -> dict[str, str]:
        """Return what Discord wants to know of a kept attachment."""
        return {"id": str(self.id), "filename": self.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One message, ready to be sent. ``mentions`` is whom it may ping: nobody, unless it is the notice."""

    view: ui.LayoutView | None = None
    content: str | None = None
    kept: tuple[Kept, ...] = ()
    uploads: tuple[Upload, ...] = ()
    mentions: Sequence[int] = ()

    def attachments(self) -> list[discord.Attachment | discord.File]:
        """Return the files as discord.py takes them; new ones are opened, for one request."""
        # discord.py asks a kept attachment for nothing but ``to_dict``.
        kept = [cast("discord.Attachment", file) for file in self.kept]
        return [*kept, *self.files()]

    def files(self) -> list[discord.File]:
        """Return the new files, opened for one request; all or, with an OSError, none."""
        opened: list[discord.File] = []
        try:
            opened.extend(upload.open() for upload in self.uploads)
        except OSError:
            for file in opened:
                file.close()
            raise
        return opened

    def allowed(self) -> discord.AllowedMentions:
        """Return who may be pinged."""
        users: list[discord.abc.Snowflake] = [discord.Object(user) for user in self.mentions]
        return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=users or False)
