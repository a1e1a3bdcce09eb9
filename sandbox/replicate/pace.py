"""Pace: how long the stand-in's models take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take, in seconds of the stand-in's clock."""

    boot: float = 2.5  # a community model wakes up
    queue: float = 0.3  # an official model is awake already
    image: float = 3.0  # one picture, in its four steps
    tokens_per_second: float = 40.0
    work: float = 1.5  # one output of any other kind
    finish: float = 0.1  # from the last output to the end: a synchronous answer says “processing” in between

    @classmethod
    def instant(cls) -> "Pace":
        """Return the pace at which nothing takes time."""
        return cls(boot=0, queue=0, image=0, tokens_per_second=float("inf"), work=0, finish=0)
