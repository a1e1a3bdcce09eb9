"""Check that the HTTP port is free, and that a signed webhook arrives at WEBHOOK_URL."""

import ipaddress
import json
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp

from bot.backends.errors import BackendError
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.webhooks import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    WebhookVerifier,
    sign_delivery,
)
from bot.clock import Clock
from bot.diagnostics.result import CheckResult, Report, failed, passed
from bot.errors import ConfigError
from bot.observability.metrics import Metrics
from bot.settings import Settings
from bot.web.health import HealthRoutes
from bot.web.refusals import RefusalLog
from bot.web.server import WebServer
from bot.web.webhooks import WebhookReceiver

_TIMEOUT = aiohttp.ClientTimeout(total=10.0)
_SERVER_NAME = "replicord"  # the Server header of the bot's own HTTP server
_RUN_ID = "check"  # no run has this id, so a webhook for it is accepted and does nothing


async def check_http(settings: Settings, *, replicate: Replicate | None, clock: Clock, report: Report) -> None:
    """Check the port; with ``replicate`` also send a signed webhook to WEBHOOK_URL."""
    if settings.http_port is None:
        report(passed("HTTP_PORT is unset: health, metrics and webhooks are disabled."))
        return
    secret = None
    if settings.webhook_url and replicate is not None:
        secret = await _check_secret(replicate, clock, report)
    async with AsyncExitStack() as stack:
        server = _create_server(settings, secret, clock)
        try:
            await server.start()
            stack.push_async_callback(server.stop)
        except ConfigError as error:
            if not await _is_used_by_replicord(settings):
                report(failed(error.sentence))
                return
            report(passed(f"Port {settings.http_port} is in use by a running Replicord."))
        else:
            report(passed(f"Port {settings.http_port} on {settings.http_host} is free."))
        if settings.webhook_url and secret is not None:
            report(_check_webhook_url(settings) or await _send_webhook(settings.webhook_url, secret, clock))


async def _check_secret(replicate: Replicate, clock: Clock, report: Report) -> str | None:
    try:
        secret = await replicate.webhooks.get_secret()
        WebhookVerifier(secret, clock)
    except BackendError as error:
        report(
            failed(
                f"WEBHOOK_URL is set, but Replicate did not return its signing secret ({error}). "
                "Check the token, or unset WEBHOOK_URL: the bot works without webhooks."
            )
        )
        return None
    report(passed("Webhooks: Replicate returned its signing secret."))
    return secret


def _create_server(settings: Settings, secret: str | None, clock: Clock) -> WebServer:
    webhooks = None
    refusals = RefusalLog(clock)
    if secret is not None:
        webhooks = WebhookReceiver(wake_run=lambda *_: False, metrics=Metrics(), refusals=refusals)
        webhooks.enable(WebhookVerifier(secret, clock))
    health = HealthRoutes(readiness=dict, metrics=bytes, clock=clock)
    return WebServer(
        host=settings.http_host, port=settings.http_port or 0, health=health, refusals=refusals, webhooks=webhooks
    )


async def _is_used_by_replicord(settings: Settings) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(f"{settings.local_http_url}/healthz") as response,
        ):
            return response.status == 200 and response.headers.get("Server") == _SERVER_NAME
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


def _check_webhook_url(settings: Settings) -> CheckResult | None:
    """Return why Replicate cannot use WEBHOOK_URL, if so; a sandbox on this machine can use any."""
    url = urlsplit(settings.webhook_url or "")
    if _is_local(urlsplit(settings.replicate_base_url).hostname):
        return None
    if _is_local(url.hostname):
        return failed(
            f"WEBHOOK_URL is {settings.webhook_url}, which only this machine can reach. Use a public address."
        )
    if url.scheme != "https":
        return failed(
            "WEBHOOK_URL must start with https, or Replicate does not call it. Put a TLS proxy in front of HTTP_PORT."
        )
    return None


def _is_local(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


async def _send_webhook(base_url: str, secret: str, clock: Clock) -> CheckResult:
    """Send a signed webhook as Replicate would, and check that it arrives."""
    body, now = json.dumps({"id": _RUN_ID}).encode(), int(clock.now().timestamp())
    headers = {
        ID_HEADER: "msg_check",
        TIMESTAMP_HEADER: str(now),
        SIGNATURE_HEADER: sign_delivery(secret, delivery_id="msg_check", timestamp=now, body=body),
        "Content-Type": "application/json",
    }
    url = f"{base_url}/webhooks/replicate/{_RUN_ID}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            status, ours = response.status, response.headers.get("Server") == _SERVER_NAME
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return failed(
            f"WEBHOOK_URL {base_url} cannot be reached from here ({error or 'no response in 10 s'}). "
            "Route it to HTTP_HOST and HTTP_PORT."
        )
    if status == 204:
        return passed(f"Webhooks: a signed test webhook arrived via {base_url}.")
    if status == 401 and ours:
        return failed(
            f"A test webhook via {base_url} was changed on the way. "
            "Let the proxy pass the body and the webhook-* headers unchanged."
        )
    return failed(
        f"{base_url} responded with status {status} to a test webhook. "
        "Route /webhooks/ there to HTTP_HOST and HTTP_PORT."
    )
