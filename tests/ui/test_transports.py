"""Which road a page takes, and what happens when Discord refuses it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.models import Run
from bot.ui.reply.messages import CANCEL_EMOJI
from sandbox.discord import Permission
from tests.ui.conftest import Stage, ended
from tests.ui.making import a_file, a_page

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()


def words(number: int) -> TextItem:
    return TextItem(f"word {number}")


async def shown(stage: Stage, run: Run, said: str, *, pass_time: float = 0.0) -> None:
    await stage.until(lambda: said in stage.message(run).text, pass_time=pass_time)


def paths(stage: Stage) -> list[str]:
    return [call.path.split("/")[1] for call in stage.calls("PATCH", "/messages/")]


async def test_when_the_token_dies_the_bot_edits_the_message_itself(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.clock.advance(LIFE)
    view.update(a_page(Phase.RUNNING, words(2), run=run))
    await shown(stage, run, "word 2")
    assert paths(stage) == ["webhooks", "channels"]
    await view.close()


async def test_a_token_that_dies_early_costs_nothing(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    stage.standin.faults.expire_tokens()
    assert await view.finish(a_page(Phase.SUCCEEDED, words(2), run=run)) is DeliveryResult.DELIVERED
    assert "word 2" in stage.message(run).text


async def test_a_reply_that_only_the_token_reaches_says_so_before_the_token_dies(stage: Stage) -> None:
    run = await stage.command(private=True)
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.passes(LIFE - 40, 120)
    assert "15 minutes" not in stage.message(run).text
    await shown(stage, run, "15 minutes", pass_time=1)
    assert "Show the result" in stage.message(run).buttons
    await stage.clock.advance(60)
    assert await view.finish(a_page(Phase.SUCCEEDED, words(2), run=run)) is DeliveryResult.LATER
    assert "word 2" not in stage.message(run).text
    exchange = await stage.mia.press(stage.message(run), "Show the result")
    assert exchange.acknowledged
    action, run_id, interaction = stage.client.presses[0]
    assert (action, run_id) == ("refresh", run.id)
    assert stage.live.renew_token(run.id, interaction.token, stage.clock.now() + INTERACTION_TOKEN_LIFE)
    await shown(stage, run, "word 2")
    assert stage.message(run).buttons == ("Again", "Edit", "Details")
    assert "15 minutes" not in stage.message(run).text
    assert not stage.calls("PUT", "/reactions/")


async def test_a_private_reply_goes_on_in_private_messages(stage: Stage) -> None:
    run = await stage.command(private=True)
    view = stage.open(run)
    snapshot = a_page(Phase.SUCCEEDED, TextItem("A sentence of words. " * 400), run=run)
    assert await view.finish(snapshot) is DeliveryResult.DELIVERED
    seen_by_mia = [message for message in stage.mia.visible_messages(stage.channel()) if message.author.bot]
    seen_by_noah = [
        message for message in stage.standin.person("noah").visible_messages(stage.channel()) if message.author.bot
    ]
    assert len(seen_by_mia) >= 3
    assert seen_by_noah == []


async def test_a_message_that_is_deleted_while_nothing_changes_and_nobody_tells_is_missed(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, run=run))
    await stage.until(lambda: stage.edits(run), pass_time=0.25)
    before = len(stage.calls("GET", f"messages/{run.place.message_id}"))
    for _ in range(70):
        await stage.passes(1)
    looks = len(stage.calls("GET", f"messages/{run.place.message_id}")) - before
    assert looks == 2  # one in thirty seconds
    await stage.standin.person("ada").delete(stage.message(run))
    await stage.until(lambda: stage.gone, pass_time=1.0)
    assert stage.gone == [run.id]
    await view.close()


async def test_a_deleted_message_is_told_once(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.standin.person("ada").delete(stage.message(run))
    view.update(a_page(Phase.RUNNING, words(2), run=run))
    await stage.until(lambda: stage.gone, pass_time=0.25)
    assert await view.finish(a_page(Phase.CANCELED, run=run)) is DeliveryResult.GONE
    assert stage.gone == [run.id]
    assert stage.live.open == 0


async def test_an_old_message_gets_the_last_page_only(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.clock.advance(3700)
    for number in range(2, 6):
        view.update(a_page(Phase.RUNNING, words(number), run=run))
        await stage.passes(2)
    assert len(stage.calls("PATCH")) == 1
    assert await view.finish(a_page(Phase.SUCCEEDED, words(9), run=run)) is DeliveryResult.DELIVERED
    assert "word 9" in stage.message(run).text


async def test_where_no_edit_of_an_old_message_is_taken_the_last_page_is_a_reply(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.clock.advance(3700)
    stage.standin.rate_limits.enabled = False
    stage.standin.faults.refuse_old_edits()
    stage.standin.services.old_edits.seconds = 0.01
    snapshot = ended(a_page(Phase.SUCCEEDED, a_file(1, tmp_path), run=run), 3700)
    assert await view.finish(snapshot) is DeliveryResult.DELIVERED
    (reply,) = [message for message in stage.channel().messages.values() if message.reference is not None]
    assert reply.reference is stage.message(run)
    assert reply.pinged == {run.author_id}
    assert len(reply.images) == 1
    assert stage.ledger.messages[run.id] == {0: reply.id}


async def test_automod_keeps_the_words_out_and_the_reader_is_told(stage: Stage, tmp_path: Path) -> None:
    stage.standin.faults.block_text("forbidden")
    run = await stage.command()
    view = stage.open(run)
    snapshot = a_page(Phase.SUCCEEDED, TextItem("a forbidden word"), a_file(1, tmp_path), run=run)
    assert await view.finish(snapshot) is DeliveryResult.DELIVERED
    assert "forbidden" not in stage.message(run).text
    assert "AutoMod" in stage.message(run).text
    assert len(stage.message(run).images) == 1


async def test_a_forbidden_prompt_is_left_out_too(stage: Stage) -> None:
    stage.standin.faults.block_text("fox")
    run = await stage.command()
    view = stage.open(run)
    assert await view.finish(a_page(Phase.SUCCEEDED, TextItem("fine"), run=run)) is DeliveryResult.DELIVERED
    assert "fox" not in stage.message(run).text
    assert "AutoMod" in stage.message(run).text


async def test_without_the_right_to_react_there_is_the_button_and_a_sentence(stage: Stage) -> None:
    run = await stage.command(stage.channel("quiet"))
    view = stage.open(run)
    view.update(a_page(Phase.STARTING, run=run))
    await shown(stage, run, "permission to add reactions", pass_time=0.25)
    assert "Cancel" in stage.message(run).buttons
    assert stage.message(run).text.count("permission to add reactions") == 1
    await view.close()


async def test_the_reaction_comes_once_and_goes_with_the_run(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    for number in range(3):
        view.update(a_page(Phase.RUNNING, words(number), run=run))
        await stage.passes(1)
    assert stage.message(run).reaction_users(CANCEL_EMOJI) == (stage.standin.state.bot,)
    assert len(stage.calls("PUT", "/reactions/")) == 1
    await view.finish(a_page(Phase.SUCCEEDED, words(9), run=run))
    await stage.until(lambda: not stage.message(run).reaction_users(CANCEL_EMOJI), pass_time=0.5)


async def test_without_the_right_to_attach_the_bot_road_shows_what_it_can(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.clock.advance(LIFE)
    stage.standin.faults.deny_permission(stage.channel(), Permission.ATTACH_FILES)
    snapshot = a_page(Phase.SUCCEEDED, TextItem("still readable"), a_file(1, tmp_path), run=run)
    assert await view.finish(snapshot) is DeliveryResult.DELIVERED
    assert "still readable" in stage.message(run).text
    assert "permission to attach files" in stage.message(run).text


async def test_a_channel_that_the_bot_cannot_see_is_reached_by_the_token(stage: Stage) -> None:
    run = await stage.command(stage.channel("hidden"))
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    assert await view.finish(a_page(Phase.SUCCEEDED, words(2), run=run)) is DeliveryResult.DELIVERED


async def test_what_no_road_reaches_is_kept_for_a_day(stage: Stage) -> None:
    run = await stage.command(stage.channel("hidden"))
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.clock.advance(LIFE)
    last = a_page(Phase.SUCCEEDED, words(2), run=run)
    assert await view.finish(last) is DeliveryResult.LATER
    await stage.clock.advance(timedelta(days=1).total_seconds())
    assert await view.finish(last) is DeliveryResult.GONE


async def test_a_file_that_discord_finds_too_large_becomes_a_sentence(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command(prediction_id="abc123", sent_at=stage.clock.now())
    view = stage.open(run)
    large = a_file(2, tmp_path, data=bytes(11 * 1024 * 1024))
    snapshot = a_page(Phase.SUCCEEDED, a_file(1, tmp_path), large, run=run)
    assert await view.finish(snapshot) is DeliveryResult.DELIVERED
    assert len(stage.message(run).images) == 1
    assert "generate-02.webp: 11 MB is too large to upload here" in stage.message(run).text
    assert "https://replicate.com/p/abc123" in stage.message(run).text


async def test_a_file_that_vanished_is_told_and_the_rest_is_shown(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    files = [a_file(1, tmp_path), a_file(2, tmp_path)]
    files[1].path.unlink()
    assert await view.finish(a_page(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    assert len(stage.message(run).images) == 1
    assert "no longer available" in stage.message(run).text


@pytest.mark.parametrize("break_", ["fail", "cut_before"])
async def test_while_discord_is_broken_the_last_page_waits(stage: Stage, break_: str) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    # 503 is what discord.py does not repeat on its own; a cut wire neither.
    options: dict[str, Any] = {"status": 503} if break_ == "fail" else {}
    await stage.clock.advance(LIFE)
    getattr(stage.standin.faults, break_)("PATCH *", times=None, **options)
    last = a_page(Phase.SUCCEEDED, words(2), run=run)
    assert await view.finish(last) is DeliveryResult.LATER
    stage.standin.faults.clear()
    assert await view.finish(last) is DeliveryResult.DELIVERED
    assert "word 2" in stage.message(run).text


async def test_a_page_that_failed_is_tried_again_by_itself(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    stage.standin.faults.cut_before("PATCH *")
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1", pass_time=0.5)
    await view.close()


async def test_closing_sends_what_was_shown_last(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    view.update(a_page(Phase.RUNNING, words(2), run=run))
    await view.close()
    assert "word 2" in stage.message(run).text
    assert stage.live.open == 0


async def test_one_slow_edit_holds_up_no_other_reply(stage: Stage) -> None:
    slow, quick = await stage.command(), await stage.command()
    slow_view, quick_view = stage.open(slow), stage.open(quick)
    stage.standin.faults.delay(f"PATCH *{slow.place.message_id}*", seconds=30)
    slow_view.update(a_page(Phase.RUNNING, words(1), run=slow))
    await stage.quiet()
    quick_view.update(a_page(Phase.RUNNING, words(2), run=quick))
    await shown(stage, quick, "word 2")
    assert "word" not in stage.message(slow).text
    await shown(stage, slow, "word 1", pass_time=5)
    await quick_view.close()
    await slow_view.close()


async def test_a_reply_that_turns_out_to_be_private_is_known_to_have_the_token_alone(stage: Stage) -> None:
    run = await stage.command(private=True)
    run = replace(run, place=replace(run.place, token_only=False))
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.passes(LIFE - 40, 120)
    await shown(stage, run, "15 minutes", pass_time=1)
    await stage.clock.advance(60)
    assert await view.finish(a_page(Phase.SUCCEEDED, words(2), run=run)) is DeliveryResult.LATER
    assert stage.gone == []


async def test_a_deleted_message_is_noticed_though_nothing_changes(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.STARTING, run=run))
    await shown(stage, run, "Starting")
    await stage.passes(10, 5)
    await stage.standin.person("ada").delete(stage.message(run))
    edits = len(stage.calls("PATCH"))
    await stage.passes(40, 5)
    assert stage.gone == [run.id]
    assert len(stage.calls("PATCH")) == edits
    assert stage.live.open == 0


async def test_a_quiet_message_that_is_there_stays(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.STARTING, run=run))
    await shown(stage, run, "Starting")
    stage.standin.faults.fail("GET *", status=503)
    await stage.passes(200, 10)
    assert stage.gone == []
    assert await view.finish(a_page(Phase.SUCCEEDED, words(2), run=run)) is DeliveryResult.DELIVERED


async def test_a_lost_answer_to_an_upload_does_not_upload_twice(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    file = a_file(1, tmp_path)
    stage.standin.faults.cut_after("PATCH *", times=None)
    view.update(a_page(Phase.RUNNING, file, run=run))
    await stage.until(lambda: stage.message(run).attachments, pass_time=0.25)
    stage.standin.faults.clear()
    assert await stage.finish(view, a_page(Phase.SUCCEEDED, file, run=run)) is DeliveryResult.DELIVERED
    states = stage.message(run).history
    assert len({one.id for state in states for one in state.body.attachments}) == 1


async def test_a_channel_that_was_closed_for_a_while_gets_the_last_page_when_it_is_open_again(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, words(1), run=run))
    await shown(stage, run, "word 1")
    await stage.clock.advance(LIFE)
    stage.standin.faults.deny_permission(stage.channel(), Permission.VIEW_CHANNEL)
    last = a_page(Phase.SUCCEEDED, words(2), run=run)
    assert await stage.finish(view, last) is DeliveryResult.LATER
    before = len(stage.standin.calls)
    for _ in range(60):
        assert await stage.finish(view, last) is DeliveryResult.LATER
        await stage.clock.advance(10)
    assert 1 < len(stage.standin.calls) - before < 12, "it is asked now and then"
    stage.standin.faults.allow_permission(stage.channel(), Permission.VIEW_CHANNEL)
    await stage.clock.advance(600)
    assert await stage.finish(view, last) is DeliveryResult.DELIVERED
    assert "word 2" in stage.message(run).text
    assert "no longer see" not in stage.message(run).text
