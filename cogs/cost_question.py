"""Ask before a run that costs more than the operator wants anybody to spend by accident; nothing is paid before."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import discord
from discord import ui

from bot.client import Replicord
from bot.errors import Refused
from bot.limits import INTERACTION_TOKEN_LIFE
from bot.ui.first_response import delete_response
from bot.ui.render import money
from bot.ui.render.cards import Card, Tone
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import respond_with_card

Interaction = discord.Interaction[Replicord]
Answer = Callable[[Interaction], Awaitable[object]]


async def ask_about_cost(
    interaction: Interaction, cost: int, *, run_it: Answer, change_it: Answer | None, runs: int = 1
) -> None:
    """Show the question to the person alone. One of the answers is called with the press; none if they leave it.

    ``cost`` is that of all ``runs``. Without ``change_it`` they can only be run as they are.
    """
    is_first = not interaction.response.is_done()
    sentence = money.ask_about_cost(cost) if runs == 1 else money.ask_about_several(cost, runs)
    card = _CostCard(sentence, question=interaction if is_first else None, run_it=run_it, change_it=change_it)
    await respond_with_card(interaction, card)


class _CostCard(Card):
    """The question. It is answered once: a second press of "Run it" would pay twice."""

    def __init__(
        self, sentence: str, *, question: Interaction | None, run_it: Answer, change_it: Answer | None
    ) -> None:
        self._question = question
        self._run_it = run_it
        self._is_answered = False
        run: ui.Button[_CostCard] = ui.Button(label=money.run_it_label(), style=discord.ButtonStyle.primary)
        run.callback = self._start  # type: ignore[assignment, method-assign]  # discord.py's own way for built views
        buttons = [run]
        if change_it is not None:
            change: ui.Button[_CostCard] = ui.Button(label=money.change_it_label(), style=discord.ButtonStyle.secondary)
            change.callback = change_it  # type: ignore[assignment, method-assign]  # as above
            buttons.append(change)
        super().__init__(
            [ui.TextDisplay(sentence), ui.ActionRow(*buttons)],
            Tone.WARNING,
            timeout=INTERACTION_TOKEN_LIFE.total_seconds(),
        )

    async def _start(self, press: discord.Interaction[Any]) -> None:
        if self._is_answered:
            raise Refused(money.already_started())
        self._is_answered = True
        try:
            await self._run_it(press)
        except BaseException:
            self._is_answered = False  # nothing was started
            raise
        if self._question is not None:
            with suppress(*REQUEST_ERRORS):
                await delete_response(self._question)
        self.stop()
