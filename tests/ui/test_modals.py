"""A form of inputs, filled in by a person in a modal."""

from typing import Any

import discord
import pytest

from bot.options.form import OptionForm, build_form, restore_values
from bot.ui.modals import Answers, FormModal
from sandbox.discord import Upload
from tests.options.samples import default_layout
from tests.ui.conftest import Stage
from tests.ui.making import picture


class Desk:
    """Takes what a modal hands over."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.answers: list[Answers] = []
        self.errors: list[str] = []

    async def submitted(self, interaction: discord.Interaction[Any], answers: Answers) -> None:
        if self.fails:
            raise ValueError("no")
        await interaction.response.send_message("taken", ephemeral=True)
        self.answers.append(answers)

    async def failed(self, interaction: discord.Interaction[Any], error: Exception) -> None:
        await interaction.response.send_message("failed", ephemeral=True)
        self.errors.append(str(error))

    def modal(self, asked: OptionForm) -> FormModal:
        return FormModal(
            asked, title="Edit and run again, with a title too long", submitted=self.submitted, failed=self.failed
        )


async def test_what_a_person_fills_in_comes_back_by_key(stage: Stage) -> None:
    layout, desk = default_layout(), Desk()
    previous = {"prompt": "a fox", "seed": 7, "number_of_outputs": 2}
    stage.client.modal = desk.modal(build_form(layout, restore_values(layout, previous)))
    exchange = await stage.mia.use_command(stage.channel(), "ask")
    await stage.mia.submit(exchange, {"prompt": "a hare", "subject": Upload("me.webp", picture(1))})
    (answers,) = desk.answers
    assert answers["prompt"] == "a hare"
    (file,) = answers["subject"]  # type: ignore[misc]  # a list of attachments
    assert isinstance(file, discord.Attachment)
    assert await file.read() == picture(1)
    values = build_form(layout, restore_values(layout, previous)).parse_answers(answers)
    assert values["prompt"] == "a hare"
    assert str(values["seed"]) == "7"


async def test_a_choice_comes_back_as_what_the_model_is_sent(stage: Stage) -> None:
    layout, desk = default_layout(), Desk()
    asked = build_form(layout, {}, exclude=[name for name in layout.names if name not in ("prompt", "output_format")])
    stage.client.modal = desk.modal(asked)
    exchange = await stage.mia.use_command(stage.channel(), "ask")
    await stage.mia.submit(exchange, {"prompt": "a hare", "output_format": "png"})
    assert desk.answers == [{"prompt": "a hare", "output_format": "png"}]


async def test_what_goes_wrong_is_handed_over_and_not_swallowed(stage: Stage) -> None:
    layout, desk = default_layout(), Desk(fails=True)
    stage.client.modal = desk.modal(build_form(layout, {}))
    exchange = await stage.mia.use_command(stage.channel(), "ask")
    answer = await stage.mia.submit(exchange, {"prompt": "a hare"})
    assert answer.text == "failed"
    assert desk.errors == ["no"]


@pytest.mark.parametrize("count", [1, 3, 5])
async def test_a_note_stands_above_where_there_is_room(count: int) -> None:
    layout, desk = default_layout(), Desk()
    asked = build_form(layout, {})
    asked = OptionForm(layout=layout, fields=asked.fields[:count])
    modal = FormModal(asked, title="Use", submitted=desk.submitted, failed=desk.failed, note="With this picture.")
    assert len(modal.to_components()) == min(count + 1, 5)
