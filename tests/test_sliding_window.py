"""The sliding window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sliding_window import SlidingWindow


def test_it_knows_when_the_next_event_is_allowed() -> None:
    window = SlidingWindow(2, 60.0)
    window.record(0.0)
    window.record(10.0)
    assert window.free_at(20.0) == 60.0
    assert window.free_at(20.0, limit=1) == 70.0
    assert window.free_at(60.0) == 60.0


def test_it_is_empty_once_every_event_has_expired() -> None:
    window = SlidingWindow(2, 60.0)
    assert window.is_empty(0.0)
    window.record(0.0)
    assert not window.is_empty(59.0)
    assert window.is_empty(60.0)


@given(st.integers(1, 4), st.lists(st.floats(0.0, 30.0), max_size=40))
def test_no_span_has_more_than_the_limit(limit: int, pauses: list[float]) -> None:
    window, now, times = SlidingWindow(limit, 60.0), 0.0, []
    for pause in pauses:
        now = window.free_at(now + pause)
        window.record(now)
        times.append(now)
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(times, times[limit:], strict=False))


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SlidingWindow(0, 60.0)
