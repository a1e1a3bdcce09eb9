"""What a web page needs: all that one person sees as JSON, and how it changes."""

import asyncio
import json

from sandbox.discord import DiscordStandIn, Permission
from tests.sandbox.discord.http_client import HttpClient, make_image, text_display
from tests.sandbox.discord.test_messages import gallery, messages, v2


async def test_a_snapshot_is_json_and_holds_what_the_person_sees(standin: DiscordStandIn, raw: HttpClient) -> None:
    await raw.ask(
        "POST", messages(standin), v2(text_display("hi"), gallery("attachment://a.png")), {"a.png": make_image()}
    )
    mia = standin.state.user("mia")
    standin.state.deny(standin.state.channel("pictures"), Permission.VIEW_CHANNEL, mia)
    told = json.loads(json.dumps(standin.snapshot(mia)))
    channels = {channel.get("name", "dm"): channel for channel in told["channels"]}
    assert set(channels) == {"general", "quiet", "hidden", "ideas", "lobby", "dm"}
    (message,) = channels["general"]["messages"]
    assert message["components"][0]["content"] == "hi"
    address = message["components"][1]["items"][0]["media"]["url"]
    assert message["files"]["a.png"]["url"].startswith(address.partition("?")[0])
    async with raw.session.get(message["author"]["avatar_url"]) as answer:
        assert answer.content_type == "image/png"
    assert {user["username"] for user in told["users"]} == {"olga", "mia", "noah", "ada", "replicord"}


async def test_the_stream_tells_what_the_person_sees_and_nothing_private_of_others(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    await raw.ask("POST", f"/applications/{standin.application_id}/commands", {"name": "go", "description": "d"})
    mia, general = standin.person("mia"), standin.state.channel("general")
    streams = [standin.stream(standin.state.user(name)) for name in ("mia", "noah")]
    heard: list[list[str]] = [[], []]

    async def listen(number: int) -> None:
        async for told in streams[number]:
            json.dumps(told)
            heard[number].append(told["t"])

    listeners = [asyncio.create_task(listen(number)) for number in range(2)]
    await asyncio.sleep(0)
    exchange = await mia.use_command(general, "go", wait=False)
    callback = f"/interactions/{exchange.id}/{exchange.interaction.token}/callback"
    await raw.ask("POST", callback, {"type": 4, "data": {"content": "psst", "flags": 64}}, token=None)
    said = await mia.send_message(general, "hello")
    await mia.react(said, "👍")
    await mia.edit(said, "hello!")
    await mia.delete(said)
    await standin.state.wait_for(lambda: True)
    for _ in range(20):
        await asyncio.sleep(0)
    for listener in listeners:
        listener.cancel()
    public = ["API_CALL", "MESSAGE_CREATE", "MESSAGE_REACTION_ADD", "MESSAGE_UPDATE", "MESSAGE_DELETE"]
    assert heard == [["MESSAGE_CREATE", "INTERACTION_UPDATE", *public], public]
