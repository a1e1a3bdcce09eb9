"""The start while Replicate does not return the webhook secret."""

from pathlib import Path

import pytest

from sandbox.environment import BotDidNotStartError
from tests.bot_environment import open_environment
from tests.faults.environment import eventually

WEBHOOKS = {"HTTP_PORT": "0", "WEBHOOK_URL": "http://127.0.0.1:1"}
SECRET = "GET /v1/webhooks/*"


async def test_the_bot_starts_without_webhooks_on_a_503(tmp_path: Path) -> None:
    async with open_environment(tmp_path, settings=WEBHOOKS) as environment:
        environment.replicate.faults.add("error-503", on=SECRET, times=None)
        await environment.start_bot()
        assert "webhooks_disabled" in environment.bot.log.read_text()
        environment.replicate.faults.clear()
        await eventually(lambda: "webhooks_enabled" in environment.bot.log.read_text())


async def test_a_forbidden_webhook_secret_stops_the_start(tmp_path: Path) -> None:
    async with open_environment(tmp_path, settings=WEBHOOKS) as environment:
        environment.replicate.faults.add("forbidden", on=SECRET, times=None)
        with pytest.raises(BotDidNotStartError, match="WEBHOOK_URL"):
            await environment.start_bot()
        assert await environment.bot.wait() == 2
