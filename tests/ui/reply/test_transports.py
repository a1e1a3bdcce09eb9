"""Which transport edits a reply, and what happens when one closes."""

from dataclasses import replace

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.visibility import Visibility
from sandbox.discord import Permission
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import make_snapshot, text

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()


def paths(env: ReplyEnvironment) -> list[str]:
    return [call.path.split("/")[1] for call in env.requests("PATCH", "/messages/")]


async def test_bot_edits_after_the_token_expires(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.clock.advance(LIFE)
    reply.update(make_snapshot(Phase.RUNNING, text(2), run=run))
    await env.wait_for_text(run, "word 2")
    assert paths(env) == ["webhooks", "channels"]
    await reply.close()


async def test_token_that_expires_early_loses_nothing(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    env.standin.faults.expire_tokens()
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, text(2), run=run)) is DeliveryResult.DELIVERED
    assert "word 2" in env.message(run).text


async def test_token_only_reply_warns_before_the_token_expires(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True)
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.pass_time(LIFE - 40, 120)
    assert "15 minutes" not in env.message(run).text
    await env.wait_for_text(run, "15 minutes", pass_time=1)
    assert "Show the result" in env.message(run).buttons
    await env.clock.advance(60)
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, text(2), run=run)) is DeliveryResult.LATER
    assert "word 2" not in env.message(run).text
    exchange = await env.mia.press(env.message(run), "Show the result")
    assert exchange.acknowledged
    action, run_id, interaction = env.client.presses[0]
    assert (action, run_id) == ("refresh", run.id)
    env.replies.renew_token(run.id, interaction.token, env.clock.now() + INTERACTION_TOKEN_LIFE)
    await env.wait_for_text(run, "word 2")
    assert env.message(run).buttons == ("Edit", "Details", "Again", "⋯")
    assert "15 minutes" not in env.message(run).text
    assert not env.requests("PUT", "/reactions/")


async def test_follow_ups_of_an_ephemeral_reply_are_ephemeral(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True)
    reply = env.open_reply(run)
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("A sentence of words. " * 400), run=run)
    assert await reply.finish(snapshot) is DeliveryResult.DELIVERED
    seen_by_mia = [message for message in env.mia.visible_messages(env.channel()) if message.author.bot]
    seen_by_noah = [
        message for message in env.standin.person("noah").visible_messages(env.channel()) if message.author.bot
    ]
    assert len(seen_by_mia) >= 3
    assert seen_by_noah == []


async def test_token_reaches_a_channel_hidden_from_the_bot(env: ReplyEnvironment) -> None:
    run = await env.run_command(env.channel("hidden"))
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, text(2), run=run)) is DeliveryResult.DELIVERED


async def test_ephemeral_reply_is_detected_and_uses_the_token_only(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True)
    run = replace(run, place=replace(run.place, token_only=False))
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.pass_time(LIFE - 40, 120)
    await env.wait_for_text(run, "15 minutes", pass_time=1)
    await env.clock.advance(60)
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, text(2), run=run)) is DeliveryResult.LATER
    assert env.deleted_runs == []


async def test_reopened_channel_gets_the_final_snapshot(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.clock.advance(LIFE)
    env.standin.faults.deny_permission(env.channel(), Permission.VIEW_CHANNEL)
    final = make_snapshot(Phase.SUCCEEDED, text(2), run=run)
    assert await env.finish(reply, final) is DeliveryResult.LATER
    before = len(env.standin.calls)
    for _ in range(60):
        assert await env.finish(reply, final) is DeliveryResult.LATER
        await env.clock.advance(10)
    assert 1 < len(env.standin.calls) - before < 12, "a closed channel is tried again from time to time"
    env.standin.faults.allow_permission(env.channel(), Permission.VIEW_CHANNEL)
    await env.clock.advance(600)
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    assert "word 2" in env.message(run).text
    assert "no longer see" not in env.message(run).text


async def test_a_press_before_the_run_is_taken_up_is_kept(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True)
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.clock.advance(LIFE)
    env.restart()
    await env.mia.press(env.message(run), "Details")
    interaction = env.client.presses[0][2]
    env.replies.renew_token(run.id, interaction.token, env.clock.now() + INTERACTION_TOKEN_LIFE)
    reply = env.open_reply(env.reload(run), recovered=True)
    final = make_snapshot(Phase.SUCCEEDED, text(2), run=run)
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    assert "word 2" in env.message(run).text


async def test_text_below_the_card_is_sent_anew_by_a_new_token(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True)
    reply = env.open_reply(run)
    words = TextItem("A sentence of words. " * 300)
    reply.update(make_snapshot(Phase.RUNNING, words, run=run))
    await env.wait_for(lambda: env.followups(run), pass_time=0.25)
    await env.clock.advance(LIFE)
    final = make_snapshot(Phase.SUCCEEDED, TextItem(words.text + "The end."), run=run)
    assert await env.finish(reply, final) is DeliveryResult.LATER
    await env.mia.press(env.message(run), "Cancel")
    interaction = env.client.presses[0][2]
    env.replies.renew_token(run.id, interaction.token, env.clock.now() + INTERACTION_TOKEN_LIFE)
    await env.wait_for(lambda: "The end." in env.all_text(run), pass_time=0.25)
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    assert env.all_text(run).count("The end.") == 1


async def test_text_is_sent_anew_by_a_press_before_a_restart(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True)
    reply = env.open_reply(run)
    words = TextItem("A sentence of words. " * 300)
    reply.update(make_snapshot(Phase.RUNNING, words, run=run))
    await env.wait_for(lambda: env.followups(run), pass_time=0.25)
    await env.clock.advance(LIFE)
    await env.mia.press(env.message(run), "Cancel")
    interaction = env.client.presses[0][2]
    env.restart()
    stored = env.reload(run)
    expires_at = env.clock.now() + INTERACTION_TOKEN_LIFE
    stored = replace(stored, place=replace(stored.place, token=interaction.token, token_expires_at=expires_at))
    reply = env.open_reply(stored, recovered=True)
    final = make_snapshot(Phase.SUCCEEDED, TextItem(words.text + "The end."), run=stored)
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    assert env.all_text(run).count("The end.") == 1


async def test_a_long_private_run_offers_direct_messages_early(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True, visibility=Visibility.PRIVATE)
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.pass_time(100, 20)
    assert env.message(run).buttons == ("Cancel", "Details")
    await env.wait_for(lambda: "Send it to my DMs" in env.message(run).buttons, pass_time=2)
    assert "for 15 minutes only" in env.message(run).text
    await env.finish(reply, make_snapshot(Phase.SUCCEEDED, text(2), run=run))
    assert "for 15 minutes only" not in env.message(run).text
    assert "Send it to my DMs" not in env.message(run).buttons
