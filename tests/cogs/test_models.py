"""/models, as people and the bot's owner use it."""

from collections.abc import Mapping

from sandbox.discord.person import Person
from sandbox.discord.state.components import iter_media
from sandbox.discord.state.models import Channel
from sandbox.environment import Environment
from sandbox.replicate.schema import openapi_document
from tests.app.conftest import answered, over, reached
from tests.cogs.conftest import choice_values, offered, private_text


def commands(environment: Environment) -> set[str]:
    return {command.name for command in environment.discord.commands.all()}


async def test_an_added_model_is_a_command_also_after_a_restart(
    environment: Environment, olga: Person, mia: Person, pictures: Channel
) -> None:
    added = await olga.use_command(pictures, "models add", {"model": "sandbox/captions", "name": "describe"})
    await private_text(added, "Added /describe", "version")
    assert "describe" in commands(environment)
    message = answered(await mia.use_command(pictures, "describe", {"prompt": "tea"}))
    await reached(environment, lambda: over(message))

    await environment.bot.stop()
    await environment.start_bot()
    assert "describe" in commands(environment)
    message = answered(await mia.use_command(pictures, "describe", {"prompt": "tea"}))
    await reached(environment, lambda: over(message))
    model = environment.replicate.catalog.find_model("sandbox/captions")
    assert model is not None
    assert {each.version.id for each in environment.replicate.predictions.values()} == {model.versions[0].id}


async def test_the_default_command_name_is_the_models(
    environment: Environment, olga: Person, pictures: Channel
) -> None:
    await private_text(
        await olga.use_command(pictures, "models add", {"model": "https://replicate.com/sandbox/score"}), "/score"
    )
    assert "score" in commands(environment)


async def test_a_removed_command_is_gone_at_once(environment: Environment, olga: Person, pictures: Channel) -> None:
    await private_text(
        await olga.use_command(pictures, "models add", {"model": "sandbox/score", "name": "score"}), "/score"
    )
    typed = await olga.autocomplete(pictures, "models remove", {"name": "sc"}, "name")
    assert choice_values(typed) == ["score"]
    await private_text(await olga.use_command(pictures, "models remove", {"name": "score"}), "Removed /score")
    assert "score" not in commands(environment)


async def test_forbidden_changes_are_refused_with_a_sentence(
    environment: Environment, olga: Person, mia: Person, pictures: Channel
) -> None:
    before = commands(environment)
    for person, command, values, words in (
        (mia, "models add", {"model": "sandbox/score"}, "Only the bot's owner"),
        (mia, "models remove", {"name": "generate"}, "Only the bot's owner"),
        (mia, "models update", {"name": "generate"}, "Only the bot's owner"),
        (olga, "models add", {"model": "sandbox/nowhere"}, "Couldn't find sandbox/nowhere on Replicate"),
        (olga, "models add", {"model": "not a model"}, "is not a model"),
        (olga, "models add", {"model": "sandbox/score", "name": "talk"}, "/talk already exists"),
        (olga, "models add", {"model": "sandbox/score", "name": "no name"}, "is not a valid command name"),
        (olga, "models add", {"model": "sandbox/score", "name": "models"}, "one of the bot's own"),
        (olga, "models remove", {"name": "generate"}, "comes from the bot's configuration"),
        (olga, "models remove", {"name": "nothing"}, "There is no /nothing"),
        (olga, "models update", {"name": "generate"}, "comes from the bot's configuration"),
    ):
        assert "\n" not in await private_text(await person.use_command(pictures, command, values), words)
    assert commands(environment) == before


async def test_the_list_names_every_command(mia: Person, pictures: Channel) -> None:
    text = await private_text(await mia.use_command(pictures, "models list"), "/generate", "/talk", "/draw")
    assert "fofr/consistent-character" in text
    assert "3 commands" in text


async def test_a_long_list_has_pages(olga: Person, mia: Person, pictures: Channel) -> None:
    for name in ("score", "story", "lines", "clip", "judge", "nothing"):
        await private_text(await olga.use_command(pictures, "models add", {"model": f"sandbox/{name}"}), f"/{name}")
    listed = await mia.use_command(pictures, "models list")
    assert "page 1 of 2" in await private_text(listed)
    assert listed.message is not None
    await mia.press(listed.message, "Next")
    assert "page 2 of 2" in await private_text(listed, "/nothing")


async def test_search_shows_the_results_of_replicate(mia: Person, pictures: Channel) -> None:
    text = await private_text(
        await mia.use_command(pictures, "models search", {"words": "caption"}), "sandbox/captions"
    )
    assert "runs" in text
    await private_text(await mia.use_command(pictures, "models search", {"words": "zzzz"}), "No models match")


async def test_info_shows_inputs_and_output(mia: Person, pictures: Channel) -> None:
    text = await private_text(
        await mia.use_command(pictures, "models info", {"model": "/generate"}), "number_of_outputs"
    )
    assert "1–20" in text
    assert "disable_safety_checker" not in text
    assert "files, one by one" in text
    other = await private_text(
        await mia.use_command(pictures, "models info", {"model": "meta/meta-llama-3-8b-instruct"}), "Output"
    )
    assert "text, written live" in other


async def test_an_outage_of_replicate_is_explained(environment: Environment, mia: Person, pictures: Channel) -> None:
    environment.replicate.faults.add("error-503", times=None)
    for command, values in (("search", {"words": "tea"}), ("info", {"model": "sandbox/story"})):
        await private_text(await mia.use_command(pictures, f"models {command}", values), "Try again in a minute")
    environment.replicate.faults.clear()


async def test_autocomplete_offers_results_or_the_typed_text(
    environment: Environment, olga: Person, pictures: Channel
) -> None:
    await offered(olga, pictures, "models add", "capt", "sandbox/captions")
    environment.replicate.faults.add("stuck", times=None)
    typed = await olga.autocomplete(pictures, "models add", {"model": "somebody/something"}, "model")
    assert choice_values(typed) == ["somebody/something"]


def release(
    environment: Environment,
    name: str,
    version: str,
    inputs: Mapping[str, object],
    output: Mapping[str, object],
    *,
    cover_host: str = "example.com",
) -> None:
    """Publish a model, or a newer version of it, on Replicate."""
    environment.replicate.add_model(
        {
            "owner": "somebody",
            "name": name,
            "description": "A model that grows",
            "visibility": "public",
            "run_count": 2_300_000,
            "cover_image_url": f"https://{cover_host}/{name}.webp",
            "url": f"https://replicate.com/somebody/{name}",
            "latest_version": {
                "id": version * 64,
                "created_at": "2026-01-01T00:00:00.000000Z",
                "cog_version": "0.9.9",
                "openapi_schema": openapi_document(
                    {"Input": {"type": "object", "title": "Input", "properties": inputs}, "Output": output}
                ),
            },
        }
    )


async def test_update_shows_changes_and_switches_on_press(
    environment: Environment, olga: Person, mia: Person, pictures: Channel
) -> None:
    text = {"type": "string", "title": "Output"}
    first = {
        "prompt": {"type": "string", "x-order": 0, "default": ""},
        "steps": {"type": "integer", "x-order": 1, "minimum": 1, "maximum": 50, "default": 20},
        "style": {"type": "string", "x-order": 2, "default": "none"},
    }
    second = {
        "prompt": first["prompt"],
        "steps": {**first["steps"], "maximum": 30, "default": 12},
        "strength": {"type": "number", "x-order": 3, "default": 0.5},
    }
    release(environment, "growing", "a", first, text)
    await private_text(await olga.use_command(pictures, "models add", {"model": "somebody/growing"}), "Added /growing")
    await private_text(
        await olga.use_command(pictures, "models update", {"name": "growing"}), "already uses the latest version"
    )
    release(environment, "growing", "b", second, {"type": "string", "format": "uri", "title": "Output"})

    shown = await olga.use_command(pictures, "models update", {"name": "growing"})
    text_of_update = await private_text(shown, "Added", "Removed", "Changed")
    assert "`strength`" in text_of_update
    assert "`style`" in text_of_update
    assert "1–50 → 1–30" in text_of_update
    assert "default: 20 → 12" in text_of_update
    assert "text → a file" in text_of_update
    assert shown.message is not None

    await olga.press(shown.message, "Switch")
    await private_text(shown, "Switched /growing", "`strength`")
    message = answered(await mia.use_command(pictures, "growing", {"strength": 0.25, "steps": 30}))
    await reached(environment, lambda: over(message))
    [prediction] = environment.replicate.predictions.values()
    assert prediction.version.id == "b" * 64
    assert prediction.input == {"strength": 0.25, "steps": 30}


async def test_a_command_that_discord_rejects_is_not_added(
    environment: Environment, olga: Person, pictures: Channel
) -> None:
    environment.discord.faults.fail("PUT /applications/*/commands", status=503, times=None)
    refused = await olga.use_command(pictures, "models add", {"model": "sandbox/score"})
    await private_text(refused, "Couldn't add /score")
    environment.discord.faults.clear()
    await private_text(await olga.use_command(pictures, "models add", {"model": "sandbox/score"}), "Added /score")
    assert "score" in commands(environment)


async def test_info_shows_cover_and_run_count(environment: Environment, mia: Person, pictures: Channel) -> None:
    release(environment, "growing", "a", {"prompt": {"type": "string"}}, {"type": "string", "title": "Output"})
    for command in ("models info", "models search"):
        shown = await mia.use_command(
            pictures, command, {"model": "somebody/growing"} if "info" in command else {"words": "growing"}
        )
        await private_text(shown, "2.3 million runs", "A model that grows")
        assert shown.message is not None
        assert [item["url"] for item in iter_media(shown.message.components)] == ["https://example.com/growing.webp"]


async def test_a_refused_cover_costs_only_itself(environment: Environment, mia: Person, pictures: Channel) -> None:
    output = {"type": "string", "title": "Output"}
    release(environment, "growing", "a", {"prompt": {"type": "string"}}, output, cover_host="my_bucket.example.com")
    for command, values in (("models info", {"model": "somebody/growing"}), ("models search", {"words": "growing"})):
        shown = await mia.use_command(pictures, command, values)
        await private_text(shown, "2.3 million runs", "A model that grows")
        assert shown.message is not None
        assert not [*iter_media(shown.message.components)]
