"""Parts: a page's parts, put together only when somebody looks."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from bot.outputs.parts import Part


class Parts(Sequence[Part]):
    """Made at the first look and the same from then on.

    A model that writes thirty tokens a second makes thirty pages a second, of which one is sent.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Iterator[Part]]) -> None:
        self._make: Callable[[], Iterator[Part]] | None = make
        self._made: tuple[Part, ...] = ()

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

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
