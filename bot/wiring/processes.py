"""What the processes of one bot share: shards, rates, messages. On SQLite there is one, which has everything."""

import importlib.metadata
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Final

from bot.backends.backend import Backend
from bot.backends.prediction import Prediction
from bot.client import IdentifyPace, OwnIdentifyPace, Replicord
from bot.clock import Clock
from bot.cluster.cluster import Cluster, agree_on_shards
from bot.cluster.lease_holder import MAINTENANCE
from bot.cluster.publish_lease import PublishLease
from bot.cluster.shared_rates import SharedCreateBudget, SharedIdentifyPace
from bot.leased_work import LeasedWork
from bot.observability.metrics import Metrics
from bot.runs.create_queue import CreateBudget
from bot.runs.engine import Engine
from bot.runs.ownership import SOLE_OWNER, Ownership
from bot.store.notifications import Message
from bot.store.postgresql import PostgresqlLocation
from bot.store.store import Store
from cogs.generate.command_sync import CommandSync
from cogs.generate.publisher import CommandPublisher

VERSION: Final = importlib.metadata.version("replicord")

# Files of others' runs that are about to start, where several processes share a folder; each is there for a minute.
_UPLOADS_KEPT: Final = timedelta(hours=1)


class Processes:
    """What this process has to do with the others. ``ownership`` tells which runs are its own."""

    def __init__(self, store: Store, *, lease_seconds: float, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._cluster: Cluster | None = None
        self.ownership: Ownership = SOLE_OWNER
        self.identify_pace: IdentifyPace = OwnIdentifyPace(clock)
        location = store.database.location
        if isinstance(location, PostgresqlLocation):
            ttl = timedelta(seconds=lease_seconds)
            self._cluster = Cluster(store, location, version=VERSION, ttl=ttl, clock=clock, metrics=metrics)
            self.ownership = self._cluster.leases
            self.identify_pace = SharedIdentifyPace(store.shared_limits, clock=clock)

    @property
    def own_id(self) -> str | None:
        """The id of this process, None if it is the only one."""
        return None if self._cluster is None else self._cluster.me.id

    @property
    def uploads_kept(self) -> timedelta:
        """How old the files in folders for files on their way have to be to be nobody's."""
        return timedelta() if self._cluster is None else _UPLOADS_KEPT

    @property
    def readiness(self) -> dict[str, bool]:
        """What of sharing works, by name."""
        # A lease may be valid that holds nothing: a process to spare is ready, too.
        return {} if self._cluster is None else {"lease": self._cluster.leases.is_valid}

    def count(self) -> int:
        """Return how many processes there are."""
        return 1 if self._cluster is None else len(self._cluster.leases.processes)

    def list_versions(self) -> tuple[str, ...]:
        """Return the version of each of the processes."""
        return (VERSION,) if self._cluster is None else tuple(one.version for one in self._cluster.leases.processes)

    def does_maintenance(self) -> bool:
        """Return whether periodic work for all processes is this one's."""
        return self._cluster is None or self._cluster.leases.get(MAINTENANCE) is not None

    def create_budget(self, backend: Backend) -> CreateBudget | None:
        """Return the share of creates that a backend accepts, None if they are this process's alone."""
        if self._cluster is None:
            return None
        return SharedCreateBudget.of_backend(backend, self._store.shared_limits, process=self._cluster.me.id)

    def share_publishing(self, sync: CommandSync, publisher: CommandPublisher) -> None:
        """Let one process at a time send the commands to Discord."""
        if self._cluster is not None:
            process = self._cluster.me.id
            lease = PublishLease(self._store.leases, process=process, read=publisher.reload, clock=self._clock)
            sync.share_by(lease.hold, may_send=publisher.is_newest)

    def wake_run(self, run_id: str, prediction: Prediction | None, engine: Engine) -> bool:
        """Wake a run whose webhook was called, in whichever process it is; return whether it is in this one.

        Others are told of its start and its end; its logs come with their polls.
        """
        woken = engine.on_webhook(run_id, prediction)
        is_told = prediction is None or prediction.status.terminal or not prediction.logs
        if self._cluster is not None and not woken and is_told:
            self._cluster.send(Message.WEBHOOK, run_id)
        return woken

    def shard_jobs(self, client: Replicord, work: LeasedWork) -> list[Coroutine[Any, Any, None]]:
        """Return what opens this process's shards and takes up the runs of their servers, to be run concurrently."""
        if self._cluster is None:
            return [self._open_all_shards(client), work.recover_runs()]
        return [self._hold_shards(client, work, self._cluster)]

    async def _open_all_shards(self, client: Replicord) -> None:
        for shard in range(await client.choose_shards(clock=self._clock)):
            client.open_shard(shard)

    async def _hold_shards(self, client: Replicord, work: LeasedWork, cluster: Cluster) -> None:
        shards = await client.choose_shards(clock=self._clock)
        client.shard_count = await agree_on_shards(self._store.leases, shards, clock=self._clock)
        await cluster.run(client.shard_count, work)

    def update_metrics(self) -> None:
        """Set the gauges of leases and processes."""
        if self._cluster is not None:
            self._cluster.update_metrics()

    async def leave(self) -> None:
        """Give everything back, so that the others take over at once."""
        if self._cluster is not None:
            await self._cluster.leave()
