"""Files that a browser handed over and that no command has used yet."""

import secrets

from bot.limits import MIB
from sandbox.discord.people.refused import ClientRefused
from sandbox.discord.world.attachment import Upload

KEPT_BYTES = 256 * MIB


class Uploads:
    """Keeps files by a name of their own; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._kept: dict[str, Upload] = {}

    def keep(self, upload: Upload) -> str:
        """Keep a file and return its name."""
        name = secrets.token_urlsafe(12)
        self._kept[name] = upload
        while len(self._kept) > 1 and sum(len(one.data) for one in self._kept.values()) > KEPT_BYTES:
            del self._kept[next(iter(self._kept))]
        return name

    def get(self, name: str) -> Upload:
        """Return the file of that name."""
        if name not in self._kept:
            raise ClientRefused("The file is no longer here. Attach it again.")
        return self._kept[name]
