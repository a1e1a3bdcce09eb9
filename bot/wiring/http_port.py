"""The bot's HTTP port: health, metrics, and the webhooks of Replicate and of Cog servers."""

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from bot.backends.prediction import Prediction
from bot.cog_servers import CogServers
from bot.observability.discord_metrics import is_measured
from bot.observability.health_checks import HealthChecks
from bot.outputs.spooled import PredictionReader
from bot.wiring.core import Core

if TYPE_CHECKING:
    from bot.web.cog_webhooks import CogReceiver
    from bot.web.refusals import RefusalLog
    from bot.web.server import WebServer
    from bot.web.webhooks import WebhookReceiver, WebhookSecret


class HttpPort:
    """Builds the server and what it answers. ``jobs`` keep the answers new; without a port there are none.

    ``cog`` and ``predictions`` are for what Cog servers send.
    """

    def __init__(self, core: Core, *, cog: CogServers | None, predictions: PredictionReader) -> None:
        self._core = core
        self._cog = cog
        self._predictions = predictions
        self._webhook_secret: WebhookSecret | None = None
        self._health_checks = HealthChecks(
            {"database": self._check_database}
            | ({"replicate": core.replicate.get_account} if core.settings.replicate_token else {}),
            clock=core.clock,
        )

    async def build_server(self, host: str, port: int) -> "WebServer":
        """Return the server for health, metrics and, if WEBHOOK_URL is set, Replicate's webhooks."""
        # Imported here because aiohttp's server takes 2 MB, which a bot without a port need not spend.
        from bot.web.health import HealthRoutes  # noqa: PLC0415  # see above
        from bot.web.refusals import RefusalLog  # noqa: PLC0415  # see above
        from bot.web.server import WebServer  # noqa: PLC0415  # see above

        refusals = RefusalLog(self._core.clock)
        health = HealthRoutes(readiness=self._readiness, metrics=self._exposition, clock=self._core.clock)
        webhooks = await self._build_webhook_receiver(refusals) if self._core.settings.webhook_url else None
        cog = self._build_cog_receiver(self._cog, refusals) if self._cog is not None else None
        return WebServer(host=host, port=port, health=health, refusals=refusals, webhooks=webhooks, cog=cog)

    def _build_cog_receiver(self, cog: CogServers, refusals: "RefusalLog") -> "CogReceiver":
        from bot.web.cog_webhooks import CogReceiver  # noqa: PLC0415  # as above

        return CogReceiver(
            addresses=cog.addresses,
            token=self._core.settings.cog_token,
            ends=self._core.store.prediction_ends,
            reader=self._predictions,
            wake_run=self._wake_run,
            clock=self._core.clock,
            metrics=self._core.metrics,
            refusals=refusals,
        )

    async def _build_webhook_receiver(self, refusals: "RefusalLog") -> "WebhookReceiver":
        """Return the receiver, disabled if Replicate does not return its secret now: runs work without webhooks."""
        from bot.web.webhooks import WebhookReceiver, WebhookSecret  # noqa: PLC0415  # as above

        receiver = WebhookReceiver(wake_run=self._wake_run, metrics=self._core.metrics, refusals=refusals)
        self._webhook_secret = WebhookSecret(receiver, self._core.replicate, clock=self._core.clock)
        await self._webhook_secret.load()
        return receiver

    def jobs(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs as long as the bot does."""
        jobs = [self._health_checks.run()] if self._core.settings.http_port is not None else []
        if self._webhook_secret is not None:
            jobs.append(self._webhook_secret.keep_asking())
        return jobs

    def _wake_run(self, run_id: str, prediction: Prediction | None = None) -> bool:
        return self._core.processes.wake_run(run_id, prediction, self._core.engine)

    def _readiness(self) -> Mapping[str, bool]:
        client, core = self._core.client, self._core
        parts = {"discord": client.is_ready() and not client.is_closed(), **self._health_checks.results}
        is_saved = core.store.database.is_writable and not core.engine.stats().unsaved
        return {**parts, **core.processes.readiness, "database": parts["database"] and is_saved}

    def _exposition(self) -> bytes:
        metrics, stats = self._core.metrics, self._core.engine.stats()
        metrics.queue_length.set(stats.queued)
        for backend, (queued, active) in stats.by_backend.items():
            metrics.backend_queue.labels(backend=backend).set(queued)
            metrics.backend_runs.labels(backend=backend).set(active)
        metrics.runs_active.set(sum(stats.phases.values()))
        self._core.processes.update_metrics()
        for shard, seconds in self._core.client.latencies:
            if not is_measured(seconds):
                continue
            metrics.gateway_latency.labels(shard=str(shard)).set(seconds)
        return metrics.exposition()

    async def _check_database(self) -> None:
        await self._core.store.key_value.put("alive", self._core.clock.now().isoformat())
