"""What Discord says that it has of a message is the same, whether discord.py or the bot reads it."""

from pathlib import Path

import discord
import pytest

from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.models import Run
from bot.ui.render.output import upload_name
from bot.ui.reply.messages import CANCEL_EMOJI, MessageState
from bot.ui.reply.transports import BotTransport, InteractionTransport
from tests.ui.conftest import Stage
from tests.ui.making import PDF, a_file, a_page


async def both(stage: Stage, run: Run) -> tuple[MessageState, MessageState]:
    """Return the message as the token road reads it, and as the bot road does."""
    place = run.place
    assert place.token is not None
    token = InteractionTransport(stage.client, place.application_id, place.token)
    return await token.read(place.message_id), await BotTransport(stage.client, place).read(place.message_id)


async def test_files_in_components_and_the_reaction(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    files = [a_file(1, tmp_path), a_file(2, tmp_path), a_file(3, tmp_path, data=b"%PDF-1.7", type_=PDF)]
    view.update(a_page(Phase.RUNNING, *files, run=run))
    await stage.until(
        lambda: stage.message(run).reaction_users(CANCEL_EMOJI) and len(stage.message(run).attachments) == 3
    )
    by_token, by_bot = await both(stage, run)
    assert by_token == by_bot
    assert by_token.reacted
    assert set(by_token.attachments) == {upload_name(file.name) for file in files}
    await view.close()


async def test_a_text_has_no_files(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    assert await view.finish(a_page(Phase.SUCCEEDED, TextItem("words"), run=run)) is DeliveryResult.DELIVERED
    by_token, by_bot = await both(stage, run)
    assert by_token == by_bot == MessageState(run.place.message_id, {}, ephemeral=False)


async def test_a_private_answer_is_known_as_one(stage: Stage) -> None:
    run = await stage.command(private=True)
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, TextItem("words"), run=run))
    await stage.until(lambda: "words" in stage.message(run).text)
    assert run.place.token is not None
    assert (
        await InteractionTransport(stage.client, run.place.application_id, run.place.token).read(run.place.message_id)
    ).ephemeral
    await view.close()


async def test_no_message_of_discord_py_is_made_of_an_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would work, and cost a tenth of every edit: a newer discord.py may read its answers elsewhere."""
    run = await stage.command()
    assert run.place.token is not None
    road = InteractionTransport(stage.client, run.place.application_id, run.place.token)
    monkeypatch.setattr(discord.WebhookMessage, "__init__", None)
    assert (await road.read(run.place.message_id)).message_id == run.place.message_id
