"""The reaction, the completion notice, and missed cancel reactions."""

from dataclasses import replace

import pytest

from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.messages import CANCEL_EMOJI
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import lasting, make_snapshot, text


async def test_missing_reaction_permission_is_said_on_the_card(env: ReplyEnvironment) -> None:
    run = await env.run_command(env.channel("quiet"))
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.STARTING, run=run))
    await env.wait_for_text(run, "permission to add reactions", pass_time=0.25)
    assert "Cancel" in env.message(run).buttons
    assert env.message(run).text.count("permission to add reactions") == 1
    await reply.close()


async def test_reaction_is_added_once_and_removed_at_the_end(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    for number in range(3):
        reply.update(make_snapshot(Phase.RUNNING, text(number), run=run))
        await env.pass_time(1)
    assert env.message(run).reaction_users(CANCEL_EMOJI) == (env.standin.state.bot,)
    assert len(env.requests("PUT", "/reactions/")) == 1
    await reply.finish(make_snapshot(Phase.SUCCEEDED, text(9), run=run))
    await env.wait_for(lambda: not env.message(run).reaction_users(CANCEL_EMOJI), pass_time=0.5)


async def test_long_run_mentions_its_author_once_and_nobody_else(env: ReplyEnvironment) -> None:
    noah = env.standin.person("noah").user
    run = await env.run_command(prompt=f"@everyone <@{noah.id}> look")
    reply = env.open_reply(run)
    final = lasting(make_snapshot(Phase.SUCCEEDED, TextItem(f"<@{noah.id}> @everyone"), run=run), 75)
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    (notice,) = env.followups(run)
    assert notice.pinged == {run.author_id}
    assert notice.text == f"<@{run.author_id}>, your result is ready (1 min 15 s)"
    assert env.message(run).pinged == frozenset()
    assert env.ledger.messages[run.id] == {0: notice.id}
    env.restart()
    reloaded = env.reload(run)
    assert await env.finish(env.open_reply(reloaded), replace(final, run=reloaded)) is DeliveryResult.DELIVERED
    assert env.followups(run) == [notice]


async def test_unrecorded_completion_notice_is_found(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    final = lasting(make_snapshot(Phase.SUCCEEDED, TextItem("words"), run=run), 75)
    assert await env.finish(env.open_reply(run), final) is DeliveryResult.DELIVERED
    env.ledger.messages.clear()
    env.ledger.sending[run.id] = 0
    env.restart()
    reloaded = env.reload(run)
    assert await env.finish(env.open_reply(reloaded), replace(final, run=reloaded)) is DeliveryResult.DELIVERED
    assert len(env.followups(run)) == 1


async def test_notice_of_a_failure_survives_a_blocked_reason(env: ReplyEnvironment) -> None:
    env.standin.faults.block_text("out of patience")
    run = await env.run_command(failure="out of patience")
    final = lasting(make_snapshot(Phase.FAILED, run=run), 75)
    assert await env.finish(env.open_reply(run), final) is DeliveryResult.DELIVERED
    (notice,) = env.followups(run)
    assert notice.text.startswith(f"<@{run.author_id}>, your run failed")
    assert notice.pinged == {run.author_id}


async def test_short_private_or_own_canceled_run_sends_no_notice(env: ReplyEnvironment) -> None:
    short, private = await env.run_command(), await env.run_command(private=True)
    stopped = await env.run_command(canceled_by_id=env.mia.user.id)
    for run, phase, seconds in (
        (short, Phase.SUCCEEDED, 59),
        (private, Phase.SUCCEEDED, 90),
        (stopped, Phase.CANCELED, 90),
    ):
        assert (
            await env.finish(env.open_reply(run), lasting(make_snapshot(phase, run=run), seconds))
            is DeliveryResult.DELIVERED
        )
    for run in (short, private, stopped):
        assert env.followups(run) == []


async def test_missed_cancel_of_the_author_is_found(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    missed = MissedCancelReactions(env.client, env.replies.limiter)
    assert await missed.find(run) is None
    await env.standin.person("noah").react(env.message(run), CANCEL_EMOJI)
    await env.mia.react(env.message(run), "👍")
    assert await missed.find(run) is None, "neither another user's ❌ nor another emoji cancels a run"
    await env.mia.react(env.message(run), CANCEL_EMOJI)
    assert await missed.find(run) == env.mia.user.id


async def test_missed_cancel_is_unknown_while_discord_fails(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    await env.mia.react(env.message(run), CANCEL_EMOJI)
    env.standin.faults.fail("GET *", status=503)
    assert await MissedCancelReactions(env.client, env.replies.limiter).find(run) is None


@pytest.mark.parametrize(("by_author", "notices"), [(True, 0), (False, 1)])
async def test_own_cancel_is_recognised_by_id_and_not_by_name(
    env: ReplyEnvironment, *, by_author: bool, notices: int
) -> None:
    run = await env.run_command(author_name="renamed since")
    by = env.mia.user.id if by_author else env.standin.person("noah").user.id
    run = replace(run, canceled_by_id=by, cancel_requested_by=None if by_author else run.author_name)
    final = lasting(make_snapshot(Phase.CANCELED, run=run), 75)
    assert await env.finish(env.open_reply(run), final) is DeliveryResult.DELIVERED
    assert len(env.followups(run)) == notices
