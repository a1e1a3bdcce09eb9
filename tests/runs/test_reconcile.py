"""The prediction of a create that got no answer is found, and never that of another run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.backends.errors import NoResponse
from bot.backends.prediction import Status
from bot.backends.replicate.types import ModelRef
from bot.large_json import LargeJson
from bot.media.types import Media, MediaKind, MediaType
from bot.store.models import RunState
from tests.runs.environment import AUTHOR, OTHER, VERSION, Environment
from tests.runs.fake_replicate import LOST_ANSWER, NEVER_ARRIVED

TARGET = ModelRef("fofr", "consistent-character", VERSION)
JPEG = MediaType("image/jpeg", ".jpg", MediaKind.IMAGE)


async def test_a_prediction_with_another_input_is_no_match(env: Environment) -> None:
    env.replicate.make(TARGET, {"prompt": "a wolf"})
    env.replicate.create_results.append(NEVER_ARRIVED)
    run = await env.start()
    await env.clock.advance(130)
    assert (await env.row(run)).prediction_id is None


async def test_a_prediction_of_another_version_is_no_match(env: Environment) -> None:
    env.replicate.make(replace(TARGET, version="8" * 64), {"prompt": "a fox"})
    env.replicate.create_results.append(NEVER_ARRIVED)
    run = await env.start()
    await env.clock.advance(130)
    assert (await env.row(run)).prediction_id is None


async def test_a_prediction_of_another_run_is_no_match(env: Environment) -> None:
    first = await env.start()
    env.replicate.create_results.append(NEVER_ARRIVED)
    second = await env.start(author_id=OTHER)
    await env.clock.advance(130)
    assert (await env.row(first)).prediction_id is not None
    assert (await env.row(second)).prediction_id is None


async def test_a_create_in_flight_keeps_its_prediction(env: Environment) -> None:
    env.replicate.create_delay = 40.0
    owner = await env.start()
    env.replicate.create_delay = 0.0
    env.replicate.create_results.append(NEVER_ARRIVED)
    seeker = await env.start(author_id=OTHER)
    await env.clock.advance(130)
    assert (await env.row(owner)).prediction_id == env.replicate.only.now.id
    assert (await env.row(seeker)).cause == "lost"


async def test_two_equal_runs_get_one_prediction_each(env: Environment) -> None:
    env.replicate.create_results.extend([LOST_ANSWER, LOST_ANSWER])
    first, second = await env.start(), await env.start(author_id=OTHER)
    await env.clock.advance(5)
    ids = {(await env.row(run)).prediction_id for run in (first, second)}
    assert ids == set(env.replicate.by_id)


async def test_photos_of_two_people_are_never_mixed_up(env: Environment) -> None:
    env.replicate.stores_input_files = True
    env.replicate.create_results.extend([NEVER_ARRIVED, LOST_ANSWER])
    mine = Media("me.jpg", JPEG, b"\xff\xd8mine")
    yours = Media("you.jpg", JPEG, b"\xff\xd8yours")
    input_ = {"prompt": "a portrait", "subject": "file:0"}
    runs = [await env.start(input=input_, files=(file,), author_id=n) for n, file in enumerate((mine, yours))]
    await env.clock.advance(130)
    # It is unknown whose prediction it is: better none than another person's face.
    for run in runs:
        assert (await env.row(run)).cause == "lost"


async def test_a_single_photo_under_another_url_is_found(env: Environment) -> None:
    env.replicate.stores_input_files = True
    env.replicate.create_results.append(LOST_ANSWER)
    run = await env.start(
        input={"prompt": "a portrait", "subject": "file:0"}, files=(Media("me.jpg", JPEG, b"\xff\xd8mine"),)
    )
    await env.clock.advance(2)
    assert (await env.row(run)).state is RunState.SUBMITTED


@pytest.mark.parametrize(("listed", "is_found"), [("[1.0, 2, [3]]", True), ("[1, 2, [4]]", False), ("[[[", False)])
async def test_a_large_part_of_a_listed_input_is_compared(env: Environment, listed: str, *, is_found: bool) -> None:
    env.replicate.create_results.append(LOST_ANSWER)
    env.replicate.list_errors.append(NoResponse("502"))  # it is not found at once
    run = await env.start(input={"prompt": "a fox", "weights": [1, 2, [3]]})
    env.replicate.only.change(input={"prompt": "a fox", "weights": LargeJson(listed)})
    await env.clock.advance(130)
    assert ((await env.row(run)).prediction_id is not None) is is_found


async def test_others_megabytes_are_not_compared(env: Environment) -> None:
    env.replicate.create_results.append(LOST_ANSWER)
    env.replicate.list_errors.append(NoResponse("502"))  # it is not found at once
    run = await env.start(input={"prompt": "a fox", "weights": [1, 2, [3]]})
    env.replicate.only.change(input={"prompt": "a fox", "weights": LargeJson(f"[1, 2, [3]{' ' * 1_000_000}]")})
    await env.clock.advance(130)
    assert (await env.row(run)).cause == "lost"


async def test_a_webhook_is_enough_to_reconcile(webhook_env: Environment) -> None:
    env = webhook_env
    env.replicate.list_errors.extend([NoResponse("down")] * 100)
    env.replicate.create_results.append(LOST_ANSWER)
    run = await env.start()
    await env.clock.advance(5)
    assert (await env.row(run)).prediction_id is None
    assert env.engine.on_webhook(run.id, env.replicate.only.now)
    await env.clock.settle()
    assert (await env.row(run)).prediction_id == env.replicate.only.now.id


async def test_a_webhook_replayed_to_another_run_is_ignored(webhook_env: Environment) -> None:
    env = webhook_env
    foreign = env.replicate.make(TARGET, {"prompt": "a fox"}, webhook="https://bot.example/webhooks/replicate/other")
    env.replicate.create_results.append(NEVER_ARRIVED)
    run = await env.start()
    env.engine.on_webhook(run.id, foreign.now)
    await env.clock.advance(130)
    assert (await env.row(run)).prediction_id is None


async def test_a_failing_list_is_retried_for_minutes(env: Environment) -> None:
    env.replicate.list_errors.extend([NoResponse("down")] * 12)
    env.replicate.create_results.append(LOST_ANSWER)
    run = await env.start()
    await env.clock.advance(300)
    assert (await env.row(run)).prediction_id is not None


async def test_a_cancel_while_reconciling_cancels_the_prediction(env: Environment) -> None:
    env.replicate.list_errors.extend([NoResponse("down")] * 3)
    env.replicate.create_results.append(LOST_ANSWER)
    run = await env.start()
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.advance(30)
    assert env.replicate.only.cancels == 1
    assert (await env.row(run)).state is RunState.CANCELED


async def test_a_listed_prediction_is_polled_before_its_end(env: Environment) -> None:
    env.replicate.list_errors.append(NoResponse("down"))
    env.replicate.create_results.append(LOST_ANSWER)
    run = await env.start()
    prediction = env.replicate.only
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=["https://replicate.delivery/1.webp"])
    env.replicate.lists_outputs = False
    await env.clock.advance(3)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert len(env.snapshot(run).items) == 1


async def test_a_known_prediction_does_not_hide_a_lost_one(env: Environment) -> None:
    env.replicate.stores_input_files = True
    input_ = {"prompt": "a portrait", "subject": "file:0"}
    await env.start(input=input_, files=(Media("you.jpg", JPEG, b"\xff\xd8yours"),))
    env.replicate.create_results.append(LOST_ANSWER)
    run = await env.start(input=input_, files=(Media("me.jpg", JPEG, b"\xff\xd8mine"),), author_id=OTHER)
    await env.clock.advance(2)
    assert (await env.row(run)).state is RunState.SUBMITTED


async def test_an_orphaned_prediction_is_canceled(webhook_env: Environment) -> None:
    webhook_env.replicate.create_results.append(NEVER_ARRIVED)
    run = await webhook_env.start()
    await webhook_env.clock.advance(130)
    webhook = webhook_env.replicate.creates[0].webhook
    late = webhook_env.replicate.make(TARGET, {"prompt": "a fox"}, webhook=webhook)
    other = webhook_env.replicate.make(
        TARGET, {"prompt": "a fox"}, webhook="https://bot.example/webhooks/replicate/other"
    )
    for prediction in (late, other):
        assert not webhook_env.engine.on_webhook(run.id, prediction.now)
    await webhook_env.clock.settle()
    assert (late.cancels, other.cancels) == (1, 0)


async def test_a_changed_wall_clock_does_not_end_reconciling(env: Environment) -> None:
    env.replicate.create_results.append(NEVER_ARRIVED)
    run = await env.start()
    env.clock.set(env.clock.now() + timedelta(hours=3))
    await env.clock.advance(20)
    prediction = env.replicate.make(TARGET, {"prompt": "a fox"})  # it is listed late
    prediction.change(created_at=(await env.row(run)).sent_at)
    await env.clock.advance(20)
    assert (await env.row(run)).prediction_id == prediction.now.id
