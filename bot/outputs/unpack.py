"""Unpacker: undoes a Content-Encoding a little at a time, so that nothing grows behind the reader's back."""

import zlib
from collections.abc import Iterator
from typing import Final

from bot.outputs.errors import Damaged

_STEP: Final = 64 * 1024  # bytes handed out at once, however many a packed byte stands for
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_BROKEN: Final = "The file came packed in a way that cannot be undone."


class Unpacker:
    """Turns the bytes of one response body into the bytes they stand for.

    Knows ``gzip`` and ``deflate``, which stores put on files unasked; raises Damaged for every other encoding, and
    for bytes that are not what they claim.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise Damaged(_BROKEN)
        self._plain = name in ("", "identity")
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the bytes stand for, in pieces of at most 64 KiB when they are packed."""
        if self._plain:
            yield data
            return
        while data:
            if self._inflater.eof:  # one gzip member ended, the next begins
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                piece = self._inflater.decompress(data, _STEP)
            except zlib.error as error:
                raise Damaged(_BROKEN) from error
            yield piece
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if not piece and not data:
                return

    @property
    def whole(self) -> bool:
        """Whether everything that was promised has come."""
        return self._plain or self._inflater.eof
