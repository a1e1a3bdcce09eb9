"""More than one message: sent once, found again after a restart, and the author called back once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.media.types import Media
from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase, RunSnapshot
from bot.store.models import Run
from sandbox.discord import Permission
from sandbox.discord.state.models import Message
from tests.ui.conftest import Stage, ended
from tests.ui.making import WEBP, a_file, a_page, picture

LONG = "A sentence of some words. " * 400
LIFE = INTERACTION_TOKEN_LIFE.total_seconds()


def remembered(stage: Stage, run: Run) -> Run:
    """Return the run as the database would give it back after a restart."""
    messages = stage.ledger.messages.get(run.id, {})
    sending = stage.ledger.sending.get(run.id)
    return replace(run, messages=dict(messages), sending=sending, sent_at=stage.clock.now(), prediction_id="p1")


def below(stage: Stage, run: Run) -> list[Message]:
    """Return the bot's messages that answer the card, oldest first."""
    card = stage.message(run)
    return [message for message in stage.channel().messages.values() if message.reference is card]


def text_of(stage: Stage, run: Run) -> str:
    return " ".join(message.text for message in (stage.message(run), *below(stage, run)))


async def test_long_text_flows_on_in_further_messages_while_it_grows(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    for end in range(1000, len(LONG), 1500):
        view.update(a_page(Phase.RUNNING, TextItem(LONG[:end]), run=run))
        await stage.passes(1.5)
    assert len(below(stage, run)) >= 1
    assert below(stage, run)[0].text.endswith("2/…")
    assert await stage.finish(view, a_page(Phase.SUCCEEDED, TextItem(LONG), run=run)) is DeliveryResult.DELIVERED
    assert text_of(stage, run).count("A sentence of some words.") == 400
    total = len(below(stage, run)) + 1
    assert [message.text.split("\n")[-1].removeprefix("-# ") for message in below(stage, run)] == [
        f"{number}/{total}" for number in range(2, total + 1)
    ]
    assert stage.ledger.messages[run.id] == {
        number: message.id for number, message in enumerate(below(stage, run), start=1)
    }


async def test_a_text_that_grows_in_a_further_message_takes_no_turns_for_the_card(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, TextItem(LONG[:4000]), run=run))
    await stage.passes(2)
    assert len(below(stage, run)) == 1
    turns = []
    passed = stage.live.limiter.acquire

    async def counted(key: int, **asked: Any) -> None:
        turns.append(key)
        await passed(key, **asked)

    monkeypatch.setattr(stage.live.limiter, "acquire", counted)
    before = len(stage.calls("PATCH"))
    for end in range(4100, 4600, 100):
        view.update(a_page(Phase.RUNNING, TextItem(LONG[:end]), run=run))
        await stage.passes(1)
    assert len(turns) == len(stage.calls("PATCH")) - before == 5
    await view.close()


async def test_twenty_pictures_are_two_galleries_each_uploaded_once(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command(expected=20)
    view = stage.open(run)
    files = [a_file(number, tmp_path) for number in range(1, 21)]
    view.update(a_page(Phase.RUNNING, *files[:12], run=run))
    await stage.passes(2)
    assert await stage.finish(view, a_page(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    assert len(stage.message(run).images) == 10
    assert [len(message.images) for message in below(stage, run)] == [10]
    uploaded = [name for call in stage.standin.calls for name, _ in call.files.values()]
    assert sorted(uploaded) == [file.name for file in files]


async def test_after_a_restart_no_file_is_uploaded_again(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command(expected=12)
    files = [a_file(number, tmp_path) for number in range(1, 13)]
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, *files[:11], run=run))
    await stage.until(lambda: below(stage, run), pass_time=0.25)
    await view.close()
    before = [name for call in stage.standin.calls for name, _ in call.files.values()]
    assert len(before) == 11
    stage.restarted()
    again = remembered(stage, run)
    assert await stage.finish(stage.open(again), a_page(Phase.SUCCEEDED, *files, run=again)) is DeliveryResult.DELIVERED
    uploaded = [name for call in stage.standin.calls for name, _ in call.files.values()]
    assert uploaded == [file.name for file in files]
    assert len(stage.message(run).images) == 10
    assert [len(message.images) for message in below(stage, run)] == [2]


async def test_after_a_restart_past_the_tokens_life_the_bot_finds_its_files_too(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    files = [a_file(number, tmp_path) for number in range(1, 4)]
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, *files[:2], run=run))
    await stage.until(lambda: len(stage.message(run).images) == 2)
    await view.close()
    stage.restarted()
    await stage.clock.advance(LIFE)
    again = remembered(stage, run)
    assert await stage.finish(stage.open(again), a_page(Phase.SUCCEEDED, *files, run=again)) is DeliveryResult.DELIVERED
    uploaded = [name for call in stage.standin.calls for name, _ in call.files.values()]
    assert uploaded == [file.name for file in files]


async def test_a_further_message_that_was_sent_and_not_written_down_is_found(stage: Stage) -> None:
    for late in (False, True):
        run = await stage.command()
        if late:
            # Without headers of limits discord.py does not sleep in them; the pace is the gate's alone.
            stage.standin.rate_limits.enabled = False
            await stage.clock.advance(LIFE)
        view = stage.open(run)
        last = a_page(Phase.SUCCEEDED, TextItem(LONG), run=run)
        assert await stage.finish(view, last) is DeliveryResult.DELIVERED
        sent = below(stage, run)
        assert len(sent) >= 2
        del stage.ledger.messages[run.id][2]
        stage.ledger.sending[run.id] = 2
        stage.restarted()
        again = remembered(stage, run)
        assert await stage.finish(stage.open(again), replace(last, run=again)) is DeliveryResult.DELIVERED
        assert below(stage, run) == sent
        assert stage.ledger.messages[run.id][2] == sent[1].id


async def test_an_answer_that_was_lost_on_the_way_sends_no_message_twice(stage: Stage) -> None:
    for late in (False, True):
        run = await stage.command()
        if late:
            # Without headers of limits discord.py does not sleep in them; the pace is the gate's alone.
            stage.standin.rate_limits.enabled = False
            await stage.clock.advance(LIFE)
        stage.standin.faults.cut_after("POST *messages" if late else "POST /webhooks/*")
        last = a_page(Phase.SUCCEEDED, TextItem(LONG), run=run)
        view = stage.open(run)
        assert await stage.finish(view, last) is DeliveryResult.LATER
        assert await stage.finish(view, last) is DeliveryResult.DELIVERED
        assert text_of(stage, run).count("A sentence of some words.") == 400
        numbers = sorted(stage.ledger.messages[run.id])
        assert numbers == list(range(1, len(below(stage, run)) + 1))


async def test_a_deleted_further_message_does_not_come_back(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, TextItem(LONG[:6000]), run=run))
    await stage.until(lambda: len(below(stage, run)) > 0, pass_time=0.25)
    first, *_ = below(stage, run)
    await stage.standin.person("ada").delete(first)
    assert await stage.finish(view, a_page(Phase.SUCCEEDED, TextItem(LONG), run=run)) is DeliveryResult.DELIVERED
    assert first not in below(stage, run)
    assert stage.gone == []
    assert "Done" in stage.message(run).text


async def test_a_long_run_calls_its_author_back_once_and_nobody_else(stage: Stage) -> None:
    noah = stage.standin.person("noah").user
    run = await stage.command(prompt=f"@everyone <@{noah.id}> look")
    view = stage.open(run)
    last = ended(a_page(Phase.SUCCEEDED, TextItem(f"<@{noah.id}> @everyone"), run=run), 75)
    assert await stage.finish(view, last) is DeliveryResult.DELIVERED
    (notice,) = below(stage, run)
    assert notice.pinged == {run.author_id}
    assert notice.text == f"<@{run.author_id}>, your result is ready (1 min 15 s)"
    assert stage.message(run).pinged == frozenset()
    assert stage.ledger.messages[run.id] == {0: notice.id}
    stage.restarted()
    again = remembered(stage, run)
    assert await stage.finish(stage.open(again), replace(last, run=again)) is DeliveryResult.DELIVERED
    assert below(stage, run) == [notice]


async def test_a_notice_that_was_sent_and_not_written_down_is_found(stage: Stage) -> None:
    run = await stage.command()
    last = ended(a_page(Phase.SUCCEEDED, TextItem("words"), run=run), 75)
    assert await stage.finish(stage.open(run), last) is DeliveryResult.DELIVERED
    stage.ledger.messages.clear()
    stage.ledger.sending[run.id] = 0
    stage.restarted()
    again = remembered(stage, run)
    assert await stage.finish(stage.open(again), replace(last, run=again)) is DeliveryResult.DELIVERED
    assert len(below(stage, run)) == 1


async def test_a_channel_is_read_only_for_a_message_that_may_be_there_unknown(stage: Stage) -> None:
    run = await stage.command()
    last = ended(a_page(Phase.SUCCEEDED, TextItem(LONG), run=run), 75)
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, TextItem("words"), run=run))
    await stage.until(lambda: "words" in stage.message(run).text)
    stage.restarted()
    again = remembered(stage, run)
    assert again.sending is None
    assert await stage.finish(stage.open(again), replace(last, run=again)) is DeliveryResult.DELIVERED
    assert len(below(stage, run)) >= 3
    assert not [call for call in stage.calls("GET") if call.path.endswith("/messages")]


async def test_a_short_or_private_run_calls_nobody_back(stage: Stage) -> None:
    short, private = await stage.command(), await stage.command(private=True)
    stopped = await stage.command(cancel_requested_by=str(stage.mia.user.id))
    for run, phase, seconds in (
        (short, Phase.SUCCEEDED, 59),
        (private, Phase.SUCCEEDED, 90),
        (stopped, Phase.CANCELED, 90),
    ):
        assert await stage.finish(stage.open(run), ended(a_page(phase, run=run), seconds)) is DeliveryResult.DELIVERED
    for run in (short, private, stopped):
        assert below(stage, run) == []


async def test_many_large_files_go_in_several_requests_each_once(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    files = [a_file(number, tmp_path, data=picture(number) + bytes(9_000_000)) for number in range(1, 7)]
    assert await stage.finish(view, a_page(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    requests = [sum(size for _, size in call.files.values()) for call in stage.standin.calls if call.files]
    assert len(requests) == 3
    assert max(requests) <= 25 * 1024 * 1024
    assert len(stage.message(run).attachments) == 6


async def test_what_was_given_is_uploaded_once_and_stays(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)

    def snapshot(phase: Phase, *parts: TextItem) -> RunSnapshot:
        return replace(a_page(phase, *parts, run=run), thumbnail=Media("me.webp", WEBP, picture(7)))

    view.update(snapshot(Phase.STARTING))
    await stage.until(lambda: len(stage.message(run).images) == 1)
    assert await stage.finish(view, snapshot(Phase.SUCCEEDED, TextItem("words"))) is DeliveryResult.DELIVERED
    assert [item.filename for item in stage.message(run).images] == ["input.webp"]
    assert len([call for call in stage.standin.calls if call.files]) == 1


async def test_where_the_channel_cannot_be_read_discord_takes_the_same_message_once(stage: Stage) -> None:
    run = await stage.command()
    await stage.clock.advance(LIFE)
    stage.standin.faults.deny_permission(stage.channel(), Permission.READ_MESSAGE_HISTORY)
    stage.standin.rate_limits.enabled = False
    last = a_page(Phase.SUCCEEDED, TextItem(LONG), run=run)
    view = stage.open(run)
    stage.standin.faults.cut_after("POST *messages", times=2)
    deliveries = [await stage.finish(view, last) for _ in range(3)]
    assert DeliveryResult.LATER in deliveries
    assert deliveries[-1] is DeliveryResult.DELIVERED
    sent = [message for message in stage.channel().messages.values() if message.author.bot and "-# 2/" in message.text]
    assert len(sent) == 1
