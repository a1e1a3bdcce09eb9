"""Every fault does what it says, on its route and as often as requested."""

import asyncio

import aiohttp
import pytest

from sandbox.discord import DiscordStandIn, JumpClock
from tests.clock import VirtualClock
from tests.sandbox.discord.http_client import HttpClient, http_client
from tests.sandbox.discord.test_messages import messages


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_failure_affects_its_route_the_given_times(
    standin: DiscordStandIn, http: HttpClient, status: int
) -> None:
    standin.faults.fail("POST /channels/*/messages", status=status, times=2)
    statuses = [(await http.request("POST", messages(standin), {"content": "x"})).status for _ in range(3)]
    assert statuses == [status, status, 200]
    assert not standin.faults.active
    assert len(standin.state.channel("general").messages) == 1


async def test_a_permanent_fault_is_removed_or_cleared(standin: DiscordStandIn, http: HttpClient) -> None:
    fault = standin.faults.fail("GET /users/@me", times=None)
    assert [(await http.request("GET", "/users/@me")).status for _ in range(3)] == [500] * 3
    assert (await http.request("GET", "/gateway/bot")).status == 200
    assert fault.hits == 3
    standin.faults.remove(fault)
    assert (await http.request("GET", "/users/@me")).status == 200
    standin.faults.fail(times=None)
    standin.faults.clear()
    assert (await http.request("GET", "/users/@me")).status == 200


@pytest.mark.parametrize(("after", "kept"), [(True, 1), (False, 0)])
async def test_a_cut_before_or_after_the_request_gives_no_response(
    standin: DiscordStandIn, http: HttpClient, *, after: bool, kept: int
) -> None:
    cut = standin.faults.cut_after if after else standin.faults.cut_before
    cut("POST /channels/*")
    with pytest.raises(aiohttp.ClientError):
        await http.request("POST", messages(standin), {"content": "x"})
    assert len(standin.state.channel("general").messages) == kept
    assert standin.calls[-1].status == 0


async def test_a_delay_uses_the_injected_clock() -> None:
    clock = VirtualClock()
    standin = DiscordStandIn(clock=clock)
    await standin.start()
    try:
        standin.faults.delay("GET /users/@me", seconds=60)
        async with http_client(standin) as http:
            request = asyncio.create_task(http.request("GET", "/users/@me"))
            async with asyncio.timeout(5):
                while not clock.sleepers:
                    await asyncio.sleep(0)
            await clock.advance(59)
            assert not request.done()
            await clock.advance(1)
            assert (await request).status == 200
    finally:
        await standin.stop()


async def test_expiring_tokens_spares_new_interactions(standin: DiscordStandIn, http: HttpClient) -> None:
    await http.request("POST", f"/applications/{standin.application_id}/commands", {"name": "go", "description": "d"})
    mia, general = standin.person("mia"), standin.state.channel("general")

    async def respond() -> str:
        result = await mia.use_command(general, "go", wait=False)
        token = result.interaction.token
        response = {"type": 4, "data": {"content": "x"}}
        await http.request("POST", f"/interactions/{result.id}/{token}/callback", response, token=None)
        return f"/webhooks/{standin.application_id}/{token}/messages/@original"

    original = await respond()
    assert (await http.request("GET", original, token=None)).status == 200
    standin.faults.expire_tokens()
    assert (await http.request("GET", original, token=None)).code == 50027
    assert (await http.request("GET", await respond(), token=None)).status == 200
    wrong = f"/webhooks/{standin.application_id}/wrong/messages/@original"
    assert (await http.request("GET", wrong, token=None)).code == 50027
    assert "wrong" not in standin.calls[-1].path


async def test_the_request_log_contains_no_token(standin: DiscordStandIn, http: HttpClient) -> None:
    await http.request("GET", "/users/@me")
    written = repr(standin.calls)
    assert standin.bot_token not in written
    assert "(hidden)" in written


async def test_skipping_time_wakes_sleepers() -> None:
    clock = JumpClock()
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    before = clock.monotonic()
    clock.skip(3600)
    async with asyncio.timeout(5):
        await sleeper
    assert clock.monotonic() - before >= 3600


async def test_hanging_requests_end_when_faults_are_cleared(standin: DiscordStandIn) -> None:
    general = standin.state.channel("general")
    path, kept = f"/channels/{general.id}/messages", len(general.messages)
    unprocessed = standin.faults.hang_before("POST *", when=lambda call: call.body["content"] == "one")
    processed = standin.faults.hang_after("POST *", when=lambda call: call.body["content"] == "two")
    async with http_client(standin) as http:
        requests = [
            asyncio.create_task(http.request("POST", path, {"content": sent})) for sent in ("one", "two", "three")
        ]
        assert (await requests[2]).status == 200
        async with asyncio.timeout(5):
            while not (unprocessed.hits and processed.hits and len(general.messages) == kept + 2):
                await asyncio.sleep(0)
        assert [task.done() for task in requests] == [False, False, True]
        standin.faults.clear()
        for task in requests[:2]:
            with pytest.raises(aiohttp.ClientError):
                await task
    assert len(general.messages) == kept + 2
