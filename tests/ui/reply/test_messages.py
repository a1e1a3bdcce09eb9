"""The state of a message is the same whether it is read from a payload or from a discord.Message."""

from pathlib import Path

import discord
import pytest

from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.models import Run
from bot.ui.render.rendered_message import upload_name
from bot.ui.reply.messages import CANCEL_EMOJI, MessageState
from bot.ui.reply.transports import BotTransport, InteractionTransport
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import PDF, make_file, make_snapshot


async def read_by_both(env: ReplyEnvironment, run: Run) -> tuple[MessageState, MessageState]:
    """Return the message as the interaction reads it, and as the bot does."""
    place = run.place
    assert place.token is not None
    interaction = InteractionTransport(env.client, place.application_id, place.token)
    return await interaction.read(place.message_id), await BotTransport(env.client, place).read(place.message_id)


async def test_both_transports_read_files_and_the_reaction(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    files = [make_file(1, tmp_path), make_file(2, tmp_path), make_file(3, tmp_path, data=b"%PDF-1.7", type_=PDF)]
    reply.update(make_snapshot(Phase.RUNNING, *files, run=run))
    await env.wait_for(lambda: env.message(run).reaction_users(CANCEL_EMOJI) and len(env.message(run).attachments) == 3)
    by_interaction, by_bot = await read_by_both(env, run)
    assert by_interaction == by_bot
    assert by_interaction.reacted
    assert set(by_interaction.attachments) == {upload_name(file.name) for file in files}
    await reply.close()


async def test_both_transports_read_a_message_without_files(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, TextItem("words"), run=run)) is DeliveryResult.DELIVERED
    by_interaction, by_bot = await read_by_both(env, run)
    assert by_interaction == by_bot == MessageState(run.place.message_id, {}, ephemeral=False)


async def test_ephemeral_message_is_recognised(env: ReplyEnvironment) -> None:
    run = await env.run_command(private=True)
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("words"), run=run))
    await env.wait_for(lambda: "words" in env.message(run).text)
    assert run.place.token is not None
    assert (
        await InteractionTransport(env.client, run.place.application_id, run.place.token).read(run.place.message_id)
    ).ephemeral
    await reply.close()


async def test_webhook_response_builds_no_discord_message(
    env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await env.run_command()
    assert run.place.token is not None
    transport = InteractionTransport(env.client, run.place.application_id, run.place.token)
    monkeypatch.setattr(discord.WebhookMessage, "__init__", None)
    assert (await transport.read(run.place.message_id)).message_id == run.place.message_id
