"""A run gets one prediction, whatever happens to its create request."""

from datetime import timedelta

import pytest

from bot.backends.backend import CreateAllowance
from bot.backends.errors import (
    BackendError,
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    InvalidResponse,
    NoResponse,
    NotFound,
    Unauthenticated,
)
from bot.media.types import Media, MediaKind, MediaType
from bot.runs.cancels import CancelResult
from bot.runs.outcome import FailureCode, FailureReason, failure_of
from bot.runs.snapshot import Phase
from bot.store.models import RunState
from tests.runs.environment import AUTHOR, OTHER, Environment
from tests.runs.fake_replicate import LOST_ANSWER, NEVER_ARRIVED, REFUSED_CONNECTION, THROTTLED

JPEG = MediaType("image/jpeg", ".jpg", MediaKind.IMAGE)


def photo(size: int) -> Media:
    return Media("me.jpg", JPEG, b"\xff\xd8" + bytes(size - 2))


async def test_a_create_that_was_not_accepted_is_sent_again(env: Environment) -> None:
    env.replicate.create_results.extend([THROTTLED, REFUSED_CONNECTION])
    run = await env.start()
    row = await env.row(run)
    assert row.sent_at is None
    assert env.snapshot(run).progress.phase is Phase.QUEUED
    await env.clock.advance(15)
    assert len(env.replicate.creates) == 3
    assert (await env.row(run)).prediction_id == env.replicate.only.now.id


async def test_a_throttled_create_honors_retry_after(env: Environment) -> None:
    env.replicate.create_results.append(THROTTLED)
    await env.start()
    await env.clock.advance(4.9)
    assert len(env.replicate.creates) == 1
    await env.clock.advance(1.2)
    assert len(env.replicate.creates) == 2


async def test_endless_throttling_fails_without_cost(env: Environment) -> None:
    env.replicate.create_results.extend([THROTTLED] * 50)
    run = await env.start()
    await env.clock.advance(1800)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "throttled")
    assert row.sent_at is None
    assert not env.replicate.by_id
    assert len(env.replicate.creates) == env.policy.create_attempts


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unauthenticated(status=401, title="Unauthenticated", detail="no"), FailureReason(FailureCode.TOKEN)),
        (InsufficientCredit(status=402, title="Insufficient credit", detail="no"), FailureReason(FailureCode.CREDIT)),
        (NotFound(status=404, title="", detail="no"), FailureReason(FailureCode.MODEL_NOT_FOUND)),
        (
            InvalidInput(
                status=422,
                title="Input validation failed",
                detail="",
                fields=(InvalidField("input", "required", "prompt is required"),),
            ),
            FailureReason(FailureCode.INVALID_INPUT, fields=("prompt is missing",)),
        ),
    ],
)
async def test_a_refused_create_ends_the_run(env: Environment, error: BackendError, reason: FailureReason) -> None:
    env.replicate.create_results.append(error)
    run = await env.start()
    row = await env.row(run)
    assert (row.state, failure_of(row)) == (RunState.FAILED, reason)
    assert row.delivered_at is not None
    assert len(env.replicate.creates) == 1


async def test_small_files_are_inlined_and_large_ones_uploaded(env: Environment) -> None:
    input_ = {"subject": "file:0", "masks": ["file:1", "https://example.org/m.png"], "prompt": "file:9"}
    await env.start(input=input_, files=(photo(1000), photo(300_000)))
    sent = env.replicate.creates[0].input
    assert sent["subject"].startswith("data:image/jpeg;base64,/9g")
    assert sent["masks"] == ["https://files.test/1", "https://example.org/m.png"]
    assert sent["prompt"] == "file:9"


@pytest.mark.parametrize(
    ("name", "mime", "inline"),
    [
        ("me.jpg", "image/jpeg", True),
        ("me.JPEG", "image/jpeg", True),
        ("me.png", "image/png", True),
        ("voice.npz", "application/x-npz", False),
        ("voice.mp3", "audio/mpeg", False),
        ("table.csv", "text/plain", False),
        ("weights", "application/octet-stream", False),
        ("me.heic", "image/heic", False),
        ("mask.bmp", "image/png", False),
    ],
)
async def test_only_images_of_common_types_are_inlined(env: Environment, name: str, mime: str, inline: bool) -> None:  # noqa: FBT001  # a case
    file = Media(name, MediaType(mime, ".x", MediaKind.OTHER), b"a" * 100)
    await env.start(input={"subject": "file:0"}, files=(file,))
    sent = env.replicate.creates[0].input["subject"]
    assert sent.startswith(f"data:{mime};base64,") if inline else sent == "https://files.test/1"
    assert env.replicate.files.uploads == ([] if inline else [name])


async def test_a_failed_upload_costs_nothing(env: Environment) -> None:
    env.replicate.files.errors.append(NoResponse("timeout"))
    run = await env.start(input={"subject": "file:0"}, files=(photo(300_000),))
    row = await env.row(run)
    assert (row.state, row.cause, row.sent_at) == (RunState.FAILED, "upload", None)
    assert not env.replicate.creates


async def test_canceling_in_the_queue_costs_nothing(env: Environment) -> None:
    env.replicate.create_results.append(THROTTLED)
    await env.start()
    run = await env.start(author_id=OTHER)
    assert await env.engine.cancel(run.id, by=OTHER) is CancelResult.REQUESTED
    await env.clock.settle()
    row = await env.row(run)
    assert (row.state, row.sent_at) == (RunState.CANCELED, None)
    assert row.delivered_at is not None
    await env.clock.advance(60)
    assert all(create.at != 0.0 or create is env.replicate.creates[0] for create in env.replicate.creates)
    assert len(env.replicate.by_id) == 1


async def test_the_queue_is_fair_and_shows_positions(env: Environment) -> None:
    env.replicate.create_results.append(THROTTLED)
    await env.start(author_id=1)
    greedy = [await env.start(author_id=2) for _ in range(3)]
    modest = await env.start(author_id=3)
    await env.clock.advance(2)
    places = {run.id: env.snapshot(run).progress.queue_position for run in (*greedy, modest)}
    assert list(places.values()) == [1, 3, 4, 2]


async def test_a_cancel_during_the_create_cancels_the_prediction(env: Environment) -> None:
    env.replicate.create_delay = 3.0
    run = await env.start()
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    assert env.snapshot(run).progress.phase is Phase.CANCELING
    await env.clock.advance(4)
    assert env.replicate.only.cancels == 1
    assert (await env.row(run)).state is RunState.CANCELED


async def test_an_unreadable_answer_is_reconciled(env: Environment) -> None:
    env.replicate.create_results.append(InvalidResponse("no id"))
    run = await env.start()
    progress = env.snapshot(run).progress
    assert progress.phase is Phase.RECONCILING
    assert progress.until is not None
    assert timedelta(seconds=80) < progress.until - env.clock.now() <= timedelta(seconds=90)
    await env.clock.advance(120)
    row = await env.row(run)
    assert row.cause == "lost"
    reason = failure_of(row)
    assert reason is not None
    assert reason.deadline is not None
    assert 85 <= reason.deadline <= 120
    assert len(env.replicate.creates) == 1


async def test_a_lost_answer_is_reconciled(env: Environment) -> None:
    env.replicate.create_results.append(LOST_ANSWER)
    run = await env.start()
    await env.clock.advance(2)
    assert len(env.replicate.creates) == 1
    assert (await env.row(run)).prediction_id == env.replicate.only.now.id


async def test_a_create_that_never_arrived_is_not_resent(env: Environment) -> None:
    env.replicate.create_results.append(NEVER_ARRIVED)
    run = await env.start()
    await env.clock.advance(130)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "lost")
    assert len(env.replicate.creates) == 1


async def test_the_remaining_allowance_is_respected(env: Environment) -> None:
    env.replicate.create_allowance = CreateAllowance(remaining=2, reset=30.0)
    for author in range(5):
        await env.start(author_id=author)
        env.replicate.create_allowance = CreateAllowance(remaining=max(0, 2 - len(env.replicate.creates)), reset=30.0)
    assert len(env.replicate.creates) == 3
    env.replicate.create_allowance = None
    await env.clock.advance(31)
    assert len(env.replicate.creates) == 5


async def test_a_user_over_the_limit_is_refused_first(env: Environment) -> None:
    for _ in range(env.policy.active_per_user or 0):
        await env.start()
    with pytest.raises(Exception, match=r"\w"):
        await env.engine.start(env.new_run())
    assert len(env.replies) == env.policy.active_per_user
