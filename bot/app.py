"""The composition root: builds every part of the bot, hands it to the others, and runs them."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import discord
import httpx
import structlog

from bot.aio import cancel_and_wait
from bot.backends.backend import Backend, Backends
from bot.backends.replicate.backend import ReplicateBackend
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.transport import ReadScheduler
from bot.backends.target import ServedModel
from bot.catalog.catalog import Catalog
from bot.catalog.chains import ConfiguredChains
from bot.catalog.next_actions import NextOffers
from bot.catalog.resolve import ModelResolver
from bot.catalog.search import ModelSearch
from bot.client import Replicord
from bot.clock import Clock
from bot.cog_servers import CogServers
from bot.errors import ConfigError
from bot.invites import server_invite
from bot.leased_work import LeasedWork
from bot.limits import FILE_BYTES, MIB
from bot.maintenance import Maintenance, RetentionPeriods
from bot.observability.discord_metrics import DiscordMetrics
from bot.observability.metrics import Metrics
from bot.outputs.download import Downloader
from bot.outputs.spool import Spool
from bot.outputs.spooled import PredictionReader
from bot.picture_checks import PictureChecker
from bot.runs import Run
from bot.runs.engine import Engine
from bot.runs.input_files import InputSpool
from bot.runs.policy import Policy
from bot.runs.pricing import Pricing
from bot.settings import Settings
from bot.store.location import parse_location
from bot.store.store import Store
from bot.ui.components import PERSISTENT_ITEMS
from bot.ui.discord_rate_limits import RateLimiter
from bot.ui.library_items import LIBRARY_ITEMS
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.state import ReplyServices
from bot.ui.reply.task import ReplyRegistry
from bot.ui.result_messages import ResultMessages
from bot.ui.server_components import SERVER_COMPONENTS
from bot.ui.spoken_language import ChosenLanguages, speak_persons_language
from bot.ui.translator import Translator, read_languages
from bot.wiring.core import Core
from bot.wiring.features import add_cogs
from bot.wiring.http_port import HttpPort
from bot.wiring.output_files import OutputFiles
from bot.wiring.processes import Processes
from bot.wiring.starts import StartParts
from bot.worker_pool import WorkerPool
from cogs.budget.watch import BudgetWatch
from cogs.library.parts import LibraryParts
from cogs.permissions import Editors
from cogs.result_files import ResultFiles
from cogs.server.log import ServerLog

if TYPE_CHECKING:
    from bot.web.server import WebServer


log = structlog.get_logger(__name__)

# Docker and systemd kill ten seconds after SIGTERM; the last edits get most of them.
_GRACE = timedelta(seconds=8)

# Seconds between two reads of a stream. A text is shown once a second, and reading every token by itself is expensive.
_STREAM_READ_MIN: Final = 0.1
_STREAM_READ_MAX: Final = 0.34


class App:
    """The bot: builds every part and hands it to the others. ``run`` runs it."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        http: httpx.AsyncClient,
        clock: Clock,
        metrics: Metrics,
        cog: CogServers | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._metrics = metrics

        # This process and its connections.
        processes = Processes(store, lease_seconds=settings.lease_seconds, clock=clock, metrics=metrics)
        self._processes = processes
        self._discord_metrics = DiscordMetrics(metrics, clock=clock)
        self._client = Replicord(
            on_login=self._on_login,
            shards=None if settings.shards == "auto" else settings.shards,
            trace=self._discord_metrics.trace_config(),
            identify_pace=processes.identify_pace,
        )
        self._workers = WorkerPool(clock=clock)
        self._replicate = Replicate(
            http,
            token=settings.replicate_token,
            base_url=settings.replicate_base_url,
            clock=clock,
            metrics=metrics,
            scheduler=ReadScheduler(min_delay=_STREAM_READ_MIN, max_delay=_STREAM_READ_MAX),
            workers=self._workers,
        )

        # Files on disk.
        spool_folder = settings.spool_folder or parse_location(settings.database_url).folder / "spool"
        self._spool = Spool(spool_folder, max_bytes=settings.output_disk_mb * MIB)
        self._input_spool = InputSpool(spool_folder / ".uploads")
        predictions = PredictionReader(self._spool, self._workers)

        # Models and their commands.
        served = (
            {}
            if cog is None
            else cog.build_backends(settings, ends=store.prediction_ends, reader=predictions, clock=clock)
        )
        self._catalog = Catalog(
            specs=settings.specs,
            hidden=settings.hidden_inputs,
            resolver=ModelResolver(self._replicate, store.commands, served=served),
            rows=store.commands,
            clock=clock,
        )
        self._search = ModelSearch(self._replicate.models, clock=clock)
        offers = NextOffers(self._catalog)

        # Messages in Discord.
        limiter = RateLimiter(clock)
        limiter.share_by(processes.count)
        self._replies = ReplyRegistry(
            ReplyServices(
                client=self._client,
                limiter=limiter,
                ledger=store.runs,
                clock=clock,
                metrics=metrics,
                ownership=processes.ownership,
                text_messages=settings.text_messages,
                offers=offers,
                find_run=store.runs.get,
            )
        )
        missed_reactions = MissedCancelReactions(self._client, limiter)
        messages = ResultMessages(self._client, limiter=limiter, clock=clock)
        files = ResultFiles(messages)
        self._server_log = ServerLog(self._client, store.servers, clock=clock)
        self._library = LibraryParts(
            self._client,
            store=store,
            workers=self._workers,
            limiter=limiter,
            files=files,
            messages=messages,
            folder=spool_folder / ".library",
            clock=clock,
            metrics=metrics,
        )

        # Runs.
        policy = _policy(settings)
        pricing = Pricing(
            settings.prices,
            read_history=store.budgets.read_history,
            unknown=settings.unknown_cost,
            clock=clock,
        )

        def on_delivered(run: Run) -> None:
            messages.remember_run(run)
            self._server_log.post_run(run)

        self._engine = self._build_engine(http, served, policy, pricing, on_delivered)

        # What people use of all that.
        self._languages = ChosenLanguages(store.preferences, clock=clock)
        self._keep = RetentionPeriods(prompts=settings.keep_prompts, files=settings.keep_files, runs=settings.keep_runs)
        self._core = Core(
            settings=settings,
            client=self._client,
            store=store,
            processes=processes,
            replicate=self._replicate,
            catalog=self._catalog,
            search=self._search,
            offers=offers,
            engine=self._engine,
            policy=policy,
            pricing=pricing,
            replies=self._replies,
            missed_reactions=missed_reactions,
            messages=messages,
            files=files,
            spool_folder=spool_folder,
            input_spool=self._input_spool,
            library=self._library,
            editors=Editors(self._client, settings.model_editors),
            languages=self._languages,
            server_log=self._server_log,
            keep=self._keep,
            workers=self._workers,
            metrics=metrics,
            clock=clock,
        )
        self._starts = StartParts(self._core, http)
        self._http_port = HttpPort(self._core, cog=cog, predictions=predictions)
        self._leased_work = LeasedWork(
            self._client,
            engine=self._engine,
            runs=store.runs,
            replies=self._replies,
            missed_reactions=missed_reactions,
            publisher=self._starts.publisher,
            languages=self._languages,
            forget_person=self._starts.refused.forget_person,
            metrics=metrics,
        )

    def _build_engine(
        self,
        http: httpx.AsyncClient,
        served: Mapping[ServedModel, Backend],
        policy: Policy,
        pricing: Pricing,
        on_delivered: Callable[[Run], None],
    ) -> Engine:
        """Return the engine of all runs; ``served`` are the backends of models on servers of one's own."""
        settings, processes = self._settings, self._processes
        replicate = ReplicateBackend(
            self._replicate, creates_per_minute=settings.creates_per_minute, webhook_base=settings.webhook_url
        )
        backends = Backends([replicate, *served.values()])
        downloader = Downloader(
            http,
            hosts=settings.replicate_file_hosts,
            max_bytes=FILE_BYTES,
            quota=self._spool.quota,
            clock=self._clock,
            metrics=self._metrics,
        )
        checker = PictureChecker(
            catalog=self._catalog,
            backends=backends,
            checks=self._store.picture_checks,
            pricing=pricing,
            clock=self._clock,
        )
        return Engine(
            backends=backends,
            runs=self._store.runs,
            materializer_for=OutputFiles(downloader, self._spool, self._workers).materializer_for,
            open_reply=self._replies,
            clock=self._clock,
            policy=policy,
            pricing=pricing,
            metrics=self._metrics,
            workers=self._workers,
            ownership=processes.ownership,
            budget_for=processes.create_budget,
            count_processes=processes.count,
            keep_result=self._library.thumbnails.keep,
            check_picture=checker.check,
            on_delivered=on_delivered,
        )

    @property
    def catalog(self) -> Catalog:
        """The commands, once they are built."""
        return self._catalog

    @property
    def chains(self) -> ConfiguredChains:
        """The configured chains; their commands are known once they are built."""
        return self._starts.configured_chains

    async def build_commands(self) -> tuple[Mapping[str, Any], ...]:
        """Add every command to the client and return the payloads for Discord, without syncing them."""
        await self._starts.publisher.load()
        await add_cogs(self._client, self._core, self._starts)
        await self._client.tree.set_translator(Translator(read_languages()))
        return tuple(command.to_dict(self._client.tree) for command in self._client.tree.get_commands())

    async def build_web_server(self, host: str, port: int) -> "WebServer":
        """Return the server for health, metrics and webhooks."""
        return await self._http_port.build_server(host, port)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set or Discord rejects the token. Unfinished runs are recovered at the next start."""
        older_than = self._processes.uploads_kept
        await asyncio.to_thread(self._input_spool.clear, older_than=older_than)
        await asyncio.to_thread(self._library.clear_files, older_than=older_than)
        await asyncio.to_thread(self._starts.unstarted.open)
        connection = asyncio.create_task(self._connect(), name="discord")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        maintenance = asyncio.create_task(self._run_maintenance(), name="maintenance")
        try:
            await asyncio.wait({connection, stopped, maintenance}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                log.info("stopping")  # predictions go on at Replicate
        finally:
            await self._engine.stop(_GRACE)
            await self._replies.close()
            await self._workers.close()
            await self._client.close()
            await self._search.close()
            connection.cancel()
            maintenance.cancel()
            stopped.cancel()
            results = await asyncio.gather(connection, maintenance, return_exceptions=True)
            await self._processes.leave()
            await asyncio.to_thread(self._starts.unstarted.close)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _connect(self) -> None:
        self._starts.mentions.use()
        try:
            await self._client.log_in(self._settings.discord_token.get_secret_value(), clock=self._clock)
            await self._serve_discord()
        except discord.LoginFailure as error:
            raise ConfigError(
                "Discord rejected DISCORD_TOKEN. Copy it again from the Bot page of your application."
            ) from error

    async def _on_login(self, client: Replicord) -> None:
        """Add commands, buttons and listeners, before the gateway opens."""
        client.add_dynamic_items(*PERSISTENT_ITEMS, *SERVER_COMPONENTS, *LIBRARY_ITEMS)
        await self._languages.load()
        speak_persons_language(client, self._languages)
        client.add_listener(self._discord_metrics.on_interaction)
        client.add_listener(self._discord_metrics.on_shard_resumed)
        client.add_listener(self._discord_metrics.on_shard_ready)
        await self.build_commands()
        invite = server_invite(client.application_id) if client.application_id else None
        names = [command.name for command in self._catalog]
        log.info("logged_in", user=str(client.user), commands=names, invite=invite)

    async def _serve_discord(self) -> None:
        # Concurrently: paid runs do not wait for the command sync, and new commands do not wait for a thousand runs.
        work = [
            *self._processes.shard_jobs(self._client, self._leased_work),
            self._starts.publisher.publish(),
            self._starts.unstarted.tell_left_behind(self._client),
            self._library.keeper.run(),
            self._client.run_gateway(),
        ]
        tasks = [asyncio.create_task(job) for job in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_and_wait(tasks)
            await self._leased_work.close()

    async def _run_maintenance(self) -> None:
        maintenance = Maintenance(
            runs=self._store.runs,
            spool=self._spool,
            keep=self._keep,
            load_commands=self._starts.publisher.retry,
            is_mine=self._processes.does_maintenance,
            clock=self._clock,
        )
        budgets = BudgetWatch(
            self._client,
            budgets=self._store.budgets,
            channel=self._settings.log_channel,
            server_log=self._server_log,
            metrics=self._metrics,
            clock=self._clock,
        )
        await asyncio.gather(maintenance.run(), budgets.run(), self._starts.refused.run(), *self._http_port.jobs())


def _policy(settings: Settings) -> Policy:
    return Policy(
        active_per_user=settings.runs_per_user,
        waits_for_own=settings.runs_over_limit == "wait",
        per_day=settings.runs_per_day,
        deadline=settings.run_deadline,
        resend_unfinished=settings.cog_resend,
        file_hosts=tuple(settings.replicate_file_hosts),
    )
