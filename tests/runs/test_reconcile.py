"""A prediction whose create got no answer is found, and never another's."""

from dataclasses import replace
from datetime import timedelta

from bot.backends.replicate.errors import NoResponse
from bot.backends.replicate.predictions import Status
from bot.backends.replicate.types import ModelRef
from bot.media.types import Media, MediaKind, MediaType
from bot.store.models import RunState
from tests.runs.replicate import LOST_ANSWER, NEVER_ARRIVED
from tests.runs.world import VERSION, World

TARGET = ModelRef("fofr", "consistent-character", VERSION)
JPEG = MediaType("image/jpeg", ".jpg", MediaKind.IMAGE)


async def test_a_prediction_with_another_input_is_not_taken(world: World) -> None:
    world.replicate.make(TARGET, {"prompt": "a wolf"})
    world.replicate.outcomes.append(NEVER_ARRIVED)
    run = await world.start()
    await world.clock.advance(130)
    assert (await world.row(run)).prediction_id is None


async def test_a_prediction_of_another_version_is_not_taken(world: World) -> None:
    world.replicate.make(replace(TARGET, version="8" * 64), {"prompt": "a fox"})
    world.replicate.outcomes.append(NEVER_ARRIVED)
    run = await world.start()
    await world.clock.advance(130)
    assert (await world.row(run)).prediction_id is None


async def test_a_prediction_of_another_run_is_not_taken(world: World) -> None:
    first = await world.start()
    world.replicate.outcomes.append(NEVER_ARRIVED)
    second = await world.start(author_id=8)
    await world.clock.advance(130)
    assert (await world.row(first)).prediction_id is not None
    assert (await world.row(second)).prediction_id is None


async def test_a_create_under_way_keeps_its_prediction(world: World) -> None:
    world.replicate.answer_after = 40.0
    owner = await world.start()
    world.replicate.answer_after = 0.0
    world.replicate.outcomes.append(NEVER_ARRIVED)
    seeker = await world.start(author_id=8)
    await world.clock.advance(130)
    assert (await world.row(owner)).prediction_id == world.replicate.only.now.id
    assert (await world.row(seeker)).cause == "lost"


async def test_two_lost_ones_with_the_same_input_get_one_each(world: World) -> None:
    world.replicate.outcomes.extend([LOST_ANSWER, LOST_ANSWER])
    first, second = await world.start(), await world.start(author_id=8)
    await world.clock.advance(5)
    ids = {(await world.row(run)).prediction_id for run in (first, second)}
    assert ids == set(world.replicate.made)


async def test_photos_that_replicate_stored_under_its_own_names_are_not_mixed_up(world: World) -> None:
    world.replicate.stored_inputs = True
    world.replicate.outcomes.extend([NEVER_ARRIVED, LOST_ANSWER])
    mine = Media("me.jpg", JPEG, b"\xff\xd8mine")
    yours = Media("you.jpg", JPEG, b"\xff\xd8yours")
    given = {"prompt": "a portrait", "subject": "file:0"}
    runs = [await world.start(input=given, files=(file,), author_id=n) for n, file in enumerate((mine, yours))]
    await world.clock.advance(130)
    # Nothing tells whose the one prediction is: better none than somebody else's face.
    for run in runs:
        assert (await world.row(run)).cause == "lost"


async def test_a_lone_photo_stored_under_another_name_is_found(world: World) -> None:
    world.replicate.stored_inputs = True
    world.replicate.outcomes.append(LOST_ANSWER)
    run = await world.start(
        input={"prompt": "a portrait", "subject": "file:0"}, files=(Media("me.jpg", JPEG, b"\xff\xd8mine"),)
    )
    await world.clock.advance(2)
    assert (await world.row(run)).state is RunState.SUBMITTED


async def test_a_webhook_answers_when_the_list_does_not(hooked: World) -> None:
    world = hooked
    world.replicate.list_errors.extend([NoResponse("down")] * 100)
    world.replicate.outcomes.append(LOST_ANSWER)
    run = await world.start()
    await world.clock.advance(5)
    assert (await world.row(run)).prediction_id is None
    assert world.engine.wake(run.id, world.replicate.only.now)
    await world.clock.settle()
    assert (await world.row(run)).prediction_id == world.replicate.only.now.id


async def test_a_webhook_replayed_at_another_runs_address_is_not_believed(hooked: World) -> None:
    world = hooked
    foreign = world.replicate.make(TARGET, {"prompt": "a fox"}, webhook="https://bot.example/webhooks/replicate/other")
    world.replicate.outcomes.append(NEVER_ARRIVED)
    run = await world.start()
    world.engine.wake(run.id, foreign.now)
    await world.clock.advance(130)
    assert (await world.row(run)).prediction_id is None


async def test_a_list_that_is_down_for_minutes_is_asked_until_it_answers(world: World) -> None:
    world.replicate.list_errors.extend([NoResponse("down")] * 12)
    world.replicate.outcomes.append(LOST_ANSWER)
    run = await world.start()
    await world.clock.advance(300)
    assert (await world.row(run)).prediction_id is not None


async def test_a_cancel_while_looking_reaches_what_is_found(world: World) -> None:
    world.replicate.list_errors.extend([NoResponse("down")] * 3)
    world.replicate.outcomes.append(LOST_ANSWER)
    run = await world.start()
    await world.engine.cancel(run.id, by="7")
    await world.clock.advance(30)
    assert world.replicate.only.cancels == 1
    assert (await world.row(run)).state is RunState.CANCELED


async def test_a_list_that_shows_less_than_the_prediction_does_not_decide_its_end(world: World) -> None:
    world.replicate.list_errors.append(NoResponse("down"))
    world.replicate.outcomes.append(LOST_ANSWER)
    run = await world.start()
    made = world.replicate.only
    made.end(Status.SUCCEEDED, world.clock.now(), output=["https://replicate.delivery/1.webp"])
    world.replicate.lists_outputs = False
    await world.clock.advance(3)
    assert (await world.row(run)).state is RunState.SUCCEEDED
    assert len(world.page(run).items) == 1


async def test_another_runs_photo_does_not_hide_a_lost_one(world: World) -> None:
    world.replicate.stored_inputs = True
    given = {"prompt": "a portrait", "subject": "file:0"}
    await world.start(input=given, files=(Media("you.jpg", JPEG, b"\xff\xd8yours"),))
    world.replicate.outcomes.append(LOST_ANSWER)
    run = await world.start(input=given, files=(Media("me.jpg", JPEG, b"\xff\xd8mine"),), author_id=8)
    await world.clock.advance(2)
    assert (await world.row(run)).state is RunState.SUBMITTED


async def test_a_prediction_that_turns_up_after_its_run_was_given_up_is_cancelled(hooked: World) -> None:
    hooked.replicate.outcomes.append(NEVER_ARRIVED)
    run = await hooked.start()
    await hooked.clock.advance(130)
    webhook = hooked.replicate.creates[0].webhook
    late = hooked.replicate.make(TARGET, {"prompt": "a fox"}, webhook=webhook)
    other = hooked.replicate.make(TARGET, {"prompt": "a fox"}, webhook="https://bot.example/webhooks/replicate/other")
    for made in (late, other):
        assert not hooked.engine.wake(run.id, made.now)
    await hooked.clock.settle()
    assert (late.cancels, other.cancels) == (1, 0)


async def test_a_clock_that_is_set_right_does_not_end_the_search(world: World) -> None:
    world.replicate.outcomes.append(NEVER_ARRIVED)
    run = await world.start()
    world.clock.set(world.clock.now() + timedelta(hours=3))
    await world.clock.advance(20)
    made = world.replicate.make(TARGET, {"prompt": "a fox"})  # the list tells of it late
    made.change(created_at=(await world.row(run)).sent_at)
    await world.clock.advance(20)
    assert (await world.row(run)).prediction_id == made.now.id
