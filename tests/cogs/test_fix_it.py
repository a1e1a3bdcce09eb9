"""Fix it and Try again: a refusal gives back all that was entered, wherever the run was started from."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, over, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text
from tests.discord_spec import check_discord_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Upload("me.png", draw_portrait())
OTHER = Upload("other.png", draw_portrait())
BROKEN = Upload("broken.png", ME.data[:200])
GENERATE = "fofr/consistent-character"
LOCKED = {
    "owner": "someone",
    "name": "locked",
    "latest_version": {
        "openapi_schema": {
            "components": {
                "schemas": {
                    "Input": {
                        "type": "object",
                        "required": ["prompt", "api_key"],
                        "properties": {
                            "prompt": {"type": "string"},
                            "api_key": {"type": "string"},
                            "seed": {"type": "integer"},
                        },
                    },
                    "Output": {"type": "string"},
                }
            }
        }
    },
}
SETTINGS = {
    "COMMANDS": f"generate={GENERATE},draw=black-forest-labs/flux-schnell,collage=sandbox/collage",
    "RUN_ANY": "everyone",
    "RUNS_PER_USER": "2",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    folder = tmp_path_factory.mktemp("fix_it")
    async with open_environment(folder, timings=PACE, settings=SETTINGS, roles=True) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)


def labels(form: InteractionResult) -> list[str]:
    assert form.modal is not None, form.text
    return [item["label"] for item in form.modal["components"] if "label" in item]


def descriptions(form: InteractionResult) -> list[str]:
    assert form.modal is not None
    return [item.get("description", "") for item in form.modal["components"] if "label" in item]


async def refusal(result: InteractionResult, *words: str, button: str = "Fix it") -> Message:
    """Return the private message that says why a run was refused."""

    def find(shown: InteractionResult) -> Message | None:
        messages = (shown.message, *shown.followups)
        return next((one for one in messages if one and not one.deleted and button in one.buttons), None)

    found = await result.wait_for(find, 15)
    assert all(word in found.text for word in words), found.text
    assert found.ephemeral
    return found


async def fixed(environment: Environment, person: Person, refused: Message, result: InteractionResult) -> Message:
    """Return the finished run that came of a form or a press; the refusal then has no button left."""
    reply = await result.wait_for(lambda shown: next((one for one in shown.followups if not one.ephemeral), None), 15)
    await reached(environment, lambda: over(reply))
    await reached(environment, lambda: not refused.buttons and refused.text == "Started.")
    assert reply in person.visible_messages(reply.channel)
    return reply


async def refused_hat(person: Person, channel: Channel) -> Message:
    """Return the refusal of a run with one mistake in it."""
    form = await person.use_command(channel, "run", {"model": GENERATE})
    return await refusal(await person.submit(form, {"prompt": "a hat", "subject": ME, "number_of_outputs": "99"}))


def billed(environment: Environment) -> int:
    return len(environment.replicate.predictions)


def last_input(environment: Environment) -> dict[str, object]:
    *_, prediction = environment.replicate.predictions.values()
    return dict(prediction.input)


async def test_a_number_out_of_range_is_marked_and_all_else_kept(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    before = billed(environment)
    form = await mia.use_command(pictures, "run", {"model": GENERATE})
    entered = {"prompt": "a red hat", "subject": ME, "number_of_outputs": "99", "advanced": "seed=7"}
    refused = await refusal(await mia.submit(form, entered), "number_of_outputs", "1–20 (you entered 99)")
    form = await mia.press(refused, "Fix it")
    assert labels(form)[0] == "⚠ Number of outputs"
    assert descriptions(form)[0] == "number_of_outputs must be 1–20 (you entered 99)."
    assert "Leave empty to keep the current file" in descriptions(form)
    again = await mia.submit(form, {"number_of_outputs": "50"})
    await reached(environment, lambda: "you entered 50" in refused.text)
    assert billed(environment) == before
    assert not again.followups
    form = await mia.press(refused, "Fix it")
    await fixed(environment, mia, refused, await mia.submit(form, {"number_of_outputs": "1"}))
    sent = last_input(environment)
    assert (sent["prompt"], sent["seed"], sent["number_of_outputs"]) == ("a red hat", 7, 1)
    assert str(sent["subject"]).startswith("data:image/png")
    assert billed(environment) == before + 1


async def test_a_bad_file_is_replaced_and_the_others_stay(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    values = {"image": ME, "image_2": BROKEN, "image_3": OTHER, "prompt": "side by side"}
    refused = await refusal(await mia.use_command(pictures, "collage", values), "“broken.png” can't be used")
    form = await mia.press(refused, "Fix it")
    assert labels(form)[0] == "⚠ Images"
    assert "2 other files stay." in descriptions(form)[0]
    await fixed(environment, mia, refused, await mia.submit(form, {"images": OTHER}))
    images = last_input(environment)["images"]
    assert isinstance(images, list)
    assert len(images) == 3


async def test_a_missing_picture_can_be_attached_in_the_form(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    refused = await refusal(await mia.use_command(pictures, "generate", {"prompt": "a hat"}), "Attach an image")
    form = await mia.press(refused, "Fix it")
    assert labels(form)[:2] == ["⚠ Subject", "Prompt"]
    await fixed(environment, mia, refused, await mia.submit(form, {"subject": ME, "number_of_outputs": "1"}))
    assert last_input(environment)["prompt"] == "a hat"


async def test_a_bad_character_name_is_given_back_as_text(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    values = {"prompt": "a hat", "subject_url": "@nobody"}
    refused = await refusal(await mia.use_command(pictures, "generate", values), "no character @nobody")
    form = await mia.press(refused, "Fix it")
    assert labels(form)[:2] == ["⚠ Subject: address or @name", "Subject"]
    assert "@nobody" in json.dumps(form.modal)
    await fixed(environment, mia, refused, await mia.submit(form, {"Subject": ME, "Prompt": "a cap"}))
    assert last_input(environment)["prompt"] == "a cap"


async def test_a_full_quota_is_tried_again_with_one_press(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    made = answered(await mia.use_command(pictures, "draw", {"prompt": "before"}))
    await reached(environment, lambda: over(made))
    environment.replicate.faults.add("slow-start", seconds=600, times=2)
    running = [answered(await mia.use_command(pictures, "draw", {"prompt": "slow"})) for _ in range(2)]
    await reached(environment, lambda: all("Cancel" in one.buttons for one in running))
    values = {"prompt": "a hat", "subject": ME, "number_of_outputs": 1}
    over_limit = await mia.use_command(pictures, "generate", values)
    waiting = await refusal(over_limit, "You already have 2 runs", button="Try again")
    assert over_limit.message is waiting  # in private from the start, with nothing that is taken away again
    repeated = await refusal(await mia.press(made, "Again"), "You already have 2 runs", button="Try again")
    await mia.press(waiting, "Try again")
    await reached(environment, lambda: "You already have 2 runs" in waiting.text and waiting.edited_at is not None)
    before = billed(environment)
    for one in running:
        await mia.press(one, "Cancel")
    await reached(environment, lambda: all(map(over, running)))
    pressed = await asyncio.gather(mia.press(waiting, "Try again"), mia.press(waiting, "Try again"))
    await reached(environment, lambda: "Started." in waiting.text)
    [started] = [one for one in pressed if any(not message.ephemeral for message in one.followups)]
    await fixed(environment, mia, waiting, started)
    assert billed(environment) == before + 1
    assert last_input(environment)["prompt"] == "a hat"
    await fixed(environment, mia, repeated, await mia.press(repeated, "Try again"))
    assert last_input(environment)["prompt"] == "before"


async def test_two_open_forms_of_a_refusal_start_one_run(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    before = billed(environment)
    refused = await refused_hat(mia, pictures)
    forms = [await mia.press(refused, "Fix it") for _ in range(3)]
    await mia.submit(forms[0], {"number_of_outputs": "50"})
    await reached(environment, lambda: "you entered 50" in refused.text)
    both = await asyncio.gather(*(mia.submit(form, {"number_of_outputs": "1"}) for form in forms[1:]))
    await reached(environment, lambda: refused.text == "Started.")
    [started] = [one for one in both if any(not message.ephemeral for message in one.followups)]
    await fixed(environment, mia, refused, started)
    assert billed(environment) == before + 1


async def test_a_press_after_the_run_was_started_starts_none(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    before = billed(environment)
    refused = await refused_hat(mia, pictures)
    late = await mia.press(refused, "Fix it")
    with closing(sqlite3.connect(environment.database_path, timeout=30)) as database:
        database.row_factory = sqlite3.Row
        [row] = database.execute("SELECT * FROM refused_runs").fetchall()
        form = await mia.press(refused, "Fix it")
        await fixed(environment, mia, refused, await mia.submit(form, {"number_of_outputs": "1"}))
        columns = ", ".join(row.keys())  # as a process that is killed before it deletes the row leaves it
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO refused_runs ({columns}) VALUES ({marks})", tuple(row))  # noqa: S608  # ours
        database.commit()
        result = await mia.submit(late, {"number_of_outputs": "1"})
        await reached(environment, lambda: not database.execute("SELECT * FROM refused_runs").fetchall())
    assert refused.text == "Started."
    assert not result.followups
    assert billed(environment) == before + 1


async def test_a_form_that_is_sent_twice_starts_one_run(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    before = billed(environment)
    form = await mia.use_command(pictures, "run", {"model": "black-forest-labs/flux-schnell"})
    both = await asyncio.gather(*(mia.submit(form, {"prompt": "a hat"}) for _ in range(2)))
    await reached(environment, lambda: any("started already" in one.text for one in both))
    [started] = [one.message for one in both if one.message is not None and not one.message.ephemeral]
    await reached(environment, lambda: over(started))
    assert billed(environment) == before + 1


async def test_edit_again_and_use_as_subject_give_back_too(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    values = {"prompt": "first", "subject": ME, "number_of_outputs": 1}
    made = answered(await mia.use_command(pictures, "generate", values))
    await reached(environment, lambda: over(made))
    edited = await mia.submit(await mia.press(made, "Edit"), {"prompt": "second", "number_of_outputs": "0"})
    refused = await refusal(edited, "number_of_outputs")
    form = await mia.press(refused, "Fix it")
    await fixed(environment, mia, refused, await mia.submit(form, {"number_of_outputs": "1"}))
    assert last_input(environment)["prompt"] == "second"
    photo = await mia.send_message(pictures, "look", files=[OTHER])
    asked = await mia.use_context_menu(photo, "Use as subject")
    assert asked.message is not None
    form = await mia.choose(asked.message, "Choose a command", ["/generate"])
    refused = await refusal(await mia.submit(form, {"advanced": "seed", "prompt": "third"}), "expects key=value")
    form = await mia.press(refused, "Fix it")
    assert labels(form)[0] == "⚠ More inputs (one key=value per line)"
    await fixed(environment, mia, refused, await mia.submit(form, {"advanced": "number_of_outputs=1"}))
    sent = last_input(environment)
    assert (sent["prompt"], str(sent["subject"])[:14]) == ("third", "data:image/png")


async def test_a_refusal_is_for_its_person_and_for_half_an_hour(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    result = await mia.use_command(pictures, "generate", {"prompt": "a secret hat"})
    refused = await refusal(result, "Attach an image")
    mias, refused.audience = refused.audience, None
    try:
        others = await environment.discord.person("noah").press(refused, "Fix it")
    finally:
        refused.audience = mias
    assert others.modal is None
    await private_text(others, "Only the person who entered this")
    with closing(sqlite3.connect(environment.database_path, timeout=30)) as database:
        database.execute("UPDATE refused_runs SET created_at = created_at - 1800000000")
        database.commit()
    late = await mia.press(refused, "Fix it")
    assert late.modal is None
    await private_text(late, "no longer stored")


async def test_chains_and_what_comes_next_give_back(environment: Environment, mia: Person, pictures: Channel) -> None:
    made = answered(await mia.use_command(pictures, "draw", {"prompt": "a fox"}))
    await reached(environment, lambda: over(made) and "next:" in str(made.components))
    chosen = await mia.choose(made, "Next", ["edit:retouch"])
    refused = await refusal(await mia.submit(chosen, {"prompt": " "}), "`prompt` is required")
    form = await mia.press(refused, "Fix it")
    assert labels(form)[0] == "⚠ Prompt"
    reply = await fixed(environment, mia, refused, await mia.submit(form, {"prompt": "more red"}))
    assert "from" in reply.text
    assert last_input(environment)["prompt"] == "more red"
    form = await mia.use_command(pictures, "chain run", {"name": "poster"})
    refused = await refusal(await mia.submit(form, {"prompt": "a sea", "advanced": "seed=x"}), "whole number")
    form = await mia.press(refused, "Fix it")
    assert "a sea" in json.dumps(form.modal)
    reply = await fixed(environment, mia, refused, await mia.submit(form, {"seed": "1"}))
    assert "poster" in reply.text


async def test_a_private_chain_stays_private_when_it_is_fixed(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    form = await mia.use_command(pictures, "chain run", {"name": "poster"})
    refused = await refusal(await mia.submit(form, {"prompt": "a secret", "advanced": "visibility=private\nseed=x"}))
    form = await mia.press(refused, "Fix it")
    result = await mia.submit(form, {"seed": "1"})
    started = await result.wait_for(lambda shown: [one for one in shown.followups if "poster" in one.text], 15)
    reply = started[0]
    await reached(environment, lambda: over(reply))
    assert reply.ephemeral
    assert reply not in environment.discord.person("noah").visible_messages(pictures)


async def test_a_key_is_kept_out_of_the_form_and_the_database(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    environment.replicate.add_model(LOCKED)
    form = await mia.use_command(pictures, "run", {"model": "someone/locked"})
    entered = {"prompt": "open", "api_key": "k-0123456789", "seed": "x"}
    refused = await refusal(await mia.submit(form, entered), "whole number")
    with closing(sqlite3.connect(environment.database_path, timeout=30)) as database:
        rows = database.execute("SELECT * FROM refused_runs").fetchall()
    assert "open" in str(rows)
    assert "k-0123456789" not in str(rows)
    form = await mia.press(refused, "Fix it")
    assert "k-0123456789" not in json.dumps(form.modal)
    await fixed(environment, mia, refused, await mia.submit(form, {"seed": "7"}))
    assert last_input(environment)["api_key"] == "k-0123456789"


async def test_a_key_that_the_model_does_not_take_is_on_no_disk(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    form = await mia.use_command(pictures, "run", {"model": GENERATE})
    entered = {"prompt": "a green hat", "subject": ME, "advanced": "hf_token=k-9876543210"}
    refused = await refusal(await mia.submit(form, entered))
    with closing(sqlite3.connect(environment.database_path, timeout=30)) as database:
        rows = database.execute("SELECT * FROM refused_runs").fetchall()
    assert "a green hat" in str(rows)
    assert "k-9876543210" not in str(rows)
    form = await mia.press(refused, "Fix it")
    assert "a green hat" in json.dumps(form.modal)
    assert "k-9876543210" in json.dumps(form.modal)  # from memory: nothing is typed again
