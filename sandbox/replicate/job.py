"""What a predictor sees of its prediction, and how long its work takes."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things take, in seconds of the stand-in's clock."""

    boot: float = 2.5  # a community model starts
    queue: float = 0.3  # an official model is already running
    image: float = 3.0  # one image, in its four steps
    tokens_per_second: float = 40.0
    work: float = 1.5  # one output of any other kind
    finish: float = 0.1  # from the last output to the end: a synchronous create returns “processing” in between

    @classmethod
    def instant(cls) -> "Timings":
        """Return timings with which nothing takes time."""
        return cls(boot=0, queue=0, image=0, tokens_per_second=float("inf"), work=0, finish=0)


class ModelFailed(Exception):
    """The model gives up; the text becomes the prediction's ``error``."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One run of one model, as its predictor sees it.

    ``add_output`` appends to a list that grows (an iterator); ``set_output`` sets the whole output at once.
    ``save_file`` stores an output file and returns its URL; ``read_file`` fetches an input file.
    """

    id: str
    input: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    schemas: Mapping[str, Any]
    model_description: str  # name and description of the model: hints for what its files contain
    clock: Clock
    timings: Callable[[], Timings]
    log: Callable[[str], None]
    add_output: Callable[[Any], Awaitable[None]]
    set_output: Callable[[Any], Awaitable[None]]
    save_file: Callable[[bytes, str], str]
    read_file: Callable[[str], Awaitable[bytes]]
    is_withheld: Callable[[], bool] = lambda: False  # whether the safety checker withholds the next image
    secrets: frozenset[str] = frozenset()  # the inputs that no output may repeat
    picture_scale: float = 1.0  # of the size of every picture that is drawn
    metrics: dict[str, Any] = field(default_factory=dict)

    def random_number(self, name: str, below: int) -> int:
        """Return a number under ``below`` that depends only on the seed (or the prediction) and ``name``."""
        seed = self.input.get("seed") or self.id
        return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big") % below

    def picture_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size, in pixels, at which to draw what the real model returns in this size."""
        width, height = size
        return round(width * self.picture_scale), round(height * self.picture_scale)

    async def sleep(self, seconds: float) -> None:
        """Let the model's work take ``seconds``."""
        if seconds > 0:
            await self.clock.sleep(seconds)
