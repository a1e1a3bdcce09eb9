"""A file that hangs on a message or on a command's option."""

import io
import mimetypes
import re
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

UNTOLD = "application/octet-stream"  # what clients say of every file; the name says more


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as someone hands it over: a name and bytes; the type is told from both when not given."""

    name: str
    data: bytes = field(repr=False)
    content_type: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """A file as Discord keeps it; ``folder`` is the first part of its path on the CDN."""

    id: int
    folder: str
    owner_id: int
    filename: str
    data: bytes = field(repr=False)
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    description: str | None = None
    title: str | None = None
    spoiler: bool = False
    ephemeral: bool = False

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.data)

    @property
    def path(self) -> str:
        """Where the CDN has it."""
        return f"/{self.folder}/{self.owner_id}/{self.id}/{self.filename}"


def clean_name(name: str) -> str:
    """Return ``name`` as Discord writes it: spaces as underscores, other odd characters dropped."""
    kept = re.sub(r"[^A-Za-z0-9_.\-]", "", name.replace(" ", "_")).strip(".")
    return kept or "unknown"


def look_at(upload: Upload) -> tuple[str | None, int | None, int | None]:
    """Return the content type and, for a picture, its width and height."""
    try:
        with Image.open(io.BytesIO(upload.data)) as image:
            return Image.MIME.get(image.format or "", "image/png"), image.width, image.height
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        told = None if upload.content_type == UNTOLD else upload.content_type
        return told or mimetypes.guess_type(upload.name)[0] or upload.content_type, None, None
