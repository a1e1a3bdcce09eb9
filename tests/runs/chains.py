"""Chains in the environment of runs: start one, let its steps succeed, wait for them."""

import asyncio
from collections.abc import Callable
from typing import Any

from bot.backends.prediction import Status
from bot.store.models import Run, RunChain, StepPlan
from tests.runs.environment import IMAGES, TARGET, Environment

URL = "https://replicate.delivery/1.png"
NAMES = ("draw", "enhance", "cutout")


def plan(command: str, number: int) -> StepPlan:
    first = number == 1
    return StepPlan(
        command=command,
        target=str(TARGET),
        input={"prompt": "a fox"} if first else {"image": "file:0"},
        output_schema=IMAGES,
        prompt="a fox" if first else None,
        picture="" if first else "image",
        accepts=() if first else ("image/*",),
    )


async def start_chain(env: Environment, *names: str, **changes: Any) -> Run:
    steps = tuple(plan(name, number) for number, name in enumerate(names or NAMES, start=1))
    chain = RunChain(id="c", name="poster", number=1, steps=steps, prompt="a fox", began_at=env.clock.now())
    return await env.start(id="c", command=steps[0].command, input=steps[0].input, chain=chain, **changes)


async def until(env: Environment, condition: Callable[[], bool]) -> None:
    """Let time pass until something is true."""
    async with asyncio.timeout(60):
        while not condition():
            await env.clock.advance(0.2)


async def succeed(env: Environment, number: int, output: Any = (URL,)) -> None:
    """Let the prediction of step ``number`` be created and succeed."""
    await until(env, lambda: len(env.replicate.by_id) >= number)
    list(env.replicate.by_id.values())[number - 1].end(Status.SUCCEEDED, env.clock.now(), output=list(output))


async def finished(env: Environment, run_id: str) -> Run:
    """Return the row of a run once its final snapshot is shown."""
    await until(env, lambda: any(reply.finished for reply in env.replies.get(run_id, ())))
    await env.clock.settle()
    return await env.row(run_id)
