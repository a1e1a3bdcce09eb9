"""Starting while Discord is out of sorts."""

from pathlib import Path

from sandbox.house import House
from sandbox.replicate.job import Timings
from tests.app.conftest import eventually


async def test_a_failed_command_sync_does_not_stop_the_start(tmp_path: Path) -> None:
    async with House(tmp_path, pace=Timings.instant()) as house:
        house.discord.faults.fail("PUT /applications/*", status=503)
        await house.bot.start()
        await eventually(lambda: house.discord.hub.connected)
        # The gateway need not wait for the commands, so either may come first.
        await eventually(lambda: "Discord did not take the commands; it is tried again." in house.bot.log.read_text())
        assert house.bot.running
        assert house.discord.commands.every() == []
