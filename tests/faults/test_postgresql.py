"""The bot on PostgreSQL: killed, its server restarted, the answer to a commit lost."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.database_reader import PostgresqlReader
from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, eventually
from tests.postgresql import PostgresqlServer, get_name, run_server
from tests.tcp_proxy import TcpProxy, connect_to_socket, run_proxy

COMMIT = b"COMMIT\0"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    """A server that the tests may stop."""
    with run_server() as server:
        yield server


@pytest.fixture
async def proxy(server: PostgresqlServer) -> AsyncIterator[TcpProxy]:
    async with run_proxy(connect_to_socket(server.folder / ".s.PGSQL.5432")) as proxy:
        yield proxy


@pytest.fixture
async def bot(
    open_bot: OpenBot, server: PostgresqlServer, proxy: TcpProxy, tmp_path: Path
) -> AsyncIterator[BotUnderTest]:
    """A bot whose connections to the database go through the proxy."""
    direct = server.create_database(migrated=True)
    url = f"postgresql://replicord@127.0.0.1:{proxy.port}/{get_name(direct)}"
    async with open_bot(DATABASE_URL=url, SPOOL_FOLDER=str(tmp_path / "spool")) as bot:
        bot.reader = PostgresqlReader(direct)
        yield bot


async def test_killed_on_postgresql_resumes_every_run(bot: BotUnderTest) -> None:
    bot.replicate.faults.add("slow-start", seconds=2)
    runs = [await bot.generate() for _ in range(3)]
    await eventually(lambda: all(run.state == "submitted" for run in runs))
    await bot.restart()
    for run in runs:
        await run.wait_until_delivered()
        assert (len(run.predictions), len(run.images)) == (1, 2)


async def test_database_server_crashes_under_runs(bot: BotUnderTest, server: PostgresqlServer) -> None:
    bot.replicate.faults.add("slow-start", seconds=2)
    runs = [await bot.generate() for _ in range(3)]
    # One whose row the database may not have taken has not begun: its author is told so and tries again.
    await eventually(lambda: all(run.row.get("sent_at") for run in runs))
    await asyncio.to_thread(server.stop, signal.SIGQUIT)
    await asyncio.sleep(1)  # the predictions go on meanwhile
    await asyncio.to_thread(server.start)
    for run in runs:
        await run.wait_until_delivered()
        assert (len(run.predictions), len(run.images)) == (1, 2)


async def test_answer_to_a_commit_is_lost(bot: BotUnderTest, proxy: TcpProxy) -> None:
    for number in range(6):
        proxy.lost.clear()
        run = await bot.generate()
        proxy.lose_answer_to(COMMIT) if number % 2 else proxy.lose_request(COMMIT)
        await run.wait_until_delivered()
        assert proxy.lost.is_set()
        assert (len(run.predictions), len(run.images)) == (1, 2)


async def test_partition_from_the_database(bot: BotUnderTest, proxy: TcpProxy) -> None:
    bot.replicate.faults.add("slow-start", seconds=2)
    run = await bot.generate()
    await eventually(lambda: run.state == "submitted")
    proxy.refusing = True
    proxy.cut()
    await asyncio.sleep(3)  # the prediction ends meanwhile
    proxy.refusing = False
    await run.wait_until_delivered()
    assert (len(run.predictions), len(run.images)) == (1, 2)
