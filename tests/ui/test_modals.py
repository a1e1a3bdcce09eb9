"""A form of inputs, filled in by a person in a modal."""

from typing import Any

import discord
import pytest

from bot.options.form import OptionForm, build_form, restore_values
from bot.ui.modals import Answers, FormModal
from sandbox.discord import Upload
from tests.options.samples import default_layout
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import make_image


class Submissions:
    """Records the answers of submitted forms."""

    def __init__(self) -> None:
        self.answers: list[Answers] = []

    async def submitted(self, interaction: discord.Interaction[Any], answers: Answers) -> None:
        await interaction.response.send_message("submitted", ephemeral=True)
        self.answers.append(answers)

    def modal(self, form: OptionForm) -> FormModal:
        return FormModal(form, title="Edit and run again, with a title too long", submitted=self.submitted)


async def test_answers_are_returned_by_field_key(env: ReplyEnvironment) -> None:
    layout, submissions = default_layout(), Submissions()
    previous = {"prompt": "a fox", "seed": 7, "number_of_outputs": 2}
    env.client.modal = submissions.modal(build_form(layout, restore_values(layout, previous)))
    result = await env.mia.use_command(env.channel(), "ask")
    await env.mia.submit(result, {"prompt": "a hare", "subject": Upload("me.webp", make_image(1))})
    (answers,) = submissions.answers
    assert answers["prompt"] == "a hare"
    files = answers["subject"]
    assert isinstance(files, list)
    (file,) = files
    assert await file.read() == make_image(1)
    values = build_form(layout, restore_values(layout, previous)).parse_answers(answers)
    assert values["prompt"] == "a hare"
    assert str(values["seed"]) == "7"


async def test_a_choice_is_returned_as_its_value(env: ReplyEnvironment) -> None:
    layout, submissions = default_layout(), Submissions()
    filled = [name for name in layout.names if name not in ("prompt", "output_format")]
    env.client.modal = submissions.modal(build_form(layout, {}, exclude=filled))
    result = await env.mia.use_command(env.channel(), "ask")
    await env.mia.submit(result, {"prompt": "a hare", "output_format": "png"})
    assert submissions.answers == [{"prompt": "a hare", "output_format": "png"}]


@pytest.mark.parametrize("count", [1, 3, 5])
async def test_a_note_is_above_the_form_if_there_is_room(count: int) -> None:
    layout = default_layout()
    form = OptionForm(layout=layout, fields=build_form(layout, {}).fields[:count])
    modal = FormModal(form, title="Use", submitted=Submissions().submitted, note="With this image.")
    assert len(modal.to_components()) == min(count + 1, 5)
