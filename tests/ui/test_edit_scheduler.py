"""The pace: nobody over a bound, everybody in turn, the last pages first."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.ui.rate_limit import ANY_CHANNEL, BucketKey, EditScheduler, Priority, RateLimits

LIMITS = RateLimits()
CHANNEL = BucketKey(11, bot=True)
LINES = [BucketKey(1, bot=False), BucketKey(2, bot=False), CHANNEL, BucketKey(12, bot=True), BucketKey(13, bot=True)]


def token(run: int) -> BucketKey:
    return BucketKey(run, bot=False)


def most_in(times: list[float], span: float) -> int:
    """Return the largest number of moments in any stretch of that length."""
    return max((sum(start <= time < start + span - 1e-9 for time in times) for start in times), default=0)


def drive(
    pace: EditScheduler, until: float, lines: list[BucketKey], urgency: Priority = Priority.NORMAL
) -> dict[int, list[float]]:
    """Let every message ask for its next edit as soon as it was released; return when each left."""
    left: dict[int, list[float]] = defaultdict(list)
    for key, line in enumerate(lines):
        pace.enqueue(key, bucket=line, priority=urgency, now=0.0)
    now = 0.0
    while now <= until:
        pace.start_batch()
        for key in pace.release(now):
            left[key].append(now)
            pace.enqueue(key, bucket=lines[key], priority=urgency, now=now)
        following = pace.next_release_at(now)
        assert following is not None
        assert following >= now
        now = following
    return left


def by_line(left: dict[int, list[float]], lines: list[BucketKey]) -> dict[BucketKey, list[float]]:
    shared: dict[BucketKey, list[float]] = defaultdict(list)
    for key, times in left.items():
        shared[lines[key]] += times
    return shared


def test_the_first_edit_leaves_at_once_and_the_next_a_second_later() -> None:
    pace = EditScheduler()
    pace.enqueue(1, bucket=token(1), priority=Priority.FIRST, now=0.0)
    assert pace.release(0.0) == [1]
    pace.enqueue(1, bucket=token(1), priority=Priority.NORMAL, now=0.5)
    assert pace.release(0.5) == []
    assert pace.next_release_at(0.5) == 1.0
    assert pace.release(1.0) == [1]


def test_the_first_output_need_not_wait_for_the_second_and_the_last_page_for_nothing() -> None:
    pace = EditScheduler()
    pace.enqueue(1, bucket=token(1), priority=Priority.FIRST, now=0.0)
    pace.release(0.0)
    pace.enqueue(1, bucket=token(1), priority=Priority.FIRST, now=0.0)
    assert pace.next_release_at(0.0) == LIMITS.first_interval
    pace.enqueue(1, bucket=token(1), priority=Priority.FINAL, now=0.01)
    assert pace.release(0.01) == [1]


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=25), st.sampled_from([Priority.NORMAL, Priority.FINAL]))
@settings(deadline=None, max_examples=60)
def test_no_bound_is_ever_passed(lines: list[BucketKey], urgency: Priority) -> None:
    last = urgency is Priority.FINAL
    left = drive(EditScheduler(), 20.0, lines, urgency)
    if not last:
        assert all(most_in(times, 1.0) == 1 for times in left.values())
    shared = by_line(left, lines)
    for line, times in shared.items():
        share = LIMITS.channel if line.bot else LIMITS.interaction
        assert most_in(times, share.seconds) <= (share.requests if last else share.normal)
    everything = [time for line, times in shared.items() for time in times if line.bot]
    assert most_in(everything, 1.0) <= (LIMITS.bot.requests if last else LIMITS.bot.normal)


@given(st.integers(2, 12), st.sampled_from([CHANNEL, token(1)]))
@settings(deadline=None, max_examples=30)
def test_those_who_share_a_bound_are_served_in_turn(messages: int, line: BucketKey) -> None:
    left = drive(EditScheduler(), 60.0, [line] * messages)
    counts = [len(left[key]) for key in range(messages)]
    assert max(counts) - min(counts) <= 1


def test_many_channels_share_what_the_bot_may_do_and_none_starves() -> None:
    left = drive(EditScheduler(), 30.0, [BucketKey(1000 + number, bot=True) for number in range(200)])
    every = [time for times in left.values() for time in times]
    assert most_in(every, 1.0) <= LIMITS.bot.normal
    counts = [len(left[key]) for key in range(200)]
    assert max(counts) - min(counts) <= 1
    assert len(every) >= 30 * LIMITS.bot.normal * 0.9


def test_runs_on_the_token_road_do_not_wait_for_each_other() -> None:
    pace = EditScheduler()
    for key in range(1000):
        pace.enqueue(key, bucket=token(key), priority=Priority.FIRST, now=0.0)
    assert len(pace.release(0.0)) == 1000


def test_a_last_page_passes_the_others_of_its_channel() -> None:
    pace = EditScheduler()
    for key in range(10):
        pace.enqueue(key, bucket=CHANNEL, priority=Priority.NORMAL, now=0.0)
    assert len(pace.release(0.0)) == LIMITS.channel.normal
    pace.enqueue(99, bucket=CHANNEL, priority=Priority.FINAL, now=0.0)
    assert pace.release(0.0) == [99]
    for key in range(100, 103):
        pace.enqueue(key, bucket=CHANNEL, priority=Priority.FINAL, now=0.0)
    assert set(pace.release(5.0)) > {100, 101, 102}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(LINES), st.sampled_from(Priority)), max_size=40))
@settings(deadline=None)
def test_whoever_asks_is_released_once_and_whoever_withdraws_is_not(
    asked: list[tuple[int, BucketKey, Priority]],
) -> None:
    pace = EditScheduler()
    for key, line, urgency in asked:
        pace.enqueue(key, bucket=line, priority=urgency, now=0.0)
    pace.withdraw(0)
    released: Counter[int] = Counter()
    now = 0.0
    while (following := pace.next_release_at(now)) is not None:
        now = max(now, following)
        released.update(pace.release(now))
    assert released == Counter({key for key, _, _ in asked} - {0})
    assert pace.queued == 0


def test_requests_that_did_not_ask_count_all_the_same() -> None:
    pace = EditScheduler()
    for _ in range(LIMITS.interaction.requests):
        pace.record(token(1), 0.0)
    pace.enqueue(1, bucket=token(1), priority=Priority.FINAL, now=0.0)
    pace.enqueue(2, bucket=token(2), priority=Priority.FINAL, now=0.0)
    assert pace.release(0.0) == [2]
    assert pace.next_release_at(0.0) == LIMITS.interaction.seconds


def test_reactions_of_a_channel_go_one_by_one_and_hold_up_no_edit() -> None:
    pace = EditScheduler()
    for key in range(3):
        pace.enqueue(
            key, bucket=BucketKey(11, bot=True, reactions=True), priority=Priority.OTHER, now=0.0, until_response=True
        )
    pace.enqueue(9, bucket=CHANNEL, priority=Priority.NORMAL, now=0.0)
    assert set(pace.release(0.0)) == {0, 9}
    assert pace.next_release_at(5.0) is None  # it was not answered, so nobody knows when it arrived
    assert pace.release(5.0) == []
    pace.complete(0, 5.0)
    assert pace.release(5.0) == []
    assert pace.next_release_at(5.0) == 5.0 + LIMITS.reactions.seconds
    assert pace.release(5.0 + LIMITS.reactions.seconds) == [1]


def test_no_more_of_the_bots_requests_are_under_way_than_may_leave_in_a_second() -> None:
    pace = EditScheduler()
    for key in range(100):
        pace.enqueue(key, bucket=ANY_CHANNEL, priority=Priority.OTHER, now=0.0, until_response=True)
    gone = pace.release(0.0)
    assert pace.release(60.0) == []
    for key in gone[:3]:
        pace.complete(key, 60.0)
        pace.complete(key, 60.0)
    assert pace.release(60.9) == []
    assert len(pace.release(61.1)) == 3


def test_a_look_at_a_channel_counts_for_the_bot_and_for_no_channel() -> None:
    pace = EditScheduler()
    for key in range(100):
        pace.enqueue(key, bucket=ANY_CHANNEL, priority=Priority.OTHER, now=0.0, until_response=True)
    assert len(pace.release(0.0)) == LIMITS.bot.normal
    pace.enqueue(500, bucket=CHANNEL, priority=Priority.FINAL, now=0.0)
    assert pace.release(0.0) == [500]


def in_a_queue(pace: EditScheduler, waits: float, now: float, seconds: int) -> float:
    """Let an edit a second wait so long for its turn; return the time afterwards."""
    for _ in range(seconds):
        pace.enqueue(900, bucket=token(900), priority=Priority.NORMAL, now=now)
        due = pace.next_release_at(now)
        assert due is not None
        now = due + waits
        pace.start_batch()
        assert pace.release(now) == [900]
    return now


def test_where_edits_wait_for_one_another_turns_are_told_later_and_sooner_again_without_a_queue() -> None:
    pace = EditScheduler()
    now = in_a_queue(pace, 0.5, 0.0, 5)
    assert pace.next_edit_in(900, now) > LIMITS.interval + 0.5
    now = in_a_queue(pace, 0.0, now, 20)
    assert pace.next_edit_in(900, now) == pytest.approx(LIMITS.interval)


def test_of_those_that_are_due_who_is_due_the_longest_goes_first_whenever_it_asked() -> None:
    pace = EditScheduler()
    for key in range(LIMITS.batch + 1):
        pace.enqueue(key, bucket=token(key), priority=Priority.FIRST, now=key * 0.01)
        assert pace.release(key * 0.01) == [key]
    for key in reversed(range(LIMITS.batch + 1)):
        pace.enqueue(key, bucket=token(key), priority=Priority.NORMAL, now=5.0)
    assert pace.release(5.0) == list(range(LIMITS.batch))


def test_many_that_are_due_together_leave_in_portions_and_the_urgent_do_not_wait_for_them() -> None:
    pace = EditScheduler()
    for key in range(20):
        pace.enqueue(key, bucket=token(key), priority=Priority.NORMAL, now=0.0)
    assert pace.release(0.0) == list(range(LIMITS.batch))
    assert pace.release(0.005) == []
    assert pace.next_release_at(0.005) == 0.005
    pace.enqueue(30, bucket=token(30), priority=Priority.FIRST, now=0.005)
    pace.enqueue(31, bucket=token(31), priority=Priority.FINAL, now=0.005)
    assert pace.release(0.005) == [31, 30]
    pace.start_batch()
    assert len(pace.release(0.01)) == LIMITS.batch
    pace.start_batch()
    assert len(pace.release(0.02)) == 20 - 2 * LIMITS.batch


def test_a_forgotten_message_leaves_nothing_behind() -> None:
    pace = EditScheduler()
    for key in range(500):
        pace.enqueue(key, bucket=BucketKey(key + 1, bot=True), priority=Priority.FINAL, now=key * 10.0)
        pace.release(key * 10.0)
        pace.forget(key)
    assert pace.queued == 0
    keys, buckets = pace.size
    assert keys == 0
    assert buckets <= 70
