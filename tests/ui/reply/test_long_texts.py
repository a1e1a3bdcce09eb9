"""A text without end: five messages and a file, the same after a restart; cancel and deletion end it."""

import asyncio
from dataclasses import replace

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.models import Run
from sandbox.discord import Permission
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import make_snapshot

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()
REST = "generate-01-rest-of-text.md"
TRANSPORTS = pytest.mark.parametrize("transport", ["token", "bot"])


def words(count: int) -> TextItem:
    return TextItem(" ".join(f"word{number}" for number in range(count)))


def files(env: ReplyEnvironment, run: Run) -> dict[str, str]:
    messages = (env.message(run), *env.followups(run))
    return {one.filename: one.data.decode() for message in messages for one in message.attachments}


async def grow(env: ReplyEnvironment, run: Run, *, recovered: bool = False) -> None:
    """Let a text grow into its file, and stop as if the process was killed or restarted."""
    reply = env.open_reply(run, recovered=recovered)
    reply.update(make_snapshot(Phase.RUNNING, words(5000), run=run))
    await env.wait_for(lambda: env.followups(run) and "more in the file" in env.followups(run)[-1].text, pass_time=0.25)
    closing = asyncio.create_task(reply.close())
    await env.wait_for(closing.done, pass_time=0.25)


def sent_messages(env: ReplyEnvironment) -> int:
    return sum(message.author.bot for message in env.channel().messages.values())


def send_up_to(env: ReplyEnvironment, messages: int) -> None:
    env.replies = env.open_replies(text_messages=messages)


async def test_a_restart_keeps_messages_and_sends_one_file(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    await grow(env, run)
    before = [message.id for message in env.followups(run)]
    assert len(before) == 4
    env.restart()
    run = env.reload(run)
    await grow(env, run, recovered=True)
    assert not files(env, run)
    env.restart()
    run = env.reload(run)
    final = make_snapshot(Phase.SUCCEEDED, words(6000), run=run)
    assert await env.finish(env.open_reply(run, recovered=True), final) is DeliveryResult.DELIVERED
    env.restart()
    run = env.reload(run)
    assert await env.finish(env.open_reply(run, recovered=True), final) is DeliveryResult.DELIVERED
    assert [message.id for message in env.followups(run)] == before
    assert list(files(env, run)) == env.uploads() == [REST]
    assert files(env, run)[REST].endswith(" word5999")


@TRANSPORTS
async def test_a_cancel_sends_no_further_text_message(env: ReplyEnvironment, transport: str) -> None:
    send_up_to(env, 20)
    run = await env.run_command()
    if transport == "bot":
        await env.clock.advance(LIFE)
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, words(9000), run=run))
    await env.wait_for(lambda: len(env.followups(run)) >= 3, pass_time=0.25)
    canceled = replace(run, cancel_requested_at=env.clock.now())
    reply.update(make_snapshot(Phase.CANCELING, words(9500), run=canceled))
    sent = len(env.followups(run))
    await env.pass_time(5)
    assert await env.finish(reply, make_snapshot(Phase.CANCELED, words(9500), run=canceled)) is DeliveryResult.DELIVERED
    assert len(env.followups(run)) <= sent + 1  # one may have been on its way
    assert files(env, run)[REST].endswith(" word9499")


@TRANSPORTS
async def test_a_limit_during_delivery_puts_the_rest_into_the_file(env: ReplyEnvironment, transport: str) -> None:
    send_up_to(env, 20)
    run = await env.run_command()
    if transport == "bot":
        await env.clock.advance(LIFE)
    reply = env.open_reply(run)
    finishing = asyncio.create_task(reply.finish(make_snapshot(Phase.SUCCEEDED, words(9000), run=run)))
    await env.wait_for(lambda: len(env.followups(run)) >= 3, pass_time=0.25)
    reply.limit_text()
    sent = len(env.followups(run))
    await env.wait_for(finishing.done, pass_time=0.25)
    assert await finishing is DeliveryResult.DELIVERED
    assert len(env.followups(run)) <= sent + 1
    assert files(env, run)[REST].endswith(" word8999")


@TRANSPORTS
async def test_a_deletion_ends_a_long_delivery(env: ReplyEnvironment, transport: str) -> None:
    send_up_to(env, 100)  # far more than are sent until the deletion
    run = await env.run_command()
    if transport == "bot":
        await env.clock.advance(LIFE)
    reply = env.open_reply(run)
    finishing = asyncio.create_task(reply.finish(make_snapshot(Phase.SUCCEEDED, words(60_000), run=run)))
    await env.wait_for(lambda: len(env.followups(run)) >= 3, pass_time=0.25)
    await env.standin.person("ada").delete(env.message(run))
    sent = sent_messages(env)
    await env.wait_for(finishing.done, pass_time=0.25)
    assert await finishing is DeliveryResult.GONE
    assert sent_messages(env) <= sent + (1 if transport == "bot" else 5)


async def test_text_is_complete_where_files_are_forbidden(env: ReplyEnvironment) -> None:
    env.standin.rate_limits.enabled = False  # discord.py waits for that of messages by the clock on the wall
    env.standin.faults.deny_permission(env.channel(), Permission.ATTACH_FILES)
    run = await env.run_command()
    await env.clock.advance(LIFE)
    reply = env.open_reply(run)
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, words(3500), run=run)) is DeliveryResult.DELIVERED
    assert len(env.followups(run)) > 4  # replies, though a message with a file was refused
    shown = env.all_text(run)
    assert all(f"word{number}" in shown for number in range(3500))
