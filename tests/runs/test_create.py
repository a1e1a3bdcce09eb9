"""From the intent on disk to one prediction, whatever the create request meets."""

import pytest

from bot.backends.replicate.api import CreateAllowance
from bot.backends.replicate.errors import (
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    InvalidResponse,
    NoResponse,
    NotFound,
    ReplicateError,
    Unauthenticated,
)
from bot.media.types import Media, MediaKind, MediaType
from bot.runs.engine import CancelResult
from bot.runs.snapshot import Phase
from bot.store.models import RunState
from tests.runs.replicate import LOST_ANSWER, NEVER_ARRIVED, REFUSED_CONNECTION, THROTTLED
from tests.runs.world import World, request

JPEG = MediaType("image/jpeg", ".jpg", MediaKind.IMAGE)


def photo(size: int) -> Media:
    return Media("me.jpg", JPEG, b"\xff\xd8" + bytes(size - 2))


async def test_what_was_not_accepted_is_sent_again(world: World) -> None:
    world.replicate.outcomes.extend([THROTTLED, REFUSED_CONNECTION])
    run = await world.start()
    row = await world.row(run)
    assert row.sent_at is None
    assert world.page(run).progress.phase is Phase.QUEUED
    await world.clock.advance(15)
    assert len(world.replicate.creates) == 3
    assert (await world.row(run)).prediction_id == world.replicate.only.now.id


async def test_a_throttled_create_waits_as_long_as_replicate_says(world: World) -> None:
    world.replicate.outcomes.append(THROTTLED)
    await world.start()
    await world.clock.advance(4.9)
    assert len(world.replicate.creates) == 1
    await world.clock.advance(1.2)
    assert len(world.replicate.creates) == 2


async def test_endless_throttling_fails_with_a_sentence_and_costs_nothing(world: World) -> None:
    world.replicate.outcomes.extend([THROTTLED] * 50)
    run = await world.start()
    await world.clock.advance(1800)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "throttled")
    assert row.sent_at is None
    assert not world.replicate.made
    assert len(world.replicate.creates) == world.policy.create_tries


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (Unauthenticated(status=401, title="Unauthenticated", detail="no"), "token", "token"),
        (InsufficientCredit(status=402, title="Insufficient credit", detail="no"), "credit", "credit"),
        (NotFound(status=404, title="", detail="no"), "no_model", "model"),
        (
            InvalidInput(
                status=422,
                title="Input validation failed",
                detail="",
                fields=(InvalidField("input", "required", "prompt is required"),),
            ),
            "input",
            "prompt is missing",
        ),
    ],
)
async def test_a_refusal_ends_the_run_at_once(world: World, error: ReplicateError, cause: str, words: str) -> None:
    world.replicate.outcomes.append(error)
    run = await world.start()
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, cause)
    assert words in (row.failure or "")
    assert row.delivered_at is not None
    assert len(world.replicate.creates) == 1


async def test_a_small_file_travels_inline_and_a_large_one_is_uploaded(world: World) -> None:
    given = {"subject": "file:0", "masks": ["file:1", "https://example.org/m.png"], "prompt": "file:9"}
    await world.start(input=given, files=(photo(1000), photo(300_000)))
    sent = world.replicate.creates[0].input
    assert sent["subject"].startswith("data:image/jpeg;base64,/9g")
    assert sent["masks"] == ["https://files.test/1", "https://example.org/m.png"]
    assert sent["prompt"] == "file:9"


async def test_a_failed_upload_costs_nothing(world: World) -> None:
    world.replicate.files.errors.append(NoResponse("timeout"))
    run = await world.start(input={"subject": "file:0"}, files=(photo(300_000),))
    row = await world.row(run)
    assert (row.state, row.cause, row.sent_at) == (RunState.FAILED, "upload", None)
    assert not world.replicate.creates


async def test_cancelling_in_line_costs_nothing(world: World) -> None:
    world.replicate.outcomes.append(THROTTLED)
    await world.start()
    run = await world.start(author_id=8)
    assert await world.engine.cancel(run.id, by="8") is CancelResult.REQUESTED
    await world.clock.settle()
    row = await world.row(run)
    assert (row.state, row.sent_at) == (RunState.CANCELED, None)
    assert row.delivered_at is not None
    await world.clock.advance(60)
    assert all(create.at != 0.0 or create is world.replicate.creates[0] for create in world.replicate.creates)
    assert len(world.replicate.made) == 1


async def test_the_line_shows_each_place_and_goes_round_between_people(world: World) -> None:
    world.replicate.outcomes.append(THROTTLED)
    await world.start(author_id=1)
    greedy = [await world.start(author_id=2) for _ in range(3)]
    modest = await world.start(author_id=3)
    await world.clock.advance(2)
    places = {run.id: world.page(run).progress.queue_position for run in (*greedy, modest)}
    assert list(places.values()) == [1, 3, 4, 2]


async def test_a_cancel_while_the_create_is_under_way_reaches_the_prediction(world: World) -> None:
    world.replicate.answer_after = 3.0
    run = await world.start()
    assert await world.engine.cancel(run.id, by="7") is CancelResult.REQUESTED
    assert world.page(run).progress.phase is Phase.CANCELING
    await world.clock.advance(4)
    assert world.replicate.only.cancels == 1
    assert (await world.row(run)).state is RunState.CANCELED


async def test_an_answer_that_cannot_be_read_is_looked_for_and_not_repeated(world: World) -> None:
    world.replicate.outcomes.append(InvalidResponse("no id"))
    run = await world.start()
    assert world.page(run).progress.phase is Phase.RECONCILING
    await world.clock.advance(120)
    assert (await world.row(run)).cause == "lost"
    assert len(world.replicate.creates) == 1


async def test_a_lost_answer_finds_its_prediction(world: World) -> None:
    world.replicate.outcomes.append(LOST_ANSWER)
    run = await world.start()
    await world.clock.advance(2)
    assert len(world.replicate.creates) == 1
    assert (await world.row(run)).prediction_id == world.replicate.only.now.id


async def test_a_request_that_never_arrived_ends_with_what_is_true(world: World) -> None:
    world.replicate.outcomes.append(NEVER_ARRIVED)
    run = await world.start()
    await world.clock.advance(130)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "lost")
    assert "may have started" in (row.failure or "")
    assert len(world.replicate.creates) == 1


async def test_few_remaining_creates_are_not_overrun(world: World) -> None:
    world.replicate.rate = CreateAllowance(remaining=2, reset=30.0)
    for author in range(5):
        await world.start(author_id=author)
        world.replicate.rate = CreateAllowance(remaining=max(0, 2 - len(world.replicate.creates)), reset=30.0)
    assert len(world.replicate.creates) == 3
    world.replicate.rate = None
    await world.clock.advance(31)
    assert len(world.replicate.creates) == 5


async def test_a_person_over_the_limit_is_refused_before_anything_is_written(world: World) -> None:
    for _ in range(world.policy.active_per_user or 0):
        await world.start()
    with pytest.raises(Exception, match=r"\w"):
        await world.engine.start(request(world.clock))
    assert len(world.views) == world.policy.active_per_user
