"""The select "Next" under a result, and the entries of the message menu that do something with a picture."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.next_actions import NextAction, NextOffer, first_offers, prefer_command
from bot.client import Replicord
from bot.errors import Refused, UserError
from bot.options.slash_command import BOTH_INSTALLS, EVERYWHERE
from bot.store.models import Run
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.first_response import refresh_message
from bot.ui.permissions import Reuse
from bot.ui.render.next import (
    choose_action_placeholder,
    choose_command_placeholder,
    more_title,
    nobody_does,
    not_a_result,
    which_command,
)
from bot.ui.respond import respond_with_card
from cogs.next.cards import Interaction, offers_card
from cogs.next.flow import NextFlow, Question
from cogs.next.pictures import PictureFinder, Subject
from cogs.permissions import check_reuse
from cogs.personal_inputs import PersonalInputs

# The names that Discord shows in the menu of a message, under Apps. They are its identity, too.
_MENU: Final[Mapping[str, NextAction]] = {
    "Upscale": NextAction.UPSCALE,
    "Edit with words": NextAction.EDIT,
    "Describe": NextAction.DESCRIBE,
}
_DETAILS: Final = "Details"


class NextActions(commands.Cog):
    """Finds the pictures and what can be done with them; ``NextFlow`` does it."""

    def __init__(
        self,
        client: Replicord,
        *,
        runs: Runs,
        pictures: PictureFinder,
        flow: NextFlow,
        personal: PersonalInputs,
    ) -> None:
        self._client = client
        self._runs = runs
        self._personal = personal
        self._pictures = pictures
        self._flow = flow
        self._menu = [
            *(_build_menu(name, self._entry(action)) for name, action in _MENU.items()),
            _build_menu(_DETAILS, self._show_details),
        ]

    async def cog_load(self) -> None:
        for entry in self._menu:
            self._client.tree.add_command(entry)

    async def cog_unload(self) -> None:
        for entry in self._menu:
            self._client.tree.remove_command(entry.name, type=entry.type)

    @commands.Cog.listener()
    async def on_next_chosen(self, interaction: Interaction, run_id: str, value: str) -> None:
        """Do what was chosen under a result, whoever chose it. Only a form has to be the first response."""
        action, _, command = value.partition(":")
        offer = NextOffer(NextAction(action), command) if action in list(NextAction) else None
        if offer is None or not self._flow.may_open_form(offer):
            await refresh_message(interaction)
        try:
            await self._choose(interaction, await self._pictures.find_result(run_id), offer)
        except UserError:
            if not interaction.response.is_done():
                await refresh_message(interaction)  # the same can be chosen again when the reason is gone
            raise

    async def _choose(self, interaction: Interaction, run: Run, offer: NextOffer | None) -> None:
        """Do what was chosen; None is "More…"."""
        if offer is not None and offer.action is NextAction.USE_AS_PROMPT:
            check_reuse(run, Reuse.RESULT, user_id=interaction.user.id)
            await self._flow.use_text(interaction, run, offer)
            return
        subject = await self._pictures.of_result(interaction, run)
        if offer is None:
            await self._show_more(interaction, subject)
        else:
            await self._flow.choose(interaction, subject, offer, by_select=True)

    async def _show_more(self, interaction: Interaction, subject: Subject) -> None:
        """Show what had no space in the select."""
        offers = await self._flow.list_offers(interaction, subject)
        rest = first_offers(offers)[1] or offers

        async def choose(answer: Interaction, offer: NextOffer) -> None:
            await self._flow.choose(answer, subject, offer, question=Question.of_press(answer, interaction))

        card = offers_card(more_title(), rest, choose_action_placeholder(), choose)
        await respond_with_card(interaction, card)

    def _entry(self, action: NextAction) -> Callable[[Interaction, discord.Message], Any]:
        async def use(interaction: Interaction, message: discord.Message) -> None:
            await self._use_message(interaction, message, action)

        return use

    async def _use_message(self, interaction: Interaction, message: discord.Message, action: NextAction) -> None:
        """Do something with the picture of a message, whoever's it is.

        If several commands can, it is the one that the person chose with /me, or they are asked.
        """
        subject = await self._pictures.of_message(message, user_id=interaction.user.id)
        offers: Sequence[NextOffer] = [
            one for one in await self._flow.list_offers(interaction, subject) if one.action is action
        ]
        if not offers:
            raise Refused(nobody_does(action))
        if len(offers) > 1:
            offers = prefer_command(offers, (await self._personal.get_preferences(interaction.user.id)).command)
        if len(offers) == 1:
            await self._flow.choose(interaction, subject, offers[0])
            return

        async def choose(answer: Interaction, offer: NextOffer) -> None:
            await self._flow.choose(answer, subject, offer, question=Question.of_press(answer, interaction))

        card = offers_card(which_command(action), offers, choose_command_placeholder(), choose)
        await respond_with_card(interaction, card)

    async def _show_details(self, interaction: Interaction, message: discord.Message) -> None:
        """Show what the button Details shows, which has the rights of it."""
        run = await self._runs.find_by_message(message.id)
        if run is None:
            raise Refused(not_a_result())
        self._client.dispatch("run_button", interaction, Action.DETAILS, run.id)


def _build_menu(name: str, callback: Callable[[Interaction, discord.Message], Any]) -> app_commands.ContextMenu:
    return app_commands.ContextMenu(
        name=name, callback=callback, allowed_contexts=EVERYWHERE, allowed_installs=BOTH_INSTALLS
    )
