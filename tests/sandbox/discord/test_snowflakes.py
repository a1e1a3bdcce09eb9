"""Ids of the stand-in Discord."""

import datetime

from bot.clock import SystemClock
from sandbox.discord.state.state import EPOCH_MS, SnowflakeGenerator


class TickingClock(SystemClock):
    """A clock that is a millisecond further at each reading."""

    def __init__(self) -> None:
        self.milliseconds = EPOCH_MS

    def now(self) -> datetime.datetime:
        self.milliseconds += 1
        return datetime.datetime.fromtimestamp(self.milliseconds / 1000, datetime.UTC)


def test_ids_of_shards_are_never_given_again() -> None:
    ids = SnowflakeGenerator(TickingClock())
    made = [ids.next((number, 3)) if number < 3 else ids.next() for _ in range(4) for number in range(6)]
    assert sorted(set(made)) == made
    assert [(id_ >> 22) % 3 for id_ in made[:3]] == [0, 1, 2]
