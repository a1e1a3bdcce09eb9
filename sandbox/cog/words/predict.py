"""A tiny model for Cog: a text that is written word by word, as a stream."""

import time

import cog
from cog import BasePredictor, ConcatenateIterator, Input

_TEXT = "the quick fox draws a picture of itself and then another one while the slow dog waits for its turn"
_WORDS = tuple(_TEXT.split(" "))


class Predictor(BasePredictor):
    """Write about the prompt. There is nothing to load."""

    @cog.streaming
    def predict(
        self,
        prompt: str = Input(description="What to write about"),
        words: int = Input(description="How many words", default=60, ge=1, le=5000),
        pause: float = Input(description="Seconds between two words", default=0.05, ge=0, le=10),
        fail_at: int = Input(description="Fail at this word; 0 for never", default=0, ge=0),
    ) -> ConcatenateIterator[str]:
        """Yield the words, each with the space that follows it."""
        yield f"{prompt}: "
        for number in range(1, words + 1):
            time.sleep(pause)
            if number == fail_at:
                raise ValueError(f"word {number} went wrong")
            yield f"{_WORDS[(number - 1) % len(_WORDS)]} "
