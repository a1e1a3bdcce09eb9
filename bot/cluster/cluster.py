"""One process among the others of its bot: its leases, and the messages between them."""

import asyncio
import os
import re
import secrets
import socket
from collections.abc import Awaitable, Coroutine
from datetime import timedelta
from typing import Any, Final, Protocol

import structlog

from bot.aio import cancel_and_wait
from bot.clock import Clock
from bot.cluster.lease_holder import Lease, LeaseHolder
from bot.observability.metrics import Metrics
from bot.store.errors import StoreError
from bot.store.leases import Leases, ProcessInfo
from bot.store.notifications import Listener, Message, notify_all
from bot.store.postgresql import PostgresqlLocation
from bot.store.store import Store

log = structlog.get_logger(__name__)

_CATCH_UP_EVERY: Final = 5.0  # seconds: for messages that were lost
_ASK_AGAIN: Final = 1.0  # seconds, while the database cannot be reached
_SEND_EVERY: Final = 0.05  # a transaction that notifies holds a lock of the whole server while it commits


class ClusterWork(Protocol):
    """What the bot does when the cluster changes."""

    def on_gained(self, lease: Lease) -> None:
        """Begin what is done under a lease; return at once."""

    async def on_lost(self, lease: Lease, grace: float) -> None:
        """Return when nothing is done under the lease any more; what had begun may go on for ``grace`` seconds."""

    async def on_message(self, message: Message, ids: tuple[str, ...]) -> None:
        """Handle a message of a process, perhaps this one; StoreError if the database is away."""

    async def catch_up(self) -> None:
        """Do what lost messages may have told; StoreError if the database is away."""


class Cluster:
    """Runs the leases and the messages; ``leases`` tells which runs are this process's."""

    _work: ClusterWork  # from ``run`` on

    def __init__(
        self,
        store: Store,
        location: PostgresqlLocation,
        *,
        version: str,
        ttl: timedelta,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.me = ProcessInfo(id=secrets.token_hex(4), host=socket.gethostname(), pid=os.getpid(), version=version)
        self._database = store.database
        self._clock = clock
        self._metrics = metrics
        self.leases = LeaseHolder(
            store.leases, me=self.me, ttl=ttl, clock=clock, on_gained=self._on_gained, on_lost=self._on_lost
        )
        self._listener = Listener(location, handle=self._receive, on_connected=self._on_connected, clock=clock)
        self._outgoing: dict[tuple[Message, tuple[str, ...]], None] = {}
        self._has_outgoing = asyncio.Event()
        self._handling: set[asyncio.Task[None]] = set()
        store.runs.fence_by(self.leases.fences)
        metrics.name_process(id=self.me.id, host=self.me.host, pid=self.me.pid)

    async def run(self, shards: int, work: ClusterWork) -> None:
        """Take part until cancelled; ``leave`` ends it."""
        self._work = work
        jobs = {
            "leases": self.leases.run(shards),
            "listener": self._listener.run(),
            "messages": self._send_outgoing(),
            "catch-up": self._catch_up_often(),
        }
        tasks = [asyncio.create_task(job, name=f"cluster {name}") for name, job in jobs.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_and_wait([*tasks, *self._handling])

    async def leave(self) -> None:
        """Give everything back, so that the others take over at once; every task under a lease has ended."""
        await self.leases.leave()

    def send(self, message: Message, *ids: str) -> None:
        """Tell every process soon; without effect while the database is away."""
        self._outgoing[message, ids] = None
        self._has_outgoing.set()

    def update_metrics(self) -> None:
        """Set the gauges of leases and processes."""
        self._metrics.cluster_processes.set(len(self.leases.processes))
        self._metrics.cluster_leases.set(len(self.leases.held))

    def _on_gained(self, lease: Lease) -> None:
        self._metrics.cluster_changes.labels(change="gained").inc()
        self._work.on_gained(lease)

    async def _on_lost(self, lease: Lease, grace: float) -> None:
        self._metrics.cluster_changes.labels(change="lost").inc()
        await self._work.on_lost(lease, grace)

    async def _send_outgoing(self) -> None:
        while True:
            await self._has_outgoing.wait()
            self._has_outgoing.clear()
            messages, self._outgoing = tuple(self._outgoing), {}
            try:
                await notify_all(self._database, messages)
            except StoreError as error:
                log.warning("messages_not_sent", count=len(messages), error=str(error))
            await self._clock.sleep(_SEND_EVERY)

    async def _catch_up_often(self) -> None:
        while True:
            await self._clock.sleep(_CATCH_UP_EVERY)
            await self._contain(self._work.catch_up(), "catch_up")

    def _on_connected(self) -> None:
        self._handle(self._work.catch_up(), "catch_up")

    def _receive(self, message: Message, ids: tuple[str, ...]) -> None:
        self._handle(self._work.on_message(message, ids), message.value)

    def _handle(self, work: Coroutine[Any, Any, None] | Awaitable[None], name: str) -> None:
        task = asyncio.create_task(self._contain(work, name), name=f"cluster {name}")
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)

    async def _contain(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except StoreError as error:
            log.warning("message_not_handled", message=name, error=str(error))  # until the next time
        except Exception:
            log.exception("message_not_handled", message=name)
            self._metrics.unexpected_error("cluster")


async def agree_on_shards(leases: Leases, wanted: int, *, clock: Clock) -> int:
    """Return the number that the processes that live use already, else ``wanted``.

    A shard of four is another one than a shard of two: with both, some servers would be served twice and others by
    nobody. So another number takes effect once every process has stopped.
    """
    while True:
        try:
            held = await leases.list_held()
        except StoreError as error:
            log.warning("shards_unknown", error=str(error))
            await clock.sleep(_ASK_AGAIN)
            continue
        counts = {int(match[1]) for name in held if (match := re.fullmatch(r"shard:[0-9]+/([0-9]+)", name))}
        if counts and counts != {wanted}:
            log.warning("shards_of_other_processes", wanted=wanted, used=max(counts))
        return max(counts, default=wanted)
