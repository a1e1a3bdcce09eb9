"""Check the Cog servers of the configured commands: reachable, new enough, healthy, with a schema that fits."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from bot.backends.cog.backend import writes_text
from bot.backends.cog.client import CogClient, Health, HealthStatus, NotReady
from bot.backends.errors import BackendError
from bot.backends.target import ServedModel
from bot.catalog.catalog import prepare_command
from bot.catalog.resolve import ResolvedModel
from bot.cog_servers import CogServers
from bot.diagnostics.result import CheckResult, Report, failed, join_names, passed, warned
from bot.errors import UserError
from bot.settings import CommandSpec

_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})")
_OLDEST: Final = (0, 21)  # earlier ones cannot be asked for a running prediction
_OPTIONS_SHOWN: Final = 30
_BROKEN: Final[Mapping[HealthStatus, str]] = {
    HealthStatus.SETUP_FAILED: "its model could not be loaded. Read the server's log, mend the model and restart it",
    HealthStatus.DEFUNCT: "it is defunct. Read its log and restart it",
    HealthStatus.UNHEALTHY: "the process of its model is gone. Restart the server",
}


async def check_servers(specs: Sequence[CommandSpec], cog: CogServers, hidden: Sequence[str], report: Report) -> None:
    """Check each server of each command, and say where the servers have to reach the bot."""
    for spec in specs:
        if isinstance(spec.target, ServedModel):
            for url in spec.target.urls:
                report(await _check_server(spec, url, cog.http, hidden))
    report(
        warned(
            f"Cog servers have to reach {cog.addresses.base_url}, or no end of a run arrives. Only you can prove that: "
            f"run `curl -fsS {cog.addresses.base_url}/healthz` on their machine while the bot runs."
        )
    )
    report(
        passed(f"A Cog server may put its files at --upload-url {cog.addresses.uploads} (keep this address secret).")
    )


async def _check_server(spec: CommandSpec, url: str, http: httpx.AsyncClient, hidden: Sequence[str]) -> CheckResult:
    client, name = CogClient(http, url), f"/{spec.name}: the Cog server at {url}"
    try:
        health = await client.get_health()
    except BackendError:
        return failed(f"{name} does not answer. Start it, or correct its address in COMMANDS.")
    if (problem := _find_problem(health)) is not None:
        return failed(f"{name} {problem}.")
    if health.status is HealthStatus.STARTING:
        return warned(f"{name} is still loading its model; runs wait. If that never ends, read the server's log.")
    try:
        schema = await client.get_schema()
    except NotReady:
        return failed(f"{name} has no schema. Put one into .cog/openapi_schema.json; see docs/own-models.md.")
    except BackendError as error:
        return failed(f"{name} sent no schema that can be read ({error}).")
    return _check_schema(spec, schema, hidden, name=name, version=health.version)


def _find_problem(health: Health) -> str | None:
    found = _VERSION.match(health.version)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        version = f"version {health.version}" if health.version else "too old to tell its version"
        return f"is {version}. Update it to Cog {_OLDEST[0]}.{_OLDEST[1]} or later"
    sentence = _BROKEN.get(health.status)
    return f"cannot be used: {sentence}" if sentence else None


def _check_schema(
    spec: CommandSpec, schema: Mapping[str, Any], hidden: Sequence[str], *, name: str, version: str
) -> CheckResult:
    resolved = ResolvedModel(target=spec.target, description="", schema=schema)
    try:
        command = prepare_command(spec, resolved, hidden=hidden)
    except UserError as error:
        return failed(f"{name}: {error.sentence}")
    if command.problems:
        return failed(f"/{spec.name} in COMMANDS_FILE: {' '.join(command.problems)}")
    options = join_names([option.name for option in command.layout.options], limit=_OPTIONS_SHOWN)
    stream = "; it streams its text" if writes_text(schema) else ""
    return passed(f"{name} (version {version}) is ready{stream}; options: {options}.")
