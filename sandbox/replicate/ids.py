"""Ids and tokens of the shapes that Replicate gives out."""

import base64
import secrets
from collections.abc import Callable

Entropy = Callable[[int], bytes]


class Ids:
    """Gives out ids from the entropy that it was handed."""

    def __init__(self, entropy: Entropy = secrets.token_bytes) -> None:
        self._entropy = entropy

    def resource(self) -> str:
        """Return the id of a prediction or a file: 26 of a-z and 2-7."""
        return self._letters(26)

    def stream(self) -> str:
        """Return a stream's token: it is the whole capability, so it is long."""
        return self._letters(52)

    def pool(self) -> str:
        """Return the four letters that stand before the token of a file stream."""
        return self._letters(4)

    def folder(self) -> str:
        """Return the folder of one delivered file: 43 letters and digits of both cases."""
        return base64.urlsafe_b64encode(self._entropy(40)).decode().replace("-", "x").replace("_", "X")[:43]

    def message(self) -> str:
        """Return the id of one webhook delivery."""
        return f"msg_{self._letters(27)}"

    def _letters(self, count: int) -> str:
        return base64.b32encode(self._entropy(count)).decode().lower()[:count]
