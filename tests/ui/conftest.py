"""A discord.py client and the stand-in Discord, both on a clock that the test advances."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.discord_internals import (
    DEFAULT_API,
    DEFAULT_GATEWAY,
    release_locks_of_cancelled_requests,
    set_api_urls,
)
from bot.limits import INTERACTION_TOKEN_LIFE
from bot.observability.metrics import Metrics
from bot.runs.snapshot import DeliveryResult, RunSnapshot
from bot.store.models import Place, Run
from bot.ui.components import PERSISTENT_ITEMS
from bot.ui.discord_rate_limits import RateLimiter
from bot.ui.reply.state import ReplyServices
from bot.ui.reply.task import ReplyRegistry, ReplyTask
from bot.ui.requests import check_may_send
from sandbox.discord import DiscordStandIn, Person
from sandbox.discord.state.models import Channel, Message
from tests.clock import VirtualClock, settle
from tests.discord_spec import SPEC, check_discord_calls
from tests.ui.factories import make_run

if TYPE_CHECKING:
    from bot.ui.modals import FormModal


class RealTime:
    """Counts what takes real time while the clock stands still: requests of a client, and calls in threads."""

    def __init__(self) -> None:
        self.in_progress = 0
        loop = asyncio.get_running_loop()
        run_in_executor = loop.run_in_executor

        def run(*args: Any) -> Any:
            self.in_progress += 1
            call = run_in_executor(*args)
            call.add_done_callback(lambda _: self._finish())
            return call

        loop.run_in_executor = run  # type: ignore[assignment]

    def watch_requests(self, trace: aiohttp.TraceConfig) -> None:
        """Count each request from when it is sent to its response."""

        async def begin(*_: object) -> None:
            self.in_progress += 1

        async def finish(*_: object) -> None:
            self._finish()

        trace.on_request_start.append(begin)
        trace.on_request_end.append(finish)
        trace.on_request_exception.append(finish)

    def watch_waits(self, client: discord.Client) -> None:
        """Count each call with the bot's token, which may wait for a rate limit by the clock on the wall."""
        request = client.http.request

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.in_progress += 1
            try:
                return await request(*args, **kwargs)
            finally:
                self._finish()

        client.http.request = counted  # type: ignore[method-assign]

    def _finish(self) -> None:
        self.in_progress -= 1


class Client(discord.Client):
    """Defers every /generate, as an ephemeral reply if asked, and records button presses."""

    def __init__(self, clock: VirtualClock, real_time: RealTime) -> None:
        release_locks_of_cancelled_requests(clock.sleep)
        trace = aiohttp.TraceConfig()
        real_time.watch_requests(trace)
        trace.on_request_start.append(check_may_send)
        super().__init__(
            http_trace=trace,
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
                description="Generate an output",
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
    """A message ledger in memory."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[int, int]] = {}
        self.sending: dict[str, int] = {}

    async def mark_message_sending(self, run_id: str, number: int) -> bool:
        self.sending[run_id] = number
        return True

    async def mark_message_sent(self, run_id: str, number: int, message_id: int) -> None:
        self.messages.setdefault(run_id, {})[number] = message_id
        self.sending.pop(run_id, None)


class ReplyEnvironment:
    """Everything that a test of a reply needs. ``deleted_runs`` are the ids of runs whose card was deleted."""

    def __init__(self, standin: DiscordStandIn, client: Client, clock: VirtualClock, real_time: RealTime) -> None:
        self.standin = standin
        self.real_time = real_time
        self.client = client
        self.clock = clock
        self.ledger = Ledger()
        self.metrics = Metrics(process=False)
        self.deleted_runs: list[str] = []
        self.replies = self.restart()

    def open_replies(self, **changes: Any) -> ReplyRegistry:
        """Return a registry of its own, with ``changes`` of what its replies use."""
        services = ReplyServices(
            client=self.client,
            limiter=RateLimiter(self.clock),
            ledger=self.ledger,
            clock=self.clock,
            metrics=self.metrics,
        )
        return ReplyRegistry(replace(services, **changes))

    def restart(self) -> ReplyRegistry:
        """Replace the registry by a new one, as a restart does."""
        self.replies = self.open_replies()
        return self.replies

    def reload(self, run: Run) -> Run:
        """Return the run as it is read from the database after a restart."""
        messages, sending = self.ledger.messages.get(run.id, {}), self.ledger.sending.get(run.id)
        return replace(run, messages=dict(messages), sending=sending, sent_at=self.clock.now(), prediction_id="p1")

    @property
    def mia(self) -> Person:
        return self.standin.person("mia")

    def channel(self, name: str = "general") -> Channel:
        return self.standin.state.channel(name)

    async def run_command(self, channel: Channel | None = None, *, private: bool = False, **changes: Any) -> Run:
        """Let mia use /generate, and return the run that the cog would create."""
        before = len(self.client.deferred)
        await self.mia.use_command(channel or self.channel(), "generate", {"private": True} if private else {})
        await self.wait_for(lambda: len(self.client.deferred) > before)
        interaction, message_id = self.client.deferred[before]
        return make_run(
            id=f"run{before}",
            author_id=interaction.user.id,
            created_at=self.clock.now(),
            place=self._place(interaction, message_id, private=private),
            **changes,
        )

    def open_reply(self, run: Run, *, recovered: bool = False) -> ReplyTask:
        async def on_deleted() -> None:
            self.deleted_runs.append(run.id)

        return self.replies(run, on_deleted=on_deleted, recovered=recovered)

    async def finish(self, reply: ReplyTask, snapshot: RunSnapshot, *, step: float = 0.25) -> DeliveryResult:
        """Finish a reply while time passes."""
        finishing = asyncio.create_task(reply.finish(snapshot))
        await self.wait_for(finishing.done, pass_time=step)
        return await finishing

    def message(self, run: Run) -> Message:
        """Return the card of a run."""
        found = self.standin.state.message(run.place.channel_id, run.place.message_id)
        assert found is not None
        return found

    def followups(self, run: Run) -> list[Message]:
        """Return the bot's messages that answer the card, oldest first."""
        card = self.message(run)
        return [message for message in self.channel().messages.values() if message.reference is card]

    def all_text(self, run: Run) -> str:
        """Return the text of the card and its follow-ups."""
        return " ".join(message.text for message in (self.message(run), *self.followups(run)))

    def uploads(self) -> list[str]:
        """Return the names of all files that were uploaded, in order."""
        return [name for call in self.standin.calls for name, _ in call.files.values()]

    def count_edits(self, run: Run) -> int:
        """Return how often the card was edited."""
        return len(self.message(run).history) - 1

    def requests(self, method: str, path: str = "") -> list[Any]:
        """Return the requests of a method whose path contains ``path``."""
        return [call for call in self.standin.calls if call.method == method and path in call.path]

    async def wait_for(self, condition: Callable[[], Any], *, pass_time: float = 0.0) -> Any:
        """Wait until ``condition`` returns something true; let ``pass_time`` seconds pass between two checks."""
        async with asyncio.timeout(25):
            while not (result := condition()):
                if pass_time:
                    await self.settle()
                    await self.clock.advance(pass_time)
                await asyncio.sleep(0.002)
        return result

    async def wait_for_text(self, run: Run, text: str, *, pass_time: float = 0.0) -> None:
        """Wait until the card contains a text."""
        await self.wait_for(lambda: text in self.message(run).text, pass_time=pass_time)

    async def settle(self) -> None:
        """Wait until nothing happens any more without time passing.

        Only what is counted as in progress takes more than some turns of the loop; what hangs is not waited for.
        """
        unchanged, seen = 0, (-1, -1)
        while unchanged < 8:
            await settle(10)
            if self.real_time.in_progress:
                await asyncio.sleep(0.0005)
            now = len(self.standin.calls), sum(call.status is None for call in self.standin.calls)
            unchanged, seen = (unchanged + 1, now) if now == seen else (0, now)

    async def pass_time(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in steps, with everything that happens in it."""
        for _ in range(round(seconds / step)):
            await self.clock.advance(step)
            await self.settle()

    def _place(self, interaction: discord.Interaction, message_id: int, *, private: bool) -> Place:
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


@pytest.fixture
async def env() -> AsyncIterator[ReplyEnvironment]:
    clock = VirtualClock()
    standin = DiscordStandIn(clock=clock)
    await standin.start()
    set_api_urls(standin.api_url, standin.gateway_url)
    real_time = RealTime()
    client = Client(clock, real_time)
    real_time.watch_waits(client)
    client.add_dynamic_items(*PERSISTENT_ITEMS)
    await client.login(standin.bot_token)
    await client.tree.sync()
    connection = asyncio.create_task(client.connect())
    async with asyncio.timeout(10):
        await client.wait_until_ready()
    standin.calls.clear()
    yield ReplyEnvironment(standin, client, clock, real_time)
    if SPEC.exists():
        check_discord_calls(call for call in standin.calls if call.status in {200, 201, 204})
    await client.close()
    connection.cancel()
    await asyncio.wait({connection})
    await standin.stop()
    set_api_urls(DEFAULT_API, DEFAULT_GATEWAY)
