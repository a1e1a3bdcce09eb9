"""The port: whether the bot can listen there, and whether a signed delivery finds its way in by WEBHOOK_URL."""

import ipaddress
import json
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp
from standardwebhooks.webhooks import Webhook

from bot.backends.replicate.client import Replicate
from bot.backends.replicate.errors import ReplicateError
from bot.backends.replicate.webhooks import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, WebhookVerifier
from bot.clock import Clock
from bot.diagnostics.result import CheckResult, Report, failed, ok
from bot.errors import ConfigError
from bot.observability.metrics import Metrics
from bot.settings import Settings
from bot.web.health import Health
from bot.web.server import WebServer
from bot.web.webhooks import WebhookReceiver

_PATIENCE = aiohttp.ClientTimeout(total=10.0)
_OURS = "replicord"  # what the bot's own server calls itself
_RUN = "check"  # no run has this id, so a delivery for it is taken and does nothing


async def check_http(settings: Settings, *, replicate: Replicate | None, clock: Clock, tell: Report) -> None:
    """Tell whether the port can be had; with ``replicate`` also whether a signed delivery arrives by WEBHOOK_URL."""
    if settings.http_port is None:
        tell(ok("HTTP_PORT is unset: no health, no metrics, no webhooks."))
        return
    secret = None
    if settings.webhook_url and replicate is not None:
        secret = await _secret(replicate, clock, tell)
    async with AsyncExitStack() as stack:
        server = _server(settings, secret, clock)
        try:
            await server.start()
            stack.push_async_callback(server.stop)
        except ConfigError as taken:
            if not await _held_by_ours(settings):
                tell(failed(taken.sentence))
                return
            tell(ok(f"Port {settings.http_port}: a Replicord is running there."))
        else:
            tell(ok(f"Port {settings.http_port} on {settings.http_host} is free."))
        if settings.webhook_url and secret is not None:
            tell(_addressable(settings) or await _probe(settings.webhook_url, secret, clock))


async def _secret(replicate: Replicate, clock: Clock, tell: Report) -> str | None:
    try:
        secret = await replicate.webhooks.get_secret()
        WebhookVerifier(secret, clock)
    except ReplicateError as error:
        tell(
            failed(
                f"WEBHOOK_URL is set, and Replicate did not tell the secret that it signs with ({error}). "
                "Mend the token, or unset WEBHOOK_URL: the bot works without."
            )
        )
        return None
    tell(ok("Webhooks: Replicate told the secret that it signs with."))
    return secret


def _server(settings: Settings, secret: str | None, clock: Clock) -> WebServer:
    health = Health(readiness=dict, metrics=bytes)
    webhooks = None
    if secret:
        verifier = WebhookVerifier(secret, clock)
        webhooks = WebhookReceiver(verifier=verifier, wake_run=lambda *_: False, metrics=Metrics())
    return WebServer(host=settings.http_host, port=settings.http_port or 0, health=health, webhooks=webhooks)


async def _held_by_ours(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.http_host, settings.http_host)  # noqa: S104  # read, not bound
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.get(f"http://{host}:{settings.http_port}/healthz") as answer,
        ):
            return answer.status == 200 and answer.headers.get("Server") == _OURS
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


def _addressable(settings: Settings) -> CheckResult | None:
    """Return what keeps Replicate itself from using WEBHOOK_URL; a stand-in on this machine may use any."""
    address = urlsplit(settings.webhook_url or "")
    if _is_here(urlsplit(settings.replicate_base_url).hostname):
        return None
    if _is_here(address.hostname):
        return failed(
            f"WEBHOOK_URL is {settings.webhook_url}, which is this machine for Replicate. Give a public address."
        )
    if address.scheme != "https":
        return failed("WEBHOOK_URL must begin with https: Replicate calls no other. Put a TLS proxy before HTTP_PORT.")
    return None


def _is_here(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


async def _probe(base: str, secret: str, clock: Clock) -> CheckResult:
    """Send a signed delivery the way Replicate would, and tell whether it arrived."""
    body, now = json.dumps({"id": _RUN}), clock.now()
    headers = {
        ID_HEADER: "msg_check",
        TIMESTAMP_HEADER: str(int(now.timestamp())),
        SIGNATURE_HEADER: Webhook(secret).sign("msg_check", now, body),
        "Content-Type": "application/json",
    }
    url = f"{base}/webhooks/replicate/{_RUN}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            status, ours = answer.status, answer.headers.get("Server") == _OURS
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return failed(
            f"WEBHOOK_URL {base} was not reached from here ({error or 'no answer in 10 s'}). "
            "Lead it to HTTP_HOST and HTTP_PORT."
        )
    if status == 204:
        return ok(f"Webhooks: a signed delivery found its way in by {base}.")
    if status == 401 and ours:
        return failed(
            f"A delivery by {base} arrived changed. Let the proxy pass bodies and webhook-* headers as they are."
        )
    return failed(f"{base} answered {status} to a delivery. Lead /webhooks/ there to HTTP_HOST and HTTP_PORT.")
