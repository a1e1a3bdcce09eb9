"""hikari, a client that shares no code with discord.py, against the stand-in."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.discord import DiscordStandIn, Upload
from tests.discord_spec import check_discord_calls, needs_spec
from tests.sandbox.discord.http_client import make_image

hikari = pytest.importorskip("hikari", reason="hikari is not installed: pip install hikari")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
async def bot(standin: DiscordStandIn) -> AsyncIterator[Any]:
    intents = hikari.Intents.GUILDS | hikari.Intents.GUILD_MESSAGE_REACTIONS
    url = standin.api_url.removesuffix("/v10")
    bot = hikari.GatewayBot(standin.bot_token, rest_url=f"{url}/v10", intents=intents, banner=None, logs=None)
    async with asyncio.timeout(10):
        await bot.start(check_for_updates=False)
    yield bot
    await bot.close()


@needs_spec
async def test_hikari_uses_commands_files_and_reactions(standin: DiscordStandIn, bot: Any) -> None:
    reacted = asyncio.Event()

    @bot.listen(hikari.InteractionCreateEvent)  # type: ignore[untyped-decorator]
    async def _(event: Any) -> None:
        interaction = event.interaction
        assert isinstance(interaction, hikari.CommandInteraction)
        await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE)
        (subject,) = interaction.resolved.attachments.values()
        data = await subject.read()
        await interaction.edit_initial_response(
            str(interaction.options[0].value), attachment=hikari.Bytes(data, "back.png")
        )

    @bot.listen(hikari.GuildReactionAddEvent)  # type: ignore[untyped-decorator]
    async def _(event: Any) -> None:
        assert event.is_for_emoji("❌")
        reacted.set()

    command = bot.rest.slash_command_builder("go", "Go")
    for kind, name in ((hikari.OptionType.STRING, "prompt"), (hikari.OptionType.ATTACHMENT, "subject")):
        command.add_option(hikari.CommandOption(type=kind, name=name, description="d", is_required=True))
    await bot.rest.set_application_commands(standin.application_id, [command])
    mia = standin.person("mia")
    values = {"prompt": "a fox", "subject": Upload("me.png", make_image())}
    result = await mia.use_command(standin.state.channel("general"), "go", values)
    message = result.message
    assert message is not None
    await standin.state.wait_for(lambda: message.content == "a fox")
    assert [item.data for item in message.images] == [make_image()]
    await mia.react(message, "❌")
    async with asyncio.timeout(5):
        await reacted.wait()
    check_discord_calls(standin.calls)


async def test_hikari_resumes_after_a_reconnect(standin: DiscordStandIn, bot: Any) -> None:
    resumed = asyncio.Event()

    @bot.listen(hikari.ShardResumedEvent)  # type: ignore[untyped-decorator]
    async def _(_event: Any) -> None:
        resumed.set()

    standin.faults.request_reconnect()
    async with asyncio.timeout(15):
        await resumed.wait()
    assert standin.state.identifies == 1
