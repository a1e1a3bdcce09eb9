"""Rate limits: the headers are true, and discord.py copes with them."""

import asyncio
from datetime import UTC, datetime

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.discord import DiscordStandIn
from sandbox.discord.services.rate_limits import EDIT, REACT, READ, SEND, WEBHOOK, RateLimit, RateLimited, RateLimits
from tests.clock import VirtualClock
from tests.sandbox.discord.discord_py import Bot, running_bot
from tests.sandbox.discord.http_client import HttpClient, http_client
from tests.sandbox.discord.test_messages import messages


class ManualClock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError(seconds)


@given(
    limit=st.integers(1, 6),
    seconds=st.floats(0.1, 10),
    steps=st.lists(st.tuples(st.floats(0, 3), st.sampled_from("ab")), max_size=60),
)
def test_a_bucket_counts_down_and_never_exceeds_its_limit(
    limit: int, seconds: float, steps: list[tuple[float, str]]
) -> None:
    clock, rate_limit = ManualClock(), RateLimit("r", limit, seconds)
    rate_limits = RateLimits(clock)
    accepted: dict[str, list[float]] = {"a": [], "b": []}
    for wait, channel in steps:
        clock.time += wait
        before = rate_limits.peek(rate_limit, {"channel_id": channel})
        if before["X-RateLimit-Remaining"] == "0":
            with pytest.raises(RateLimited) as refused:
                rate_limits.consume(rate_limit, {"channel_id": channel})
            assert 0 <= refused.value.body["retry_after"] <= seconds + 0.001
            assert sum(at > clock.time - seconds - 0.001 for at in accepted[channel]) >= limit
        else:
            headers = rate_limits.consume(rate_limit, {"channel_id": channel})
            accepted[channel].append(clock.time)
            assert int(headers["X-RateLimit-Remaining"]) == int(before["X-RateLimit-Remaining"]) - 1
    for times in accepted.values():
        for start in times:
            assert sum(start <= at < start + seconds - 0.001 for at in times) <= 2 * limit


async def test_headers_name_the_bucket_and_count_down(standin: DiscordStandIn, http: HttpClient) -> None:
    standin.rate_limits.enabled = True
    responses = [await http.request("POST", messages(standin), {"content": "x"}) for _ in range(5)]
    assert [one.headers["X-RateLimit-Remaining"] for one in responses] == ["4", "3", "2", "1", "0"]
    assert {one.headers["X-RateLimit-Bucket"] for one in responses} == {SEND.hash}
    assert 0 < float(responses[-1].headers["X-RateLimit-Reset-After"]) <= 5
    limited = await http.request("POST", messages(standin), {"content": "x"})
    assert (limited.status, limited.headers["Via"], limited.headers["Content-Type"]) == (
        429,
        "1.1 google",
        "application/json",
    )
    assert limited.headers["X-RateLimit-Scope"] == "user"
    assert limited.body == {
        "message": "You are being rate limited.",
        "retry_after": pytest.approx(5, abs=0.5),
        "global": False,
    }
    assert (await http.request("POST", messages(standin, "pictures"), {"content": "x"})).status == 200
    assert len(standin.state.channel("general").messages) == 5
    standin.skip(5)
    assert (await http.request("POST", messages(standin), {"content": "x"})).status == 200


async def test_the_global_limit_excludes_interaction_routes() -> None:
    clock = VirtualClock()
    standin = DiscordStandIn(clock=clock)
    standin.rate_limits.change(READ, limit=1000, seconds=1)
    await standin.start()
    try:
        async with http_client(standin) as http:
            user = f"/users/{standin.state.user('mia').id}"
            assert {(await http.request("GET", user)).status for _ in range(50)} == {200}
            limited = await http.request("GET", user)
            assert (limited.status, limited.body["global"]) == (429, True)
            assert limited.headers["X-RateLimit-Global"] == "true"
            callback = await http.request("POST", "/interactions/1/token/callback", {"type": 5}, token=None)
            assert (callback.code, "X-RateLimit-Limit" in callback.headers) == (10062, False)
            await clock.advance(1)
            assert (await http.request("GET", user)).status == 200
    finally:
        await standin.stop()


async def test_discord_py_keeps_to_the_headers_of_many_edits(standin: DiscordStandIn) -> None:
    standin.rate_limits.change(EDIT, limit=5, seconds=0.3)
    async with running_bot(Bot(), standin) as bot:
        channel = bot.get_channel(standin.state.channel("general").id)
        assert isinstance(channel, discord.TextChannel)
        sent = await channel.send("0")
        await asyncio.gather(*(sent.edit(content=str(number)) for number in range(12)))
    edits = [call for call in standin.calls if call.method == "PATCH"]
    assert [call.status for call in edits] == [200] * 12


async def test_discord_py_waits_for_a_429_and_retries(standin: DiscordStandIn) -> None:
    async with running_bot(Bot(), standin) as bot:
        channel = bot.get_channel(standin.state.channel("general").id)
        assert isinstance(channel, discord.TextChannel)
        standin.faults.throttle("POST /channels/*", seconds=0.05)
        standin.faults.throttle_all("PUT *", seconds=0.05)
        sent = await channel.send("x")
        await sent.add_reaction("❌")
    statuses = [call.status for call in standin.calls if "/channels/" in call.path]
    assert statuses == [429, 200, 429, 204]


def test_the_buckets_match_observations() -> None:
    assert [(one.limit, one.seconds) for one in (SEND, EDIT, WEBHOOK, REACT)] == [(5, 5), (5, 5), (5, 2), (1, 0.25)]
