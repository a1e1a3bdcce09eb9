"""A real discord.py client against the stand-in Discord, both on a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import app_commands

from bot.discord_internals import DEFAULT_API, DEFAULT_GATEWAY, set_api_urls
from bot.limits import INTERACTION_TOKEN_LIFE
from bot.observability.metrics import Metrics
from bot.runs.snapshot import DeliveryResult, RunSnapshot
from bot.store.models import Place, Run
from bot.ui.components import PERSISTENT_BUTTONS
from bot.ui.reply.registry import ReplyRegistry
from bot.ui.reply.task import ReplyTask
from sandbox.discord import DiscordStandIn, Person
from sandbox.discord.state.models import Channel, Message
from tests.clock import VirtualClock, settle
from tests.discord_spec import SPEC, check_discord_calls
from tests.ui.making import a_run

if TYPE_CHECKING:
    from bot.ui.modals import FormModal


class Client(discord.Client):
    """Defers every /generate, privately when asked, and notes the presses."""

    def __init__(self) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_reactions=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            guild_ready_timeout=0.05,
        )
        self.tree = app_commands.CommandTree(self)
        self.presses: list[tuple[str, str, discord.Interaction]] = []
        self.deferred: list[tuple[discord.Interaction, int]] = []
        self.modal: FormModal | None = None
        self.tree.add_command(app_commands.Command(name="ask", description="Ask", callback=self._ask))
        self.tree.add_command(
            app_commands.Command(
                name="generate",
                description="Make something",
                callback=self._generate,
                allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
                allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            )
        )

    async def _generate(self, interaction: discord.Interaction, private: bool = False) -> None:  # noqa: FBT001, FBT002  # an option
        response = await interaction.response.defer(ephemeral=private)
        assert response is not None
        assert response.message_id is not None
        self.deferred.append((interaction, response.message_id))

    async def _ask(self, interaction: discord.Interaction) -> None:
        assert self.modal is not None
        await interaction.response.send_modal(self.modal)

    async def on_run_button(self, interaction: discord.Interaction, action: str, run_id: str) -> None:
        await interaction.response.defer()
        self.presses.append((action, run_id, interaction))


class Ledger:
    """Remembers in a dictionary what the database would."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[int, int]] = {}
        self.sending: dict[str, int] = {}

    async def mark_message_sending(self, run_id: str, number: int) -> None:
        self.sending[run_id] = number

    async def mark_message_sent(self, run_id: str, number: int, message_id: int) -> None:
        self.messages.setdefault(run_id, {})[number] = message_id
        self.sending.pop(run_id, None)


@dataclass
class Stage:
    """Everything a test of the live message needs."""

    standin: DiscordStandIn
    client: Client
    clock: VirtualClock
    ledger: Ledger = field(default_factory=Ledger)
    metrics: Metrics = field(default_factory=Metrics)
    gone: list[str] = field(default_factory=list)
    live: ReplyRegistry = None  # type: ignore[assignment]  # made below, with the rest

    def __post_init__(self) -> None:
        self.live = self.restarted()

    def restarted(self) -> ReplyRegistry:
        """Return a new one that knows nothing, as after a restart."""
        self.live = ReplyRegistry(self.client, ledger=self.ledger, clock=self.clock, metrics=self.metrics)
        return self.live

    @property
    def mia(self) -> Person:
        return self.standin.person("mia")

    def channel(self, name: str = "general") -> Channel:
        return self.standin.state.channel(name)

    async def command(self, channel: Channel | None = None, *, private: bool = False, **changes: Any) -> Run:
        """Let mia use /generate; return the run that the cog would make of it."""
        before = len(self.client.deferred)
        await self.mia.use_command(channel or self.channel(), "generate", {"private": True} if private else {})
        await self.until(lambda: len(self.client.deferred) > before)
        interaction, message_id = self.client.deferred[before]
        return a_run(
            id=f"run{before}",
            author_id=interaction.user.id,
            created_at=self.clock.now(),
            place=self.place(interaction, message_id, private=private),
            **changes,
        )

    def place(self, interaction: discord.Interaction, message_id: int, *, private: bool) -> Place:
        assert interaction.channel_id is not None
        return Place(
            application_id=interaction.application_id,
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id,
            message_id=message_id,
            token=interaction.token,
            token_expires_at=self.clock.now() + INTERACTION_TOKEN_LIFE,
            token_only=private or not (interaction.is_guild_integration() or interaction.context.dm_channel),
            file_limit=interaction.filesize_limit,
        )

    def open(self, run: Run) -> ReplyTask:
        async def gone() -> None:
            self.gone.append(run.id)

        return self.live(run, on_deleted=gone)

    async def finish(self, view: ReplyTask, snapshot: RunSnapshot, *, step: float = 0.25) -> DeliveryResult:
        """Finish, letting time pass meanwhile."""
        finishing = asyncio.create_task(view.finish(snapshot))
        await self.until(finishing.done, pass_time=step)
        return await finishing

    def message(self, run: Run) -> Message:
        found = self.standin.state.message(run.place.channel_id, run.place.message_id)
        assert found is not None
        return found

    def edits(self, run: Run) -> int:
        """Return how often the card was changed."""
        return len(self.message(run).history) - 1

    def calls(self, method: str, part: str = "") -> list[Any]:
        return [call for call in self.standin.calls if call.method == method and part in call.path]

    async def until(self, look: Callable[[], Any], *, pass_time: float = 0.0) -> Any:
        """Wait until ``look`` returns something true, letting time pass meanwhile if asked."""
        async with asyncio.timeout(25):
            while not (found := look()):
                if pass_time:
                    await self.quiet()
                    await self.clock.advance(pass_time)
                await asyncio.sleep(0.002)
        return found

    async def quiet(self) -> None:
        """Wait until nothing is under way that needs no time to pass."""
        still, calls = 0, -1
        while still < 8:
            await settle(10)
            await asyncio.sleep(0.0005)
            now = len(self.standin.calls) + sum(call.status is None for call in self.standin.calls) * 1000
            still, calls = (still + 1, now) if now == calls else (0, now)

    async def passes(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in steps, and let everything happen that it brings."""
        for _ in range(round(seconds / step)):
            await self.clock.advance(step)
            await self.quiet()


def ended(snapshot: RunSnapshot, seconds: float) -> RunSnapshot:
    """Return the page of a run that took so long."""
    return replace(snapshot, run=replace(snapshot.run, ended_at=snapshot.run.created_at + timedelta(seconds=seconds)))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    clock = VirtualClock()
    standin = DiscordStandIn(clock=clock)
    await standin.start()
    set_api_urls(standin.api_url, standin.gateway_url)
    client = Client()
    client.add_dynamic_items(*PERSISTENT_BUTTONS)
    await client.login(standin.bot_token)
    await client.tree.sync()
    connection = asyncio.create_task(client.connect())
    async with asyncio.timeout(10):
        await client.wait_until_ready()
    standin.calls.clear()
    yield Stage(standin, client, clock)
    if SPEC.exists():
        check_discord_calls(call for call in standin.calls if call.status in {200, 201, 204})
    await client.close()
    connection.cancel()
    await asyncio.wait({connection})
    await standin.stop()
    set_api_urls(DEFAULT_API, DEFAULT_GATEWAY)
