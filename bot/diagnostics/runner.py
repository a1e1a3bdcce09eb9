"""Run every check, even if the one before it failed, and print the results."""

import sys
from contextlib import AsyncExitStack

from bot.app import App
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.transport import open_http
from bot.catalog.catalog import ANY_MODEL, merge_specs
from bot.catalog.resolve import ModelResolver
from bot.client import Replicord
from bot.clock import SystemClock
from bot.cog_servers import open_cog_servers
from bot.diagnostics.cog import check_servers
from bot.diagnostics.database import check_database
from bot.diagnostics.discord import (
    CommandOptions,
    check_application,
    check_commands,
    check_gateway,
    check_guilds,
    check_login,
    read_options,
)
from bot.diagnostics.http import check_http
from bot.diagnostics.prices import check_prices
from bot.diagnostics.replicate import CheckContext, check_account, check_models
from bot.diagnostics.result import CheckResult, Report, failed, join_names, passed
from bot.diagnostics.server_rules import check_picture_checkers, check_server_rules
from bot.diagnostics.settings import check_chains, check_dotenv_file, check_durations, check_token_shapes
from bot.discord_internals import set_api_urls
from bot.errors import ConfigError
from bot.money.budgets import day_of
from bot.observability.logs import configure_logging
from bot.observability.metrics import Metrics
from bot.settings import Settings
from bot.start_failures import describe_error
from bot.store.store import Store
from bot.ui.requests import REQUEST_ERRORS

_ALL_PASSED, _SOME_FAILED, _INVALID_SETTINGS = 0, 1, 2
_IN_MEMORY = "sqlite+aiosqlite:///:memory:"


async def check(*, offline: bool) -> int:
    """Print a line for each check; return 0, 1 if one failed, or 2 if the settings are invalid.

    Nothing is registered with Discord and no prediction is created. ``offline``: skip what needs the network.
    """
    try:
        settings = Settings.load()
    except ConfigError as error:
        for line in error.sentence.splitlines():
            _print(failed(line))
        return _INVALID_SETTINGS
    secrets = [settings.discord_token.get_secret_value(), settings.replicate_token, settings.cog_token]
    configure_logging(level="critical", secrets=secrets)  # the results say it in plainer words
    results: list[CheckResult] = []

    def report(result: CheckResult) -> None:
        results.append(result)
        _print(result)

    async with AsyncExitStack() as stack:
        await _check_all(settings, stack, report, offline=offline)
    return _ALL_PASSED if all(result.passed for result in results) else _SOME_FAILED


async def _check_all(settings: Settings, stack: AsyncExitStack, report: Report, *, offline: bool) -> None:
    clock = SystemClock()
    report(passed(f"Settings are valid; commands: {join_names([f'/{spec.name}' for spec in settings.specs])}."))
    check_dotenv_file(report)
    check_durations(settings, report)
    check_token_shapes(settings, report)
    store = await check_database(settings.database_url, spool=settings.spool_folder, clock=clock, report=report)
    if store is not None:
        stack.push_async_callback(store.close)
    added = await store.commands.list_all() if store is not None else ()
    specs = merge_specs(settings.specs, added)
    check_prices(settings, specs, report, today=day_of(clock.now()), any_model=ANY_MODEL)
    if store is not None:
        names = {ANY_MODEL, *(spec.name for spec in specs), *(spec.name for spec in settings.chains)}
        await check_server_rules(store.servers, names, report)
    if offline:
        await check_http(settings, replicate=None, clock=clock, report=report)
        report(passed("Discord and Replicate were not checked (--offline)."))
        return
    # A database of its own, without cached schemas, so that Replicate is asked for every model.
    empty_store = await Store.open(_IN_MEMORY, clock=clock)
    stack.push_async_callback(empty_store.close)
    http = await stack.enter_async_context(open_http())
    metrics = Metrics()
    token, base_url = settings.replicate_token, settings.replicate_base_url
    replicate = Replicate(http, token=token, base_url=base_url, clock=clock, metrics=metrics)
    context = CheckContext(
        replicate=replicate,
        resolver=ModelResolver(replicate, empty_store.commands),
        hidden=settings.hidden_inputs,
        base_url=base_url,
    )
    # With a database that cannot be opened, its servers are checked all the same.
    cog = await open_cog_servers(settings, store or empty_store, stack)
    if cog is not None:
        await check_servers(settings.specs, cog, settings.hidden_inputs, report)
    uses_replicate = bool(settings.replicate_token)
    authenticated = uses_replicate and await check_account(context, report)
    if authenticated:
        await check_models(context, specs, report)
    await check_http(settings, replicate=replicate if authenticated else None, clock=clock, report=report)
    expected = None
    if authenticated or not uses_replicate:
        for row in added:
            await empty_store.commands.save(row)
        app = App(settings, store=empty_store, http=http, clock=clock, metrics=metrics, cog=cog)
        expected = read_options(await app.build_commands())
        check_chains(app.chains, report)
        if store is not None:
            await check_picture_checkers(store.servers, app.catalog, report)
    await _check_discord(settings, expected, report)


async def _check_discord(settings: Settings, expected: CommandOptions | None, report: Report) -> None:
    set_api_urls(settings.discord_api_url, str(settings.discord_gateway_url))
    async with Replicord(on_login=_register_nothing) as client:
        if not await check_login(client, settings, report):
            return
        try:
            await check_application(client, report)
            await check_gateway(client, str(settings.discord_gateway_url), report)
            if expected is not None:
                await check_commands(client, expected, settings.command_guild, report)
            await check_guilds(client, report)
        except REQUEST_ERRORS as error:
            report(failed(f"Discord stopped responding ({describe_error(error)}). Check again in a minute."))


async def _register_nothing(_: Replicord) -> None:
    """Add no commands or cogs at login."""


def _print(result: CheckResult) -> None:
    sys.stdout.write(f"{result}\n")
    sys.stdout.flush()
