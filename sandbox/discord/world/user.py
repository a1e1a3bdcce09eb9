"""A user: a person, or the bot."""

import hashlib
import io
from dataclasses import dataclass, field

from PIL import Image, ImageDraw


@dataclass(slots=True, eq=False)
class User:
    """Someone with a name; ``avatar`` is a PNG, ``premium`` a Nitro tier, which decides the size of files."""

    id: int
    username: str
    global_name: str | None = None
    bot: bool = False
    avatar: bytes = field(default=b"", repr=False)
    premium: int = 0
    installed: bool = False
    """Whether this person has installed the application for themselves."""

    @property
    def name(self) -> str:
        """What others read above this user's messages."""
        return self.global_name or self.username

    @property
    def avatar_hash(self) -> str | None:
        """The name that Discord gives the avatar's bytes."""
        return hashlib.md5(self.avatar, usedforsecurity=False).hexdigest() if self.avatar else None

    @property
    def mention(self) -> str:
        """The text that mentions this user."""
        return f"<@{self.id}>"


def draw_avatar(letter: str, colour: str, side: int = 128) -> bytes:
    """Return a PNG with ``letter`` on ``colour``."""
    image = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(image)
    draw.text((side / 2, side / 2), letter, fill="white", anchor="mm", font_size=side // 2)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
