"""The answers to "Delete everything stored about you?": each says whose question it is, and when it was asked.

So they work for that person only, for a while, and also in a process that has started since.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self

import discord
from discord import ui

from bot.ui.render.privacy import erasure_label


class ErasureAnswer(StrEnum):
    """What to delete."""

    DATA = "data"
    MESSAGES = "all"  # the data, and the bot's messages
    NOTHING = "keep"


_STYLES: Final = {
    ErasureAnswer.DATA: discord.ButtonStyle.danger,
    ErasureAnswer.MESSAGES: discord.ButtonStyle.danger,
    ErasureAnswer.NOTHING: discord.ButtonStyle.secondary,
}


class ErasureButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(
        rf"erase:(?P<answer>{'|'.join(ErasureAnswer)}):(?P<person>[0-9]{{1,20}}):(?P<at>[0-9]{{1,12}})", re.ASCII
    ),
):
    """Answers the question. Pressing it dispatches the event ``erasure_button`` to the cogs."""

    def __init__(self, answer: ErasureAnswer, *, person: int, asked_at: datetime) -> None:
        custom_id = f"erase:{answer}:{person}:{int(asked_at.timestamp())}"
        super().__init__(ui.Button(label=erasure_label(answer), style=_STYLES[answer], custom_id=custom_id))
        self.answer = answer
        self.person = person
        self.asked_at = asked_at

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        asked_at = datetime.fromtimestamp(int(match["at"]), UTC)
        return cls(ErasureAnswer(match["answer"]), person=int(match["person"]), asked_at=asked_at)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("erasure_button", interaction, self.answer, self.person, self.asked_at)
