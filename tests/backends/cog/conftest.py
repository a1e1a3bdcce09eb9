"""A bot's part that knows Cog, beside a real Cog server: a store, the routes for what the server sends, the backend."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from bot.backends.backend import CreateRequest
from bot.backends.cog.addresses import CogAddresses
from bot.backends.cog.backend import CogBackend
from bot.backends.cog.client import open_cog_http
from bot.backends.errors import BackendError
from bot.backends.prediction import Prediction
from bot.clock import SystemClock
from bot.observability.metrics import Metrics
from bot.outputs.spool import Spool
from bot.outputs.spooled import PredictionReader, spooled_name
from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.prediction_ends import PredictionEnds
from bot.store.store import Store
from bot.web.cog_webhooks import CogReceiver
from bot.web.health import HealthRoutes
from bot.web.refusals import RefusalLog
from bot.web.server import WebServer
from bot.worker_pool import WorkerPool
from sandbox.cog.server import CogServer, is_cog_installed
from tests.store.databases import create_database
from tests.store.samples import make_run, store_run_in_state

needs_cog = pytest.mark.skipif(not is_cog_installed(), reason="the packages cog and coglet are not installed")

LIMIT = 20.0


class TroubledEnds(PredictionEnds):
    """The real ends, with a database that is away as long as ``away`` is set."""

    away = False
    refusals = 0

    async def is_wanted(self, run_id: str) -> bool:
        if self.away:
            self.refusals += 1
            raise StoreError("The database is away.")
        return await super().is_wanted(run_id)


class CogBot:
    """Everything between a Cog server and the engine."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.clock = SystemClock()
        self.woken: list[str] = []
        self.addresses: CogAddresses
        self.ends: TroubledEnds
        self.store: Store
        self.web: WebServer
        self.spool = Spool(folder / "spool", max_bytes=10**9)
        self._stack = AsyncExitStack()
        self._url = url

    async def __aenter__(self) -> Self:
        stack = self._stack
        self.store = await Store.open(self._url, clock=self.clock, durable=False)
        stack.push_async_callback(self.store.close)
        self.ends = TroubledEnds(self.store.database)
        workers = WorkerPool(clock=self.clock)
        stack.push_async_callback(workers.close)
        self.reader = PredictionReader(self.spool, workers)
        self.http = await stack.enter_async_context(open_cog_http(tls=False))
        await self.listen(0)
        self.addresses = CogAddresses(f"http://127.0.0.1:{self.web.port}", secret=b"a secret")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.web.stop()
        await self._stack.aclose()

    async def listen(self, port: int, *, token: str = "") -> None:
        """Start the HTTP server; the address code does not depend on the base address."""
        metrics, refusals = Metrics(version="1", process=False), RefusalLog(self.clock)
        cog = CogReceiver(
            addresses=CogAddresses("http://127.0.0.1", secret=b"a secret"),
            token=token,
            ends=self.ends,
            reader=self.reader,
            wake_run=self.woken.append,
            clock=self.clock,
            metrics=metrics,
            refusals=refusals,
        )
        health = HealthRoutes(readiness=dict, metrics=metrics.exposition, clock=self.clock)
        self.web = WebServer(host="127.0.0.1", port=port, health=health, refusals=refusals, cog=cog)
        await self.web.start()

    def backend(self, *servers: CogServer | str) -> CogBackend:
        urls = [server if isinstance(server, str) else server.url for server in servers]
        return CogBackend(
            self.http,
            f"cog+{'|'.join(urls)}",
            urls,
            at_once=1,
            addresses=self.addresses,
            ends=self.ends,
            reader=self.reader,
            clock=self.clock,
        )

    async def send(self, backend: CogBackend, run_id: str, *, ago: float = 0.0, **values: Any) -> Prediction:
        """Store a run that is being sent, or was ``ago`` seconds before, and create its prediction."""
        run = make_run(run_id, created_at=self.clock.now())
        await store_run_in_state(self.store.runs, run, RunState.RESERVED)
        await self.store.runs.mark_sent(
            run_id, at=self.clock.now() - timedelta(seconds=ago), webhook=self.addresses.webhook(run_id)
        )
        return await self.create(backend, run_id, values)

    async def create(self, backend: CogBackend, run_id: str, values: Mapping[str, Any]) -> Prediction:
        request = CreateRequest(
            run_id=run_id,
            target="cog",
            input={"prompt": "owl", **values},
            webhook=backend.webhook_url(run_id),
            cancel_after=timedelta(minutes=5),
        )
        return await backend.create(request)

    def files(self, run_id: str, outputs: Sequence[str]) -> list[bytes]:
        """Return the contents of the files that an output stands for."""
        names = [spooled_name(output) for output in outputs]
        return [(self.spool.folder(run_id) / str(name)).read_bytes() for name in names]


async def poll_until(
    backend: CogBackend, prediction_id: str, condition: Callable[[Prediction], bool]
) -> list[Prediction]:
    """Poll until a state fulfils the condition; return all states. An error that passes is asked over."""
    states: list[Prediction] = []
    async with asyncio.timeout(LIMIT):
        while not states or not condition(states[-1]):
            try:
                states.append(await backend.get(prediction_id))
            except BackendError as error:
                if getattr(error, "status", None) == 404:
                    raise
            await asyncio.sleep(0.03)
    return states


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.02)


def is_over(prediction: Prediction) -> bool:
    return prediction.status.terminal


@pytest.fixture
def database(database_folder: Path) -> str:
    return create_database(database_folder)


@pytest.fixture
async def bot(tmp_path: Path, database: str) -> AsyncIterator[CogBot]:
    async with CogBot(tmp_path, database) as bot:
        yield bot


@pytest.fixture
async def pictures(tmp_path: Path) -> AsyncIterator[CogServer]:
    async with CogServer("pictures", folder=tmp_path) as server:
        yield server


@pytest.fixture
async def words(tmp_path: Path) -> AsyncIterator[CogServer]:
    async with CogServer("words", folder=tmp_path) as server:
        yield server
