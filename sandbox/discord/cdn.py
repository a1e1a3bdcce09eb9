"""The CDN: signed addresses that stop working, as Discord's do (reference#signed-attachment-cdn-urls)."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta

from bot.clock import Clock
from sandbox.discord.state.models import Attachment, User

LIFE = timedelta(hours=24)
KEY = b"the sandbox signs with this"


class Cdn:
    """Keeps files and signs their addresses; ``origin`` is set when the server has its port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, Attachment] = {}
        self.origin = "http://127.0.0.1"
        self.life = LIFE

    def keep(self, attachment: Attachment) -> Attachment:
        """Hold the file for as long as the server lives."""
        self._files[attachment.path] = attachment
        return attachment

    def url(self, attachment: Attachment) -> str:
        """Return an address of the file that works from now on for a day."""
        now = self._clock.now()
        issued, expires = int(now.timestamp()), int((now + self.life).timestamp())
        return f"{self.origin}{attachment.path}?{self._query(attachment.path, issued, expires)}"

    def open(self, path: str, query: Mapping[str, str]) -> Attachment | None:
        """Return the file at ``path`` when the query is signed and not expired."""
        try:
            issued, expires = int(query.get("is", ""), 16), int(query.get("ex", ""), 16)
        except ValueError:
            return None
        if not hmac.compare_digest(query.get("hm", ""), self._sign(path, issued, expires)):
            return None
        return self._files.get(path) if self._clock.now().timestamp() < expires else None

    def avatar_url(self, user: User) -> str:
        """Return the address of the user's picture; it does not expire."""
        return f"{self.origin}/avatars/{user.id}/{user.avatar_hash}.png"

    def _query(self, path: str, issued: int, expires: int) -> str:
        return f"ex={expires:x}&is={issued:x}&hm={self._sign(path, issued, expires)}&"

    @staticmethod
    def _sign(path: str, issued: int, expires: int) -> str:
        return hmac.new(KEY, f"{path} {issued:x} {expires:x}".encode(), hashlib.sha256).hexdigest()
