"""/about, /runs and /privacy, as people use them."""

import json

from sandbox.discord.people.person import Person
from sandbox.discord.world.attachment import Upload
from sandbox.discord.world.channel import Channel
from sandbox.house import House
from sandbox.portrait import portrait
from tests.app.conftest import answered, images, over, reached, words

ME = Upload("me.png", portrait())


async def test_about_lists_commands_and_retention(mia: Person, pictures: Channel) -> None:
    exchange = await mia.slash(pictures, "about")
    assert exchange.ephemeral
    text = words(answered(exchange))
    assert all(f"/{name}" in text for name in ("generate", "talk", "draw"))
    assert "/privacy delete" in text
    assert "Version " in text
    assert "https://bot.example/rules" in json.dumps(answered(exchange).components)


async def test_runs_list_shows_thumbnails_and_cancels(house: House, mia: Person, pictures: Channel) -> None:
    done = answered(await mia.slash(pictures, "generate", {"prompt": "first", "subject": ME, "number_of_outputs": 1}))
    await reached(house, lambda: over(done))
    going = answered(
        await mia.slash(pictures, "generate", {"prompt": "second", "subject": ME, "number_of_outputs": 20})
    )
    await reached(house, lambda: images(going))

    listed = await mia.slash(house.discord.world.channel("general"), "runs list")
    await listed.until(lambda it: "second" in it.text)
    card = answered(listed)
    assert listed.ephemeral
    assert "1 going" in card.text
    assert "first" in card.text
    assert '"type": 11' in json.dumps(card.components), "a thumbnail of what the first run made"
    assert "Cancel" in card.buttons

    offered = await mia.autocomplete(pictures, "runs cancel", {}, "run")
    assert [choice["name"] for choice in offered.choices or []] == ["/generate · second"]
    run_id = (offered.choices or [])[0]["value"]

    refused = await house.discord.person("noah").slash(pictures, "runs cancel", {"run": run_id})
    await refused.until(lambda it: "not one of your runs" in it.text)
    stopped = await mia.slash(pictures, "runs cancel", {"run": run_id})
    await stopped.until(lambda it: "Stopping" in it.text)
    await reached(house, lambda: over(going))
    assert "Stopped" in going.text


async def test_privacy_shows_exports_and_deletes(house: House, mia: Person, pictures: Channel) -> None:
    done = answered(
        await mia.slash(pictures, "generate", {"prompt": "a secret", "subject": ME, "number_of_outputs": 1})
    )
    await reached(house, lambda: over(done))

    shown = await mia.slash(pictures, "privacy show")
    await shown.until(lambda it: "1 run" in it.text)
    assert shown.ephemeral
    assert "30 days" in shown.text

    taken = await mia.slash(pictures, "privacy export")
    await taken.until(lambda it: it.message and it.message.attachments)
    stored = json.loads(answered(taken).attachments[0].data)
    assert [run["prompt"] for run in stored["runs"]] == ["a secret"]
    assert "token" not in stored["runs"][0]

    asked = await mia.slash(pictures, "privacy delete")
    pressed = await mia.press(answered(asked), "Delete my data")
    await pressed.until(lambda it: "1 run deleted" in it.text)
    again = await mia.slash(pictures, "privacy show")
    await again.until(lambda it: "0 runs" in it.text)
    assert not done.deleted


async def test_builtin_commands_are_translated(house: House) -> None:
    about = house.discord.commands.find("about", 1, None)
    assert about is not None
    assert about.data["name_localizations"]["de"] == "info"
    assert "es-ES" in about.data["description_localizations"]
