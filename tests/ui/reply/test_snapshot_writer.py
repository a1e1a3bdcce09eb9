"""Further messages and files are sent once, also across restarts and lost responses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.media.types import Media
from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase, RunSnapshot
from bot.store.errors import StoreError
from sandbox.discord import Permission
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import WEBP, lasting, make_file, make_image, make_snapshot

LONG = "A sentence of some words. " * 400
LIFE = INTERACTION_TOKEN_LIFE.total_seconds()


async def test_each_file_is_uploaded_once(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    files = [make_file(number, tmp_path) for number in range(1, 6)]
    for count in range(1, 6):
        reply.update(make_snapshot(Phase.RUNNING, *files[:count], run=run))
        await env.pass_time(1)
        assert len(env.message(run).images) == count
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    uploaded = env.uploads()
    assert uploaded == [file.name for file in files]
    assert len(env.message(run).images) == 5


async def test_failing_ledger_duplicates_no_message(env: ReplyEnvironment) -> None:
    class Broken:
        async def mark_message_sending(self, run_id: str, number: int) -> bool:
            del run_id, number
            return True

        async def mark_message_sent(self, run_id: str, number: int, message_id: int) -> None:
            raise StoreError(f"The disk is full: {run_id} {number} {message_id}")

    run = await env.run_command()
    replies = env.open_replies(ledger=Broken())

    async def ignore_deletion() -> None:
        pass

    reply = replies(run, on_deleted=ignore_deletion)
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 300), run=run)
    for _ in range(4):
        delivery = await env.finish(reply, snapshot)
    assert delivery is DeliveryResult.DELIVERED
    sent = [message for message in env.channel().messages.values() if message.reference is not None]
    assert " ".join([env.message(run).text, *(message.text for message in sent)]).count("A sentence") == 300


async def test_missing_file_is_reported_and_the_rest_is_shown(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    files = [make_file(1, tmp_path), make_file(2, tmp_path)]
    (tmp_path / files[1].name).unlink()
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    assert len(env.message(run).images) == 1
    assert "no longer available" in env.message(run).text


async def test_lost_response_to_an_upload_uploads_nothing_twice(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    file = make_file(1, tmp_path)
    env.standin.faults.cut_after("PATCH *", times=None)
    reply.update(make_snapshot(Phase.RUNNING, file, run=run))
    await env.wait_for(lambda: env.message(run).attachments, pass_time=0.25)
    env.standin.faults.clear()
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, file, run=run)) is DeliveryResult.DELIVERED
    states = env.message(run).history
    assert len({one.id for state in states for one in state.body.attachments}) == 1


async def test_growing_text_continues_in_further_messages(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    for end in range(1000, len(LONG), 1500):
        reply.update(make_snapshot(Phase.RUNNING, TextItem(LONG[:end]), run=run))
        await env.pass_time(1.5)
    assert len(env.followups(run)) >= 1
    assert env.followups(run)[0].text.endswith("2/…")
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, TextItem(LONG), run=run)) is DeliveryResult.DELIVERED
    assert env.all_text(run).count("A sentence of some words.") == 400
    total = len(env.followups(run)) + 1
    assert [message.text.split("\n")[-1].removeprefix("-# ") for message in env.followups(run)] == [
        f"{number}/{total}" for number in range(2, total + 1)
    ]
    assert env.ledger.messages[run.id] == {
        number: message.id for number, message in enumerate(env.followups(run), start=1)
    }


async def test_edits_of_a_further_message_skip_the_card(env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem(LONG[:4000]), run=run))
    await env.pass_time(2)
    assert len(env.followups(run)) == 1
    requests = []
    acquire = env.replies.limiter.acquire

    async def counting_acquire(key: int, **arguments: Any) -> None:
        requests.append(key)
        await acquire(key, **arguments)

    monkeypatch.setattr(env.replies.limiter, "acquire", counting_acquire)
    before = len(env.requests("PATCH"))
    for end in range(4100, 4600, 100):
        reply.update(make_snapshot(Phase.RUNNING, TextItem(LONG[:end]), run=run))
        await env.pass_time(1)
    assert len(requests) == len(env.requests("PATCH")) - before == 5
    await reply.close()


async def test_twenty_images_are_two_galleries_uploaded_once(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command(expected=20)
    reply = env.open_reply(run)
    files = [make_file(number, tmp_path) for number in range(1, 21)]
    reply.update(make_snapshot(Phase.RUNNING, *files[:12], run=run))
    await env.pass_time(2)
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    assert len(env.message(run).images) == 10
    assert [len(message.images) for message in env.followups(run)] == [10]
    uploaded = env.uploads()
    assert sorted(uploaded) == [file.name for file in files]


async def test_no_file_is_uploaded_again_after_a_restart(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command(expected=12)
    files = [make_file(number, tmp_path) for number in range(1, 13)]
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, *files[:11], run=run))
    await env.wait_for(lambda: env.followups(run), pass_time=0.25)
    await reply.close()
    before = env.uploads()
    assert len(before) == 11
    env.restart()
    reloaded = env.reload(run)
    assert (
        await env.finish(env.open_reply(reloaded), make_snapshot(Phase.SUCCEEDED, *files, run=reloaded))
        is DeliveryResult.DELIVERED
    )
    uploaded = env.uploads()
    assert uploaded == [file.name for file in files]
    assert len(env.message(run).images) == 10
    assert [len(message.images) for message in env.followups(run)] == [2]


async def test_files_are_found_after_a_restart_with_an_expired_token(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    files = [make_file(number, tmp_path) for number in range(1, 4)]
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, *files[:2], run=run))
    await env.wait_for(lambda: len(env.message(run).images) == 2)
    await reply.close()
    env.restart()
    await env.clock.advance(LIFE)
    reloaded = env.reload(run)
    assert (
        await env.finish(env.open_reply(reloaded), make_snapshot(Phase.SUCCEEDED, *files, run=reloaded))
        is DeliveryResult.DELIVERED
    )
    uploaded = env.uploads()
    assert uploaded == [file.name for file in files]


@pytest.mark.parametrize("expired", [False, True])
async def test_unrecorded_further_message_is_found(env: ReplyEnvironment, *, expired: bool) -> None:
    run = await env.run_command()
    if expired:
        # Without rate limit headers discord.py does not wait by itself.
        env.standin.rate_limits.enabled = False
        await env.clock.advance(LIFE)
    reply = env.open_reply(run)
    final = make_snapshot(Phase.SUCCEEDED, TextItem(LONG), run=run)
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    sent = env.followups(run)
    assert len(sent) >= 2
    del env.ledger.messages[run.id][2]
    env.ledger.sending[run.id] = 2
    env.restart()
    reloaded = env.reload(run)
    assert await env.finish(env.open_reply(reloaded), replace(final, run=reloaded)) is DeliveryResult.DELIVERED
    assert env.followups(run) == sent
    assert env.ledger.messages[run.id][2] == sent[1].id


@pytest.mark.parametrize("expired", [False, True])
async def test_lost_response_sends_no_message_twice(env: ReplyEnvironment, *, expired: bool) -> None:
    run = await env.run_command()
    if expired:
        # Without rate limit headers discord.py does not wait by itself.
        env.standin.rate_limits.enabled = False
        await env.clock.advance(LIFE)
    env.standin.faults.cut_after("POST *messages" if expired else "POST /webhooks/*")
    final = make_snapshot(Phase.SUCCEEDED, TextItem(LONG), run=run)
    reply = env.open_reply(run)
    assert await env.finish(reply, final) is DeliveryResult.LATER
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    assert env.all_text(run).count("A sentence of some words.") == 400
    numbers = sorted(env.ledger.messages[run.id])
    assert numbers == list(range(1, len(env.followups(run)) + 1))


async def test_deleted_further_message_is_not_sent_again(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem(LONG[:6000]), run=run))
    await env.wait_for(lambda: len(env.followups(run)) > 0, pass_time=0.25)
    first, *_ = env.followups(run)
    await env.standin.person("ada").delete(first)
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, TextItem(LONG), run=run)) is DeliveryResult.DELIVERED
    assert first not in env.followups(run)
    assert env.deleted_runs == []
    assert "Done" in env.message(run).text


async def test_channel_is_searched_for_unrecorded_messages_only(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    final = lasting(make_snapshot(Phase.SUCCEEDED, TextItem(LONG), run=run), 75)
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("words"), run=run))
    await env.wait_for(lambda: "words" in env.message(run).text)
    env.restart()
    reloaded = env.reload(run)
    assert reloaded.sending is None
    assert await env.finish(env.open_reply(reloaded), replace(final, run=reloaded)) is DeliveryResult.DELIVERED
    assert len(env.followups(run)) >= 3
    assert not [call for call in env.requests("GET") if call.path.endswith("/messages")]


async def test_large_files_are_split_over_several_requests(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    files = [make_file(number, tmp_path, data=make_image(number) + bytes(9_000_000)) for number in range(1, 7)]
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    requests = [sum(size for _, size in call.files.values()) for call in env.standin.calls if call.files]
    assert len(requests) == 3
    assert max(requests) <= 25 * 1024 * 1024
    assert len(env.message(run).attachments) == 6


async def test_input_image_is_uploaded_once_and_kept(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)

    def snapshot(phase: Phase, *parts: TextItem) -> RunSnapshot:
        return replace(make_snapshot(phase, *parts, run=run), thumbnail=Media("me.webp", WEBP, make_image(7)))

    reply.update(snapshot(Phase.STARTING))
    await env.wait_for(lambda: len(env.message(run).images) == 1)
    assert await env.finish(reply, snapshot(Phase.SUCCEEDED, TextItem("words"))) is DeliveryResult.DELIVERED
    assert [item.filename for item in env.message(run).images] == ["input.webp"]
    assert len([call for call in env.standin.calls if call.files]) == 1


async def test_nonce_prevents_duplicates_in_an_unreadable_channel(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    await env.clock.advance(LIFE)
    env.standin.faults.deny_permission(env.channel(), Permission.READ_MESSAGE_HISTORY)
    env.standin.rate_limits.enabled = False
    final = make_snapshot(Phase.SUCCEEDED, TextItem(LONG), run=run)
    reply = env.open_reply(run)
    env.standin.faults.cut_after("POST *messages", times=2)
    deliveries = [await env.finish(reply, final) for _ in range(3)]
    assert DeliveryResult.LATER in deliveries
    assert deliveries[-1] is DeliveryResult.DELIVERED
    sent = [message for message in env.channel().messages.values() if message.author.bot and "-# 2/" in message.text]
    assert len(sent) == 1
