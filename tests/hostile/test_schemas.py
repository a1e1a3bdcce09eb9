"""Models with hostile schemas, of which everybody may ask, and hostile values for the inputs of a model."""

import json
from typing import Any

import pytest

from bot.limits import MIB
from sandbox.discord.person import InteractionResult, Person
from sandbox.replicate.schema import openapi_document
from tests.cogs.conftest import choice_values, private_text
from tests.faults.environment import BotUnderTest
from tests.hostile.conftest import OpenBot
from tests.hostile.measure import assert_bounded, measure
from tests.options.hostile_schemas import ACCEPTED_SCHEMAS, REFUSED_SCHEMAS

BROKE = "Something in this bot broke"
HOSTILE = {**ACCEPTED_SCHEMAS, **REFUSED_SCHEMAS}
del HOSTILE["deeply nested items"]  # no JSON encoder of the stand-in's takes it


def publish(bot: BotUnderTest, name: str, components: dict[str, Any]) -> None:
    """Publish a model with these component schemas on Replicate."""
    bot.replicate.add_model(
        {
            "owner": "mallory",
            "name": name,
            "description": "x" * 50_000,
            "visibility": "public",
            "run_count": 1,
            "url": f"https://replicate.com/mallory/{name}",
            "latest_version": {
                "id": "a" * 64,
                "created_at": "2026-01-01T00:00:00.000000Z",
                "cog_version": "0.9.9",
                "openapi_schema": openapi_document(components),
            },
        }
    )


async def private_answer(result: InteractionResult) -> str:
    """Return what the person is told, as soon as it is there."""
    return await private_text(result, "")


async def test_schemas_of_strangers_stop_nobody(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        for name, make in HOSTILE.items():
            publish(bot, name.replace(" ", "-"), make()["components"]["schemas"])
        async with measure(bot) as figures:
            for name in HOSTILE:
                asked = await bot.mia.use_command(
                    bot.channel(), "models info", {"model": f"mallory/{name.replace(' ', '-')}"}
                )
                text = await private_answer(asked)
                assert BROKE not in text
                refusals = ("too complex for a command", "too many for a command", "too much to read")
                assert any(word in text for word in ("Output", *refusals)), (name, text)
            run = await bot.generate(images=1)
            await run.wait_until_delivered()
        assert_bounded(figures)
        assert "Traceback" not in bot.log_text()


async def test_asking_for_models_fills_no_disk(open_bot: OpenBot) -> None:
    components = {
        "Input": {"type": "object", "properties": {"prompt": {"type": "string", "x-padding": "x" * 800_000}}},
        "Output": {"type": "string"},
    }
    async with open_bot() as bot:
        for number in range(60):
            publish(bot, f"model-{number}", components)
        async with measure(bot) as figures:
            for number in range(60):
                asked = await bot.mia.use_command(bot.channel(), "models info", {"model": f"mallory/model-{number}"})
                await private_text(asked, "prompt")
        assert_bounded(figures, disk=2 * MIB)
        [stored] = bot.query("SELECT count(*) AS rows FROM schemas WHERE target LIKE 'mallory/%'")
        assert stored["rows"] == 0


INPUTS: dict[str, Any] = {
    "data": {"type": "object"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "weights": {"type": "array", "items": {"type": "number"}},
    "strength": {"type": "number"},
    "size": {"type": "integer", "maximum": 2**80},
    "number_of_outputs": {"type": "integer", "maximum": 2**80, "default": 1},
    "slug": {"type": "string", "pattern": "^(a+)+$"},
    "voice": {"enum": [f"voice {number}" for number in range(10_000)], "type": "string"},
    "unique": {"type": "array", "uniqueItems": True, "items": {"enum": [{"a": n} for n in range(500)]}},
    **{f"other_{number:02}": {"type": "string"} for number in range(30)},
}
REFUSED = [
    ({"data": '{"a": [{"b": 1e999}]}'}, "`data` has a number that is too large"),
    ({"data": '{"a": ' + "9" * 5000 + "}"}, "`data` has a number that is too large"),
    ({"data": '{"a": ' + "[" * 2900}, "`data` has more than 50 lists"),
    ({"data": '{"a": ' + "[" * 60 + "]" * 60 + "}"}, "`data` has more than 50 lists"),
    ({"data": '{"a": NaN}'}, "`data` must be valid JSON"),
    ({"tags": "[1e999]"}, "`tags` has a number that is too large"),
    ({"weights": "1, 1e999"}, "`weights` must be a number"),
    ({"weights": "[1, -1e999]"}, "`weights` has a number that is too large"),
    ({"size": "9" * 400}, "`size` has a number that is too large"),
    ({"size": "9" * 5000}, "`size` must be a whole number"),
    ({"slug": "a" * 5900 + "!"}, "`slug` must match the pattern"),
    ({"advanced": 'data={"a": 1e999}'}, "`data` has a number that is too large"),
    ({"advanced": "strength=1e999"}, "`strength` must be a number"),
    ({"advanced": "=" * 5000}, "`advanced`"),
    ({"voice": "x" * 6000}, "`voice` has no choice"),
    ({"unique": f"[{', '.join(['{}'] * 1400)}]"}, "`unique` must not contain the same item twice"),
]


async def add_command(bot: BotUnderTest) -> None:
    publish(bot, "odd", {"Input": {"type": "object", "properties": INPUTS}, "Output": {"type": "string"}})
    added = await bot.discord.person("olga").use_command(bot.channel(), "models add", {"model": "mallory/odd"})
    await private_text(added, "Added /odd")


async def use(person: Person, bot: BotUnderTest, values: dict[str, Any]) -> InteractionResult:
    return await person.use_command(bot.channel(), "odd", values)


async def test_hostile_values_get_a_private_sentence(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        await add_command(bot)
        async with measure(bot) as figures:
            for values, sentence in REFUSED:
                text = await private_answer(await use(bot.mia, bot, values))
                assert sentence in text, (values, text)
        assert_bounded(figures)
        assert bot.query("SELECT id FROM runs") == []
        assert not bot.replicate.predictions
        assert "Traceback" not in bot.log_text()


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"data": '{"k\\u0000\\ud800": ["\\ud83d", "\\u0000"]}'}, {"data": {"k�": ["�", ""]}}),
        ({"data": '{"a": 1e308, "b": 1e-999}'}, {"data": {"a": 1e308, "b": 0.0}}),
        ({"number_of_outputs": "9" * 22}, {"number_of_outputs": int("9" * 22)}),
    ],
    ids=["invisible", "small", "count"],
)
async def test_odd_values_reach_the_model(open_bot: OpenBot, values: dict[str, Any], sent: dict[str, Any]) -> None:
    async with open_bot() as bot:
        await add_command(bot)
        message = (await use(bot.mia, bot, values)).message
        assert message is not None
        await bot.discord.state.wait_for(lambda: "Again" in message.buttons)
        [prediction] = bot.replicate.predictions.values()
        assert prediction.input == sent
        json.dumps(prediction.input, allow_nan=False).encode()
        assert "Traceback" not in bot.log_text()


ODD_TEXTS = (
    "\0", "x" * 6000, "[" * 300, "../..", "a/..", "a/b/c", "a/b:" + "f" * 64, "deployments/a/b", "é/é", "\u202e/x", "/",
    "https://replicate.com/../x", "https://replicate.com/a/b/versions/" + "0" * 64, "mallory/odd:" + "9" * 5000,
    "1e999", "%00/%00", "a/b?c#d", "@everyone", "`" * 300,
)  # fmt: skip


async def test_odd_texts_get_sentences_from_every_command(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        await add_command(bot)
        for text in ODD_TEXTS:
            for person, command, option in (
                (bot.mia, "models info", "model"),
                (bot.mia, "models search", "words"),
                (bot.mia, "run", "model"),
                (bot.mia, "runs cancel", "run"),
                (bot.discord.person("olga"), "models add", "model"),
                (bot.discord.person("olga"), "models update", "name"),
                (bot.discord.person("olga"), "models remove", "name"),
            ):
                value = text[:200] if option == "words" else text
                if option != "words":
                    await person.autocomplete(bot.channel(), command, {option: value}, option)
                result = await person.use_command(bot.channel(), command, {option: value})
                answer = await private_answer(result)
                assert BROKE not in answer, (command, text)
        assert "Traceback" not in bot.log_text()


async def test_typing_among_thousands_of_choices_is_quick(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        await add_command(bot)
        async with measure(bot) as figures:
            for typed in ("", "voice 77", "voise 9999", "é" * 100, "x" * 6000):
                found = await bot.mia.autocomplete(bot.channel(), "odd", {"voice": typed}, "voice")
                assert len(choice_values(found)) <= 25
            for typed in ("a=" * 3000, " ".join(f"other_{n:02}=[1," for n in range(30)) * 10, "=" * 6000, "[" * 6000):
                found = await bot.mia.autocomplete(bot.channel(), "odd", {"advanced": typed}, "advanced")
                assert len(choice_values(found)) <= 25
        assert_bounded(figures)
        assert "Traceback" not in bot.log_text()
