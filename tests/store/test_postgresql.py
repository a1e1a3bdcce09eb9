"""What PostgreSQL does and SQLite does not: concurrent writers, a server that restarts, answers that are lost."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from bot.errors import ConfigError
from bot.store.errors import CommitInDoubt, QuotaExceeded, StoreError
from bot.store.quota import RunLimits
from bot.store.store import Store
from bot.store.tables import metadata
from tests.clock import VirtualClock
from tests.postgresql import PostgresqlServer, get_name, run_server
from tests.store.databases import postgresql_only
from tests.store.samples import after, make_run
from tests.tcp_proxy import TcpProxy, connect_to_socket, run_proxy

pytestmark = postgresql_only

COMMIT = b"COMMIT\0"  # also in READ COMMITTED, without the end
AWAY = "The database server cannot be reached"


@asynccontextmanager
async def open_two(url: str, clock: VirtualClock) -> AsyncIterator[tuple[Store, Store]]:
    """Open the database twice, as two processes of one bot do."""
    one = await Store.open(url, clock=clock, exclusive=False)
    other = await Store.open(url, clock=clock, exclusive=False)
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
async def proxy(postgresql_server: PostgresqlServer) -> AsyncIterator[TcpProxy]:
    async with run_proxy(connect_to_socket(postgresql_server.folder / ".s.PGSQL.5432")) as proxy:
        yield proxy


@pytest.fixture
async def distant(created_url: str, proxy: TcpProxy, clock: VirtualClock) -> AsyncIterator[Store]:
    """A store whose connections go through the proxy."""
    store = await Store.open(f"postgresql://replicord@127.0.0.1:{proxy.port}/{get_name(created_url)}", clock=clock)
    yield store
    proxy.refusing = False
    proxy.resume()
    await store.close()


async def execute_on_each_writer(store: Store, statement: str) -> None:
    """Execute a statement on each connection that writes: all of them are idle, so each takes one job."""

    def execute(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    await asyncio.gather(*(store.database.write(execute) for _ in range(store.database.location.writers)))


@pytest.fixture
def own_server() -> Iterator[PostgresqlServer]:
    """A server that the test may stop."""
    with run_server() as server:
        yield server


async def test_alembic_finds_no_difference(created_url: str, clock: VirtualClock) -> None:
    def is_in_metadata(_object: object, name: str | None, *_: object) -> bool:
        return name != "library_entries_by_words"  # of the expression in bot.store.full_text

    def compare(connection: Connection) -> object:
        opts = {"compare_type": True, "include_object": is_in_metadata}
        return compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)

    store = await Store.open(created_url, clock=clock)
    assert await store.database.read(compare) == []
    await store.close()


@pytest.mark.parametrize(("oldest", "opens"), [("0004", True), ("9998", False), (None, False)])
async def test_newer_tables_state_the_oldest_code(
    created_url: str, clock: VirtualClock, oldest: str | None, *, opens: bool
) -> None:
    """Beside a newer process that has migrated, one of the release before may start again."""
    store = await Store.open(created_url, clock=clock)

    def migrate(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'").close()
        comment = "NULL" if oldest is None else f"'oldest code: {oldest}'"
        connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS {comment}").close()

    await store.database.write(migrate)
    await store.close()
    if opens:
        again = await Store.open(created_url, clock=clock)
        await again.runs.reserve(make_run(), ())
        await again.close()
    else:
        with pytest.raises(ConfigError, match="newer Replicord"):
            await Store.open(created_url, clock=clock)


async def test_two_processes_migrate_an_empty_database(url: str, clock: VirtualClock) -> None:
    stores = await asyncio.gather(*(Store.open(url, clock=clock, exclusive=False) for _ in range(3)))
    await stores[0].runs.reserve(make_run(), ())
    assert await stores[1].runs.get("run-1") is not None
    for store in stores:
        await store.close()


async def test_concurrent_writers_keep_the_quota(created_url: str, clock: VirtualClock) -> None:
    async with open_two(created_url, clock) as stores:
        results = await asyncio.gather(
            *(
                store.runs.reserve(make_run(f"{name}-{number}"), (), RunLimits(at_once=3, per_day=9))
                for name, store in zip("ab", stores, strict=True)
                for number in range(20)
            ),
            return_exceptions=True,
        )
        assert sum(result is None for result in results) == 3
        assert {type(result) for result in results} == {type(None), QuotaExceeded}


async def test_prediction_belongs_to_one_of_two_runs(created_url: str, clock: VirtualClock) -> None:
    async with open_two(created_url, clock) as stores:
        for number in range(40):
            await stores[0].runs.reserve(make_run(f"run-{number}"), ())
            await stores[0].runs.mark_sent(f"run-{number}", at=after(1))
        made = await asyncio.gather(
            *(
                stores[number % 2].runs.mark_submitted(f"run-{number}", prediction_id=f"p{number // 2}")
                for number in range(40)
            )
        )
        assert [sum(pair) for pair in zip(made[::2], made[1::2], strict=True)] == [1] * 20


async def test_concurrent_upserts_do_not_fail(created_url: str, clock: VirtualClock) -> None:
    async with open_two(created_url, clock) as stores:
        await asyncio.gather(*(store.key_value.put("key", number) for number in range(30) for store in stores))
        await stores[0].runs.reserve(make_run(), ())
        await asyncio.gather(
            *(store.runs.mark_message_sent("run-1", 1, 70 + number) for number in range(30) for store in stores)
        )
        run = await stores[1].runs.get("run-1")
        assert run is not None
        assert run.messages[1] >= 70


async def test_jobs_one_after_the_other_need_one_connection(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    for number in range(2 * store.database.location.writers):
        await store.key_value.put("key", number)
        assert await store.key_value.get("key") == number
    async with await psycopg.AsyncConnection.connect(created_url) as shell:
        cursor = await shell.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert await cursor.fetchone() == (1 + store.database.location.readers,)
    await store.close()


async def test_error_shows_no_row(created_url: str, clock: VirtualClock, postgresql_server: PostgresqlServer) -> None:
    store = await Store.open(created_url, clock=clock)
    await store.runs.reserve(make_run(prompt="my secret prompt"), ())
    with pytest.raises(StoreError) as failed:
        await store.database.write(
            lambda connection: connection.exec_driver_sql("UPDATE runs SET ended_at = 1").close()
        )
    await store.close()
    text = "".join(traceback.format_exception(failed.value))
    assert "ended_means_terminal" in text
    for secret in ("my secret prompt", make_run().place.token):
        assert secret not in text
        assert secret not in postgresql_server.read_log()


async def test_nul_is_replaced(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    await store.runs.reserve(make_run(prompt="a\0cat", input={"prompt": "a\0cat"}), ())
    run = await store.runs.get("run-1")
    assert run is not None
    assert (run.prompt, run.input["prompt"]) == ("a\N{REPLACEMENT CHARACTER}cat", "a\0cat")
    await store.close()


async def test_restart_of_the_server_is_not_noticed(own_server: PostgresqlServer, clock: VirtualClock) -> None:
    store = await Store.open(own_server.create_database(migrated=True), clock=clock)
    await store.runs.reserve(make_run(), ())
    await asyncio.to_thread(own_server.stop)
    for job in (store.runs.mark_sent("run-1", at=after(1)), store.runs.get("run-1")):
        with pytest.raises(StoreError, match=AWAY):
            await job
    await asyncio.to_thread(own_server.start)
    assert await store.runs.get("run-1") is not None
    assert await store.runs.mark_sent("run-1", at=after(1))
    await store.close()


async def test_cut_connection_is_opened_again(distant: Store, proxy: TcpProxy) -> None:
    await distant.runs.reserve(make_run(), ())
    proxy.cut()
    assert await distant.runs.mark_sent("run-1", at=after(1))
    proxy.cut()
    assert await distant.runs.get("run-1") is not None


async def settle(clock: VirtualClock, change: Coroutine[Any, Any, bool]) -> bool:
    """Return what a change returns once the server knows whether it took effect, which it is asked every moment."""
    changing = asyncio.create_task(change)
    async with asyncio.timeout(60):
        while not changing.done():
            await clock.advance(1)
            await asyncio.sleep(0.01)
    return await changing


async def test_lost_answer_to_a_commit_counts_as_done(distant: Store, proxy: TcpProxy, clock: VirtualClock) -> None:
    await distant.runs.reserve(make_run(), ())
    proxy.lose_answer_to(COMMIT)
    assert await settle(clock, distant.runs.mark_sent("run-1", at=after(1)))
    assert proxy.lost.is_set()
    assert not await distant.runs.mark_sent("run-1", at=after(2))


async def test_commit_that_never_arrived_is_repeated(distant: Store, proxy: TcpProxy, clock: VirtualClock) -> None:
    await distant.runs.reserve(make_run(), ())
    proxy.lose_request(COMMIT)
    assert await settle(clock, distant.runs.mark_sent("run-1", at=after(1)))
    assert proxy.lost.is_set()
    assert not await distant.runs.mark_sent("run-1", at=after(2))


async def test_unknown_commit_waits_for_the_server(distant: Store, proxy: TcpProxy, clock: VirtualClock) -> None:
    await distant.runs.reserve(make_run(), ())
    await distant.runs.reserve(make_run("run-2"), ())
    await execute_on_each_writer(distant, "SELECT 1")
    proxy.lose_answer_to(COMMIT)
    proxy.refusing = True
    unknown = asyncio.create_task(distant.runs.mark_sent("run-1", at=after(1)))
    await proxy.lost.wait()
    proxy.cut()
    with pytest.raises(StoreError, match=AWAY):
        await distant.runs.mark_sent("run-2", at=after(1))
    assert not unknown.done()
    proxy.refusing = False
    async with asyncio.timeout(30):
        while not unknown.done():
            await clock.advance(1)
            await asyncio.sleep(0.01)
    assert await unknown
    assert await distant.runs.mark_sent("run-2", at=after(1))


@pytest.fixture
def forgetful(distant: Store, created_url: str) -> Iterator[Callable[[], None]]:  # noqa: ARG001 (it is open before)
    """Let the server know nothing of transactions on new connections, as another one does after a fail-over."""
    name = get_name(created_url)
    with psycopg.connect(created_url, autocommit=True) as connection:

        def forget() -> None:
            connection.execute(
                "CREATE FUNCTION public.pg_xact_status(xid8) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'"
            )
            connection.execute(f"ALTER DATABASE {name} SET search_path = public, pg_catalog".encode())

        yield forget
        connection.execute(f"ALTER DATABASE {name} RESET search_path".encode())
        connection.execute("DROP FUNCTION public.pg_xact_status(xid8)")


async def test_a_run_whose_commit_nobody_knows_is_found(
    distant: Store, proxy: TcpProxy, forgetful: Callable[[], None]
) -> None:
    await distant.runs.reserve(make_run("before"), ())
    forgetful()
    proxy.lose_answer_to(COMMIT)
    await distant.runs.reserve(make_run(), ())
    assert proxy.lost.is_set()
    assert await distant.runs.get("run-1") is not None


async def test_a_run_whose_commit_nobody_got_is_refused(
    distant: Store, proxy: TcpProxy, forgetful: Callable[[], None]
) -> None:
    await distant.runs.reserve(make_run("before"), ())
    forgetful()
    proxy.lose_request(COMMIT)
    with pytest.raises(CommitInDoubt):
        await distant.runs.reserve(make_run(), ())
    await distant.runs.reserve(make_run(), ())
    assert await distant.runs.get("run-1") is not None


async def test_lock_of_another_program_is_explained(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    await store.runs.reserve(make_run(), ())
    await execute_on_each_writer(store, "SET lock_timeout = '100ms'")
    async with await psycopg.AsyncConnection.connect(created_url) as shell:
        await shell.execute("UPDATE runs SET author_name = 'bob'")
        with pytest.raises(StoreError, match="Another program has locked the database"):
            await store.runs.mark_sent("run-1", at=after(1))
        await shell.rollback()
    assert await store.runs.mark_sent("run-1", at=after(1))
    await store.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("/test_", "/missing_"), "The database in DATABASE_URL does not exist"),
        (("?host=", "?colour=red&host="), "parameter that PostgreSQL does not know"),
        (("?host=/", "?host=/nowhere/"), AWAY),
        (("replicord@", "mia:hunter2@"), "refused the user or password"),
    ],
)
async def test_wrong_url_is_explained(
    created_url: str, clock: VirtualClock, change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as error:
        await Store.open(created_url.replace(*change), clock=clock)
    assert "hunter2" not in "".join(traceback.format_exception(error.value))


async def test_password_is_not_shown(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url.replace("replicord@", f"replicord:{quote('hunter/2')}@"), clock=clock)
    assert "hunter" not in str(store.database.location)
    await store.close()


async def test_backup_names_the_program(created_url: str, clock: VirtualClock, tmp_path: Path) -> None:
    store = await Store.open(created_url, clock=clock)
    with pytest.raises(StoreError, match="pg_dump --format=custom"):
        await store.back_up(tmp_path / "copy")
    await store.close()
