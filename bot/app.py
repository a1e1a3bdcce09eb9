"""The composition root: makes every part and hands parts over by keyword."""

import asyncio
import importlib.metadata
import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import httpx
import structlog
from discord.ext import commands

from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.resolve import Resolver
from bot.catalog.search import Search
from bot.chores import Chores, Keep
from bot.client import DEFAULT_GATEWAY, Replicord
from bot.clock import Clock
from bot.errors import ConfigError
from bot.limits import FILE_BYTES
from bot.observing import Instruments
from bot.outputs.fetch import Fetcher
from bot.outputs.gather import Bench, Gatherer
from bot.outputs.spool import Spool
from bot.replicate.breath import Breathing
from bot.replicate.client import Replicate
from bot.replicate.errors import Forbidden, NotFound, ReplicateError, Unauthenticated
from bot.replicate.webhooks import Verifier
from bot.runs import Run, Target
from bot.runs.bell import end
from bot.runs.engine import Engine
from bot.runs.policy import Policy
from bot.settings import Settings
from bot.store.location import Location
from bot.store.store import Store
from bot.telemetry.metrics import CONTENT_TYPE
from bot.ui.controls import CONTROLS
from bot.ui.crosses import Crosses
from bot.ui.live import LiveMessages
from bot.ui.model_controls import ModelButton
from bot.ui.translator import Translator, read_languages
from bot.watch import Watch
from cogs._invocation import Invocations
from cogs._keeping import Keeping
from cogs._model_choices import ModelChoices
from cogs._registration import Registration
from cogs._rights import AnyModel, Editors
from cogs.about import About
from cogs.anything import Anything
from cogs.model_commands import ModelCommands
from cogs.models import Models
from cogs.privacy import Privacy
from cogs.run_buttons import RunButtons
from cogs.runs import Runs
from cogs.stopping import Stopping
from cogs.subject import UseAsSubject

if TYPE_CHECKING:
    from bot.web.deliveries import Deliveries
    from bot.web.server import WebServer

log = structlog.get_logger(__name__)

VERSION = importlib.metadata.version("replicord")

# Docker and systemd kill ten seconds after SIGTERM; the last edits get most of them.
_GRACE = timedelta(seconds=8)

# Seconds between two reads of a stream: a text is shown once a second, and reading each token by itself is dear.
_BREATH_SHORTEST, _BREATH_LONGEST = 0.1, 0.34


class App:
    """The bot, put together. ``run`` is its life."""

    def __init__(
        self, settings: Settings, *, store: Store, http: httpx.AsyncClient, clock: Clock, instruments: Instruments
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._instruments = instruments
        custom_gateway = str(settings.discord_gateway_url) != DEFAULT_GATEWAY
        self._client = Replicord(
            on_login=self._on_login,
            shards=1 if custom_gateway else None,
            trace=instruments.discord.trace(),
            received=instruments.discord.received,
        )
        self._replicate = Replicate(
            http,
            token=settings.replicate_api_token.get_secret_value(),
            base_url=settings.replicate_base_url,
            clock=clock,
            meter=instruments.replicate,
            breathing=Breathing(shortest=_BREATH_SHORTEST, longest=_BREATH_LONGEST),
        )
        self._spool = Spool(Location.parse(settings.database_url).folder / "spool")
        self._fetcher = Fetcher(
            http,
            hosts=settings.replicate_file_hosts,
            max_bytes=FILE_BYTES,
            clock=clock,
            on_bytes=instruments.fetched,
        )
        self._bench = Bench.of()
        self._views = LiveMessages(self._client, ledger=store.runs, clock=clock, meter=instruments.runs)
        self._crosses = Crosses(self._client, self._views.gate)
        self._engine = Engine(
            replicate=self._replicate,
            runs=store.runs,
            gather=self._gatherer,
            open_view=self._views,
            clock=clock,
            new_id=lambda: secrets.token_hex(6),
            policy=_policy(settings),
            observer=instruments.runs,
        )
        self._catalog = Catalog(
            specs=settings.specs,
            hidden=settings.hidden_inputs,
            resolver=Resolver(self._replicate, store.commands),
            rows=store.commands,
            clock=clock,
        )
        self._search = Search(self._replicate.models, clock=clock)
        self._registration = Registration(self._client, memory=store.notes, guild=settings.command_guild)
        self._invocations = Invocations(self._engine)
        self._models = ModelCommands(
            self._client, catalog=self._catalog, invocations=self._invocations, registration=self._registration
        )
        self._missing: tuple[str, ...] = ()
        self._published = False
        self._watch = Watch({"database": self._write_something, "replicate": self._replicate.account}, clock=clock)

    async def server(self, host: str, port: int) -> "WebServer":
        """Return the server for health, metrics and, where a public URL is set, Replicate's calls."""
        # 2 MB of aiohttp's server, for those who open a port.
        from bot.web.health import Health  # noqa: PLC0415
        from bot.web.server import WebServer  # noqa: PLC0415

        health = Health(ready=self._ready, metrics=self._exposition, metrics_type=CONTENT_TYPE)
        deliveries = await self._deliveries() if self._settings.webhook_url else None
        return WebServer(host=host, port=port, health=health, deliveries=deliveries)

    async def _deliveries(self) -> "Deliveries | None":
        """Return what takes Replicate's calls; None while its signing secret cannot be had: runs do without."""
        try:
            verifier = Verifier(await self._replicate.webhooks.secret(), self._clock)
        except (Unauthenticated, Forbidden, NotFound) as error:
            raise ConfigError(f"WEBHOOK_URL is set; Replicate did not tell its signing secret: {error}") from error
        except ReplicateError as error:
            log.warning("Webhooks are off until the next start: their secret could not be had.", error=str(error))
            return None
        from bot.web.deliveries import Deliveries  # noqa: PLC0415  # as above

        return Deliveries(verifier=verifier, wake=self._engine.wake, count=self._instruments.delivery)

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
            await self._views.close()
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
            await end(works)

    async def offer(self) -> tuple[Mapping[str, Any], ...]:
        """Add every command there is and return them as Discord gets them; Discord is not told yet."""
        self._missing = await self._catalog.load()
        for cog in self._cogs(self._client):
            await self._client.add_cog(cog)
        await self._client.tree.set_translator(Translator(read_languages()))
        return tuple(command.to_dict(self._client.tree) for command in self._client.tree.get_commands())

    async def _on_login(self, client: Replicord) -> None:
        """Add what people can use, before the gateway opens."""
        client.add_dynamic_items(*CONTROLS, ModelButton)
        client.add_listener(self._instruments.gateway.on_shard_resumed)
        client.add_listener(self._instruments.gateway.on_shard_ready)
        await self.offer()
        log.info("Logged in.", commands=[command.name for command in self._catalog])

    async def _recover(self) -> None:
        """Pick up what a former life left."""
        recovered = await self._engine.recover(self._crosses.asked)
        log.info("Every run that was under way is looked after again.", recovered=recovered)

    async def _publish(self) -> None:
        """Tell Discord the commands if they changed."""
        try:
            await self._registration.sync()
            self._published = True
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("Discord did not take the commands; it is tried again.", error=str(error))

    def _cogs(self, client: Replicord) -> tuple[commands.Cog, ...]:
        runs = self._store.runs
        keeping = Keeping.of(self._settings.keep_prompts, self._settings.keep_files, self._settings.keep_runs)
        editors = Editors(client, self._settings.model_editors)
        any_model = AnyModel(self._settings.run_any, editors)
        buttons = RunButtons(
            book=runs,
            catalog=self._catalog,
            invocations=self._invocations,
            any_model=any_model,
            fresh_token=self._views.fresh_token,
        )
        return (
            *self._model_cogs(client, editors, any_model),
            Stopping(
                client, engine=self._engine, book=runs, crosses=self._crosses, fresh_token=self._views.fresh_token
            ),
            buttons,
            About(client, catalog=self._catalog, version=VERSION, link=self._settings.about_url),
            Runs(client, engine=self._engine, runs=runs),
            Privacy(memory=runs, keeping=keeping),
        )

    def _model_cogs(self, client: Replicord, editors: Editors, any_model: AnyModel) -> Iterator[commands.Cog]:
        catalog, invocations = self._catalog, self._invocations
        choices = ModelChoices(search=self._search, catalog=catalog, clock=self._clock)
        yield self._models
        yield Models(catalog=catalog, search=self._search, offered=self._models, choices=choices, editors=editors)
        if any_model.rule != "nobody":
            yield Anything(catalog=catalog, invocations=invocations, choices=choices, any_model=any_model)
        yield UseAsSubject(client, catalog=catalog, invocations=invocations)

    def _chores(self) -> Chores:
        keep = Keep(prompts=self._settings.keep_prompts, files=self._settings.keep_files, runs=self._settings.keep_runs)
        return Chores(
            runs=self._store.runs,
            spool=self._spool,
            keep=keep,
            load_commands=self._load_missing_commands,
            clock=self._clock,
        )

    async def _load_missing_commands(self) -> bool:
        """Try again for commands that Replicate did not tell or Discord did not take; True when none is missing."""
        if not self._client.is_ready():
            return False
        if self._missing or not self._published:
            missing = await self._catalog.load()
            await self._models.publish()  # raises when Discord does not take them: then they are still missing
            self._missing, self._published = missing, True
        return not self._missing

    def _ready(self) -> Mapping[str, bool]:
        return {"discord": self._client.is_ready() and not self._client.is_closed(), **self._watch.works}

    def _exposition(self) -> bytes:
        return self._instruments.exposition(self._engine.snapshot(), self._client.latencies)

    async def _on_the_side(self) -> None:
        watched = self._settings.http_port is not None  # else nobody can ask
        await asyncio.gather(self._chores().go_on(), *([self._watch.go_on()] if watched else []))

    async def _write_something(self) -> None:
        await self._store.notes.put("alive", self._clock.now().isoformat())

    def _gatherer(self, run: Run) -> Gatherer:
        return Gatherer(
            self._fetcher,
            folder=self._spool.folder(run.id),
            stem=_stem(run),
            limit=run.place.file_limit,
            created_at=run.created_at,
            bench=self._bench,
        )


def _stem(run: Run) -> str:
    """Return what a run's files are called: after its command, or its model where any model can be run."""
    return Target.parse(run.target).name if run.command == ANY_MODEL else run.command


def _policy(settings: Settings) -> Policy:
    return Policy(
        active_per_user=settings.runs_per_user,
        per_day=settings.runs_per_day,
        creates_per_minute=settings.creates_per_minute,
        deadline=settings.run_deadline,
        webhook_base=settings.webhook_url,
        file_hosts=tuple(settings.replicate_file_hosts),
    )
