"""The composition root: builds every part of the bot, hands it to the others, and runs them."""

import asyncio
import importlib.metadata
import secrets
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import discord
import httpx
import structlog
from discord.ext import commands

from bot.aio import cancel_and_wait
from bot.backends.backend import Backend, Backends
from bot.backends.prediction import Prediction
from bot.backends.replicate.backend import ReplicateBackend
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.transport import ReadScheduler
from bot.backends.target import ServedModel
from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.chains import ConfiguredChains
from bot.catalog.next_actions import NextOffers
from bot.catalog.resolve import ModelResolver
from bot.catalog.search import ModelSearch
from bot.client import IdentifyPace, OwnIdentifyPace, Replicord
from bot.clock import Clock
from bot.cluster.cluster import Cluster
from bot.cluster.create_budget import SharedCreateBudget
from bot.cluster.identify_pace import SharedIdentifyPace
from bot.cluster.lease_holder import MAINTENANCE
from bot.cluster.publish_lease import PublishLease
from bot.cluster.shard_count import agree_on_shards
from bot.cog_servers import CogServers
from bot.command_mentions import CommandMentions
from bot.errors import ConfigError
from bot.invites import server_invite
from bot.leased_work import LeasedWork
from bot.limits import FILE_BYTES, MIB, OUTPUT_DOWNLOADS, SHRINK_SECONDS
from bot.maintenance import Maintenance, RetentionPeriods
from bot.media.images import shrink_image_file
from bot.observability.discord_metrics import DiscordMetrics, is_measured
from bot.observability.health_checks import HealthChecks
from bot.observability.metrics import Metrics
from bot.outputs.download import Downloader
from bot.outputs.materialize import Materializer
from bot.outputs.spool import DiskQuota, Spool
from bot.outputs.spooled import PredictionReader
from bot.picture_checks.checker import PictureChecker
from bot.runs import Run, parse_target
from bot.runs.create_queue import CreateBudget
from bot.runs.engine import Engine
from bot.runs.input_files import InputSpool
from bot.runs.ownership import SOLE_OWNER, Ownership
from bot.runs.policy import Policy
from bot.runs.pricing import Pricing
from bot.settings import Settings
from bot.store.gallery import GalleryRules
from bot.store.location import parse_location
from bot.store.notifications import Message
from bot.store.postgresql import PostgresqlLocation
from bot.store.store import Store
from bot.ui.components import PERSISTENT_BUTTONS
from bot.ui.direct_messages import DirectMessages
from bot.ui.library_items import LIBRARY_ITEMS
from bot.ui.next_select import NextSelect
from bot.ui.privacy_items import ErasureButton
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.task import ReplyRegistry
from bot.ui.result_changes import ResultChanges
from bot.ui.result_messages import ResultMessages
from bot.ui.run_list_items import RunListButton
from bot.ui.server_components import SERVER_COMPONENTS
from bot.ui.spoken_language import ChosenLanguages, speak_persons_language
from bot.ui.translator import Translator, read_languages
from bot.worker_pool import WorkerPool
from cogs.about.cog import About
from cogs.budget.cog import BudgetCommands
from cogs.budget.watch import BudgetWatch
from cogs.cancel.cog import CancelRuns
from cogs.chain.cog import CHAIN_ENTRIES
from cogs.chain.parts import ChainParts
from cogs.characters.cog import CHARACTER_ENTRIES, CharacterCommands
from cogs.characters.pictures import PictureReader
from cogs.favourites.cog import FAVOURITE_ENTRIES
from cogs.fix_it.cog import FixIt
from cogs.fix_it.kept_files import KeptFiles
from cogs.fix_it.refused_runs import RefusedRunKeeper
from cogs.generate.cog import GenerateCommands
from cogs.generate.command_sync import CommandSync
from cogs.generate.publisher import CommandPublisher
from cogs.input_reader import InputReader
from cogs.library.parts import LibraryParts
from cogs.models.autocomplete import ModelAutocomplete
from cogs.models.cog import ModelsCommands
from cogs.next.cog import NextActions
from cogs.next.flow import NextFlow
from cogs.next.pictures import PictureFinder
from cogs.permissions import Editors, RunAccess
from cogs.personal_inputs import PersonalInputs
from cogs.preferences.cog import PreferencesCommand
from cogs.presets.cog import PRESET_ENTRIES, PresetCommands
from cogs.presets.published import PublishedPresets
from cogs.privacy.cog import PrivacyCommands
from cogs.reply_places import ReplyPlaces
from cogs.result_files import ResultFiles
from cogs.result_menu.cog import ResultMenu
from cogs.results.cog import MENU_ENTRIES as RESULT_ENTRIES
from cogs.results.cog import ResultActions
from cogs.results.private_runs import PrivateRuns
from cogs.results.reactions import ResultReactions
from cogs.run.cog import RunCommand
from cogs.run.form import RunForms
from cogs.run_buttons.cog import RunButtons
from cogs.runs.cog import RunsCommands
from cogs.server.cog import ServerCommands
from cogs.server.log import ServerLog
from cogs.server.removal import ResultRemover
from cogs.server.reports import ReportResultMenu
from cogs.server.threads import ResultThreads
from cogs.server_shares.cog import ServerShares
from cogs.start_run import RunStarter
from cogs.try_on.cog import TryOn
from cogs.usage.cog import UsageCommand
from cogs.use_as_subject.cog import UseAsSubject

if TYPE_CHECKING:
    from bot.web.cog import CogReceiver
    from bot.web.refusals import RefusalLog
    from bot.web.server import WebServer
    from bot.web.webhook_secret import WebhookSecret
    from bot.web.webhooks import WebhookReceiver


log = structlog.get_logger(__name__)

VERSION = importlib.metadata.version("replicord")

# Docker and systemd kill ten seconds after SIGTERM; the last edits get most of them.
_GRACE = timedelta(seconds=8)

# Seconds between two reads of a stream. A text is shown once a second, and reading every token by itself is expensive.
_STREAM_READ_MIN: Final = 0.1
_STREAM_READ_MAX: Final = 0.34

# Files of others' runs that are about to start, where several processes share a folder; each is there for a minute.
_UPLOADS_KEPT = timedelta(hours=1)


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
        self._discord_metrics = DiscordMetrics(metrics, clock=clock)
        self._client = Replicord(
            on_login=self._on_login,
            shards=None if settings.shards == "auto" else settings.shards,
            trace=self._discord_metrics.trace_config(),
            identify_pace=self._identify_pace(),
        )
        self._cluster = self._join_cluster()
        ownership = SOLE_OWNER if self._cluster is None else self._cluster.leases
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
        spool_folder = settings.spool_folder or parse_location(settings.database_url).folder / "spool"
        self._spool = Spool(
            spool_folder,
            max_bytes=settings.output_disk_mb * MIB,
        )
        self._input_spool = InputSpool(spool_folder / ".uploads")
        self._downloader = Downloader(
            http,
            hosts=settings.replicate_file_hosts,
            max_bytes=FILE_BYTES,
            quota=self._spool.quota,
            clock=clock,
            metrics=metrics,
        )
        self._downloads = asyncio.Semaphore(OUTPUT_DOWNLOADS)
        self._cog = cog
        self._predictions = PredictionReader(self._spool, self._workers)
        served = (
            {}
            if cog is None
            else cog.build_backends(settings, ends=store.prediction_ends, reader=self._predictions, clock=clock)
        )
        self._catalog = Catalog(
            specs=settings.specs,
            hidden=settings.hidden_inputs,
            resolver=ModelResolver(self._replicate, store.commands, served=served),
            rows=store.commands,
            clock=clock,
        )
        self._next_offers = NextOffers(self._catalog)
        self._replies = ReplyRegistry(
            self._client,
            ledger=store.runs,
            clock=clock,
            metrics=metrics,
            text_messages=settings.text_messages,
            ownership=ownership,
            offers=self._next_offers,
            find_run=store.runs.get,
        )
        self._replies.limiter.share_by(self._count_processes)
        self._result_messages = ResultMessages(self._client, limiter=self._replies.limiter, clock=clock)
        self._result_changes = ResultChanges(runs=store.runs, results=store.results, messages=self._result_messages)
        self._direct_messages = DirectMessages(
            self._client, messages=self._result_messages, limiter=self._replies.limiter
        )
        self._result_files = ResultFiles(self._result_messages)
        self._library = LibraryParts(
            self._client,
            store=store,
            workers=self._workers,
            limiter=self._replies.limiter,
            files=self._result_files,
            messages=self._result_messages,
            find_rules=self._find_gallery_rules,
            folder=spool_folder / ".library",
            clock=clock,
            metrics=metrics,
        )
        self._missed_reactions = MissedCancelReactions(self._client, self._replies.limiter)
        self._policy = _policy(settings)
        self._pricing = Pricing(
            settings.prices,
            read_history=store.budgets.read_history,
            unknown=settings.unknown_cost,
            clock=clock,
        )
        self._server_log = ServerLog(self._client, store.servers, clock=clock)
        self._engine = self._build_engine(served, ownership)
        self._search = ModelSearch(self._replicate.models, clock=clock)
        self._mentions = CommandMentions()
        self._command_sync = CommandSync(
            self._client, key_value=store.key_value, guild=settings.command_guild, mentions=self._mentions
        )
        self._editors = Editors(self._client, settings.model_editors)
        self._run_access = RunAccess(
            self._catalog,
            any_model=settings.run_any,
            editors=self._editors,
            servers=store.servers,
            server_log=self._server_log,
            clock=clock,
        )
        self._personal = PersonalInputs(characters=store.characters, runs=store.runs, preferences=store.preferences)
        inputs, places, self._refused_runs = (
            self._build_input_reader(http),
            ReplyPlaces(ResultThreads(store.servers)),
            self._build_refused_runs(spool_folder / ".refused"),
        )
        self._run_starter = RunStarter(
            self._engine,
            runs=store.runs,
            access=self._run_access,
            inputs=inputs,
            personal=self._personal,
            places=places,
            refused=self._refused_runs,
            clock=clock,
            new_id=_new_id,
            pricing=self._pricing,
            ask_above=settings.ask_above,
        )
        self._chains = ChainParts(
            settings.chains,
            engine=self._engine,
            store=store,
            catalog=self._catalog,
            access=self._run_access,
            inputs=inputs,
            personal=self._personal,
            places=places,
            refused=self._refused_runs,
            pricing=self._pricing,
            ask_above=settings.ask_above,
            editors=self._editors,
            clock=clock,
            new_id=_new_id,
        )
        self._generate = GenerateCommands(
            self._client,
            catalog=self._catalog,
            chains=self._chains.configured,
            starter=self._run_starter,
            chain_starter=self._chains.starter,
            sync=self._command_sync,
            personal=self._personal.complete,
        )
        self._published_presets = PublishedPresets(
            self._client,
            presets=store.presets,
            catalog=self._catalog,
            starter=self._run_starter,
            sync=self._command_sync,
            key_value=store.key_value,
            personal=self._personal.complete,
        )
        self._publisher = CommandPublisher(
            self._client,
            catalog=self._catalog,
            generate=self._generate,
            sync=self._command_sync,
            presets=self._published_presets,
            version=VERSION,
            list_versions=self._list_versions,
        )
        if self._cluster is not None:
            publishing = PublishLease(
                store.leases, process=self._cluster.me.id, read=self._publisher.reload, clock=clock
            )
            self._command_sync.share_by(publishing.hold, may_send=self._publisher.is_newest)
        self._leased_work = LeasedWork(
            self._client,
            engine=self._engine,
            runs=store.runs,
            replies=self._replies,
            missed_reactions=self._missed_reactions,
            publisher=self._publisher,
            languages=ChosenLanguages(store.preferences, clock=clock),
            metrics=metrics,
        )
        self._webhook_secret: WebhookSecret | None = None
        self._health_checks = HealthChecks(
            {"database": self._check_database}
            | ({"replicate": self._replicate.get_account} if settings.replicate_token else {}),
            clock=clock,
        )

    def _build_engine(self, served: Mapping[ServedModel, Backend], ownership: Ownership) -> Engine:
        """Return the engine of all runs; ``served`` are the backends of models on servers of one's own."""
        replicate = ReplicateBackend(
            self._replicate,
            creates_per_minute=self._settings.creates_per_minute,
            webhook_base=self._settings.webhook_url,
        )
        backends = Backends([replicate, *served.values()])
        checker = PictureChecker(
            catalog=self._catalog,
            backends=backends,
            checks=self._store.picture_checks,
            pricing=self._pricing,
            clock=self._clock,
        )
        return Engine(
            backends=backends,
            runs=self._store.runs,
            materializer_for=self._materializer,
            open_reply=self._replies,
            clock=self._clock,
            policy=self._policy,
            pricing=self._pricing,
            metrics=self._metrics,
            workers=self._workers,
            ownership=ownership,
            budget_for=self._create_budget,
            count_processes=self._count_processes,
            keep_result=self._library.thumbnails.keep,
            check_picture=checker.check,
            on_delivered=self._server_log.post_run,
        )

    async def build_web_server(self, host: str, port: int) -> "WebServer":
        """Return the server for health, metrics and, if WEBHOOK_URL is set, Replicate's webhooks."""
        # Imported here because aiohttp's server takes 2 MB, which a bot without a port need not spend.
        from bot.web.health import HealthRoutes  # noqa: PLC0415  # see above
        from bot.web.refusals import RefusalLog  # noqa: PLC0415  # see above
        from bot.web.server import WebServer  # noqa: PLC0415  # see above

        refusals = RefusalLog(self._clock)
        health = HealthRoutes(readiness=self._readiness, metrics=self._exposition, clock=self._clock)
        webhooks = await self._build_webhook_receiver(refusals) if self._settings.webhook_url else None
        cog = self._build_cog_receiver(self._cog, refusals) if self._cog is not None else None
        return WebServer(host=host, port=port, health=health, refusals=refusals, webhooks=webhooks, cog=cog)

    def _build_refused_runs(self, folder: Path) -> RefusedRunKeeper:
        return RefusedRunKeeper(
            rows=self._store.refused_runs,
            runs=self._store.runs,
            files=KeptFiles(folder, clock=self._clock),
            clock=self._clock,
            new_id=_new_id,
        )

    def _build_input_reader(self, http: httpx.AsyncClient) -> InputReader:
        web = Downloader(
            http,
            hosts=(),
            any_public=True,
            max_bytes=FILE_BYTES,
            quota=DiskQuota(sys.maxsize),  # the spool of inputs holds room for each file
            clock=self._clock,
            metrics=self._metrics,
        )
        return InputReader(spool=self._input_spool, web=web, workers=self._workers)

    def _build_cog_receiver(self, cog: CogServers, refusals: "RefusalLog") -> "CogReceiver":
        from bot.web.cog import CogReceiver  # noqa: PLC0415  # as above

        return CogReceiver(
            addresses=cog.addresses,
            ends=self._store.prediction_ends,
            reader=self._predictions,
            wake_run=self._wake_run,
            clock=self._clock,
            metrics=self._metrics,
            refusals=refusals,
        )

    async def _build_webhook_receiver(self, refusals: "RefusalLog") -> "WebhookReceiver":
        """Return the receiver, disabled if Replicate does not return its secret now: runs work without webhooks."""
        from bot.web.webhook_secret import WebhookSecret  # noqa: PLC0415  # as above
        from bot.web.webhooks import WebhookReceiver  # noqa: PLC0415  # as above

        receiver = WebhookReceiver(wake_run=self._wake_run, metrics=self._metrics, refusals=refusals)
        self._webhook_secret = WebhookSecret(receiver, self._replicate, clock=self._clock)
        await self._webhook_secret.load()
        return receiver

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set or Discord rejects the token. Unfinished runs are recovered at the next start."""
        older_than = timedelta() if self._cluster is None else _UPLOADS_KEPT
        await asyncio.to_thread(self._input_spool.clear, older_than=older_than)
        await asyncio.to_thread(self._library.clear_files, older_than=older_than)
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
            if self._cluster is not None:
                await self._cluster.leave()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _connect(self) -> None:
        self._mentions.use()
        try:
            await self._client.log_in(self._settings.discord_token.get_secret_value(), clock=self._clock)
            await self._serve_discord()
        except discord.LoginFailure as error:
            raise ConfigError(
                "Discord rejected DISCORD_TOKEN. Copy it again from the Bot page of your application."
            ) from error

    async def _serve_discord(self) -> None:
        # Concurrently: paid runs do not wait for the command sync, and new commands do not wait for a thousand runs.
        work = (
            [self._open_shards(), self._leased_work.recover_runs()]
            if self._cluster is None
            else [self._share(self._cluster)]
        )
        work += [self._publisher.publish(), self._library.keeper.run(), self._client.run_gateway()]
        tasks = [asyncio.create_task(job) for job in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_and_wait(tasks)
            await self._leased_work.close()

    async def _open_shards(self) -> None:
        for shard in range(await self._client.choose_shards(clock=self._clock)):
            self._client.open_shard(shard)

    def _join_cluster(self) -> Cluster | None:
        """Return what shares the bot with other processes, None on SQLite."""
        location = self._store.database.location
        if not isinstance(location, PostgresqlLocation):
            return None
        ttl = timedelta(seconds=self._settings.lease_seconds)
        return Cluster(self._store, location, version=VERSION, ttl=ttl, clock=self._clock, metrics=self._metrics)

    async def _share(self, cluster: Cluster) -> None:
        """Hold this process's share of the shards, with the runs of their servers."""
        shards = await self._client.choose_shards(clock=self._clock)
        self._client.shard_count = await agree_on_shards(self._store.leases, shards, clock=self._clock)
        await cluster.run(self._client.shard_count, self._leased_work)

    def _identify_pace(self) -> IdentifyPace:
        if isinstance(self._store.database.location, PostgresqlLocation):
            return SharedIdentifyPace(self._store.shared_limits, clock=self._clock)
        return OwnIdentifyPace(self._clock)

    def _create_budget(self, backend: Backend) -> CreateBudget | None:
        if self._cluster is None:
            return None
        return SharedCreateBudget.of_backend(backend, self._store.shared_limits, process=self._cluster.me.id)

    def _count_processes(self) -> int:
        return 1 if self._cluster is None else len(self._cluster.leases.processes)

    def _list_versions(self) -> tuple[str, ...]:
        """Return the version of each of the bot's processes."""
        return (VERSION,) if self._cluster is None else tuple(one.version for one in self._cluster.leases.processes)

    def _does_maintenance(self) -> bool:
        return self._cluster is None or self._cluster.leases.get(MAINTENANCE) is not None

    def _wake_run(self, run_id: str, prediction: Prediction | None = None) -> bool:
        """Wake a run whose webhook was called, in whichever process it is.

        Others are told of its start and its end; its logs come with their polls.
        """
        woken = self._engine.on_webhook(run_id, prediction)
        is_told = prediction is None or prediction.status.terminal or not prediction.logs
        if self._cluster is not None and not woken and is_told:
            self._cluster.send(Message.WEBHOOK, run_id)
        return woken

    @property
    def catalog(self) -> Catalog:
        """The commands, once they are built."""
        return self._catalog

    @property
    def chains(self) -> ConfiguredChains:
        """The configured chains; their commands are known once they are built."""
        return self._chains.configured

    async def build_commands(self) -> tuple[Mapping[str, Any], ...]:
        """Add every command to the client and return the payloads for Discord, without syncing them."""
        await self._publisher.load()
        for cog in self._cogs(self._client):
            await self._client.add_cog(cog)
        await self._client.tree.set_translator(Translator(read_languages()))
        return tuple(command.to_dict(self._client.tree) for command in self._client.tree.get_commands())

    async def _on_login(self, client: Replicord) -> None:
        """Add commands, buttons and listeners, before the gateway opens."""
        client.add_dynamic_items(
            *PERSISTENT_BUTTONS, *SERVER_COMPONENTS, *LIBRARY_ITEMS, NextSelect, RunListButton, ErasureButton
        )
        await self._leased_work.languages.load()
        speak_persons_language(client, self._leased_work.languages)
        client.add_listener(self._discord_metrics.on_interaction)
        client.add_listener(self._discord_metrics.on_shard_resumed)
        client.add_listener(self._discord_metrics.on_shard_ready)
        await self.build_commands()
        invite = server_invite(client.application_id) if client.application_id else None
        names = [command.name for command in self._catalog]
        log.info("logged_in", user=str(client.user), commands=names, invite=invite)

    def _cogs(self, client: Replicord) -> tuple[commands.Cog, ...]:
        runs = self._store.runs
        buttons = RunButtons(
            engine=self._engine,
            runs=runs,
            catalog=self._catalog,
            starter=self._run_starter,
            chain_starter=self._chains.starter,
            access=self._run_access,
            refused=self._refused_runs,
            replies=self._replies,
        )
        return (
            *self._model_cogs(client),
            CancelRuns(client, engine=self._engine, runs=runs, missed_reactions=self._missed_reactions),
            buttons,
            FixIt(
                refused=self._refused_runs,
                runs=runs,
                catalog=self._catalog,
                access=self._run_access,
                starter=self._run_starter,
                chains=self._chains.finder,
                chain_starter=self._chains.starter,
                run_buttons=buttons,
            ),
            ResultMenu(
                runs=runs,
                library=self._store.library,
                messages=self._result_messages,
                entries=(
                    *FAVOURITE_ENTRIES,
                    *CHARACTER_ENTRIES,
                    *PRESET_ENTRIES,
                    *CHAIN_ENTRIES,
                    *RESULT_ENTRIES,
                ),
            ),
            ResultReactions(
                client,
                runs=runs,
                results=self._store.results,
                messages=self._result_messages,
                changes=self._result_changes,
                direct_messages=self._direct_messages,
                limiter=self._replies.limiter,
                clock=self._clock,
            ),
            PrivateRuns(engine=self._engine, runs=runs, direct_messages=self._direct_messages, clock=self._clock),
            ResultActions(
                runs=runs,
                access=self._run_access,
                messages=self._result_messages,
                changes=self._result_changes,
                direct_messages=self._direct_messages,
            ),
            About(
                client,
                catalog=self._catalog,
                access=self._run_access,
                starter=self._run_starter,
                clock=self._clock,
                version=VERSION,
                link=self._settings.about_url,
                process=None if self._cluster is None else self._cluster.me.id,
            ),
            RunsCommands(client, engine=self._engine, runs=runs),
            *self._server_cogs(client),
            *self._library.cogs(offers=self._next_offers),
            *self._personal_cogs(client),
            BudgetCommands(
                client,
                budgets=self._store.budgets,
                catalog=self._catalog,
                editors=self._editors,
                server_log=self._server_log,
            ),
            UsageCommand(
                budgets=self._store.budgets,
                editors=self._editors,
                workers=self._workers,
                clock=self._clock,
                has_unpriced=self._settings.unknown_price == "free",
            ),
            PrivacyCommands(
                runs=runs,
                gallery=self._store.gallery,
                keep=self._retention_periods(),
                on_replicate=bool(self._settings.replicate_token),
                wake_keeper=self._library.keeper.wake,
                published=self._published_presets,
                clock=self._clock,
                forget_refused=self._refused_runs.forget_person,
            ),
        )

    def _server_cogs(self, client: Replicord) -> Iterator[commands.Cog]:
        store = self._store
        yield ServerCommands(
            servers=store.servers,
            runs=store.runs,
            catalog=self._catalog,
            chains=self._chains.configured,
            access=self._run_access,
            server_log=self._server_log,
            budgets=store.budgets,
            policy=self._policy,
            clock=self._clock,
        )
        yield ReportResultMenu(
            client,
            runs=store.runs,
            reports=store.reports,
            servers=store.servers,
            server_log=self._server_log,
            remover=ResultRemover(client, engine=self._engine, changes=self._result_changes),
            clock=self._clock,
        )

    def _personal_cogs(self, client: Replicord) -> Iterator[commands.Cog]:
        yield CharacterCommands(
            client,
            characters=self._store.characters,
            pictures=PictureReader(spool=self._input_spool, workers=self._workers),
            runs=self._store.runs,
            files=self._result_files,
            clock=self._clock,
            new_id=_new_id,
        )
        yield PresetCommands(
            presets=self._store.presets,
            runs=self._store.runs,
            catalog=self._catalog,
            access=self._run_access,
            starter=self._run_starter,
            editors=self._editors,
            published=self._published_presets,
            clock=self._clock,
            new_id=_new_id,
        )
        yield PreferencesCommand(
            preferences=self._store.preferences, languages=self._leased_work.languages, catalog=self._catalog
        )
        yield ServerShares(client, shares=self._store.shares, published=self._published_presets, clock=self._clock)

    def _model_cogs(self, client: Replicord) -> Iterator[commands.Cog]:
        catalog, starter = self._catalog, self._run_starter
        autocomplete = ModelAutocomplete(search=self._search, catalog=catalog, clock=self._clock)
        yield self._generate
        forms = RunForms(catalog=catalog, starter=starter, access=self._run_access)
        yield ModelsCommands(
            catalog=catalog,
            search=self._search,
            generate=self._generate,
            autocomplete=autocomplete,
            editors=self._editors,
            pricing=self._pricing,
            access=self._run_access,
            forms=forms,
        )
        yield self._chains.commands
        if self._run_access.is_any_model_offered:
            yield RunCommand(
                forms=forms,
                autocomplete=autocomplete,
                access=self._run_access,
                any_model=self._settings.run_any,
            )
        yield UseAsSubject(client, catalog=catalog, starter=starter, personal=self._personal, runs=self._store.runs)
        yield TryOn(runs=self._store.runs, catalog=catalog, access=self._run_access, starter=starter)
        yield self._build_next_actions(client)

    def _build_next_actions(self, client: Replicord) -> NextActions:
        runs = self._store.runs
        flow = NextFlow(
            catalog=self._catalog,
            offers=self._next_offers,
            runs=runs,
            starter=self._run_starter,
            access=self._run_access,
            draw=secrets.randbelow,
        )
        pictures = PictureFinder(runs=runs, files=self._result_files, clock=self._clock)
        return NextActions(client, runs=runs, pictures=pictures, flow=flow, personal=self._personal)

    async def _find_gallery_rules(self, guild_id: int) -> GalleryRules | None:
        rules = await self._store.servers.get_rules(guild_id)
        if rules.gallery_channel_id is None:
            return None
        return GalleryRules(guild_id=guild_id, channel_id=rules.gallery_channel_id, stars=rules.gallery_stars)

    def _retention_periods(self) -> RetentionPeriods:
        return RetentionPeriods(
            prompts=self._settings.keep_prompts, files=self._settings.keep_files, runs=self._settings.keep_runs
        )

    def _maintenance(self) -> Maintenance:
        return Maintenance(
            runs=self._store.runs,
            spool=self._spool,
            keep=self._retention_periods(),
            load_commands=self._publisher.retry,
            is_mine=self._does_maintenance,
            clock=self._clock,
        )

    def _readiness(self) -> Mapping[str, bool]:
        parts = {"discord": self._client.is_ready() and not self._client.is_closed(), **self._health_checks.results}
        is_saved = self._store.database.is_writable and not self._engine.stats().unsaved
        if self._cluster is not None:
            parts["lease"] = self._cluster.leases.is_valid  # perhaps of none: a process to spare is ready, too
        return {**parts, "database": parts["database"] and is_saved}

    def _exposition(self) -> bytes:
        stats = self._engine.stats()
        self._metrics.queue_length.set(stats.queued)
        for backend, (queued, active) in stats.by_backend.items():
            self._metrics.backend_queue.labels(backend=backend).set(queued)
            self._metrics.backend_runs.labels(backend=backend).set(active)
        self._metrics.runs_active.set(sum(stats.phases.values()))
        if self._cluster is not None:
            self._cluster.update_metrics()
        for shard, seconds in self._client.latencies:
            if not is_measured(seconds):
                continue
            self._metrics.gateway_latency.labels(shard=str(shard)).set(seconds)
        return self._metrics.exposition()

    async def _run_maintenance(self) -> None:
        has_readiness = self._settings.http_port is not None
        jobs = [self._health_checks.run()] if has_readiness else []
        if self._webhook_secret is not None:
            jobs.append(self._webhook_secret.keep_asking())
        budgets = BudgetWatch(
            self._client,
            budgets=self._store.budgets,
            channel=self._settings.log_channel,
            server_log=self._server_log,
            metrics=self._metrics,
            clock=self._clock,
        )
        await asyncio.gather(self._maintenance().run(), budgets.run(), self._refused_runs.run(), *jobs)

    async def _check_database(self) -> None:
        await self._store.key_value.put("alive", self._clock.now().isoformat())

    def _materializer(self, run: Run) -> Materializer:
        async def shrink(source: Path, target: Path, limit: int) -> bool:
            return await self._workers.run(
                shrink_image_file, source, target, limit, owner=run.author_id, seconds=SHRINK_SECONDS
            )

        return Materializer(
            self._downloader,
            folder=self._spool.folder(run.id),
            stem=_stem(run),
            limit=run.place.file_limit,
            created_at=run.created_at,
            downloads=self._downloads,
            shrink=shrink,
            quota=self._spool.quota,
            workers=self._workers,
        )


def _new_id() -> str:
    """Return a new id of a run, a character or a preset."""
    return secrets.token_hex(6)


def _stem(run: Run) -> str:
    """Return the beginning of the names of a run's files: its command, or its model for /run.

    The files of a chain's steps are on one card, so theirs begin with the number of the step.
    """
    if run.chain is not None:
        return f"{run.chain.number}-{run.command}"
    return parse_target(run.target).name if run.command == ANY_MODEL else run.command


def _policy(settings: Settings) -> Policy:
    return Policy(
        active_per_user=settings.runs_per_user,
        waits_for_own=settings.runs_over_limit == "wait",
        per_day=settings.runs_per_day,
        deadline=settings.run_deadline,
        resend_unfinished=settings.cog_resend,
        file_hosts=tuple(settings.replicate_file_hosts),
    )
