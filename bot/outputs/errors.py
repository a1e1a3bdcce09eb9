"""Errors of downloads. Their text is shown to people and never contains a URL.

::

    DownloadError           the file cannot be downloaded; the text says why
    ├── AddressNotAllowed   the URL may not be fetched: its scheme, host, private address or redirect
    ├── FileGone            404 or 410: deleted, as Replicate does after an hour
    ├── AccessDenied        any other 4xx
    ├── FileTooLarge        more bytes than the limit, as sent or decompressed
    ├── FileCorrupt         a broken data URI, or an unknown or broken content encoding
    ├── HostUnreachable     no complete response after all attempts, or too slow
    ├── DiskError           the file cannot be written to the bot's disk
    └── SpoolFull           there is no room for the file on the bot's disk
"""

from bot.errors import ReplicordError
from bot.language import _


class DownloadError(ReplicordError):
    """A file cannot be downloaded."""


class AddressNotAllowed(DownloadError):
    """The URL may not be fetched."""


class FileGone(DownloadError):
    """The file no longer exists."""


class AccessDenied(DownloadError):
    """The host refuses to send the file."""


class FileTooLarge(DownloadError):
    """The file is larger than the limit."""

    def __init__(self, sentence: str = _("Too large to download here")) -> None:
        super().__init__(sentence)


class FileCorrupt(DownloadError):
    """The file cannot be decompressed or decoded."""


class HostUnreachable(DownloadError):
    """The host sent no complete response."""


class DiskError(DownloadError):
    """The file cannot be written to the bot's disk."""

    def __init__(
        self, sentence: str = _("The bot couldn't save the file to its disk. Ask the bot's owner to check it.")
    ) -> None:
        super().__init__(sentence)


class SpoolFull(DownloadError):
    """There is no room for the file within the quota of the bot's disk."""
