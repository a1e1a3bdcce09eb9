"""The composition root: opens every resource in order, wires the parts together, closes in reverse."""

import asyncio
import gc
import importlib.metadata
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import httpx
import structlog
from discord.ext import commands

from bot.aio import cancel_and_wait
from bot.backends.replicate.client import Replicate, open_http
from bot.backends.replicate.errors import Forbidden, NotFound, ReplicateError, Unauthenticated
from bot.backends.replicate.transport import ReadScheduler
from bot.backends.replicate.webhooks import WebhookVerifier
from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.resolve import ModelResolver
from bot.catalog.search import ModelSearch
from bot.client import Replicord
from bot.clock import Clock, SystemClock
from bot.discord_internals import DEFAULT_GATEWAY, set_api_urls
from bot.errors import ConfigError
from bot.limits import FILE_BYTES
from bot.maintenance import Maintenance, RetentionPeriods
from bot.observability.discord_metrics import DiscordMetrics
from bot.observability.health_checks import HealthChecks
from bot.observability.logs import configure_logging
from bot.observability.metrics import CONTENT_TYPE, Metrics
from bot.outputs.download import Downloader
from bot.outputs.materialize import Concurrency, Materializer, Spool
from bot.runs import ModelRef, Run
from bot.runs.engine import Engine
from bot.runs.policy import Policy
from bot.settings import Settings
from bot.store.database import DatabaseLocation
from bot.store.store import Store
from bot.ui.components import PERSISTENT_BUTTONS
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.registry import ReplyRegistry
from bot.ui.translator import Translator, read_languages
from cogs.about.cog import About
from cogs.cancel.cog import CancelRuns
from cogs.generate.cog import GenerateCommands
from cogs.generate.command_sync import CommandSync
from cogs.models.autocomplete import ModelAutocomplete
from cogs.models.cog import ModelsCommands
from cogs.permissions import AnyModelRule, Editors
from cogs.privacy.cog import PrivacyCommands
from cogs.run.cog import RunCommand
from cogs.run_buttons.cog import RunButtons
from cogs.runs.cog import RunsCommands
from cogs.start_run import RunStarter
from cogs.use_as_subject.cog import UseAsSubject

if TYPE_CHECKING:
    from bot.web.server import WebServer
    from bot.web.webhooks import WebhookReceiver


log = structlog.get_logger(__name__)

VERSION = importlib.metadata.version("replicord")

# Docker and systemd kill ten seconds after SIGTERM; the last edits get most of them.
_GRACE = timedelta(seconds=8)

# Seconds between two reads of a stream: a text is shown once a second, and reading each token by itself is dear.
_BREATH_SHORTEST, _BREATH_LONGEST = 0.1, 0.34


class App:
    """The bot, put together. ``run`` is its life."""

    def __init__(
        self, settings: Settings, *, store: Store, http: httpx.AsyncClient, clock: Clock, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._discord_metrics = DiscordMetrics(metrics, clock=clock)
        custom_gateway = str(settings.discord_gateway_url) != DEFAULT_GATEWAY
        self._client = Replicord(
            on_login=self._on_login,
            shards=1 if custom_gateway else None,
            trace=self._discord_metrics.trace_config(),
            received=self._discord_metrics.interaction_received,
        )
        self._replicate = Replicate(
            http,
            token=settings.replicate_api_token.get_secret_value(),
            base_url=settings.replicate_base_url,
            clock=clock,
            metrics=metrics,
            breathing=ReadScheduler(shortest=_BREATH_SHORTEST, longest=_BREATH_LONGEST),
        )
        self._spool = Spool(DatabaseLocation.parse(settings.database_url).folder / "spool")
        self._fetcher = Downloader(
            http,
            hosts=settings.replicate_file_hosts,
            max_bytes=FILE_BYTES,
            clock=clock,
            on_bytes=metrics.output_downloaded,
        )
        self._bench = Concurrency.of()
        self._replies = ReplyRegistry(self._client, ledger=store.runs, clock=clock, metrics=metrics)
        self._missed_reactions = MissedCancelReactions(self._client, self._replies.limiter)
        self._engine = Engine(
            replicate=self._replicate,
            runs=store.runs,
            materializer_for=self._materializer,
            open_reply=self._replies,
            clock=clock,
            policy=_policy(settings),
            metrics=metrics,
        )
        self._catalog = Catalog(
            specs=settings.specs,
            hidden=settings.hidden_inputs,
            resolver=ModelResolver(self._replicate, store.commands),
            rows=store.commands,
            clock=clock,
        )
        self._search = ModelSearch(self._replicate.models, clock=clock)
        self._command_sync = CommandSync(self._client, key_value=store.key_value, guild=settings.command_guild)
        self._run_starter = RunStarter(self._engine, clock=clock, new_id=lambda: secrets.token_hex(6))
        self._generate = GenerateCommands(
            self._client, catalog=self._catalog, starter=self._run_starter, sync=self._command_sync
        )
        self._missing: tuple[str, ...] = ()
        self._published = False
        self._watch = HealthChecks(
            {"database": self._write_something, "replicate": self._replicate.account}, clock=clock
        )

    async def server(self, host: str, port: int) -> "WebServer":
        """Return the server for health, metrics and, where a public URL is set, Replicate's calls."""
        # 2 MB of aiohttp's server, for those who open a port.
        from bot.web.health import Health  # noqa: PLC0415
        from bot.web.server import WebServer  # noqa: PLC0415

        health = Health(ready=self._ready, metrics=self._exposition, metrics_type=CONTENT_TYPE)
        deliveries = await self._deliveries() if self._settings.webhook_url else None
        return WebServer(host=host, port=port, health=health, deliveries=deliveries)

    async def _deliveries(self) -> "WebhookReceiver | None":
        """Return what takes Replicate's calls; None while its signing secret cannot be had: runs do without."""
        try:
            verifier = WebhookVerifier(await self._replicate.webhooks.secret(), self._clock)
        except (Unauthenticated, Forbidden, NotFound) as error:
            raise ConfigError(f"WEBHOOK_URL is set; Replicate did not tell its signing secret: {error}") from error
        except ReplicateError as error:
            log.warning("Webhooks are off until the next start: their secret could not be had.", error=str(error))
            return None
        from bot.web.webhooks import WebhookReceiver  # noqa: PLC0415  # as above

        return WebhookReceiver(verifier=verifier, wake=self._engine.on_webhook, count=self._metrics.webhook_received)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set or Discord will not have us; leave every run where the next start finds it."""
        connection = asyncio.create_task(self._connect(), name="discord")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        chores = asyncio.create_task(self._on_the_side(), name="chores")
        try:
            await asyncio.wait({connection, stopped, chores}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                log.info("Stopping. Runs go on at Replicate and are picked up at the next start.")
        finally:
            await self._engine.stop(_GRACE)
            await self._replies.close()
            await self._client.close()
            await self._search.close()
            connection.cancel()
            chores.cancel()
            stopped.cancel()
            results = await asyncio.gather(connection, chores, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _connect(self) -> None:
        try:
            await self._client.log_in(self._settings.discord_token.get_secret_value(), clock=self._clock)
        except discord.LoginFailure as error:
            raise ConfigError(
                "Discord does not know DISCORD_TOKEN. Copy it anew from your application's Bot page."
            ) from error
        # What is paid for need not wait until Discord takes the commands, nor people until a thousand runs are back.
        works = [asyncio.create_task(work) for work in (self._recover(), self._publish(), self._client.connect())]
        try:
            await asyncio.gather(*works)
        finally:
            await cancel_and_wait(works)

    async def offer(self) -> tuple[Mapping[str, Any], ...]:
        """Add every command there is and return them as Discord gets them; Discord is not told yet."""
        self._missing = await self._catalog.load()
        for cog in self._cogs(self._client):
            await self._client.add_cog(cog)
        await self._client.tree.set_translator(Translator(read_languages()))
        return tuple(command.to_dict(self._client.tree) for command in self._client.tree.get_commands())

    async def _on_login(self, client: Replicord) -> None:
        """Add what people can use, before the gateway opens."""
        client.add_dynamic_items(*PERSISTENT_BUTTONS)
        client.add_listener(self._discord_metrics.on_shard_resumed)
        client.add_listener(self._discord_metrics.on_shard_ready)
        await self.offer()
        log.info("Logged in.", commands=[command.name for command in self._catalog])

    async def _recover(self) -> None:
        """Pick up what a former life left."""
        recovered = await self._engine.recover(self._missed_reactions.find)
        log.info("Every run that was under way is looked after again.", recovered=recovered)

    async def _publish(self) -> None:
        """Tell Discord the commands if they changed."""
        try:
            await self._command_sync.sync()
            self._published = True
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("Discord did not take the commands; it is tried again.", error=str(error))

    def _cogs(self, client: Replicord) -> tuple[commands.Cog, ...]:
        runs = self._store.runs
        editors = Editors(client, self._settings.model_editors)
        any_model = AnyModelRule(self._settings.run_any, editors)
        buttons = RunButtons(
            runs=runs,
            catalog=self._catalog,
            starter=self._run_starter,
            any_model=any_model,
            replies=self._replies,
        )
        return (
            *self._model_cogs(client, editors, any_model),
            CancelRuns(
                client, engine=self._engine, runs=runs, replies=self._replies, missed_reactions=self._missed_reactions
            ),
            buttons,
            About(client, catalog=self._catalog, version=VERSION, link=self._settings.about_url),
            RunsCommands(client, engine=self._engine, runs=runs),
            PrivacyCommands(runs=runs, keep=self._retention_periods()),
        )

    def _model_cogs(self, client: Replicord, editors: Editors, any_model: AnyModelRule) -> Iterator[commands.Cog]:
        catalog, starter = self._catalog, self._run_starter
        autocomplete = ModelAutocomplete(search=self._search, catalog=catalog, clock=self._clock)
        yield self._generate
        yield ModelsCommands(
            catalog=catalog, search=self._search, generate=self._generate, autocomplete=autocomplete, editors=editors
        )
        if any_model.rule != "nobody":
            yield RunCommand(catalog=catalog, starter=starter, autocomplete=autocomplete, any_model=any_model)
        yield UseAsSubject(client, catalog=catalog, starter=starter)

    def _retention_periods(self) -> RetentionPeriods:
        return RetentionPeriods(
            prompts=self._settings.keep_prompts, files=self._settings.keep_files, runs=self._settings.keep_runs
        )

    def _chores(self) -> Maintenance:
        return Maintenance(
            runs=self._store.runs,
            spool=self._spool,
            keep=self._retention_periods(),
            load_commands=self._load_missing_commands,
            clock=self._clock,
        )

    async def _load_missing_commands(self) -> bool:
        """Try again for commands that Replicate did not tell or Discord did not take; True when none is missing."""
        if not self._client.is_ready():
            return False
        if self._missing or not self._published:
            missing = await self._catalog.load()
            await self._generate.publish()  # raises when Discord does not take them: then they are still missing
            self._missing, self._published = missing, True
        return not self._missing

    def _ready(self) -> Mapping[str, bool]:
        return {"discord": self._client.is_ready() and not self._client.is_closed(), **self._watch.works}

    def _exposition(self) -> bytes:
        stats = self._engine.stats()
        self._metrics.queue_length.set(stats.queued)
        self._metrics.runs_active.set(sum(stats.phases.values()))
        for shard, seconds in self._client.latencies:
            self._metrics.gateway_latency.labels(shard=str(shard)).set(seconds)
        return self._metrics.exposition()

    async def _on_the_side(self) -> None:
        watched = self._settings.http_port is not None  # else nobody can ask
        await asyncio.gather(self._chores().go_on(), *([self._watch.go_on()] if watched else []))

    async def _write_something(self) -> None:
        await self._store.key_value.put("alive", self._clock.now().isoformat())

    def _materializer(self, run: Run) -> Materializer:
        return Materializer(
            self._fetcher,
            folder=self._spool.folder(run.id),
            stem=_stem(run),
            limit=run.place.file_limit,
            created_at=run.created_at,
            bench=self._bench,
        )


def _stem(run: Run) -> str:
    """Return what a run's files are called: after its command, or its model where any model can be run."""
    return ModelRef.parse(run.target).name if run.command == ANY_MODEL else run.command


def _policy(settings: Settings) -> Policy:
    return Policy(
        active_per_user=settings.runs_per_user,
        per_day=settings.runs_per_day,
        creates_per_minute=settings.creates_per_minute,
        deadline=settings.run_deadline,
        webhook_base=settings.webhook_url,
        file_hosts=tuple(settings.replicate_file_hosts),
    )


_YOUNG = 10_000  # objects, before the youngest are looked at


async def serve(settings: Settings) -> int:
    """Run the bot until it is told to stop; return the exit code. ConfigError says what keeps it from running."""
    secrets_known = [settings.discord_token.get_secret_value(), settings.replicate_api_token.get_secret_value()]
    configure_logging(form=settings.log_format, level=settings.log_level, secrets=secrets_known)
    set_api_urls(settings.discord_api_url, str(settings.discord_gateway_url))
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stop = _stop_on_signals(stack)
        metrics = Metrics(version=VERSION)
        store = await Store.open(settings.database_url, clock=clock, metrics=metrics)
        stack.push_async_callback(store.close)
        http = await stack.enter_async_context(open_http())
        app = App(settings, store=store, http=http, clock=clock, metrics=metrics)
        if settings.http_port is not None:
            server = await app.server(settings.http_host, settings.http_port)
            stack.push_async_callback(server.stop)
            await server.start()
        _spare_the_collector()
        await app.run(stop)
    return 0


def _spare_the_collector() -> None:
    """Let the garbage collector look at runs and not at the program.

    What is there now stays for good: some 200,000 objects that a full collection would walk through, holding up
    everybody for a fifth of a second. What comes later leaves few cycles, so that it is looked at more rarely, and what
    is left of it in small portions.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 5, 50)


def _stop_on_signals(stack: AsyncExitStack) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; the second signal ends the program at once, as the system does."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def asked() -> None:
        stop.set()
        for number in numbers:
            # Who asks twice means now. Every step of a run is on disk first, so nothing has to be cleaned up.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    with suppress(NotImplementedError):  # Windows has no signal handlers on loops
        for number in numbers:
            loop.add_signal_handler(number, asked)
            stack.callback(loop.remove_signal_handler, number)
    return stop
