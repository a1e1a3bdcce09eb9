"""The process is killed at a named point of a run and started again: the run ends once, with what it had paid for."""

from collections.abc import Awaitable, Callable

import pytest

from bot.language import _, ngettext, use_language
from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, StartedRun, eventually, has_image, shows_end
from tests.faults.photos import large_photo

CREATE = "POST /v1/predictions"
EDIT = "PATCH /webhooks/*"


async def _accepted_and_not_answered(bot: BotUnderTest) -> StartedRun:
    fault = bot.replicate.faults.add("silence", on=CREATE)
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    return run


async def _submitted(bot: BotUnderTest) -> StartedRun:
    bot.replicate.faults.add("slow-start", seconds=3)
    run = await bot.generate()
    await eventually(lambda: run.state == "submitted")
    return run


async def _first_look(bot: BotUnderTest) -> StartedRun:
    bot.replicate.faults.add("slow-start", seconds=3)
    fault = bot.replicate.faults.add("stuck", on="GET /v1/predictions/*")
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    return run


async def _first_event_of_the_stream(bot: BotUnderTest) -> StartedRun:
    fault = bot.replicate.faults.add("stuck", on="GET /delivery/*")
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    return run


async def _file_half_downloaded(bot: BotUnderTest) -> StartedRun:
    bot.replicate.faults.add("file-slow", bytes=500, seconds=0.5)
    run = await bot.generate()
    spool = bot.folder / "spool"

    def has_begun() -> bool:
        files = (spool / str(run.row.get("id", "none yet"))).rglob("*")
        return any(file.is_file() and file.stat().st_size for file in files)

    await eventually(has_begun)
    return run


async def _first_edit(bot: BotUnderTest) -> StartedRun:
    fault = bot.discord.faults.hang_before(EDIT)
    run = await bot.generate()
    # The edit may be made before the request to Replicate, which is another point.
    await eventually(lambda: fault.hits and run.state == "submitted")
    return run


async def _upload_under_way(bot: BotUnderTest) -> StartedRun:
    fault = bot.discord.faults.hang_before(EDIT, when=has_image)
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    return run


async def _upload_taken_and_not_answered(bot: BotUnderTest) -> StartedRun:
    fault = bot.discord.faults.hang_after(EDIT, when=has_image)
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    return run


async def _ended_before_the_last_edit(bot: BotUnderTest) -> StartedRun:
    fault = bot.discord.faults.hang_before(EDIT, when=shows_end)
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    assert run.state == "succeeded"
    return run


async def _last_edit_taken_and_not_written_down(bot: BotUnderTest) -> StartedRun:
    fault = bot.discord.faults.hang_after(EDIT, when=shows_end)
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    assert run.is_over
    assert run.row["delivered_at"] is None
    return run


POINTS: dict[str, Callable[[BotUnderTest], Awaitable[StartedRun]]] = {
    "request accepted, no answer": _accepted_and_not_answered,
    "submitted": _submitted,
    "first look": _first_look,
    "first event of the stream": _first_event_of_the_stream,
    "file half downloaded": _file_half_downloaded,
    "first edit": _first_edit,
    "upload of a file under way": _upload_under_way,
    "upload taken, not answered": _upload_taken_and_not_answered,
    "ended, before the last edit": _ended_before_the_last_edit,
    "last edit taken, not written down": _last_edit_taken_and_not_written_down,
}


@pytest.mark.parametrize("point", POINTS)
async def test_killed_between_two_steps(bot: BotUnderTest, point: str) -> None:
    run = await POINTS[point](bot)
    await bot.restart()
    await run.assert_consistent(images=2)
    outputs = bot.query("SELECT name, attachment_id FROM run_outputs ORDER BY number")
    ids = {one.filename: one.id for one in run.message.attachments}
    assert outputs == [{"name": name, "attachment_id": ids[name]} for name in sorted(run.images)]
    assert run.follow_ups == []
    assert len(bot.replicate.calls.creates) == 1


async def test_killed_before_the_create_was_sent(bot: BotUnderTest) -> None:
    fault = bot.replicate.faults.add("stuck", on=CREATE)
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    await bot.kill()
    bot.advance(120)  # longer than a prediction is looked for
    await bot.start()
    await run.assert_consistent("failed", predictions=0)
    assert "No answer from Replicate" in run.card_text
    assert len(bot.replicate.calls.creates) == 1


async def test_killed_in_the_queue(open_bot: OpenBot) -> None:
    async with open_bot(CREATES_PER_MINUTE="1") as bot:
        first = await bot.generate("noah")
        await eventually(lambda: first.row.get("sent_at"))
        run = await bot.generate("mia")
        await run.wait_for(lambda: "Queued" in run.card_text)
        assert run.row["sent_at"] is None
        await bot.restart()
        await run.assert_consistent(images=2)
        await first.assert_consistent(images=2)
        assert len(bot.replicate.calls.creates) == 2


async def test_killed_during_the_file_upload(bot: BotUnderTest) -> None:
    fault = bot.replicate.faults.add("stuck", on="POST /v1/files")
    run = await bot.generate(subject=large_photo())
    await eventually(lambda: fault.hits)
    await bot.restart()
    await run.assert_consistent(images=2)


async def test_killed_with_a_cancel_during_the_create(bot: BotUnderTest) -> None:
    fault = bot.replicate.faults.add("silence", on=CREATE)
    run = await bot.generate(images=20)
    await eventually(lambda: fault.hits)
    await run.wait_for(lambda: "Cancel" in run.message.buttons)
    await bot.mia.press(run.message, "Cancel")
    await eventually(lambda: run.row["cancel_requested_at"])
    await bot.restart()
    await run.assert_consistent("canceled")
    assert run.predictions[0].status == "canceled"


async def test_killed_before_the_cancel_was_sent(bot: BotUnderTest) -> None:
    fault = bot.replicate.faults.add("stuck", on="POST /v1/predictions/*/cancel")
    run = await bot.generate(images=20)
    await run.wait_for(lambda: run.images)
    await bot.mia.press(run.message, "Cancel")
    await eventually(lambda: fault.hits)
    await bot.restart()
    await run.assert_consistent("canceled")
    assert run.predictions[0].status == "canceled"
    assert "Stopped by" in run.card_text


async def test_killed_after_an_unrecorded_follow_up(bot: BotUnderTest) -> None:
    fault = bot.discord.faults.hang_after("POST /webhooks/*")
    run = await bot.talk("Tell me a long story about rivers.")
    await eventually(lambda: fault.hits)
    assert len(run.follow_ups) == 1
    await bot.restart()
    await run.assert_consistent()
    numbers = [one.text.rpartition("\n")[2] for one in run.follow_ups]
    assert len(set(numbers)) == len(numbers) >= 1


@pytest.mark.parametrize("point", ["before", "after"])
async def test_killed_while_audio_is_sent(open_bot: OpenBot, point: str) -> None:
    async with open_bot(COMMANDS="sing=sandbox/singer") as bot:
        faults = bot.discord.faults
        fault = (faults.hang_before if point == "before" else faults.hang_after)("POST /webhooks/*")
        exchange = await bot.mia.use_command(bot.channel(), "sing", {"prompt": "a lullaby"}, wait=False)
        await eventually(lambda: fault.hits)
        assert exchange.message is not None
        run = StartedRun(bot, exchange.message, "a lullaby")
        assert bot.query("SELECT number FROM run_sends") == [{"number": 1}]
        await bot.restart()
        await run.assert_consistent()
        (player,) = run.follow_ups
        (song,) = player.attachments
        assert song.filename == "sing-01.wav"
        stored = bot.query("SELECT message_id, attachment_id FROM run_outputs")
        assert stored == [{"message_id": player.id, "attachment_id": song.id}]


async def test_killed_after_an_unrecorded_notice(bot: BotUnderTest) -> None:
    bot.replicate.faults.add("slow-start", seconds=2)
    run = await bot.generate()
    await eventually(lambda: run.state == "submitted")
    await bot.kill()
    bot.advance(90)
    fault = bot.discord.faults.hang_after("POST /channels/*/messages")
    await bot.start()
    await eventually(lambda: fault.hits)
    await bot.restart()
    await run.assert_consistent(images=2)
    [notice] = run.follow_ups
    assert run.bot.mia.user.id in notice.pinged
    assert "are ready" in notice.text


async def test_a_card_keeps_its_language_after_a_kill(bot: BotUnderTest) -> None:
    for guild in bot.discord.state.guilds.values():
        guild.preferred_locale = "ja"
    run = await _submitted(bot)
    await bot.restart()
    await run.wait_until_delivered()
    with use_language("ja"):
        assert _("**Done**") in run.message.text
        assert ngettext("{count} image", "{count} images", 2).format(count=2) in run.message.text


async def test_killed_before_a_run_has_a_row_says_so(bot: BotUnderTest) -> None:
    unstarted = bot.folder / "spool" / ".unstarted"
    bot.discord.cdn.answers.clear()
    shown, private = await bot.generate(), await bot.generate(visibility="private")
    await eventually(lambda: len(list(unstarted.rglob("*.json"))) == 2)
    assert private.message.ephemeral
    await bot.kill()
    bot.discord.cdn.answers.set()
    await bot.start()
    for run in (shown, private):
        await run.wait_for(lambda: "restarted before this began" in run.message.text)  # noqa: B023 (awaited here)
    assert not bot.query("SELECT id FROM runs")
    assert not bot.replicate.predictions
    after = await bot.generate()
    await after.wait_for(lambda: "Again" in after.message.buttons)
    assert not list(unstarted.rglob("*.json"))
