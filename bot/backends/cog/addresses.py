"""The bot's own addresses that a Cog server sends to: of the webhook of each run, and of the place for its files.

Cog signs nothing. Each address therefore carries a code that nobody can make without the bot's secret: whoever else is
on the network can neither end nor change a run.
"""

import hashlib
import hmac
import re
from typing import Final

WEBHOOK_PATH: Final = "/webhooks/cog"
UPLOAD_PATH: Final = "/uploads/cog"
SECRET_BYTES: Final = 32

_CODE_CHARS: Final = 32  # 128 bits
_CODE: Final = re.compile(rf"[0-9a-f]{{{_CODE_CHARS}}}")


class CogAddresses:
    """Make and check the addresses below ``base_url``, where the model's servers reach the bot."""

    def __init__(self, base_url: str, *, secret: bytes) -> None:
        self.base_url = base_url.rstrip("/")
        self._secret = secret

    def webhook(self, run_id: str) -> str:
        """Return where a server tells how the prediction of a run goes."""
        return f"{self.base_url}{WEBHOOK_PATH}/{run_id}/{self._make_code('run', run_id)}"

    @property
    def uploads(self) -> str:
        """Where a server puts the files of its predictions: the value for its ``--upload-url``."""
        return f"{self.base_url}{UPLOAD_PATH}/{self._make_code('uploads')}/"

    def may_tell(self, run_id: str, code: str) -> bool:
        """Return whether ``code`` is that of the run's webhook."""
        return self._is(code, "run", run_id)

    def may_upload(self, code: str) -> bool:
        """Return whether ``code`` is that of the place for files."""
        return self._is(code, "uploads")

    def _is(self, code: str, *words: str) -> bool:
        return _CODE.fullmatch(code) is not None and hmac.compare_digest(code, self._make_code(*words))

    def _make_code(self, *words: str) -> str:
        message = "\n".join(words).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:_CODE_CHARS]
