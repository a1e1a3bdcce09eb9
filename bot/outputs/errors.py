"""What can go wrong when a file is fetched; no text here ever carries an address.

::

    FetchError              the file is not to be had; the sentence says why
    ├── NotAllowed          its address may not be fetched: scheme, host, a private network, a redirect to one
    ├── Gone                404 or 410: it was deleted, as Replicate does after an hour
    ├── Denied              any other 4xx: the host does not hand it out
    ├── Oversize            more bytes than are taken, as sent or unpacked
    ├── Damaged             what came is not what was promised: a broken data URI, an unknown packing
    ├── Unreachable         no whole answer after all tries, or too slow
    └── NotStored           the disk of the bot did not take it
"""

from bot.errors import ReplicordError


class DownloadError(ReplicordError):
    """A file could not be fetched."""


class AddressNotAllowed(DownloadError):
    """The address is not one that is fetched."""


class FileGone(DownloadError):
    """The file is there no longer."""


class AccessDenied(DownloadError):
    """The host does not hand the file out."""


class FileTooLarge(DownloadError):
    """The file is larger than what is taken."""


class FileCorrupt(DownloadError):
    """The file cannot be unpacked or decoded."""


class HostUnreachable(DownloadError):
    """The host did not answer, or not to the end."""


class DiskError(DownloadError):
    """The file could not be written to the bot's own disk."""
