"""Several processes of one bot between the stand-ins, on one PostgreSQL; each can be killed, frozen and cut off."""

import asyncio
import os
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.bot_process import BotProcess
from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.fixtures import StateBuilder
from sandbox.discord.state.models import Channel, Message
from sandbox.environment import Environment
from sandbox.loopback import find_free_port
from sandbox.replicate.job import Timings
from sandbox.replicate.prediction import Prediction
from sandbox.request_log import Call
from tests.bot_environment import open_environment, spawn_bot
from tests.database_reader import PostgresqlReader
from tests.discord_spec import check_discord_calls
from tests.faults.environment import ME, eventually
from tests.postgresql import PostgresqlServer, get_name
from tests.replicate_spec import check_replicate_calls
from tests.tcp_proxy import TcpProxy, connect_to_socket, run_proxy

LEASE_SECONDS = 3  # where a test waits for it; the default elsewhere, so that a busy machine loses none
# From a death until the others act: the lease's time, and a heartbeat. The rest is for two busy cores; on quiet ones,
# benchmarks measure it.
TAKEOVER = LEASE_SECONDS + 2 + 25
START_LIMIT = 60.0
LONG = 100.0
QUICK = Timings(boot=0.15, queue=0.05, image=0.2, tokens_per_second=25, finish=0.05)
_ANSWERED = frozenset({200, 201, 204, 400, 401, 403, 404})
_READS = frozenset({"GET", "HEAD"})


@dataclass(eq=False)
class Node:
    """One process: its own way to Discord and to the database. ``discord.port`` tells its requests from others'."""

    name: str
    bot: BotProcess
    discord: TcpProxy
    database: TcpProxy
    http_port: int
    cluster: "BotCluster"
    frozen: bool = False
    pid: int | None = None  # also after its end

    async def start(self) -> None:
        """Start the process, and wait until it is ready."""
        await self.bot.start()
        self.pid = self.bot.pid
        async with asyncio.timeout(START_LIMIT):
            while self.readiness() is None:
                assert self.bot.running, self.log_text()[-3000:]
                await asyncio.sleep(0.05)

    def freeze(self) -> None:
        """Stop the process as it stands (SIGSTOP), with all its connections."""
        self._signal(signal.SIGSTOP)
        self.frozen = True

    def wake(self) -> None:
        if self.frozen:
            self._signal(signal.SIGCONT)
            self.frozen = False

    def readiness(self) -> bool | None:
        """Return whether /readyz says yes; None if nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError:
            return False
        except OSError:
            return None

    async def is_ready(self) -> bool:
        return bool(await asyncio.to_thread(self.readiness))

    def calls(self) -> list[Call]:
        """Return this process's requests to Discord."""
        return [call for call in self.cluster.discord.calls if call.headers.get("host") == self._address]

    def writes(self, since: int = 0) -> list[Call]:
        """Return its requests that changed something in Discord; ``since`` so many calls of all processes."""
        calls = list(self.cluster.discord.calls)[since:]
        own = [call for call in calls if call.headers.get("host") == self._address]
        return [call for call in own if call.method not in _READS and call.status in {200, 201, 204}]

    def shards(self) -> set[int]:
        """Return the shards whose sessions are this process's."""
        return {one.shard for one in self.cluster.discord.gateway.connected if one.host == self._address}

    def leases(self) -> set[int]:
        """Return the shards that the database says are this process's; after its end, those that it did not return."""
        rows = self.cluster.query(
            "SELECT name FROM leases JOIN processes ON processes.id = leases.owner"
            " WHERE pid = %s AND leases.expires_at > extract(epoch from clock_timestamp()) * 1000000",
            self.pid,
        )
        return {int(row["name"].split(":")[1].split("/")[0]) for row in rows if row["name"].startswith("shard:")}

    def log_text(self) -> str:
        return self.bot.log.read_text(encoding="utf-8", errors="replace")

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self.discord.port}"

    def _signal(self, number: signal.Signals) -> None:
        assert self.bot.pid is not None
        os.kill(self.bot.pid, number)


@dataclass(eq=False)
class ClusterRun:
    """A run that somebody started; its prompt is its own."""

    cluster: "BotCluster"
    prompt: str
    message: Message

    @property
    def row(self) -> dict[str, Any]:
        rows = self.cluster.query("SELECT * FROM runs WHERE message_id = %s", self.message.id)
        assert len(rows) <= 1
        return rows[0] if rows else {}

    @property
    def predictions(self) -> list[Prediction]:
        made = self.cluster.environment.replicate.predictions.values()
        return [one for one in made if one.input.get("prompt") == self.prompt]

    @property
    def is_over(self) -> bool:
        return "Again" in self.message.buttons

    @property
    def edits(self) -> int:
        return len(self.message.history)

    @property
    def follow_ups(self) -> list[Message]:
        seen = self.message.channel.messages.values()
        return [one for one in seen if one.author.bot and one.reference is self.message and not one.ephemeral]

    async def wait_until_delivered(self) -> None:
        await eventually(lambda: bool(self.row.get("delivered_at")), LONG)


@dataclass(eq=False)
class BotCluster:
    """The processes, the stand-ins and the database. There is a server, with a channel, of each shard."""

    environment: Environment
    postgresql: PostgresqlServer
    database_url: str
    reader: PostgresqlReader
    nodes: list[Node] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    started: int = 0
    may_log_errors: bool = False  # because the database is away

    @property
    def discord(self) -> Any:
        return self.environment.discord

    @property
    def shards(self) -> int:
        return len(self.channels)

    def person(self, name: str = "mia") -> Person:
        found: Person = self.discord.person(name)
        return found

    def query(self, question: str, *values: Any) -> list[dict[str, Any]]:
        return self.reader.query(question, *values)

    def node_of(self, shard: int) -> Node:
        """Return the process that holds a shard."""
        (found,) = [node for node in self.nodes if node.bot.running and shard in node.leases()]
        return found

    async def start(self) -> None:
        """Start every process and wait until each shard is connected once, by whoever holds it."""
        await asyncio.gather(*(node.start() for node in self.nodes))
        await self.settled()

    async def settled(self, limit: float = START_LIMIT) -> None:
        """Wait until every shard is held and connected by the same process, and shares are fair."""
        async with asyncio.timeout(limit):
            while not await asyncio.to_thread(self._is_settled):
                await asyncio.sleep(0.05)

    def _is_settled(self) -> bool:
        live = [node for node in self.nodes if node.bot.running and not node.frozen]
        held = [node.leases() for node in live]
        most = -(-self.shards // len(live))
        return (
            sorted(shard for shards in held for shard in shards) == list(range(self.shards))
            and all(len(shards) <= most for shards in held)
            and all(node.shards() == shards for node, shards in zip(live, held, strict=True))
            and bool(self.discord.commands.all())
        )

    async def generate(self, shard: int, *, who: str = "mia", images: int = 2) -> ClusterRun:
        prompt = self._prompt()
        given = {"prompt": prompt, "subject": ME, "number_of_outputs": images}
        return await self._use(shard, who, "generate", given)

    async def talk(self, shard: int, *, who: str = "mia", tokens: int = 3000, words: int | None = None) -> ClusterRun:
        prompt = self._prompt() if words is None else f"{self._prompt()} in {words} words"
        return await self._use(shard, who, "talk", {"prompt": prompt, "max_tokens": tokens})

    async def try_command(self, shard: int, command: str, who: str = "mia", **values: Any) -> InteractionResult:
        """Use a command in the server of a shard, whatever comes of it."""
        return await self.person(who).use_command(self.channels[shard], command, values)

    async def _use(self, shard: int, who: str, command: str, values: Mapping[str, Any]) -> ClusterRun:
        result = await self.person(who).use_command(self.channels[shard], command, values)
        assert result.message is not None, result.text
        return ClusterRun(self, str(values["prompt"]), result.message)

    def _prompt(self) -> str:
        self.started += 1
        return f"wish {self.started} of the cluster"

    def check(self) -> None:
        """What holds whatever happened: requests are well formed, logs tell no secret, no prediction is made twice."""
        check_discord_calls(call for call in self.discord.calls if call.status in _ANSWERED)
        check_replicate_calls(self.environment.replicate.calls)
        prompts = [str(one.input.get("prompt")) for one in self.environment.replicate.predictions.values()]
        assert len(prompts) == len(set(prompts))
        tokens = [str(row["token"]) for row in self.query("SELECT token FROM runs WHERE token IS NOT NULL")]
        for node in self.nodes:
            text = node.log_text()
            assert "wish" not in text
            assert not any(token in text for token in tokens)
            assert self.may_log_errors or "Traceback" not in text, text[text.index("Traceback") - 500 :][:4000]
        log = self.postgresql.read_log()
        assert "wish" not in log


@asynccontextmanager
async def open_cluster(
    folder: Path,
    server: PostgresqlServer,
    *,
    processes: int = 3,
    shards: int = 3,
    timings: Timings = QUICK,
    start: bool = True,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[BotCluster]:
    """Open a cluster; at the end, everything that it did must have been right."""
    database = server.create_database(migrated=True)
    async with AsyncExitStack() as stack:
        environment = await stack.enter_async_context(open_environment(folder, timings=timings))
        cluster = BotCluster(environment, server, database, reader=PostgresqlReader(database))
        stack.callback(cluster.reader.close)
        _add_servers(cluster, shards)
        for _ in range(processes):
            cluster.nodes.append(await _add_node(cluster, folder, settings or {}, stack))
        if start:
            await cluster.start()
        yield cluster
        environment.discord.faults.clear()
        environment.replicate.faults.clear()
        for node in cluster.nodes:
            node.wake()
            node.database.resume()
            node.discord.resume()
        await asyncio.gather(*(node.bot.stop() for node in cluster.nodes))
        cluster.check()
    server.drop_database(database)


def _add_servers(cluster: BotCluster, shards: int) -> None:
    state = cluster.discord.state
    state.max_concurrency = 16
    builder = StateBuilder(state.clock)
    builder.state = state
    for shard in range(shards):
        guild = builder.add_guild(f"Shard {shard}", state.user("olga"), shard=(shard, shards))
        for name in ("mia", "noah", "ada"):
            builder.add_member(guild, state.user(name))
        builder.install_bot(guild)
        cluster.channels.append(builder.add_channel(guild, f"shard-{shard}"))


async def _add_node(cluster: BotCluster, folder: Path, settings: Mapping[str, str], stack: AsyncExitStack) -> Node:
    name = f"node{len(cluster.nodes)}"
    standin = cluster.discord
    discord = await stack.enter_async_context(run_proxy(lambda: asyncio.open_connection("127.0.0.1", standin.port)))
    socket_path = cluster.postgresql.folder / ".s.PGSQL.5432"
    database = await stack.enter_async_context(run_proxy(connect_to_socket(socket_path)))
    own = folder / name
    own.mkdir()
    http_port = find_free_port()
    environment = cluster.environment.settings() | {
        "DATABASE_URL": f"postgresql://replicord@127.0.0.1:{database.port}/{get_name(cluster.database_url)}",
        "DISCORD_API_URL": f"http://127.0.0.1:{discord.port}/api/v10",
        "DISCORD_GATEWAY_URL": f"ws://127.0.0.1:{discord.port}/gateway",
        "SPOOL_FOLDER": str(own / "spool"),
        "SHARDS": str(cluster.shards),
        "HTTP_PORT": str(http_port),
        "RUNS_PER_USER": "100",
        **settings,
    }  # fmt: skip
    bot = BotProcess(settings=environment, folder=own, spawn=spawn_bot())
    node = Node(name, bot, discord, database, http_port, cluster)
    stack.push_async_callback(bot.kill)
    stack.callback(node.wake)
    return node
