"""A delivered file is gone, slow, cut, huge or elsewhere: the others are shown, and the reason is said."""

import pytest

from tests.faults.conftest import Open
from tests.faults.environment import Stage, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_missing_file_is_reported_and_others_are_shown(shared: Stage) -> None:
    shared.replicate.faults.add("file-missing")
    asked = await shared.ask(images=3)
    await asked.sound(images=2)
    assert "The file is gone" in asked.words


@pytest.mark.parametrize(("fault", "how"), [("file-cut", {}), ("file-slow", {"bytes": 4000, "seconds": 0.1})])
async def test_a_truncated_or_slow_file_arrives_complete(shared: Stage, fault: str, how: dict[str, float]) -> None:
    shared.replicate.faults.add(fault, **how)
    asked = await shared.ask(images=2)
    await asked.sound(images=2)


@pytest.mark.parametrize("told", [True, False])
async def test_reading_a_large_file_stops_at_the_limit(shared: Stage, told: bool) -> None:  # noqa: FBT001  # a case
    shared.replicate.faults.add("file-huge", bytes=101_000_000, content_length=told)
    asked = await shared.ask(images=2)
    await asked.sound(images=1)
    assert "larger than what this bot takes" in asked.words


async def test_a_redirect_to_another_host_is_refused(shared: Stage) -> None:
    shared.replicate.faults.add("file-redirect")
    asked = await shared.ask(images=2)
    await asked.sound(images=1)
    assert "a host that this bot does not fetch from" in asked.words


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest/meta-data", "http://[::1]:80/x", "file:///etc/passwd", "http://10.0.0.1/x"]
)
async def test_a_redirect_to_a_private_address_is_refused(shared: Stage, to: str) -> None:
    shared.replicate.faults.add("file-redirect", to=to)
    asked = await shared.ask(images=2)
    await asked.sound(images=1)
    assert "was not opened" in asked.words or "does not fetch from" in asked.words


async def test_the_bytes_decide_a_files_type(shared: Stage) -> None:
    shared.replicate.faults.add("file-mistyped", type="text/html", times=None)
    asked = await shared.ask(images=2)
    await asked.sound(images=2)
    assert all(name.endswith(".webp") for name in asked.images)


async def test_images_are_not_uploaded_again_after_a_restart(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("stream-close", after=2, times=2)
        stage.replicate.faults.add("never-ends", after=6)
        asked = await stage.ask(images=9)
        await asked.until(lambda: len(asked.images) >= 2)
        await stage.kill()
        before = dict(asked.uploads())
        await stage.start()
        await asked.until(lambda: len(asked.images) >= 6)
        await stage.mia.press(asked.message, "Cancel")
        await asked.sound("canceled")
        assert before.items() <= dict(asked.uploads()).items()


async def test_files_that_expired_while_offline_are_reported(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("stuck", on="GET /delivery/*", times=None)
        asked = await stage.ask(images=2)
        await eventually(lambda: asked.predictions and asked.predictions[0].finished)
        await stage.kill()
        stage.replicate.faults.clear()
        stage.replicate.faults.add("file-missing", times=None)
        await stage.start()
        await asked.sound("succeeded", images=0)
        assert "The file is gone" in asked.words
