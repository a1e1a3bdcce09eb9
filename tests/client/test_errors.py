"""Errors in commands, buttons, selects and forms are reported to the person who used them, in private."""

import asyncio
from collections.abc import AsyncIterator

import discord
import pytest
from discord import app_commands, ui
from discord.ext import commands
from structlog.testing import capture_logs

from bot.client import Replicord
from bot.discord_internals import DEFAULT_API, DEFAULT_GATEWAY, set_api_urls
from bot.errors import Refused
from bot.options.form import FormField, FormKind, OptionForm
from bot.store.errors import StoreError
from bot.ui.components import Action, ModelAction, ModelButton, RunButton
from bot.ui.modals import Answers, FormModal
from bot.ui.render.cards import Entry, list_card
from bot.ui.render.strings import DATABASE_UNAVAILABLE, NOT_ALLOWED, UNEXPECTED_ERROR
from sandbox.discord import DiscordStandIn
from tests.options.samples import default_layout

ERRORS = {
    "refused": (Refused("Not now. Try again in an hour."), "Not now. Try again in an hour."),
    "store": (StoreError("disk full"), DATABASE_UNAVAILABLE),
    "bug": (KeyError("x"), UNEXPECTED_ERROR),
    "check": (app_commands.CheckFailure("no"), NOT_ALLOWED),
}
USES = ("command", "run button", "model button", "button", "select", "form")


class FailingSelect(ui.Select[ui.LayoutView]):
    def __init__(self, error: Exception) -> None:
        super().__init__(placeholder="Which", options=[discord.SelectOption(label="One")])
        self.error = error

    async def callback(self, _interaction: discord.Interaction) -> None:
        raise self.error


class FailingButton(ui.Button[ui.LayoutView]):
    def __init__(self, error: Exception) -> None:
        super().__init__(label="Press")
        self.error = error

    async def callback(self, _interaction: discord.Interaction) -> None:
        raise self.error


class FailingCog(commands.Cog):
    """Fails in whatever way a person uses it."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @app_commands.command(name="use", description="Fail")
    async def use(self, interaction: discord.Interaction[Replicord], how: str) -> None:
        match how:
            case "command":
                raise self.error
            case "form":
                field = FormField(key="prompt", kind=FormKind.LINE, label="Prompt", description="")
                form = OptionForm(layout=default_layout(), fields=(field,))
                await interaction.response.send_modal(FormModal(form, title="Form", submitted=self.submitted))
            case _:
                buttons = {
                    "run button": RunButton(Action.CANCEL, "r1"),
                    "model button": ModelButton(ModelAction.PAGE, "1", label="Next"),
                    "button": FailingButton(self.error),
                    "select": FailingSelect(self.error),
                }
                card = list_card("Card", [Entry(text="entry")], buttons=[buttons[how]])
                await interaction.response.send_message(view=card, ephemeral=True)

    async def submitted(self, _interaction: discord.Interaction[Replicord], _answers: Answers) -> None:
        raise self.error

    @commands.Cog.listener()
    async def on_run_button(self, *_: object) -> None:
        raise self.error

    @commands.Cog.listener()
    async def on_model_button(self, *_: object) -> None:
        raise self.error


@pytest.fixture
async def discord_server() -> AsyncIterator[DiscordStandIn]:
    standin = DiscordStandIn()
    await standin.start()
    set_api_urls(standin.api_url, standin.gateway_url)
    yield standin
    await standin.stop()
    set_api_urls(DEFAULT_API, DEFAULT_GATEWAY)


@pytest.mark.parametrize("error", ERRORS)
async def test_errors_are_reported_wherever_they_happen(discord_server: DiscordStandIn, error: str) -> None:
    raised, sentence = ERRORS[error]

    async def on_login(client: Replicord) -> None:
        client.add_dynamic_items(RunButton, ModelButton)
        await client.add_cog(FailingCog(raised))
        await client.tree.sync()

    client = Replicord(on_login=on_login, shards=1)
    await client.login(discord_server.bot_token)
    client.open_shard(0)
    connection = asyncio.create_task(client.run_gateway())
    try:
        async with asyncio.timeout(20):
            await client.wait_until_ready()
        mia, channel = discord_server.person("mia"), discord_server.state.channel("general")
        for use in USES:
            result = await mia.use_command(channel, "use", {"how": use})
            match use:
                case "command":
                    pass
                case "form":
                    result = await mia.submit(result, {"prompt": "a fox"})
                case "select":
                    assert result.message is not None
                    result = await mia.choose(result.message, "Which", ["One"])
                case _:
                    assert result.message is not None
                    button = {"run button": "Cancel", "model button": "Next", "button": "Press"}[use]
                    result = await mia.press(result.message, button)
            await result.wait_for(lambda shown: shown.text)
            assert (use, result.text) == (use, sentence)
            answers = [message for message in (result.message, *result.followups) if message and message.text]
            assert all(message.ephemeral for message in answers)
    finally:
        await client.close()
        connection.cancel()
        await asyncio.wait({connection})


async def nothing(_: Replicord) -> None:
    """Add no commands."""


def fail() -> None:
    raise StoreError("The database is closed.")


@pytest.mark.parametrize(("is_closed", "event"), [(False, "listener_failed"), (True, "listener_stopped")])
async def test_a_listener_without_a_database_is_no_error_at_the_end(*, is_closed: bool, event: str) -> None:
    async with Replicord(on_login=nothing, shards=1) as client:
        if is_closed:
            await client.close()
        with capture_logs() as logs:
            try:
                fail()
            except StoreError:
                await client.on_error("on_shard_ready", 0)
    assert [(one["event"], one["log_level"]) for one in logs] == [(event, "info" if is_closed else "error")]
