"""Job: what a model of the stand-in sees of its prediction, and all that it can do."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.clock import Clock
from sandbox.replicate.pace import Pace


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
    pace: Callable[[], Pace]
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
