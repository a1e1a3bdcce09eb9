"""Three processes of one bot: killed, frozen, cut off, restarted. Nobody loses a run or pays for one twice."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.discord import DiscordStandIn
from tests.cluster.cluster import LEASE_SECONDS, LONG, QUICK, TAKEOVER, BotCluster, ClusterRun, open_cluster
from tests.faults.environment import eventually
from tests.postgresql import PostgresqlServer, run_server

pytestmark = pytest.mark.timeout(300)  # each starts several processes

SHORT = {"LEASE_SECONDS": str(LEASE_SECONDS)}
CREATE = "POST /v1/predictions"


@pytest.fixture
async def cluster(tmp_path: Path, postgresql_server: PostgresqlServer) -> AsyncIterator[BotCluster]:
    async with open_cluster(tmp_path, postgresql_server) as cluster:
        yield cluster


@pytest.fixture
async def hasty_cluster(tmp_path: Path, postgresql_server: PostgresqlServer) -> AsyncIterator[BotCluster]:
    """A cluster whose leases are short."""
    async with open_cluster(tmp_path, postgresql_server, settings=SHORT) as cluster:
        yield cluster


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server that the test may stop."""
    with run_server() as server:
        yield server


async def edited_again(runs: list[ClusterRun], edits: list[int]) -> None:
    """Wait until each of the runs was edited since ``edits`` were counted."""
    await eventually(lambda: all(run.edits > before for run, before in zip(runs, edits, strict=True)), LONG)


async def until_running(runs: list[ClusterRun]) -> None:
    await eventually(lambda: all(run.row.get("state") == "running" for run in runs))


async def check_delivered_once(runs: list[ClusterRun]) -> None:
    for run in runs:
        await run.wait_until_delivered()
        assert run.is_over
        assert len(run.predictions) == 1, run.row
        assert run.row["prediction_id"] == run.predictions[0].id
        texts = [message.text for message in run.follow_ups]
        assert len(texts) == len(set(texts))


async def start_in_every_state(cluster: BotCluster, shard: int) -> list[ClusterRun]:
    """Start runs on one shard: one whose create is not answered, one that waits for the model, and one that writes."""
    faults = cluster.environment.replicate.faults
    silent = faults.add("silence", on=CREATE)
    sent = await cluster.generate(shard)
    await eventually(lambda: silent.hits)
    faults.add("slow-start", seconds=LEASE_SECONDS + 3)
    submitted = await cluster.generate(shard)
    await eventually(lambda: submitted.row.get("state") == "submitted")
    running = await cluster.talk(shard)
    await eventually(lambda: running.row.get("state") == "running" and running.edits > 2)
    ended = await cluster.generate(shard)
    await ended.wait_until_delivered()
    return [sent, submitted, running, ended]


async def test_killed_process_loses_no_run(hasty_cluster: BotCluster) -> None:
    cluster = hasty_cluster
    victim = cluster.node_of(1)
    others = [await cluster.talk(shard) for shard in (0, 2)]
    *pending, ended = await start_in_every_state(cluster, 1)
    edits, done = [run.edits for run in pending], ended.edits
    await victim.bot.kill()
    killed_at = time.monotonic()
    await edited_again([pending[2]], [edits[2]])
    assert time.monotonic() - killed_at < TAKEOVER
    await check_delivered_once([*pending, *others, ended])
    assert ended.edits == done
    await cluster.settled()
    again = await cluster.talk(1, tokens=20)
    await check_delivered_once([again])


async def test_reactions_and_buttons_reach_the_new_owner(hasty_cluster: BotCluster) -> None:
    cluster = hasty_cluster
    victim = cluster.node_of(2)
    by_reaction, by_button = await cluster.talk(2, tokens=8000), await cluster.talk(2, tokens=8000)
    await eventually(lambda: all(run.row.get("state") == "running" for run in (by_reaction, by_button)))
    await victim.bot.kill()
    await cluster.settled()
    await cluster.person().react(by_reaction.message, "❌")
    await cluster.person().press(by_button.message, "Cancel")
    for run in (by_reaction, by_button):
        await run.wait_until_delivered()
        assert run.row["state"] == "canceled"
        assert len(run.predictions) == 1


async def test_frozen_process_does_nothing_more_when_it_wakes(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    # With fewer shards than processes the one that wakes up gets nothing back, so whatever it did would be wrong.
    async with open_cluster(tmp_path, postgresql_server, shards=2, settings=SHORT) as cluster:
        victim = cluster.node_of(1)
        pending = (await start_in_every_state(cluster, 1))[:3]
        victim.freeze()
        await cluster.settled()
        await edited_again(pending[2:], [run.edits for run in pending[2:]])
        calls, creates = len(cluster.discord.calls), len(cluster.environment.replicate.calls.creates)
        victim.wake()
        await eventually(victim.readiness, LONG)
        await check_delivered_once(pending)
        assert victim.writes(calls) == []
        assert len(cluster.environment.replicate.calls.creates) == creates
        assert victim.leases() == set()


async def test_process_cut_off_from_the_database_stops_acting(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    async with open_cluster(tmp_path, postgresql_server, shards=2, settings=SHORT) as cluster:
        victim = cluster.node_of(1)
        run = await cluster.talk(1, tokens=6000)
        await eventually(lambda: run.row.get("state") == "running" and run.edits > 2)
        victim.database.freeze()
        await eventually(lambda: victim.readiness() is False, LONG)
        calls = len(cluster.discord.calls)
        await eventually(lambda: any(1 in node.leases() for node in cluster.nodes if node is not victim), LONG)
        await edited_again([run], [run.edits])
        victim.database.resume()
        await check_delivered_once([run])
        assert victim.writes(calls) == []
        await eventually(lambda: victim.leases() == set())


async def test_process_cut_off_from_discord_keeps_its_runs(cluster: BotCluster) -> None:
    victim = cluster.node_of(1)
    run = await cluster.talk(1, tokens=400)
    await eventually(lambda: run.row.get("state") == "running")
    victim.discord.freeze()
    await eventually(lambda: run.row.get("state") == "succeeded", LONG)
    assert victim.leases() == {1}
    victim.discord.resume()
    await check_delivered_once([run])
    assert cluster.node_of(1) is victim


async def test_database_server_crashes_under_three_processes(tmp_path: Path, own_postgresql: PostgresqlServer) -> None:
    async with open_cluster(tmp_path, own_postgresql) as cluster:
        runs = [await cluster.talk(shard, tokens=600) for shard in range(3)]
        runs += [await cluster.generate(shard) for shard in range(3)]
        await eventually(lambda: all(run.row.get("sent_at") for run in runs))
        cluster.may_log_errors = True
        await crash(own_postgresql)
        await check_delivered_once(runs)
        await cluster.settled()


async def test_answers_to_commits_are_lost(cluster: BotCluster) -> None:
    victim = cluster.node_of(0)
    for number in range(4):
        victim.database.lost.clear()
        run = await cluster.generate(0)
        lose = victim.database.lose_answer_to if number % 2 else victim.database.lose_request
        lose(b"COMMIT\0")
        await check_delivered_once([run])
        assert victim.database.lost.is_set()


async def test_long_text_goes_on_in_further_messages(tmp_path: Path, postgresql_server: PostgresqlServer) -> None:
    fast = replace(QUICK, tokens_per_second=400)
    async with open_cluster(tmp_path, postgresql_server, processes=1, shards=1, timings=fast) as cluster:
        run = await cluster.talk(0, words=1500)
        await check_delivered_once([run])
        assert run.follow_ups


async def test_quota_holds_over_all_processes(tmp_path: Path, postgresql_server: PostgresqlServer) -> None:
    async with open_cluster(tmp_path, postgresql_server, settings={"RUNS_PER_USER": "3"}) as cluster:
        results = await asyncio.gather(
            *(cluster.try_command(number % 3, "talk", prompt=f"wish {number}", max_tokens=2000) for number in range(9))
        )
        await eventually(lambda: all(result.text for result in results), LONG)
        assert len(cluster.query("SELECT 1 FROM runs")) == 3
        await eventually(lambda: len(cluster.environment.replicate.predictions) == 3, LONG)


async def test_added_model_is_offered_everywhere_and_published_once(cluster: BotCluster) -> None:
    published = count_published(cluster.discord)
    await asyncio.gather(
        cluster.try_command(0, "models add", "olga", model="sandbox/story"),
        cluster.try_command(1, "models add", "olga", model="sandbox/story", name="tale"),
    )
    await eventually(lambda: {"story", "tale"} <= {command.name for command in cluster.discord.commands.all()}, LONG)
    assert count_published(cluster.discord) - published <= 2
    for shard in range(3):
        for command in ("story", "tale"):
            used = await cluster.try_command(shard, command, prompt=f"wish {shard} {command}")
            await used.wait_for(lambda shown: shown.message and shown.message.buttons, LONG)


async def test_processes_are_replaced_one_by_one(cluster: BotCluster) -> None:
    for node in cluster.nodes:
        runs = [await cluster.talk(shard, tokens=3000) for shard in range(3)]
        await until_running(runs)
        edits = [run.edits for run in runs]
        assert await node.bot.stop() == 0
        assert node.leases() == set()  # nobody has to wait until they end
        await edited_again(runs, edits)
        await node.start()
        await cluster.settled()
        await check_delivered_once(runs)
    answers = [call.status for call in cluster.discord.calls if call.path.endswith("/callback")]
    assert set(answers) <= {200, 204}


async def test_sessions_of_all_processes_keep_the_pace(tmp_path: Path, postgresql_server: PostgresqlServer) -> None:
    async with open_cluster(tmp_path, postgresql_server, processes=2, shards=2, start=False) as cluster:
        # The processes keep five seconds; on busy cores an identify may arrive some time after its turn.
        cluster.discord.gateway.identify_interval = 3.0
        cluster.discord.state.max_concurrency = 1
        await cluster.start()
        assert {one.shard for one in cluster.discord.gateway.identifies} == {0, 1}
        assert not any(one.refused for one in cluster.discord.gateway.identifies)


def count_published(discord: DiscordStandIn) -> int:
    return sum(call.method == "PUT" and call.path.endswith("/commands") for call in discord.calls)


async def crash(server: PostgresqlServer) -> None:
    await asyncio.to_thread(server.stop, signal.SIGQUIT)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(server.start)
