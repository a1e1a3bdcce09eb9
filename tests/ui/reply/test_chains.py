"""The replies of a chain's steps write one card, one after the other."""

from dataclasses import replace
from pathlib import Path

from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.models import EarlierStep, Run, RunChain, StepPlan
from bot.ui.reply.messages import CANCEL_EMOJI
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import make_file, make_image, make_snapshot

STEPS = tuple(StepPlan(command=name, target="owner/model", input={}, output_schema={}) for name in ("draw", "cutout"))


def first_step(run: Run) -> Run:
    chain = RunChain(id=run.id, name="poster", number=1, steps=STEPS, prompt="a fox", began_at=run.created_at)
    return replace(run, chain=chain)


def second_step(first: Run, attachment_id: int | None) -> Run:
    assert first.chain is not None
    done = EarlierStep(run_id=first.id, seconds=2.0, picture="generate-01.webp", attachment_id=attachment_id)
    return replace(first, id=f"{first.id}-2", chain=replace(first.chain, number=2, earlier=(done,)))


async def test_the_next_step_keeps_the_picture_before_it(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = first_step(await env.run_command())
    picture = make_file(1, tmp_path, data=make_image(1))
    reply = env.open_reply(run)
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, picture, run=run)) is DeliveryResult.DELIVERED
    (delivered,) = await reply.list_outputs()

    following = second_step(run, delivered.attachment_id)
    larger = make_file(2, tmp_path, data=make_image(2))
    last = env.open_reply(following)
    assert await env.finish(last, make_snapshot(Phase.SUCCEEDED, larger, run=following)) is DeliveryResult.DELIVERED
    message = env.message(run)
    assert [one.filename for one in message.attachments] == ["generate-01.webp", "generate-02.webp"]
    assert message.attachments[0].id == delivered.attachment_id
    assert len(env.uploads()) == 2
    assert [file.name for file in await last.list_outputs()] == ["generate-02.webp"]


async def test_the_reaction_stays_until_the_last_step(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = first_step(await env.run_command())
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, run=run))
    await env.pass_time(2)
    await env.finish(reply, make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path, data=make_image(1)), run=run))
    await env.pass_time(2)
    assert CANCEL_EMOJI in env.message(run).reactions

    following = second_step(run, None)
    last = env.open_reply(following)
    await env.finish(last, make_snapshot(Phase.SUCCEEDED, make_file(2, tmp_path, data=make_image(2)), run=following))
    await env.wait_for(lambda: not env.message(run).reactions.get(CANCEL_EMOJI), pass_time=0.25)
