"""The select "Next" under a result: persistent, because its custom id names the run."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Self

import discord
from discord import ui

from bot.catalog.next_actions import NextOffer, first_offers
from bot.limits import RUN_ID_PATTERN
from bot.ui.render import payloads
from bot.ui.render.next import NEXT_MORE, format_offer, more_label, next_placeholder
from bot.ui.render.payloads import Component


class NextSelect(
    ui.DynamicItem[ui.Select[Any]],
    template=re.compile(rf"next:(?P<run>{RUN_ID_PATTERN})", re.ASCII),
):
    """Choosing something dispatches the event ``next_chosen`` with the run and the value to the cogs."""

    def __init__(self, run_id: str) -> None:
        super().__init__(ui.Select(custom_id=_custom_id(run_id)))
        self.run_id = run_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["run"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("next_chosen", interaction, self.run_id, self.item.values[0])


def next_select_row(run_id: str, offers: Sequence[NextOffer]) -> Component:
    """Return a row with the select as a payload; what does not fit into it is behind its last choice."""
    select = {
        "type": discord.ComponentType.select.value,
        "custom_id": _custom_id(run_id),
        "placeholder": next_placeholder(),
        "options": [{"label": label, "value": value} for label, value in _options(offers)],
    }
    return payloads.row([select])


def next_select_item(run_id: str, offers: Sequence[NextOffer]) -> ui.ActionRow[Any]:
    """Return the same row for a card that is built of items. What is chosen goes to ``NextSelect``."""
    options = [discord.SelectOption(label=label, value=value) for label, value in _options(offers)]
    return ui.ActionRow(ui.Select(custom_id=_custom_id(run_id), placeholder=next_placeholder(), options=options))


def _options(offers: Sequence[NextOffer]) -> Iterator[tuple[str, str]]:
    """Yield the label and value of each choice."""
    shown, rest = first_offers(offers)
    for offer in shown:
        yield format_offer(offer), offer.value
    if rest:
        yield more_label(), NEXT_MORE


def _custom_id(run_id: str) -> str:
    return f"next:{run_id}"
