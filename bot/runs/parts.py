"""Parts: a page's parts, put together only when somebody looks."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from bot.outputs.parts import Part


class Parts(Sequence[Part]):
    """Made at the first look and the same from then on.

    A model that writes thirty tokens a second makes many pages a second, of which one is sent. ``state`` is of what
    they are made: the same whenever the same parts would be made, another after every change.
    """

    __slots__ = ("_made", "_make", "_state")

    def __init__(self, make: Callable[[], Iterator[Part]], state: object) -> None:
        self._make: Callable[[], Iterator[Part]] | None = make
        self._made: tuple[Part, ...] = ()
        self._state = state

    def _all(self) -> tuple[Part, ...]:
        if self._make is not None:
            self._made = tuple(self._make())
            self._make = None
        return self._made

    @overload
    def __getitem__(self, index: int) -> Part: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Part, ...]: ...
    def __getitem__(self, index: int | slice) -> Part | tuple[Part, ...]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Part]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Parts):
            return self._state == other._state
        return self._all() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
