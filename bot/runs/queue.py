"""FairQueue: people wait in turn, and nobody waits behind one person's fifty."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First come, first served within an owner; round robin between owners. Nothing is lost or doubled."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[int, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, owner: int, item: T) -> None:
        """Put ``item`` behind its owner's others."""
        self._lanes.setdefault(owner, deque()).append(item)
        self._count += 1

    def push_front(self, owner: int, item: T) -> None:
        """Put back an item whose turn came and was of no use: it is its owner's first, and its owner is next."""
        self._lanes.setdefault(owner, deque()).appendleft(item)
        self._lanes.move_to_end(owner, last=False)
        self._count += 1

    def pop(self) -> T:
        """Take the next; its owner goes behind the other owners. IndexError when nobody waits."""
        if not self._lanes:
            raise IndexError("nobody waits")
        owner, lane = next(iter(self._lanes.items()))
        item = lane.popleft()
        if lane:
            self._lanes.move_to_end(owner)
        else:
            del self._lanes[owner]
        self._count -= 1
        return item

    def remove(self, owner: int, item: T) -> bool:
        """Take one out of turn; False when it does not wait."""
        lane = self._lanes.get(owner)
        if lane is None or item not in lane:
            return False
        lane.remove(item)
        if not lane:
            del self._lanes[owner]
        self._count -= 1
        return True

    def in_order(self) -> Iterator[T]:
        """Yield the items in the order in which they would be popped if nobody else came."""
        lanes = [iter(lane) for lane in self._lanes.values()]
        while lanes:
            waiting = []
            for lane in lanes:
                try:
                    item = next(lane)
                except StopIteration:
                    continue
                yield item
                waiting.append(lane)
            lanes = waiting
