"""What the web page needs: everything that one person sees as JSON, and the events that change it."""

import asyncio
import json

from sandbox.discord import DiscordStandIn, Permission
from tests.sandbox.discord.http_client import HttpClient, make_image, text_display
from tests.sandbox.discord.test_messages import gallery, messages, v2


async def test_a_snapshot_holds_what_the_person_sees(standin: DiscordStandIn, http: HttpClient) -> None:
    await http.request(
        "POST", messages(standin), v2(text_display("hi"), gallery("attachment://a.png")), {"a.png": make_image()}
    )
    mia = standin.state.user("mia")
    standin.state.deny(standin.state.channel("pictures"), Permission.VIEW_CHANNEL, mia)
    data = json.loads(json.dumps(standin.snapshot(mia)))
    channels = {channel.get("name", "dm"): channel for channel in data["channels"]}
    assert set(channels) == {"general", "quiet", "hidden", "ideas", "lobby", "dm"}
    (message,) = channels["general"]["messages"]
    assert message["components"][0]["content"] == "hi"
    url = message["components"][1]["items"][0]["media"]["url"]
    assert message["files"]["a.png"]["url"].startswith(url.partition("?")[0])
    async with http.session.get(message["author"]["avatar_url"]) as response:
        assert response.content_type == "image/png"
    assert {user["username"] for user in data["users"]} == {"olga", "mia", "noah", "ada", "replicord"}


async def test_the_stream_hides_private_events_of_others(standin: DiscordStandIn, http: HttpClient) -> None:
    await http.request("POST", f"/applications/{standin.application_id}/commands", {"name": "go", "description": "d"})
    mia, general = standin.person("mia"), standin.state.channel("general")
    streams = [standin.stream(standin.state.user(name)) for name in ("mia", "noah")]
    received: list[list[str]] = [[], []]

    async def listen(number: int) -> None:
        async for data in streams[number]:
            json.dumps(data)
            received[number].append(data["t"])

    listeners = [asyncio.create_task(listen(number)) for number in range(2)]
    await asyncio.sleep(0)
    result = await mia.use_command(general, "go", wait=False)
    callback = f"/interactions/{result.id}/{result.interaction.token}/callback"
    await http.request("POST", callback, {"type": 4, "data": {"content": "psst", "flags": 64}}, token=None)
    sent = await mia.send_message(general, "hello")
    await mia.react(sent, "👍")
    await mia.edit(sent, "hello!")
    await mia.delete(sent)
    await standin.state.wait_for(lambda: True)
    for _ in range(20):
        await asyncio.sleep(0)
    for listener in listeners:
        listener.cancel()
    public = ["API_CALL", "MESSAGE_CREATE", "MESSAGE_REACTION_ADD", "MESSAGE_UPDATE", "MESSAGE_DELETE"]
    assert received == [["MESSAGE_CREATE", "INTERACTION_UPDATE", *public], public]
