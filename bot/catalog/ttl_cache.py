"""Recent: a few things under a key, forgotten after a while."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from bot.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TTLCache(Generic[K, V]):
    """Keeps the ``most`` newest values, each for ``seconds`` at the longest."""

    def __init__(self, *, clock: Clock, seconds: float, most: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __iter__(self) -> Iterator[K]:
        return iter(tuple(self._values))

    def get(self, key: K) -> V | None:
        """Return the value, None when there is none that is fresh."""
        found = self._values.get(key)
        if found is None or self._clock.monotonic() - found[0] > self._seconds:
            self._values.pop(key, None)
            return None
        return found[1]

    def put(self, key: K, value: V) -> None:
        """Keep a value from now on."""
        self._values.pop(key, None)
        self._values[key] = (self._clock.monotonic(), value)
        while len(self._values) > self._most:
            self._values.popitem(last=False)
