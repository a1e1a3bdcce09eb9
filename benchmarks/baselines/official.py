"""The baseline with Replicate's official client."""

from collections.abc import AsyncIterator

import replicate

from benchmarks.baselines.minimal_bot import MODEL, run


async def stream(prompt: str) -> AsyncIterator[str]:
    """Yield the model's output."""
    async for event in await replicate.async_stream(MODEL, input={"prompt": prompt}):
        yield str(event)


if __name__ == "__main__":
    run(stream)
