"""Audio is sent as an attachment that no component shows: once, found again, and edited as an ordinary message."""

from pathlib import Path

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.outputs.items import FileItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.visibility import Visibility
from sandbox.discord.errors import INVALID_FORM
from sandbox.discord.state.models import COMPONENTS_V2
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import WAV, make_file, make_snapshot

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()
TRANSPORTS = pytest.mark.parametrize("transport", ["token", "bot"])


def make_sounds(folder: Path, count: int = 1) -> list[FileItem]:
    return [make_file(number, folder, data=b"RIFF0000WAVE", type_=WAV) for number in range(1, count + 1)]


@TRANSPORTS
async def test_audio_follows_the_card_as_an_attachment(env: ReplyEnvironment, tmp_path: Path, transport: str) -> None:
    run = await env.run_command()
    if transport == "bot":
        await env.clock.advance(LIFE)
    snapshot = make_snapshot(Phase.SUCCEEDED, *make_sounds(tmp_path, 2), run=run)
    reply = env.open_reply(run)
    assert await env.finish(reply, snapshot) is DeliveryResult.DELIVERED
    (further,) = env.followups(run)
    assert (further.body.components, further.body.content) == ((), "-# 2/2")
    assert not further.body.flags & COMPONENTS_V2
    delivered = await reply.list_outputs()
    assert [(file.message_id, file.attachment_id) for file in delivered] == [
        (further.id, one.id) for one in further.attachments
    ]
    assert [file.mime for file in delivered] == ["audio/wav", "audio/wav"]


@TRANSPORTS
async def test_a_restart_finds_audio_that_was_not_recorded(
    env: ReplyEnvironment, tmp_path: Path, transport: str
) -> None:
    run = await env.run_command()
    if transport == "bot":
        await env.clock.advance(LIFE)
    snapshot = make_snapshot(Phase.SUCCEEDED, *make_sounds(tmp_path), run=run)
    assert await env.finish(env.open_reply(run), snapshot) is DeliveryResult.DELIVERED
    before = env.followups(run)
    env.ledger.messages.clear()
    env.ledger.sending[run.id] = 1
    env.restart()
    reply = env.open_reply(env.reload(run), recovered=True)
    assert await env.finish(reply, snapshot) is DeliveryResult.DELIVERED
    assert env.followups(run) == before
    assert env.uploads() == ["generate-01.wav"]
    assert [file.message_id for file in await reply.list_outputs()] == [before[0].id]


async def test_audio_that_discord_refuses_is_named(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    env.standin.faults.refuse(
        error=INVALID_FORM, times=None, when=lambda call: "generate-02.wav" in str(call.files.values())
    )
    snapshot = make_snapshot(Phase.SUCCEEDED, *make_sounds(tmp_path, 2), run=run)
    reply = env.open_reply(run)
    while await env.finish(reply, snapshot) is DeliveryResult.LATER:
        pass  # it may be refused in passing, so the engine tries again
    (further,) = env.followups(run)
    assert [one.filename for one in further.attachments] == ["generate-01.wav"]
    assert "generate-02.wav" in (further.body.content or "")


async def test_covered_audio_is_covered_as_an_attachment(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command(visibility=Visibility.SPOILER)
    snapshot = make_snapshot(Phase.SUCCEEDED, *make_sounds(tmp_path), run=run)
    assert await env.finish(env.open_reply(run), snapshot) is DeliveryResult.DELIVERED
    (further,) = env.followups(run)
    assert [one.spoiler for one in further.attachments] == [True]
