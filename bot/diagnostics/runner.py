"""The doctor's round: every part is looked at, whatever became of the one before."""

import sys
from contextlib import AsyncExitStack

from bot.app import App
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.transport import open_http
from bot.catalog.command import merge_specs
from bot.catalog.resolve import ModelResolver
from bot.client import Replicord
from bot.clock import SystemClock
from bot.diagnostics.database import check_database
from bot.diagnostics.discord import (
    FAILURES,
    Shape,
    check_application,
    check_commands,
    check_gateway,
    check_guilds,
    check_login,
    shape,
)
from bot.diagnostics.http import check_http
from bot.diagnostics.models import CheckContext, check_account, check_models
from bot.diagnostics.result import CheckResult, Report, failed, listed, ok
from bot.discord_internals import set_api_urls
from bot.errors import ConfigError
from bot.observability.logs import configure_logging
from bot.observability.metrics import Metrics
from bot.settings import Settings
from bot.store.store import Store

_WELL, _ILL, _MISCONFIGURED = 0, 1, 2
_IN_MEMORY = "sqlite+aiosqlite:///:memory:"


async def check(*, offline: bool) -> int:
    """Tell a line for each part, ✓ or ✗ with its mend; return 0, 1 where something is wrong, 2 for the settings."""
    try:
        settings = Settings.load()
    except ConfigError as error:
        for line in error.sentence.splitlines():
            _write(failed(line))
        return _MISCONFIGURED
    secrets = [settings.discord_token.get_secret_value(), settings.replicate_api_token.get_secret_value()]
    # What the rooms log on the way is told in a finding, and better.
    configure_logging(level="critical", secrets=secrets)
    doctor = _Runner(settings)
    async with AsyncExitStack() as stack:
        await doctor.look(stack, offline=offline)
    return _WELL if doctor.well else _ILL


class _Runner:
    """Goes from part to part and remembers whether all was well."""

    def __init__(self, settings: Settings) -> None:
        self.well = True
        self._settings = settings
        self._clock = SystemClock()

    def tell(self, finding: CheckResult) -> None:
        """Write a finding down."""
        self.well = self.well and finding.good
        _write(finding)

    async def look(self, stack: AsyncExitStack, *, offline: bool) -> None:
        """Look at everything; with ``offline`` at what needs no network."""
        settings, clock, tell = self._settings, self._clock, self.tell
        names = listed([f"/{spec.name}" for spec in settings.specs])
        tell(ok(f"Settings: they make sense; {names} {'is' if len(settings.specs) == 1 else 'are'} configured."))
        store = await check_database(settings.database_url, clock=clock, tell=tell)
        if store is not None:
            stack.push_async_callback(store.close)
        added = await store.commands.list_all() if store is not None else ()
        if offline:
            await check_http(settings, replicate=None, clock=clock, tell=tell)
            tell(ok("Discord and Replicate were not asked (--offline)."))
            return
        # A memory of its own: whatever was remembered, Replicate is asked.
        memory = await Store.open(_IN_MEMORY, clock=clock)
        stack.push_async_callback(memory.close)
        http = await stack.enter_async_context(open_http())
        token, base_url = settings.replicate_api_token.get_secret_value(), settings.replicate_base_url
        metrics = Metrics()
        replicate = Replicate(http, token=token, base_url=base_url, clock=clock, metrics=metrics)
        bench = CheckContext(
            replicate=replicate,
            resolver=ModelResolver(replicate, memory.commands),
            hidden=settings.hidden_inputs,
            base_url=base_url,
        )
        welcome = await check_account(bench, tell)
        if welcome:
            await check_models(bench, merge_specs(settings.specs, added), tell)
        await check_http(settings, replicate=replicate if welcome else None, clock=clock, tell=tell)
        wanted = None
        if welcome:
            for row in added:
                await memory.commands.save(row)
            app = App(settings, store=memory, http=http, clock=clock, metrics=metrics)
            wanted = shape(await app.build_commands())
        await _look_at_discord(settings, wanted, tell)


async def _look_at_discord(settings: Settings, wanted: Shape | None, tell: Report) -> None:
    set_api_urls(settings.discord_api_url, str(settings.discord_gateway_url))
    async with Replicord(on_login=_nothing) as client:
        if not await check_login(client, settings, tell):
            return
        try:
            await check_application(client, tell)
            await check_gateway(client, str(settings.discord_gateway_url), tell)
            if wanted is not None:
                await check_commands(client, wanted, settings.command_guild, tell)
            await check_guilds(client, tell)
        except FAILURES as error:
            tell(failed(f"Discord stopped answering ({error or type(error).__name__}). Check again in a minute."))


async def _nothing(_: Replicord) -> None:
    """Leave the tree as it is: nothing is registered by looking."""


def _write(finding: CheckResult) -> None:
    sys.stdout.write(f"{finding}\n")
    sys.stdout.flush()
