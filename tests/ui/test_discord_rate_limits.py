"""Rate limits hold, messages take turns, final snapshots leave first; close cancels what waits."""

import asyncio
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.ui.discord_rate_limits import (
    ANY_CHANNEL,
    CHECKS,
    BucketKey,
    EditScheduler,
    Priority,
    RateLimiter,
    RateLimits,
)
from tests.clock import VirtualClock, settle

LIMITS = RateLimits()
CHANNEL = BucketKey(11, bot=True)
REACTIONS = BucketKey(11, bot=True, reactions=True)
BUCKETS = [BucketKey(1, bot=False), BucketKey(2, bot=False), CHANNEL, BucketKey(12, bot=True), BucketKey(13, bot=True)]


def token(run: int) -> BucketKey:
    return BucketKey(run, bot=False)


def most_in(times: list[float], span: float) -> int:
    """Return the largest number of times in any span of that many seconds."""
    return max((sum(start <= time < start + span - 1e-9 for time in times) for start in times), default=0)


def drive(
    scheduler: EditScheduler, until: float, buckets: list[BucketKey], priority: Priority = Priority.NORMAL
) -> dict[int, list[float]]:
    """Queue every message again as soon as it is released; return when each was sent."""
    sent: dict[int, list[float]] = defaultdict(list)
    for key, bucket in enumerate(buckets):
        scheduler.enqueue(key, bucket=bucket, priority=priority, now=0.0)
    now = 0.0
    while now <= until:
        scheduler.start_batch()
        for key in scheduler.release(now):
            sent[key].append(now)
            scheduler.enqueue(key, bucket=buckets[key], priority=priority, now=now)
        due = scheduler.next_release_at(now)
        assert due is not None
        assert due >= now
        now = due
    return sent


def by_bucket(sent: dict[int, list[float]], buckets: list[BucketKey]) -> dict[BucketKey, list[float]]:
    shared: dict[BucketKey, list[float]] = defaultdict(list)
    for key, times in sent.items():
        shared[buckets[key]] += times
    return shared


def test_first_edit_leaves_at_once_and_the_next_after_a_second() -> None:
    scheduler = EditScheduler()
    scheduler.enqueue(1, bucket=token(1), priority=Priority.FIRST, now=0.0)
    assert scheduler.release(0.0) == [1]
    scheduler.enqueue(1, bucket=token(1), priority=Priority.NORMAL, now=0.5)
    assert scheduler.release(0.5) == []
    assert scheduler.next_release_at(0.5) == 1.0
    assert scheduler.release(1.0) == [1]


def test_first_output_waits_less_and_the_final_snapshot_not() -> None:
    scheduler = EditScheduler()
    scheduler.enqueue(1, bucket=token(1), priority=Priority.FIRST, now=0.0)
    scheduler.release(0.0)
    scheduler.enqueue(1, bucket=token(1), priority=Priority.FIRST, now=0.0)
    assert scheduler.next_release_at(0.0) == LIMITS.first_interval
    scheduler.enqueue(1, bucket=token(1), priority=Priority.FINAL, now=0.01)
    assert scheduler.release(0.01) == [1]


@given(st.lists(st.sampled_from(BUCKETS), min_size=1, max_size=25), st.sampled_from([Priority.NORMAL, Priority.FINAL]))
@settings(deadline=None, max_examples=60)
def test_no_rate_limit_is_exceeded(buckets: list[BucketKey], priority: Priority) -> None:
    last = priority is Priority.FINAL
    sent = drive(EditScheduler(), 20.0, buckets, priority)
    if not last:
        assert all(most_in(times, 1.0) == 1 for times in sent.values())
    shared = by_bucket(sent, buckets)
    for bucket, times in shared.items():
        limit = LIMITS.channel if bucket.bot else LIMITS.interaction
        assert most_in(times, limit.seconds) <= (limit.requests if last else limit.normal)
    by_bot = [time for bucket, times in shared.items() for time in times if bucket.bot]
    assert most_in(by_bot, 1.0) <= (LIMITS.bot.requests if last else LIMITS.bot.normal)


@given(st.integers(2, 12), st.sampled_from([CHANNEL, token(1)]))
@settings(deadline=None, max_examples=30)
def test_bucket_serves_its_messages_in_turn(messages: int, bucket: BucketKey) -> None:
    sent = drive(EditScheduler(), 60.0, [bucket] * messages)
    counts = [len(sent[key]) for key in range(messages)]
    assert max(counts) - min(counts) <= 1


def test_channels_share_the_bots_limit_and_none_starves() -> None:
    sent = drive(EditScheduler(), 30.0, [BucketKey(1000 + number, bot=True) for number in range(200)])
    every = [time for times in sent.values() for time in times]
    assert most_in(every, 1.0) <= LIMITS.bot.normal
    counts = [len(sent[key]) for key in range(200)]
    assert max(counts) - min(counts) <= 1
    assert len(every) >= 30 * LIMITS.bot.normal * 0.9


def test_interactions_do_not_wait_for_each_other() -> None:
    scheduler = EditScheduler()
    for key in range(1000):
        scheduler.enqueue(key, bucket=token(key), priority=Priority.FIRST, now=0.0)
    assert len(scheduler.release(0.0)) == 1000


def test_final_snapshot_overtakes_others_of_its_channel() -> None:
    scheduler = EditScheduler()
    for key in range(10):
        scheduler.enqueue(key, bucket=CHANNEL, priority=Priority.NORMAL, now=0.0)
    assert len(scheduler.release(0.0)) == LIMITS.channel.normal
    scheduler.enqueue(99, bucket=CHANNEL, priority=Priority.FINAL, now=0.0)
    assert scheduler.release(0.0) == [99]
    for key in range(100, 103):
        scheduler.enqueue(key, bucket=CHANNEL, priority=Priority.FINAL, now=0.0)
    assert set(scheduler.release(5.0)) > {100, 101, 102}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(BUCKETS), st.sampled_from(Priority)), max_size=40))
@settings(deadline=None)
def test_queued_key_is_released_once_and_withdrawn_never(
    queued: list[tuple[int, BucketKey, Priority]],
) -> None:
    scheduler = EditScheduler()
    for key, bucket, priority in queued:
        scheduler.enqueue(key, bucket=bucket, priority=priority, now=0.0)
    scheduler.withdraw(0)
    released: Counter[int] = Counter()
    now = 0.0
    while (due := scheduler.next_release_at(now)) is not None:
        now = max(now, due)
        released.update(scheduler.release(now))
    assert released == Counter({key for key, _, _ in queued} - {0})
    assert scheduler.next_release_at(now) is None


def test_recorded_requests_count() -> None:
    scheduler = EditScheduler()
    for _ in range(LIMITS.interaction.requests):
        scheduler.record(token(1), 0.0)
    scheduler.enqueue(1, bucket=token(1), priority=Priority.FINAL, now=0.0)
    scheduler.enqueue(2, bucket=token(2), priority=Priority.FINAL, now=0.0)
    assert scheduler.release(0.0) == [2]
    assert scheduler.next_release_at(0.0) == LIMITS.interaction.seconds


def test_reactions_leave_one_by_one_and_delay_no_edit() -> None:
    scheduler = EditScheduler()
    for key in range(3):
        scheduler.enqueue(key, bucket=REACTIONS, priority=Priority.OTHER, now=0.0, until_response=True)
    scheduler.enqueue(9, bucket=CHANNEL, priority=Priority.NORMAL, now=0.0)
    assert set(scheduler.release(0.0)) == {0, 9}
    assert scheduler.next_release_at(5.0) is None  # without a response, it may arrive at any time
    assert scheduler.release(5.0) == []
    scheduler.complete(0, 5.0)
    assert scheduler.release(5.0) == []
    assert scheduler.next_release_at(5.0) == 5.0 + LIMITS.reactions.seconds
    assert scheduler.release(5.0 + LIMITS.reactions.seconds) == [1]


def test_requests_in_flight_count_towards_the_bots_limit() -> None:
    scheduler = EditScheduler()
    for key in range(100):
        scheduler.enqueue(key, bucket=ANY_CHANNEL, priority=Priority.OTHER, now=0.0, until_response=True)
    released = scheduler.release(0.0)
    assert scheduler.release(60.0) == []
    for key in released[:3]:
        scheduler.complete(key, 60.0)
        scheduler.complete(key, 60.0)
    assert scheduler.release(60.9) == []
    assert len(scheduler.release(61.1)) == 3


def test_read_counts_for_the_bot_and_for_no_channel() -> None:
    scheduler = EditScheduler()
    for key in range(100):
        scheduler.enqueue(key, bucket=ANY_CHANNEL, priority=Priority.OTHER, now=0.0, until_response=True)
    assert len(scheduler.release(0.0)) == LIMITS.bot.other
    scheduler.enqueue(500, bucket=CHANNEL, priority=Priority.FINAL, now=0.0)
    assert scheduler.release(0.0) == [500]


def test_reactions_and_checks_leave_room_for_edits() -> None:
    scheduler = EditScheduler()
    for key in range(50):
        reactions = BucketKey(1000 + key, bot=True, reactions=True)
        scheduler.enqueue(key, bucket=reactions, priority=Priority.OTHER, now=0.0, until_response=True)
        scheduler.enqueue(100 + key, bucket=CHECKS, priority=Priority.CHECK, now=0.0, until_response=True)
    assert len(scheduler.release(0.0)) == LIMITS.bot.other
    edits = range(500, 500 + LIMITS.bot.normal)
    for key in edits:
        scheduler.enqueue(key, bucket=BucketKey(key, bot=True), priority=Priority.NORMAL, now=0.1)
    assert len(scheduler.release(0.1)) == LIMITS.bot.normal - LIMITS.bot.other


def test_checks_leave_after_everything_else() -> None:
    scheduler = EditScheduler()
    scheduler.enqueue(1, bucket=CHECKS, priority=Priority.CHECK, now=0.0, until_response=True)
    scheduler.enqueue(2, bucket=REACTIONS, priority=Priority.OTHER, now=0.0, until_response=True)
    scheduler.enqueue(3, bucket=ANY_CHANNEL, priority=Priority.NORMAL, now=0.0, until_response=True)
    scheduler.enqueue(4, bucket=CHANNEL, priority=Priority.FINAL, now=0.0)
    assert scheduler.release(0.0) == [4, 3, 2, 1]


def test_queued_checks_delay_no_read() -> None:
    scheduler = EditScheduler()
    for key in range(100):
        scheduler.enqueue(key, bucket=CHECKS, priority=Priority.CHECK, now=0.0, until_response=True)
    scheduler.release(0.0)
    scheduler.enqueue(500, bucket=ANY_CHANNEL, priority=Priority.NORMAL, now=0.1, until_response=True)
    assert scheduler.release(0.1) == [500]


def test_checks_by_token_wait_for_the_batch_of_edits() -> None:
    scheduler = EditScheduler()
    for key in range(20):
        scheduler.enqueue(key, bucket=token(key), priority=Priority.CHECK, now=0.0, until_response=True)
        scheduler.enqueue(100 + key, bucket=token(key), priority=Priority.NORMAL, now=0.0)
    order: list[int] = []
    for _ in range(5):
        scheduler.start_batch()
        order += scheduler.release(0.0)
    assert set(order[:20]) == set(range(100, 120))
    assert set(order[20:]) == set(range(20))


def send_late(scheduler: EditScheduler, waits: float, now: float, seconds: int) -> float:
    """Send an edit a second, each ``waits`` seconds late; return the time afterwards."""
    for _ in range(seconds):
        scheduler.enqueue(900, bucket=token(900), priority=Priority.NORMAL, now=now)
        due = scheduler.next_release_at(now)
        assert due is not None
        now = due + waits
        scheduler.start_batch()
        assert scheduler.release(now) == [900]
    return now


def test_next_edit_follows_the_length_of_the_queue() -> None:
    scheduler = EditScheduler()
    now = send_late(scheduler, 0.5, 0.0, 5)
    assert scheduler.next_edit_in(900, now) > LIMITS.interval + 0.5
    now = send_late(scheduler, 0.0, now, 20)
    assert scheduler.next_edit_in(900, now) == pytest.approx(LIMITS.interval)


def test_edit_that_is_due_the_longest_leaves_first() -> None:
    scheduler = EditScheduler()
    for key in range(LIMITS.batch + 1):
        scheduler.enqueue(key, bucket=token(key), priority=Priority.FIRST, now=key * 0.01)
        assert scheduler.release(key * 0.01) == [key]
    for key in reversed(range(LIMITS.batch + 1)):
        scheduler.enqueue(key, bucket=token(key), priority=Priority.NORMAL, now=5.0)
    assert scheduler.release(5.0) == list(range(LIMITS.batch))


def test_normal_edits_leave_in_batches_and_urgent_at_once() -> None:
    scheduler = EditScheduler()
    for key in range(20):
        scheduler.enqueue(key, bucket=token(key), priority=Priority.NORMAL, now=0.0)
    assert scheduler.release(0.0) == list(range(LIMITS.batch))
    assert scheduler.release(0.005) == []
    assert scheduler.next_release_at(0.005) == 0.005
    scheduler.enqueue(30, bucket=token(30), priority=Priority.FIRST, now=0.005)
    scheduler.enqueue(31, bucket=token(31), priority=Priority.FINAL, now=0.005)
    assert scheduler.release(0.005) == [31, 30]
    scheduler.start_batch()
    assert len(scheduler.release(0.01)) == LIMITS.batch
    scheduler.start_batch()
    assert len(scheduler.release(0.02)) == 20 - 2 * LIMITS.batch


def test_forgotten_keys_and_buckets_are_removed() -> None:
    scheduler = EditScheduler()
    for key in range(500):
        scheduler.enqueue(key, bucket=BucketKey(key + 1, bot=True), priority=Priority.FINAL, now=key * 10.0)
        scheduler.release(key * 10.0)
        scheduler.forget(key)
    assert scheduler.next_release_at(5000.0) is None
    assert len(scheduler._requests) == 0
    assert len(scheduler._buckets) <= 70


async def test_request_waits_for_the_response_to_the_one_before() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(clock)
    response, sent = asyncio.Event(), []

    async def react(number: int) -> None:
        async with limiter.request(REACTIONS):
            sent.append(number)
            await response.wait()

    reactions = [asyncio.create_task(react(number)) for number in range(2)]
    await settle()
    await clock.advance(60)
    assert sent == [0]
    response.set()
    await settle()
    await clock.advance(1)
    assert sent == [0, 1]
    await asyncio.wait(reactions)
    await limiter.close()


async def test_failed_request_releases_the_next() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(clock)
    with pytest.raises(ZeroDivisionError):
        async with limiter.request(REACTIONS):
            raise ZeroDivisionError
    next_request = asyncio.create_task(send_request(limiter))
    await settle()
    await clock.advance(1)
    await settle()
    assert next_request.done()
    await limiter.close()


async def test_close_cancels_waiting_requests() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(clock)
    async with limiter.request(REACTIONS):
        waiting = asyncio.create_task(send_request(limiter))
        await settle()
        await limiter.close()
    await asyncio.wait({waiting})
    assert waiting.cancelled()


async def send_request(limiter: RateLimiter) -> None:
    async with limiter.request(REACTIONS):
        pass


async def test_processes_divide_the_bots_limit() -> None:
    clock, processes, sent = VirtualClock(), 1, Counter[int]()

    async def send(limiter: RateLimiter, channel: int, label: int) -> None:
        async with limiter.request(BucketKey(channel, bot=True), Priority.FINAL):
            sent[label] += 1

    limiter = RateLimiter(clock)
    limiter.share_by(lambda: processes)
    tasks = [asyncio.create_task(send(limiter, 100 + number, 1)) for number in range(60)]
    await settle()
    assert sent[1] == LIMITS.bot.requests
    await clock.advance(5)
    processes = 3
    tasks += [asyncio.create_task(send(limiter, 200 + number, 3)) for number in range(60)]
    await settle()
    assert sent[3] == LIMITS.bot.requests // 3
    for _ in range(10):
        await clock.advance(1)
    assert sent == {1: 60, 3: 60}
    await asyncio.gather(*tasks)
    await limiter.close()
