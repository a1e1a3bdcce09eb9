"""The create request is lost, refused or put off: never two predictions for one run."""

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest
from tests.faults.photos import large_photo

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATE = "POST /v1/predictions"


def sent(bot: BotUnderTest, prompt: str) -> int:
    return sum(call.body["input"]["prompt"] == prompt for call in bot.replicate.calls.creates)


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("reset-after", {}),
        ("half-answer", {}),
        ("garbled", {}),
        ("error-500", {"handled": True}),
        ("error-502", {"handled": True}),
        ("error-503", {"handled": True}),
    ],
)
async def test_a_create_without_an_answer_is_never_resent(
    shared_bot: BotUnderTest, fault: str, how: dict[str, bool]
) -> None:
    shared_bot.replicate.faults.add(fault, on=CREATE, **how)
    run = await shared_bot.generate()
    await run.assert_consistent(images=2)
    assert sent(shared_bot, run.prompt) == 1


async def test_identical_runs_never_swap_predictions(shared_bot: BotUnderTest) -> None:
    same = "the very same words"
    shared_bot.replicate.faults.add("reset-after", on=CREATE, skip=1)
    runs = [await shared_bot.generate(prompt=same) for _ in range(3)]
    for run in runs:
        await run.wait_until_delivered()
        assert run.state == "succeeded"
    assert len({run.row["prediction_id"] for run in runs}) == 3
    assert len(runs[0].predictions) == sent(shared_bot, same) == 3


@pytest.mark.parametrize("form", ["body", "header", "text"])
async def test_a_throttled_create_is_resent_after_the_wait(shared_bot: BotUnderTest, form: str) -> None:
    fault = shared_bot.replicate.faults.add("throttled", on=CREATE, seconds=1, form=form)
    run = await shared_bot.generate()
    await run.assert_consistent(images=2)
    assert fault.hits == 1
    refused, taken = [call for call in shared_bot.replicate.calls.creates if call.body["input"]["prompt"] == run.prompt]
    assert (taken.at - refused.at).total_seconds() >= 1


async def test_a_refused_connection_is_retried(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        await bot.kill()
        await bot.replicate.go_offline()
        await bot.start()  # the model is remembered from the former start
        run = await bot.generate()
        await run.wait_for(lambda: "can't be reached" in run.card_text)
        assert run.row["sent_at"] is None
        await bot.replicate.come_online()
        await run.assert_consistent(images=2)
        assert "can't be reached" not in run.card_text
        assert sent(bot, run.prompt) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no-credit", "credit"),
        ("unauthenticated", "token"),
        ("forbidden", "isn't allowed"),
        ("not-found", "can't find"),
    ],
)
async def test_a_refused_create_ends_with_a_sentence(shared_bot: BotUnderTest, fault: str, said: str) -> None:
    shared_bot.replicate.faults.add(fault, on=CREATE)
    run = await shared_bot.generate()
    await run.assert_consistent("failed", predictions=0)
    assert said in run.card_text
    assert sent(shared_bot, run.prompt) == 1


async def test_a_failed_file_upload_costs_nothing(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("upload-fails", times=None)
    run = await shared_bot.generate(subject=large_photo())
    await run.assert_consistent("failed", predictions=0)
    assert "Failed" in run.card_text


async def test_every_create_carries_cancel_after(shared_bot: BotUnderTest) -> None:
    await (await shared_bot.generate()).assert_consistent(images=2)
    assert {call.headers["cancel-after"] for call in shared_bot.replicate.calls.creates} == {"1800s"}
