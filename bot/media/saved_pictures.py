"""Make the pictures of a saved character: of bounded size, upright, without metadata."""

from pathlib import Path

from bot.limits import CHARACTER_PICTURE_BYTES, CHARACTER_SIDE
from bot.media.file_names import safe_file_name
from bot.media.images import make_thumbnail, reencode_image
from bot.media.types import HEAD_BYTES, Media, sniff


def make_saved_picture(filename: str, path: Path) -> tuple[Media, Media]:
    """Return the downloaded picture re-encoded, and a small copy of it. Raise BadImage.

    Decodes the picture: call it in ``bot.worker_pool``.
    """
    data = path.read_bytes()
    original = Media(safe_file_name(filename), sniff(data[:HEAD_BYTES]), data)
    picture = reencode_image(original, side=CHARACTER_SIDE, limit=CHARACTER_PICTURE_BYTES)
    return picture, make_thumbnail(picture)
