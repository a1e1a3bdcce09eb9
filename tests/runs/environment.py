"""What one engine runs in: virtual time, a real store on disk, a fake Replicate, and replies that record snapshots."""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bot.backends.backend import Backends
from bot.backends.replicate.backend import ReplicateBackend
from bot.backends.replicate.types import ModelRef
from bot.limits import CREATES_PER_MINUTE
from bot.media.types import Media, MediaKind, MediaType
from bot.money.cost import RunSample
from bot.money.prices import NO_PRICES, parse_prices
from bot.observability.metrics import Metrics
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.materialize import Materializer
from bot.outputs.parse import RawFile, RawOutput, RawText
from bot.runs.engine import Engine
from bot.runs.ownership import SOLE_OWNER, Ownership
from bot.runs.policy import Policy
from bot.runs.pricing import Pricing
from bot.runs.services import KeepResult, keep_nothing
from bot.runs.snapshot import DeliveryResult, RunSnapshot
from bot.store.models import Place, Run, RunOutput, RunState
from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.inline_workers import InlineWorkers
from tests.runs.fake_replicate import FakeReplicate
from tests.runs.fake_served import FakeServed

if TYPE_CHECKING:
    from bot.backends.replicate.client import Replicate
    from bot.worker_pool import WorkerPool

IMAGES = {"type": "array", "items": {"type": "string", "format": "uri"}}
TEXT = {
    "type": "array",
    "items": {"type": "string"},
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
VERSION = "9" * 64
TARGET = ModelRef("fofr", "consistent-character", VERSION)
WEBP = MediaType("image/webp", ".webp", MediaKind.IMAGE)
AUTHOR = 7
OTHER = 8


class StoreClock(VirtualClock):
    """Virtual time that waits for the store's threads before it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.is_store_busy: Callable[[], bool] = lambda: False

    async def settle(self) -> None:
        idle_turns = 0
        while idle_turns < 40:
            await asyncio.sleep(0)
            idle_turns += 1
            while self.is_store_busy():
                await asyncio.sleep(0.0001)
                idle_turns = 0

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


class RecordedRuns:
    """The store's runs, counting the calls in progress.

    ``fail`` makes the next calls of a method raise, ``stall`` makes them wait until ``resume``.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self.in_progress = 0
        self.calls: Counter[str] = Counter()
        self.failures: dict[str, deque[Exception]] = {}
        self._stalled: dict[str, asyncio.Event] = {}

    def fail(self, method: str, error: Exception, *, times: int = 1) -> None:
        self.failures.setdefault(method, deque()).extend([error] * times)

    def stall(self, method: str) -> None:
        self._stalled[method] = asyncio.Event()

    def resume(self) -> None:
        for event in self._stalled.values():
            event.set()
        self._stalled.clear()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._runs, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            if name in self._stalled:
                await self._stalled[name].wait()
            if self.failures.get(name):
                raise self.failures[name].popleft().with_traceback(None)  # one error may be raised hundreds of times
            self.in_progress += 1
            try:
                return await method(*args, **kwargs)
            finally:
                self.in_progress -= 1

        return call


class FakeReply:
    """A reply that keeps every snapshot; ``results`` are what happens to the next final snapshots."""

    def __init__(
        self, run: Run, on_deleted: Callable[[], Awaitable[None]], results: deque[DeliveryResult | Exception]
    ) -> None:
        self.run = run
        self.delete = on_deleted
        self.snapshots: list[RunSnapshot] = []
        self.finished: list[RunSnapshot] = []
        self.closed = 0
        self.abandoned = False
        self.limited = False
        self._results = results

    def update(self, snapshot: RunSnapshot) -> None:
        assert not snapshot.final
        assert not self.finished, "an update after the final snapshot"
        self.snapshots.append(snapshot)

    def next_edit_in(self) -> float:
        return 0.0

    def limit_text(self) -> None:
        self.limited = True

    async def finish(self, snapshot: RunSnapshot) -> DeliveryResult:
        assert snapshot.final
        result = self._results.popleft() if self._results else DeliveryResult.DELIVERED
        if isinstance(result, Exception):
            raise result
        if result is not DeliveryResult.LATER:
            self.finished.append(snapshot)
        return result

    async def list_outputs(self) -> tuple[RunOutput, ...]:
        files = [item for snapshot in self.finished[-1:] for item in snapshot.items if isinstance(item, FileItem)]
        return tuple(
            RunOutput(
                run_id=self.run.id,
                number=number,
                name=file.name,
                mime=file.type.mime,
                size=file.size,
                width=None,
                height=None,
                message_id=self.run.place.message_id,
                attachment_id=number,
            )
            for number, file in enumerate(files, start=1)
        )

    async def close(self) -> None:
        self.closed += 1

    async def abandon(self) -> None:
        self.abandoned = True


class FakeMaterializer:
    """Makes files out of nothing; downloads of ``slow`` URLs never finish, and for ``homeless`` ones is no room."""

    def __init__(
        self,
        downloads: Counter[str],
        slow: set[str],
        homeless: set[str],
        find_picture: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self._downloads = downloads
        self._find_picture = find_picture
        self._slow = slow
        self._homeless = homeless
        self._saved: list[Any] = []

    async def materialize(self, raw: RawOutput) -> OutputItem:
        if isinstance(raw, RawFile):
            while raw.url in self._slow:
                await asyncio.Event().wait()
            if raw.url in self._homeless:
                return LinkItem("file", raw.url, "The disk is full.", passing=True)
            self._downloads[raw.url] += 1
            name = f"generate-{raw.index + 1:02d}.webp"
            return FileItem(name=name, source=self._find_picture() or Path(name), type=WEBP, size=1)
        return TextItem(raw.text if isinstance(raw, RawText) else str(raw.data))

    async def save_output(self, output: Any) -> None:
        self._saved.append(output)

    async def load_output(self, output: Any) -> Any:
        return self._saved[-1] if self._saved else output

    async def discard(self) -> None:
        self._saved.clear()


def fake_materializer(downloads: Counter[str] | None = None, slow: set[str] | None = None) -> Materializer:
    return cast("Materializer", FakeMaterializer(Counter() if downloads is None else downloads, slow or set(), set()))


class Environment:
    """One engine and what it works with. ``restart`` kills it and starts another one on the same disk."""

    def __init__(
        self,
        store: Store,
        clock: StoreClock,
        policy: Policy,
        *,
        creates_per_minute: int = CREATES_PER_MINUTE,
        webhook_base: str | None = None,
        ownership: Ownership = SOLE_OWNER,
        replicate: FakeReplicate | None = None,
    ) -> None:
        self.creates_per_minute = creates_per_minute
        self.webhook_base = webhook_base
        self.store = store
        self.runs = RecordedRuns(store.runs)
        self.clock = clock
        is_other_busy = clock.is_store_busy
        clock.is_store_busy = lambda: self.runs.in_progress > 0 or is_other_busy()
        self.ownership = ownership
        self.keep_result: KeepResult = keep_nothing
        self.delivered: list[Run] = []
        self.policy = policy
        self.replicate = replicate or FakeReplicate(clock)
        self.served: FakeServed | None = FakeServed(self.replicate)  # None once it is no longer configured
        self.target = str(TARGET)  # of new runs
        self.metrics = Metrics(process=False)
        self.replies: dict[str, list[FakeReply]] = {}
        self.delivery_results: deque[DeliveryResult | Exception] = deque()
        self.downloads: Counter[str] = Counter()
        self.slow_downloads: set[str] = set()
        self.homeless_downloads: set[str] = set()
        self.prices = NO_PRICES
        self.unknown_price: int | None = 0
        self.picture: Path | None = None  # what every file has in it, where a test reads it
        self._numbers = count(1)
        self.workers = InlineWorkers()
        self.engine = self._create_engine()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        creates_per_minute: int = CREATES_PER_MINUTE,
        webhook_base: str | None = None,
        **policy: Any,
    ) -> "Environment":
        clock = StoreClock()
        store = await Store.open(url, clock=clock, durable=False)
        return cls(
            store,
            clock,
            Policy(**{"active_per_user": 5, **policy}),
            creates_per_minute=creates_per_minute,
            webhook_base=webhook_base,
        )

    def _create_engine(self) -> Engine:
        materializer = FakeMaterializer(
            self.downloads, self.slow_downloads, self.homeless_downloads, lambda: self.picture
        )
        replicate = ReplicateBackend(
            cast("Replicate", self.replicate),
            creates_per_minute=self.creates_per_minute,
            webhook_base=self.webhook_base,
        )
        return Engine(
            backends=Backends([replicate, *([self.served] if self.served is not None else [])]),
            runs=cast("Runs", self.runs),
            materializer_for=lambda _run: cast("Materializer", materializer),
            open_reply=self._open_reply,
            clock=self.clock,
            policy=self.policy,
            pricing=Pricing(self.prices, read_history=self._read_history, unknown=self.unknown_price, clock=self.clock),
            metrics=self.metrics,
            workers=cast("WorkerPool", self.workers),
            ownership=self.ownership,
            keep_result=self._keep_result,
            on_delivered=self.delivered.append,
        )

    async def _keep_result(self, run: Run, items: Sequence[OutputItem]) -> None:
        await self.keep_result(run, items)

    async def _read_history(self, subject: str) -> Sequence[RunSample]:
        self.runs.in_progress += 1  # the clock waits for it
        try:
            return await self.store.budgets.read_history(subject)
        finally:
            self.runs.in_progress -= 1

    def set_prices(self, text: str, *, unknown: int | None = 0) -> None:
        """Let the next runs cost what a table without its date says."""
        self.prices, self.unknown_price = parse_prices(f"date = 2026-01-01\n{text}"), unknown
        self.engine = self._create_engine()

    def _open_reply(self, run: Run, *, on_deleted: Callable[[], Awaitable[None]], recovered: bool = False) -> FakeReply:
        del recovered  # it reads no messages
        reply = FakeReply(run, on_deleted, self.delivery_results)
        self.replies.setdefault(run.id, []).append(reply)
        return reply

    async def kill(self) -> None:
        await self.engine.kill()
        await self.clock.settle()

    async def restart(self) -> int:
        await self.kill()
        self.engine = self._create_engine()
        recovered = await self.engine.recover()
        await self.clock.settle()
        return recovered

    async def close(self) -> None:
        await self.kill()
        await self.workers.close()
        await self.store.close()

    def new_run(self, **changes: Any) -> Run:
        return make_run(self.clock, **{"id": f"run{next(self._numbers)}", "target": self.target, **changes})

    async def start(self, *, files: tuple[Media, ...] = (), thumbnail: Media | None = None, **changes: Any) -> Run:
        run = await self.engine.start(self.new_run(**changes), files=files, thumbnail=thumbnail)
        await self.clock.settle()
        return run

    async def row(self, run: Run | str) -> Run:
        row = await self.store.runs.get(run if isinstance(run, str) else run.id)
        assert row is not None
        return row

    def active_runs(self) -> int:
        return sum(self.engine.stats().phases.values())

    def reply(self, run: Run) -> FakeReply:
        return self.replies[run.id][-1]

    def snapshot(self, run: Run) -> RunSnapshot:
        """Return the newest snapshot of a run, the final one if there is one."""
        reply = self.reply(run)
        return reply.finished[-1] if reply.finished else reply.snapshots[-1]


def make_photo() -> Media:
    return Media("me.jpg", MediaType("image/jpeg", ".jpg", MediaKind.IMAGE), b"\xff\xd8mine")


def make_run(clock: VirtualClock, **changes: Any) -> Run:
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
    run = Run(
        id="run",
        command="generate",
        target=str(TARGET),
        author_id=AUTHOR,
        author_name="mia",
        place=place,
        input={"prompt": "a fox"},
        prompt="a fox",
        summary="",
        notes=(),
        output_schema=IMAGES,
        expected=None,
        state=RunState.RESERVED,
        created_at=clock.now(),
    )
    return replace(run, **changes)
