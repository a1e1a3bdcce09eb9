"""Messages between processes: sent with their transaction, received again after a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from bot.aio import cancel_and_wait
from bot.clock import SystemClock
from bot.store.location import parse_location
from bot.store.models import RunState
from bot.store.notifications import Listener, Message, notify
from bot.store.postgresql import PostgresqlLocation
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.postgresql import PostgresqlServer, get_name
from tests.store.databases import postgresql_only, sqlite_only
from tests.store.samples import MIA, after, make_run, store_run_in_state
from tests.tcp_proxy import connect_to_socket, run_proxy

Received = tuple[Message, tuple[str, ...]]


@asynccontextmanager
async def listen(url: str) -> AsyncIterator[tuple[asyncio.Queue[Received], asyncio.Queue[None]]]:
    location = parse_location(url)
    assert isinstance(location, PostgresqlLocation)
    received: asyncio.Queue[Received] = asyncio.Queue()
    connected: asyncio.Queue[None] = asyncio.Queue()
    listener = Listener(
        location,
        handle=lambda word, ids: received.put_nowait((word, ids)),
        on_connected=lambda: connected.put_nowait(None),
        clock=SystemClock(),
    )
    task = asyncio.create_task(listener.run())
    await asyncio.wait_for(connected.get(), 30)
    yield received, connected
    await cancel_and_wait([task])


@postgresql_only
async def test_message_arrives_once_committed(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)

    def fail(connection: object) -> None:
        notify(connection, Message.COMMANDS)  # type: ignore[arg-type]
        raise RuntimeError

    async with listen(created_url) as (received, _):
        await asyncio.gather(store.database.write(fail), return_exceptions=True)
        await store.database.write(lambda connection: notify(connection, Message.CANCEL, "run-1"))
        assert await asyncio.wait_for(received.get(), 30) == (Message.CANCEL, ("run-1",))
    await store.close()


@postgresql_only
async def test_owner_is_told_of_cancels_and_new_tokens(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    await store_run_in_state(store.runs, make_run("under-way"), RunState.RUNNING)
    await store_run_in_state(store.runs, make_run("over"), RunState.FAILED, delivered=True)
    async with listen(created_url) as (received, _):
        for run_id in ("over", "under-way"):
            await store.runs.request_cancel(run_id, by_id=1, at=after(9))
            await store.runs.save_token(run_id, "of a press", expires_at=after(900))
        assert not await store.runs.request_cancel("under-way", by_id=2, at=after(10))
        await store.commands.remove("nothing")
        await store.database.write(lambda connection: notify(connection, Message.COMMANDS))
        told = [await asyncio.wait_for(received.get(), 30) for _ in range(3)]
    assert told == [(Message.CANCEL, ("under-way",)), (Message.RENEWAL, ("under-way",)), (Message.COMMANDS, ())]
    run, over = await store.runs.get("under-way"), await store.runs.get("over")
    assert run is not None
    assert (run.place.token, run.place.token_expires_at) == ("of a press", after(900))
    assert over is not None
    assert over.place.token == ""
    await store.close()


@postgresql_only
async def test_every_process_is_told_of_an_erasure(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    async with listen(created_url) as (received, _):
        await store.runs.erase(MIA)
        told = [await asyncio.wait_for(received.get(), 30) for _number in range(2)]
        assert (Message.ERASURE, (str(MIA),)) in told
    await store.close()


@postgresql_only
async def test_lost_listener_connects_again(
    created_url: str, clock: VirtualClock, postgresql_server: PostgresqlServer
) -> None:
    store = await Store.open(created_url, clock=clock)
    async with run_proxy(connect_to_socket(postgresql_server.folder / ".s.PGSQL.5432")) as proxy:
        distant = f"postgresql://replicord@127.0.0.1:{proxy.port}/{get_name(created_url)}"
        async with listen(distant) as (received, connected):
            proxy.cut()
            await asyncio.wait_for(connected.get(), 30)
            await store.database.write(partial(notify, message=Message.COMMANDS))
            assert await asyncio.wait_for(received.get(), 30) == (Message.COMMANDS, ())
    await store.close()


@sqlite_only
async def test_one_process_tells_nobody(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    assert await store.database.write(lambda connection: notify(connection, Message.COMMANDS)) is None  # type: ignore[func-returns-value]
    await store.close()
