"""A delivered file is gone, slow, cut, huge or elsewhere: the others are shown, and the reason is said."""

from typing import Any

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_missing_file_is_reported_and_others_are_shown(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("file-missing")
    run = await shared_bot.generate(images=3)
    await run.assert_consistent(images=2)
    assert "The file is gone" in run.card_text


@pytest.mark.parametrize(("fault", "how"), [("file-cut", {}), ("file-slow", {"bytes": 4000, "seconds": 0.1})])
async def test_a_truncated_or_slow_file_arrives_complete(
    shared_bot: BotUnderTest, fault: str, how: dict[str, Any]
) -> None:
    shared_bot.replicate.faults.add(fault, **how)
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=2)


@pytest.mark.parametrize("told", [True, False])
async def test_reading_a_large_file_stops_at_the_limit(shared_bot: BotUnderTest, told: bool) -> None:  # noqa: FBT001  # a case
    shared_bot.replicate.faults.add("file-huge", bytes=101_000_000, content_length=told)
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=1)
    assert "Too large to download here" in run.card_text


async def test_a_redirect_to_another_host_is_refused(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("file-redirect")
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=1)
    assert "a host this bot isn't allowed to download from" in run.card_text


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest/meta-data", "http://[::1]:80/x", "file:///etc/passwd", "http://10.0.0.1/x"]
)
async def test_a_redirect_to_a_private_address_is_refused(shared_bot: BotUnderTest, to: str) -> None:
    shared_bot.replicate.faults.add("file-redirect", to=to)
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=1)
    assert "isn't a plain web address" in run.card_text or "isn't allowed to download from" in run.card_text


async def test_the_bytes_decide_a_files_type(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("file-mistyped", type="text/html", times=None)
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=2)
    assert all(name.endswith(".webp") for name in run.images)


async def test_images_are_not_uploaded_again_after_a_restart(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("stream-close", after=2, times=2)
        bot.replicate.faults.add("never-ends", after=6)
        run = await bot.generate(images=9)
        await run.wait_for(lambda: len(run.images) >= 2)
        await bot.kill()
        before = dict(run.uploads())
        await bot.start()
        await run.wait_for(lambda: len(run.images) >= 6)
        await bot.mia.press(run.message, "Cancel")
        await run.assert_consistent("canceled")
        assert before.items() <= dict(run.uploads()).items()


async def test_files_that_expired_while_offline_are_reported(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("stuck", on="GET /delivery/*", times=None)
        run = await bot.generate(images=2)
        await eventually(lambda: run.predictions and run.predictions[0].finished)
        await bot.kill()
        bot.replicate.faults.clear()
        bot.replicate.faults.add("file-missing", times=None)
        await bot.start()
        await run.assert_consistent("succeeded", images=0)
        assert "The file is gone" in run.card_text
