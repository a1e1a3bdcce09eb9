"""What Discord refuses is left out, and the rest is shown."""

from pathlib import Path

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from sandbox.discord import Permission
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import lasting, make_file, make_snapshot, text

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()


async def test_user_install_says_when_follow_ups_run_out(env: ReplyEnvironment, tmp_path: Path) -> None:
    env.mia.user.installed = True
    run = await env.run_command(env.channel("lobby"))
    assert run.place.token_only
    reply = env.open_reply(run)
    files = [make_file(number, tmp_path) for number in range(1, 76)]
    snapshot = make_snapshot(Phase.SUCCEEDED, *files, run=run)
    assert await env.finish(reply, snapshot) is DeliveryResult.DELIVERED
    assert "longer than Discord lets me send" in env.message(run).text
    assert len([message for message in env.channel("lobby").messages.values() if message.reference]) == 5
    assert not env.requests("PUT", "/reactions/")


async def test_user_install_gets_all_text_in_its_follow_ups(env: ReplyEnvironment) -> None:
    env.mia.user.installed = True
    run = await env.run_command(env.channel("lobby"))
    reply = env.open_reply(run)
    words = " ".join(f"word{number}" for number in range(6000))
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, TextItem(words), run=run)) is DeliveryResult.DELIVERED
    replies = [message for message in env.channel("lobby").messages.values() if message.reference]
    (rest,) = replies[-1].attachments
    shown = " ".join([env.message(run).text, *(message.text for message in replies), rest.data.decode()])
    assert all(f"word{number}" in shown for number in (0, 1, 3000, 5999))
    assert rest.data.decode().endswith("word5999")
    assert "longer than Discord lets me send" not in env.message(run).text


async def test_old_message_gets_the_final_snapshot_only(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.clock.advance(3700)
    for number in range(2, 6):
        reply.update(make_snapshot(Phase.RUNNING, text(number), run=run))
        await env.pass_time(2)
    assert len(env.requests("PATCH")) == 1
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, text(9), run=run)) is DeliveryResult.DELIVERED
    assert "word 9" in env.message(run).text


async def test_refused_edit_of_an_old_message_becomes_a_reply(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.clock.advance(3700)
    env.standin.rate_limits.enabled = False
    env.standin.faults.refuse_old_edits()
    env.standin.services.old_edits.seconds = 0.01
    snapshot = lasting(make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path), run=run), 3700)
    assert await reply.finish(snapshot) is DeliveryResult.DELIVERED
    (message,) = env.followups(run)
    assert message.pinged == {run.author_id}
    assert len(message.images) == 1
    assert env.ledger.messages[run.id] == {0: message.id}


async def test_text_is_shown_without_permission_to_attach_files(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.clock.advance(LIFE)
    env.standin.faults.deny_permission(env.channel(), Permission.ATTACH_FILES)
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("still readable"), make_file(1, tmp_path), run=run)
    assert await reply.finish(snapshot) is DeliveryResult.DELIVERED
    assert "still readable" in env.message(run).text
    assert "permission to attach files" in env.message(run).text


async def test_file_too_large_for_discord_is_reported(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command(prediction_id="abc123", sent_at=env.clock.now())
    reply = env.open_reply(run)
    large = make_file(2, tmp_path, data=bytes(11 * 1024 * 1024))
    snapshot = make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path), large, run=run)
    assert await env.finish(reply, snapshot) is DeliveryResult.DELIVERED
    assert len(env.message(run).images) == 1
    assert "generate-02.webp: 11 MB is too large to upload here" in env.message(run).text
    assert "https://replicate.com/p/abc123" in env.message(run).text
