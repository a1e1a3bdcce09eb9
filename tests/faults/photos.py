"""Photos for tests to upload."""

import io
import random

from PIL import Image

from sandbox.discord.state.models import Upload


def large_photo() -> Upload:
    """Return a photo too large to travel inline: noise does not compress."""
    noise = random.Random(7).randbytes(420 * 420 * 3)  # noqa: S311  # an image, not a secret
    kept = io.BytesIO()
    Image.frombytes("RGB", (420, 420), noise).save(kept, "png")
    return Upload("photo.png", kept.getvalue())
