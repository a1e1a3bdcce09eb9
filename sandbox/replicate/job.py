"""What a predictor sees of its prediction, and how long its work takes."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things take, in seconds of the stand-in's clock."""

    boot: float = 2.5  # a community model wakes up
    queue: float = 0.3  # an official model is awake already
    image: float = 3.0  # one picture, in its four steps
    tokens_per_second: float = 40.0
    work: float = 1.5  # one output of any other kind
    finish: float = 0.1  # from the last output to the end: a synchronous answer says “processing” in between

    @classmethod
    def instant(cls) -> "Timings":
        """Return the pace at which nothing takes time."""
        return cls(boot=0, queue=0, image=0, tokens_per_second=float("inf"), work=0, finish=0)


class ModelFailed(Exception):
    """The model gives up; the text becomes the prediction's ``error``."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One run of one model.

    ``output`` adds an output to a list that grows (an iterator); ``result`` sets the whole output at once. ``save``
    puts a file where outputs are delivered and returns its URL; ``read`` fetches an input file.
    """

    id: str
    input: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    schemas: Mapping[str, Any]
    subject_matter: str  # the model's name and description, from which a picture of its output can be guessed
    clock: Clock
    pace: Callable[[], Timings]
    log: Callable[[str], None]
    output: Callable[[Any], Awaitable[None]]
    result: Callable[[Any], Awaitable[None]]
    save: Callable[[bytes, str], str]
    read: Callable[[str], Awaitable[bytes]]
    withheld: Callable[[], bool] = lambda: False  # whether the safety checker keeps the next image back
    secrets: frozenset[str] = frozenset()  # the inputs that nothing may repeat
    metrics: dict[str, Any] = field(default_factory=dict)

    def number(self, name: str, below: int) -> int:
        """Return a number under ``below`` that depends on the prediction and ``name`` alone."""
        seed = self.input.get("seed") or self.id
        return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big") % below

    async def rest(self, seconds: float) -> None:
        """Let the model's work take ``seconds``."""
        if seconds > 0:
            await self.clock.sleep(seconds)
