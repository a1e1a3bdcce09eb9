"""A tiny model for Cog: pictures of a subject, one after the other, drawn by Pillow in moments on any machine."""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path as FilePath

from cog import BasePredictor, Input, Path
from PIL import Image, ImageDraw, ImageOps

_SIZE = 256


class Predictor(BasePredictor):
    """Draw the subject in a frame whose colour comes from the prompt. There is nothing to load."""

    def predict(
        self,
        prompt: str = Input(description="What to draw"),
        subject: Path = Input(description="A picture of the subject", default=None),
        number_of_outputs: int = Input(description="How many pictures", default=4, ge=1, le=20),
        seconds: float = Input(description="How long each picture takes", default=0.5, ge=0, le=60),
        style: str = Input(description="How it looks", default="plain", choices=["plain", "mirror", "grey", "noise"]),
        size: int = Input(description="Width and height in pixels", default=_SIZE, ge=16, le=2048),
        fail_at: int = Input(description="Fail at this picture; 0 for never", default=0, ge=0),
    ) -> Iterator[Path]:
        """Yield the pictures, each as soon as it is drawn."""
        folder = FilePath(tempfile.mkdtemp())
        for number in range(1, number_of_outputs + 1):
            time.sleep(seconds)
            if number == fail_at:
                raise ValueError(f"picture {number} went wrong in {folder}/model.py")
            path = folder / f"out-{number - 1}.png"
            _draw(prompt, subject, style, size, number).save(path)
            sys.stderr.write(f"{100 * number // number_of_outputs:3}%|#####| {number}/{number_of_outputs}\n")
            yield Path(path)


def _draw(prompt: str, subject: Path | None, style: str, size: int, number: int) -> Image.Image:
    seed = hashlib.sha256(f"{prompt} {number}".encode()).digest()
    picture = Image.new("RGB", (size, size), (seed[0], seed[1], seed[2]))
    if style == "noise":  # a picture that no format makes small: 3 MB of PNG at a size of 1000
        return Image.frombytes("RGB", (size, size), os.urandom(3 * size * size))
    inner = size * 3 // 4
    if subject is None:
        motif = Image.new("RGB", (inner, inner), (seed[3], seed[4], seed[5]))
        ImageDraw.Draw(motif).ellipse((inner // 8, inner // 8, inner * 7 // 8, inner * 7 // 8), fill=tuple(seed[6:9]))
    else:
        with Image.open(str(subject)) as opened:
            motif = ImageOps.fit(opened.convert("RGB"), (inner, inner))
    if style == "mirror":
        motif = ImageOps.mirror(motif)
    elif style == "grey":
        motif = ImageOps.grayscale(motif).convert("RGB")
    picture.paste(motif, ((size - inner) // 2, (size - inner) // 2))
    ImageDraw.Draw(picture).text((6, 4), f"{number}  {prompt[:40]}", fill="white")
    return picture
