"""What arrives at the wrong process reaches the right one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sandbox.discord.person import InteractionResult
from sandbox.discord.state.models import Message
from tests.cluster.cluster import LONG, BotCluster, Node, open_cluster
from tests.faults.environment import ME, eventually
from tests.postgresql import PostgresqlServer
from tests.tcp_proxy import run_proxy


def find_button(result: InteractionResult, label: str) -> Message | None:
    """Return the private message of an answer that has a button."""
    return next((one for one in (result.message, *result.followups) if one and label in one.buttons), None)


@asynccontextmanager
async def webhooks_to_one_process(folder: Path, server: PostgresqlServer) -> AsyncIterator[tuple[BotCluster, Node]]:
    """A cluster of two whose webhooks all go to the process that has the first shard."""
    receiver: list[Node] = []
    async with run_proxy(lambda: asyncio.open_connection("127.0.0.1", receiver[0].http_port)) as proxy:
        webhooks = {"WEBHOOK_URL": f"http://127.0.0.1:{proxy.port}"}
        async with open_cluster(folder, server, processes=2, shards=2, start=False, settings=webhooks) as cluster:
            receiver.append(cluster.nodes[0])
            await cluster.start()
            receiver[0] = cluster.node_of(0)
            yield cluster, receiver[0]


async def test_messages_between_processes(tmp_path: Path, postgresql_server: PostgresqlServer) -> None:
    async with webhooks_to_one_process(tmp_path, postgresql_server) as (cluster, receiver):
        owner = cluster.node_of(1)
        assert owner is not receiver
        assert {node.leases().pop() for node in cluster.nodes} == {0, 1}

        # A person stops the run of one server in another one.
        run = await cluster.talk(1, tokens=8000)
        await eventually(lambda: run.row.get("state") == "running" and run.edits > 2)
        await cluster.try_command(0, "runs cancel", run=run.row["id"])
        await run.wait_until_delivered()
        assert run.row["state"] == "canceled"
        assert run.predictions[0].status == "canceled"

        # The stream says nothing, and the next poll is a minute away: only the webhook tells of the end.
        cluster.environment.replicate.faults.add("no-events", times=None)
        run = await cluster.generate(1)
        await eventually(lambda: bool(run.row.get("delivered_at")), 40)

        # What one process keeps of a refused run is gone when another one erases the person's data.
        given: dict[str, Any] = {"prompt": "a hat", "subject": ME, "subject_url": "@nobody"}
        refused = await cluster.try_command(1, "generate", **given)
        message = await refused.wait_for(lambda shown: find_button(shown, "Fix it"))
        kept = tmp_path / owner.name / "spool" / ".refused" / str(cluster.person().user.id)
        await eventually(lambda: any(path.is_file() for path in kept.rglob("*")))
        asked = await cluster.try_command(0, "privacy delete")
        question = await asked.wait_for(lambda shown: find_button(shown, "Delete my data"))
        erased = await cluster.person().press(question, "Delete my data")
        await erased.wait_for(lambda shown: "Deleted" in shown.text)
        await eventually(lambda: not kept.exists(), 30)
        pressed = await cluster.person().press(message, "Fix it")
        await pressed.wait_for(lambda shown: "no longer stored" in shown.text)

        about = await cluster.try_command(1, "about")
        process = cluster.query("SELECT id FROM processes WHERE pid = %s", owner.bot.pid)[0]["id"]
        await eventually(lambda: process in about.text, LONG)
