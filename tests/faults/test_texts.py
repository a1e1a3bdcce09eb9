"""Texts without end: the rest is one file, also when the run fails, is canceled, or the bot is killed."""

from sandbox.replicate.job import Timings
from tests.faults.environment import BotUnderTest, StartedRun

FAST = Timings(boot=0.05, queue=0.05, finish=0.05, tokens_per_second=1000)


def squeeze(text: str) -> str:
    """Return a text without blanks and markup, which differ between messages and the model's output."""
    return "".join(letter for letter in text if letter.isalnum())


async def start_long_text(bot: BotUnderTest, words: int = 5_000) -> StartedRun:
    """Start a run and return it once its text goes on in the file."""
    bot.replicate.timings = FAST
    run = await bot.talk(f"Tell me everything in {words} words.", max_tokens=1_000_000)
    await run.wait_for(lambda: run.follow_ups and "more in the file" in run.follow_ups[-1].text)
    return run


def assert_complete(run: StartedRun) -> None:
    """Check that five messages and one file hold the whole output, each part of it once and in order."""
    messages = [run.message, *run.follow_ups]
    assert len(messages) == 5
    (rest,) = [one for message in messages for one in message.attachments if one.filename.endswith(".md")]
    assert run.follow_ups[-1].attachments == (rest,)
    output = squeeze("".join(run.predictions[0].output))
    end = squeeze(rest.data.decode())
    assert output.endswith(end)
    assert squeeze(run.follow_ups[-1].text.partition("-# …")[0]) in output.removesuffix(end)
    assert output.removesuffix(end).endswith(squeeze(run.follow_ups[-1].text.partition("-# …")[0])[-100:])


async def test_the_rest_of_a_text_without_end_is_a_file(bot: BotUnderTest) -> None:
    run = await start_long_text(bot)
    assert not run.follow_ups[-1].attachments
    await run.assert_consistent()
    assert_complete(run)


async def test_killed_while_text_goes_into_the_file(bot: BotUnderTest) -> None:
    run = await start_long_text(bot)
    before = [one.id for one in run.follow_ups]
    await bot.restart()
    await run.assert_consistent()
    assert [one.id for one in run.follow_ups] == before
    assert_complete(run)


async def test_a_canceled_text_keeps_its_file(bot: BotUnderTest) -> None:
    run = await start_long_text(bot)
    await bot.mia.press(run.message, "Cancel")
    await run.assert_consistent("canceled")
    assert_complete(run)


async def test_a_failed_text_keeps_its_file(bot: BotUnderTest) -> None:
    bot.replicate.faults.add("fails", after=6000)
    run = await start_long_text(bot)
    await run.assert_consistent("failed")
    assert_complete(run)
