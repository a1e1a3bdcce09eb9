"""Each switch does what its name says, for its route and its number of times."""

import asyncio

import aiohttp
import pytest

from sandbox.discord import DiscordStandIn, JumpClock
from tests.clock import VirtualClock
from tests.sandbox.discord.http_client import HttpClient, http_client
from tests.sandbox.discord.test_messages import messages


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_failure_strikes_its_route_as_often_as_it_says(
    standin: DiscordStandIn, raw: HttpClient, status: int
) -> None:
    standin.faults.fail("POST /channels/*/messages", status=status, times=2)
    statuses = [(await raw.ask("POST", messages(standin), {"content": "x"})).status for _ in range(3)]
    assert statuses == [status, status, 200]
    assert not standin.faults.active
    assert len(standin.state.channel("general").messages) == 1


async def test_a_lasting_fault_is_lifted_or_cleared(standin: DiscordStandIn, raw: HttpClient) -> None:
    fault = standin.faults.fail("GET /users/@me", times=None)
    assert [(await raw.ask("GET", "/users/@me")).status for _ in range(3)] == [500] * 3
    assert (await raw.ask("GET", "/gateway/bot")).status == 200
    assert fault.hits == 3
    standin.faults.remove(fault)
    assert (await raw.ask("GET", "/users/@me")).status == 200
    standin.faults.fail(times=None)
    standin.faults.clear()
    assert (await raw.ask("GET", "/users/@me")).status == 200


@pytest.mark.parametrize(("after", "kept"), [(True, 1), (False, 0)])
async def test_a_cut_connection_has_no_answer_whether_or_not_it_was_handled(
    standin: DiscordStandIn, raw: HttpClient, *, after: bool, kept: int
) -> None:
    cut = standin.faults.cut_after if after else standin.faults.cut_before
    cut("POST /channels/*")
    with pytest.raises(aiohttp.ClientError):
        await raw.ask("POST", messages(standin), {"content": "x"})
    assert len(standin.state.channel("general").messages) == kept
    assert standin.calls[-1].status == 0


async def test_a_delay_waits_on_the_clock_that_was_handed_in() -> None:
    clock = VirtualClock()
    standin = DiscordStandIn(clock=clock)
    await standin.start()
    try:
        standin.faults.delay("GET /users/@me", seconds=60)
        async with http_client(standin) as raw:
            asking = asyncio.create_task(raw.ask("GET", "/users/@me"))
            async with asyncio.timeout(5):
                while not clock.sleepers:
                    await asyncio.sleep(0)
            await clock.advance(59)
            assert not asking.done()
            await clock.advance(1)
            assert (await asking).status == 200
    finally:
        await standin.stop()


async def test_expired_tokens_are_dead_and_new_interactions_live(standin: DiscordStandIn, raw: HttpClient) -> None:
    await raw.ask("POST", f"/applications/{standin.application_id}/commands", {"name": "go", "description": "d"})
    mia, general = standin.person("mia"), standin.state.channel("general")

    async def answered() -> str:
        exchange = await mia.use_command(general, "go", wait=False)
        token = exchange.interaction.token
        answer = {"type": 4, "data": {"content": "x"}}
        await raw.ask("POST", f"/interactions/{exchange.id}/{token}/callback", answer, token=None)
        return f"/webhooks/{standin.application_id}/{token}/messages/@original"

    original = await answered()
    assert (await raw.ask("GET", original, token=None)).status == 200
    standin.faults.expire_tokens()
    assert (await raw.ask("GET", original, token=None)).code == 50027
    assert (await raw.ask("GET", await answered(), token=None)).status == 200
    wrong = f"/webhooks/{standin.application_id}/wrong/messages/@original"
    assert (await raw.ask("GET", wrong, token=None)).code == 50027
    assert "wrong" not in standin.calls[-1].path


async def test_no_token_is_written_down(standin: DiscordStandIn, raw: HttpClient) -> None:
    await raw.ask("GET", "/users/@me")
    written = repr(standin.calls)
    assert standin.bot_token not in written
    assert "(hidden)" in written


async def test_skipped_time_wakes_sleepers() -> None:
    clock = JumpClock()
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    before = clock.monotonic()
    clock.skip(3600)
    async with asyncio.timeout(5):
        await sleeper
    assert clock.monotonic() - before >= 3600


async def test_what_hangs_is_done_or_not_and_never_answered_until_it_is_lifted(standin: DiscordStandIn) -> None:
    general = standin.state.channel("general")
    path, kept = f"/channels/{general.id}/messages", len(general.messages)
    undone = standin.faults.hang_before("POST *", when=lambda call: call.payload["content"] == "one")
    done = standin.faults.hang_after("POST *", when=lambda call: call.payload["content"] == "two")
    async with http_client(standin) as raw:
        asked = [asyncio.create_task(raw.ask("POST", path, {"content": said})) for said in ("one", "two", "three")]
        assert (await asked[2]).status == 200
        async with asyncio.timeout(5):
            while not (undone.hits and done.hits and len(general.messages) == kept + 2):
                await asyncio.sleep(0)
        assert [task.done() for task in asked] == [False, False, True]
        standin.faults.clear()
        for task in asked[:2]:
            with pytest.raises(aiohttp.ClientError):
                await task
    assert len(general.messages) == kept + 2
