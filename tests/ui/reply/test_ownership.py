"""A process that lost a run sends nothing more about it, wherever a request was when that happened."""

import asyncio

import pytest

from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.models import Place, Run
from bot.ui.reply.task import ReplyTask
from tests.ui.conftest import Ledger, ReplyEnvironment
from tests.ui.factories import make_snapshot


class Ownership:
    """Whether every run is this process's."""

    def __init__(self) -> None:
        self.held = True
        self.asked = 0
        self.lost_after: int | None = None

    def choose_fence(self, place: Place) -> int | None:
        del place
        return None

    def seconds_left(self, fence: int | None) -> float:
        del fence
        self.asked += 1
        if self.lost_after is not None and self.asked > self.lost_after:
            self.held = False
        return 5.0 if self.held else 0.0


class ForeignLedger(Ledger):
    """The database knows another owner."""

    async def mark_message_sending(self, run_id: str, number: int) -> bool:
        del run_id, number
        return False


@pytest.fixture
def ownership() -> Ownership:
    return Ownership()


async def open_reply(
    env: ReplyEnvironment, ownership: Ownership, *, ledger: Ledger | None = None
) -> tuple[Run, ReplyTask]:
    run = await env.run_command()
    replies = env.open_replies(ledger=ledger or env.ledger, ownership=ownership)

    async def on_deleted() -> None:
        env.deleted_runs.append(run.id)

    return run, replies(run, on_deleted=on_deleted)


def writes(env: ReplyEnvironment) -> int:
    return sum(call.method in {"PATCH", "POST", "PUT", "DELETE"} for call in env.standin.calls)


async def test_lost_run_is_not_edited(env: ReplyEnvironment, ownership: Ownership) -> None:
    run, reply = await open_reply(env, ownership)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("so far"), run=run))
    await env.wait_for(lambda: "so far" in env.message(run).text)
    await env.settle()
    before = writes(env)
    ownership.held = False
    reply.update(make_snapshot(Phase.RUNNING, TextItem("so far and more"), run=run))
    await env.pass_time(5)
    result = await env.finish(reply, make_snapshot(Phase.SUCCEEDED, TextItem("all of it"), run=run))
    assert result is DeliveryResult.LATER
    await reply.abandon()
    assert writes(env) == before
    assert "so far" in env.message(run).text


async def test_attempt_after_a_wait_inside_the_library_is_refused(env: ReplyEnvironment, ownership: Ownership) -> None:
    """Discord says to wait, discord.py waits and would repeat; meanwhile the run is lost."""
    run, reply = await open_reply(env, ownership)
    throttle = env.standin.faults.throttle("PATCH *", seconds=0.3)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("so far"), run=run))
    await env.wait_for(lambda: throttle.hits)
    ownership.held = False
    before = len(env.standin.calls)
    await asyncio.sleep(0.6)
    await env.settle()
    assert [call.method for call in list(env.standin.calls)[before:]] == []
    await reply.abandon()


async def test_reaction_under_a_lost_run_is_not_added(env: ReplyEnvironment, ownership: Ownership) -> None:
    run, reply = await open_reply(env, ownership)
    throttle = env.standin.faults.throttle("PUT *", seconds=0.3)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("so far"), run=run))
    await env.wait_for(lambda: throttle.hits)
    ownership.held = False
    before = len(env.standin.calls)
    await asyncio.sleep(0.6)
    await env.settle()
    assert [call.method for call in list(env.standin.calls)[before:]] == []
    await reply.abandon()


async def test_further_message_needs_the_database(env: ReplyEnvironment, ownership: Ownership) -> None:
    run, reply = await open_reply(env, ownership, ledger=ForeignLedger())
    finishing = asyncio.create_task(
        reply.finish(make_snapshot(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 300), run=run))
    )
    await env.wait_for(finishing.done, pass_time=0.25)
    assert await finishing is DeliveryResult.LATER
    assert env.followups(run) == []
    await reply.abandon()


async def test_abandoned_reply_is_silent(env: ReplyEnvironment, ownership: Ownership) -> None:
    run, reply = await open_reply(env, ownership)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("so far"), run=run))
    await env.wait_for(lambda: "so far" in env.message(run).text)
    await env.settle()
    before = writes(env)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("more"), run=run))
    await reply.abandon()
    reply.update(make_snapshot(Phase.RUNNING, TextItem("more and more"), run=run))
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, run=run)) is DeliveryResult.LATER
    await env.pass_time(5)
    assert writes(env) == before
