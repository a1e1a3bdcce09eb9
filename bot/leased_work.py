"""What this process does with its leases, and with what the others tell it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from bot.aio import cancel_and_wait
from bot.client import Replicord
from bot.cluster.lease_holder import Lease
from bot.observability.metrics import Metrics
from bot.runs.engine import Engine
from bot.store.notifications import Message
from bot.store.runs import Runs
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.task import ReplyRegistry
from bot.ui.spoken_language import ChosenLanguages
from cogs.generate.publisher import CommandPublisher

log = structlog.get_logger(__name__)


class LeasedWork:
    """The gateway sessions and the runs of the shards that this process holds; a process alone holds every one."""

    def __init__(
        self,
        client: Replicord,
        *,
        engine: Engine,
        runs: Runs,
        replies: ReplyRegistry,
        missed_reactions: MissedCancelReactions,
        publisher: CommandPublisher,
        languages: ChosenLanguages,
        forget_person: Callable[[int], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        """``forget_person`` deletes what this process keeps of a person beside the database."""
        self._client = client
        self._engine = engine
        self._runs = runs
        self._replies = replies
        self._missed_reactions = missed_reactions
        self._publisher = publisher
        self.languages = languages
        self._forget_person = forget_person
        self._metrics = metrics
        self._recoveries: set[asyncio.Task[None]] = set()

    def on_gained(self, lease: Lease) -> None:
        """Open the session of a shard, and take up the runs of its servers."""
        if lease.shard is not None:
            self._client.open_shard(lease.shard)
            task = asyncio.create_task(self.recover_runs(lease.fence), name=f"recover {lease.name}")
            self._recoveries.add(task)
            task.add_done_callback(partial(self._on_recovered, lease))

    async def on_lost(self, lease: Lease, grace: float) -> None:
        """Close the session, and leave the runs to whoever holds the lease now."""
        if lease.shard is not None:
            self._client.close_shard(lease.shard)
            await self._engine.disown(lease.fence, grace=grace)

    async def on_message(self, message: Message, ids: tuple[str, ...]) -> None:
        """Handle what another process, or this one, told about a run or the commands."""
        match message, ids:
            case Message.CANCEL, (run_id,):
                await self._engine.take_over_cancels(run_id)
            case Message.WEBHOOK, (run_id, *_):
                self._engine.on_webhook(run_id)
            case Message.RENEWAL, (run_id,):
                run = await self._runs.get(run_id)
                if run is not None and run.place.token and self._engine.owns(run):
                    self._replies.renew_token(run_id, run.place.token, run.place.token_expires_at)
            case Message.COMMANDS, _:
                await self._publisher.take_over()
            case Message.PREFERENCES, (person_id,) if person_id.isdecimal():
                await self.languages.reload(int(person_id))
            case Message.ERASURE, (person_id,) if person_id.isdecimal():
                await self._forget_person(int(person_id))

    async def catch_up(self) -> None:
        """Do what messages that were lost may have told."""
        await self._engine.take_over_cancels()
        await self._publisher.catch_up()
        await self.languages.catch_up()

    async def recover_runs(self, fence: int | None = None) -> None:
        """Take up every run that is not delivered, or those of one lease."""
        recovered = await self._engine.recover(self._missed_reactions.find, fence=fence)
        log.info("runs_recovered", count=recovered)

    async def close(self) -> None:
        """Stop taking up runs."""
        await cancel_and_wait(self._recoveries)

    def _on_recovered(self, lease: Lease, task: asyncio.Task[None]) -> None:
        self._recoveries.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("runs_not_recovered", lease=lease.name, exc_info=error)
            self._metrics.unexpected_error("cluster")
