"""Discord is out of sorts while the bot starts."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.discord.faults import Faults
from sandbox.environment import Environment
from sandbox.replicate.job import Timings
from tests.bot_environment import open_environment
from tests.faults.environment import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOGIN, APPLICATION, GATEWAY = "GET /users/@me", "GET /oauth2/applications/@me", "GET /gateway/bot"
COMMANDS = "PUT /applications/*"
FAILURES: dict[str, Callable[[Faults, str], object]] = {
    "a ban": lambda faults, route: faults.ban(route, seconds=1),
    "a ban without a limit": lambda faults, route: faults.ban(route, status=403),
    "a failure": lambda faults, route: faults.fail(route, status=503),
    "a proxy's page": lambda faults, route: faults.ban(route, status=200),
    "a reset": lambda faults, route: faults.cut_before(route, times=None if route == COMMANDS else 1),
}


def logged(environment: Environment) -> str:
    log = environment.bot.log
    return log.read_text(encoding="utf-8") if log.exists() else ""


@pytest.mark.parametrize("route", [LOGIN, APPLICATION, GATEWAY])
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_that_passes_only_delays_a_start(tmp_path: Path, failure: str, route: str) -> None:
    async with open_environment(tmp_path, timings=Timings.instant()) as environment:
        FAILURES[failure](environment.discord.faults, route)
        await environment.start_bot()
        assert environment.bot.running
        assert "Traceback" not in logged(environment)
        assert "<html" not in logged(environment)
        if failure != "a reset":  # discord.py repeats a reset request itself, without a word
            [line] = [line for line in logged(environment).splitlines() if "discord_unreachable" in line]
            assert "retry_in=" in line


@pytest.mark.parametrize("failure", FAILURES)
async def test_commands_that_cannot_be_sent_do_not_end_a_start(tmp_path: Path, failure: str) -> None:
    async with open_environment(tmp_path, timings=Timings.instant()) as environment:
        FAILURES[failure](environment.discord.faults, COMMANDS)
        await environment.bot.start()
        await eventually(lambda: environment.discord.gateway.connected)
        await eventually(lambda: "command_sync_failed" in logged(environment))
        assert environment.bot.running
        assert "Traceback" not in logged(environment)


async def test_a_gateway_that_refuses_connections_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there
        settings = {"DISCORD_GATEWAY_URL": f"ws://127.0.0.1:{closed.getsockname()[1]}"}
        async with open_environment(tmp_path, timings=Timings.instant(), settings=settings) as environment:
            await environment.bot.start()
            await eventually(lambda: "Failed to connect for shard_id" in logged(environment))
            assert environment.bot.running
            assert await environment.bot.stop() == 0
            assert "Traceback" not in logged(environment)


async def test_a_start_waits_when_the_days_logins_are_used_up(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=Timings.instant()) as environment:
        environment.discord.state.identifies = 1000
        await environment.bot.start()
        await eventually(lambda: "discord_logins_used_up" in logged(environment))
        assert not environment.discord.gateway.connected
        assert await environment.bot.stop() == 0


@pytest.mark.parametrize("settings", [{"DISCORD_TOKEN": "bm90.dGhl.dG9rZW4"}, {"DISCORD_API_URL": "{api}/nowhere"}])
async def test_what_waiting_cannot_mend_ends_a_start(tmp_path: Path, settings: dict[str, str]) -> None:
    async with open_environment(tmp_path, timings=Timings.instant()) as environment:
        changed = {name: value.format(api=environment.discord.api_url) for name, value in settings.items()}
        environment.bot._environment.update(changed)
        await environment.bot.start()
        assert await environment.bot.wait() == 2
        assert next(iter(changed)) in logged(environment)
        assert "Traceback" not in logged(environment)


@pytest.mark.parametrize(
    ("code", "hint"), [(4004, "DISCORD_TOKEN"), (4010, "SHARDS"), (4011, "SHARDS"), (4013, "Update"), (4014, "Update")]
)
async def test_a_session_that_discord_refuses_is_explained(tmp_path: Path, code: int, hint: str) -> None:
    async with open_environment(tmp_path, timings=Timings.instant()) as environment:
        await environment.start_bot()
        environment.discord.faults.close_gateway(code)
        assert await environment.bot.wait() == 2
        assert hint in logged(environment)
        assert "Traceback" not in logged(environment)
