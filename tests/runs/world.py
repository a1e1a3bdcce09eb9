"""A world for one engine: virtual time, a real store on a disk, a small Replicate, and views that remember."""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bot.backends.replicate.types import ModelRef
from bot.media.types import MediaKind, MediaType
from bot.outputs.items import FileItem, OutputItem, TextItem
from bot.outputs.parse import RawFile, RawOutput, RawText
from bot.runs.engine import Engine
from bot.runs.policy import Policy
from bot.runs.request import Request
from bot.runs.snapshot import DeliveryResult, RunSnapshot
from bot.store.models import Place, Run
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.runs.replicate import FakeReplicate

IMAGES = {"type": "array", "items": {"type": "string", "format": "uri"}}
WORDS = {
    "type": "array",
    "items": {"type": "string"},
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
VERSION = "9" * 64
WEBP = MediaType("image/webp", ".webp", MediaKind.IMAGE)


class PatientClock(VirtualClock):
    """Virtual time that waits for the store's threads before it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.busy: Callable[[], bool] = lambda: False

    async def settle(self) -> None:
        quiet = 0
        while quiet < 40:
            await asyncio.sleep(0)
            quiet += 1
            while self.busy():
                await asyncio.sleep(0.0001)  # a thread of the store is at work; it comes back by itself
                quiet = 0

    async def advance(self, seconds: float) -> None:
        end = self._elapsed + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            deadline, _, woken = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, deadline)
            if not woken.done():
                woken.set_result(None)
                await self.settle()
        self._elapsed = end
        await self.settle()


class CountedRuns:
    """The store's runs, knowing how many questions are out; ``fail`` makes the next calls of a name raise."""

    def __init__(self, runs: Any) -> None:
        self._runs = runs
        self.out = 0
        self.calls: Counter[str] = Counter()
        self.fail: dict[str, deque[Exception]] = {}

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._runs, name)

        async def ask(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            if self.fail.get(name):
                raise self.fail[name].popleft()
            self.out += 1
            try:
                return await method(*args, **kwargs)
            finally:
                self.out -= 1

        return ask


class FakeView:
    """A view that keeps every page; ``outcomes`` is what becomes of the next last pages."""

    def __init__(
        self, run: Run, gone: Callable[[], Awaitable[None]], outcomes: deque[DeliveryResult | Exception]
    ) -> None:
        self.run = run
        self.gone = gone
        self.pages: list[RunSnapshot] = []
        self.finished: list[RunSnapshot] = []
        self.closed = 0
        self._outcomes = outcomes

    def update(self, page: RunSnapshot) -> None:
        assert not page.final
        assert not self.finished, "a page after the last one"
        self.pages.append(page)

    def next_edit_in(self) -> float:
        return 0.0

    async def finish(self, page: RunSnapshot) -> DeliveryResult:
        assert page.final
        outcome = self._outcomes.popleft() if self._outcomes else DeliveryResult.DELIVERED
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not DeliveryResult.LATER:
            self.finished.append(page)
        return outcome

    async def close(self) -> None:
        self.closed += 1


class FakeGatherer:
    """Makes files out of nothing; ``slow`` URLs never come."""

    def __init__(self, fetched: Counter[str], slow: set[str]) -> None:
        self._fetched = fetched
        self._slow = slow

    async def take(self, piece: RawOutput) -> OutputItem:
        if isinstance(piece, RawFile):
            while piece.url in self._slow:
                await asyncio.Event().wait()
            self._fetched[piece.url] += 1
            name = f"generate-{piece.index + 1:02d}.webp"
            return FileItem(name=name, path=Path(name), type=WEBP, size=1)
        return TextItem(piece.text if isinstance(piece, RawText) else str(piece.data))


class World:
    """Everything around one engine. ``restart`` kills it as SIGKILL would and starts another on the same disk."""

    def __init__(self, store: Store, clock: PatientClock, policy: Policy) -> None:
        self.store = store
        self.runs = CountedRuns(store.runs)
        self.clock = clock
        clock.busy = lambda: self.runs.out > 0
        self.policy = policy
        self.replicate = FakeReplicate(clock)
        self.views: dict[str, list[FakeView]] = {}
        self.finishes: deque[DeliveryResult | Exception] = deque()
        self.fetched: Counter[str] = Counter()
        self.slow: set[str] = set()
        self._ids = count(1)
        self.engine = self._engine()

    @classmethod
    async def open(cls, folder: Path, **policy: Any) -> "World":
        clock = PatientClock()
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'runs.db'}", clock=clock)
        return cls(store, clock, Policy(**policy))

    def _engine(self) -> Engine:
        return Engine(
            replicate=self.replicate,
            runs=self.runs,  # type: ignore[arg-type]
            gather=lambda _run: FakeGatherer(self.fetched, self.slow),
            open_view=self._open_view,
            clock=self.clock,
            new_id=lambda: f"run{next(self._ids)}",
            policy=self.policy,
        )

    def _open_view(self, run: Run, *, on_deleted: Callable[[], Awaitable[None]], recovered: bool = False) -> FakeView:  # noqa: ARG002  # it shows nothing
        view = FakeView(run, on_deleted, self.finishes)
        self.views.setdefault(run.id, []).append(view)
        return view

    async def kill(self) -> None:
        tasks = [*self.engine._tasks.values(), *self.engine._strays.tasks]
        server = self.engine._line._server
        for task in (*tasks, *((server,) if server else ())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.clock.settle()

    async def restart(self) -> int:
        await self.kill()
        self.engine = self._engine()
        taken = await self.engine.recover()
        await self.clock.settle()
        return taken

    async def close(self) -> None:
        await self.kill()
        await self.store.close()

    async def start(self, **changes: Any) -> Run:
        run = await self.engine.start(request(self.clock, **changes))
        await self.clock.settle()
        return run

    async def row(self, run: Run | str) -> Run:
        found = await self.store.runs.get(run if isinstance(run, str) else run.id)
        assert found is not None
        return found

    def view(self, run: Run) -> FakeView:
        return self.views[run.id][-1]

    def page(self, run: Run) -> RunSnapshot:
        """The newest page of a run, the last one if there is one."""
        view = self.view(run)
        return view.finished[-1] if view.finished else view.pages[-1]


def request(clock: VirtualClock, **changes: Any) -> Request:
    place = Place(
        application_id=1,
        guild_id=2,
        channel_id=3,
        message_id=4,
        token="interaction",
        token_expires_at=clock.now() + timedelta(minutes=15),
        token_only=False,
        file_limit=10_000_000,
    )
    whole = Request(
        command="generate",
        target=ModelRef("fofr", "consistent-character", VERSION),
        author_id=7,
        author_name="mia",
        place=place,
        input={"prompt": "a fox"},
        prompt="a fox",
        output_schema=IMAGES,
    )
    return replace(whole, **changes)
