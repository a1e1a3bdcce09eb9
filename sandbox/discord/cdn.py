"""The CDN: signed URLs that expire, as Discord's do (reference#signed-attachment-cdn-urls)."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta

from bot.clock import Clock
from sandbox.discord.state.models import Attachment, User

URL_LIFETIME = timedelta(hours=24)
SIGNING_KEY = b"the sandbox signs with this"


class Cdn:
    """Stores files and signs their URLs; ``origin`` is set once the server knows its port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, Attachment] = {}
        self.origin = "http://127.0.0.1"
        self.url_lifetime = URL_LIFETIME
        self.answers = asyncio.Event()  # while it is not set, no file is sent
        self.answers.set()

    def store(self, attachment: Attachment) -> Attachment:
        """Keep the file for as long as the server runs."""
        self._files[attachment.path] = attachment
        return attachment

    def sign_url(self, attachment: Attachment) -> str:
        """Return a URL of the file that expires after ``url_lifetime``."""
        now = self._clock.now()
        issued, expires = int(now.timestamp()), int((now + self.url_lifetime).timestamp())
        signature = self._sign(attachment.path, issued, expires)
        return f"{self.origin}{attachment.path}?ex={expires:x}&is={issued:x}&hm={signature}&"

    def find_file(self, path: str, query: Mapping[str, str]) -> Attachment | None:
        """Return the file at ``path``, or None if the signature is wrong or has expired."""
        try:
            issued, expires = int(query.get("is", ""), 16), int(query.get("ex", ""), 16)
        except ValueError:
            return None
        if not hmac.compare_digest(query.get("hm", ""), self._sign(path, issued, expires)):
            return None
        return self._files.get(path) if self._clock.now().timestamp() < expires else None

    def avatar_url(self, user: User) -> str:
        """Return the URL of the user's avatar, which does not expire."""
        return f"{self.origin}/avatars/{user.id}/{user.avatar_hash}.png"

    @staticmethod
    def _sign(path: str, issued: int, expires: int) -> str:
        return hmac.new(SIGNING_KEY, f"{path} {issued:x} {expires:x}".encode(), hashlib.sha256).hexdigest()
