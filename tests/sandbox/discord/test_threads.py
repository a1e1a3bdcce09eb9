"""Threads that the bot starts, and channels for adults only."""

import pytest

from sandbox.discord import DiscordStandIn, Permission
from tests.sandbox.discord.http_client import HttpClient


def threads(standin: DiscordStandIn, channel: str = "general") -> str:
    return f"/channels/{standin.state.channel(channel).id}/threads"


async def test_a_thread_is_started_and_people_are_added(standin: DiscordStandIn, http: HttpClient) -> None:
    answer = await http.request("POST", threads(standin), {"name": "Results of Mia", "type": 11})
    assert (answer.status, answer.body["name"], answer.body["type"]) == (201, "Results of Mia", 11)
    thread = standin.state.channels[int(answer.body["id"])]
    assert thread.parent is standin.state.channel("general")
    mia = standin.state.user("mia")
    added = await http.request("PUT", f"/channels/{thread.id}/thread-members/{mia.id}")
    assert (added.status, mia in thread.recipients) == (204, True)
    assert (await http.request("POST", f"/channels/{thread.id}/messages", {"content": "x"})).status == 200
    assert (await http.request("POST", f"/channels/{thread.id}/threads", {"name": "x", "type": 11})).code == 50024


@pytest.mark.parametrize("body", [{"type": 11}, {"name": "x" * 101}, {"name": "x", "type": 0}])
async def test_a_malformed_thread_is_refused(
    standin: DiscordStandIn, http: HttpClient, body: dict[str, object]
) -> None:
    assert (await http.request("POST", threads(standin), body)).code == 50035


async def test_a_thread_needs_its_permission(standin: DiscordStandIn, http: HttpClient) -> None:
    general = standin.state.channel("general")
    standin.state.deny(general, Permission.CREATE_PUBLIC_THREADS)
    assert (await http.request("POST", threads(standin), {"name": "x", "type": 11})).code == 50013
    assert (await http.request("POST", threads(standin, "hidden"), {"name": "x", "type": 11})).code == 50001


async def test_a_command_for_adults_is_offered_in_their_channels_only(
    standin: DiscordStandIn, http: HttpClient
) -> None:
    application = standin.state.application.id
    command = {"name": "night", "description": "For adults", "nsfw": True}
    assert (await http.request("POST", f"/applications/{application}/commands", command)).status == 201
    mia, general = standin.person("mia"), standin.state.channel("general")

    def names() -> list[str]:
        return [offered.name for offered in mia.available_commands(general)]

    assert names() == []
    general.nsfw = True
    assert names() == ["night"]
    assert [offered.name for offered in mia.available_commands(standin.state.channel("ideas"))] == ["night"]
