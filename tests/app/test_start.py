"""Starting while Discord is out of sorts."""

from pathlib import Path

from sandbox.replicate.job import Timings
from tests.app.conftest import eventually
from tests.bot_environment import open_environment


async def test_a_failed_command_sync_does_not_stop_the_start(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=Timings.instant()) as environment:
        environment.discord.faults.fail("PUT /applications/*", status=503)
        await environment.bot.start()
        await eventually(lambda: environment.discord.gateway.connected)
        # The gateway need not wait for the commands, so either may come first.
        await eventually(lambda: "command_sync_failed" in environment.bot.log.read_text())
        assert environment.bot.running
        assert environment.discord.commands.all() == []
