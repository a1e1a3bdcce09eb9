"""The private cards that ask which image, and what to do with it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import discord
from discord import ui

from bot.catalog.next_actions import NextOffer
from bot.client import Replicord
from bot.limits import BUTTONS_PER_ROW, GALLERY_ITEMS, INTERACTION_TOKEN_LIFE, RUNS_PER_PRESS, SELECT_OPTIONS
from bot.ui.render.cards import Card, Tone
from bot.ui.render.next import (
    all_label,
    choose_image_placeholder,
    format_offer,
    image_label,
    try_again_label,
    which_image,
)
from cogs.card_controls import CardButton
from cogs.next.pictures import Picture

Interaction = discord.Interaction[Replicord]
PicturesChosen = Callable[[Interaction, Sequence[Picture]], Awaitable[None]]
OfferChosen = Callable[[Interaction, NextOffer], Awaitable[None]]

T = TypeVar("T")

_NUMBERED = 10  # more images are chosen in a select


def which_image_card(
    offer: NextOffer, pictures: Sequence[Picture], chosen: PicturesChosen, *, spoiler: bool, several: bool
) -> Card:
    """Return the card with the pictures, whose addresses are known, and a control for each.

    ``several``: a last button takes all of them, if they are not too many.
    """
    items: list[ui.Item[Any]] = [ui.TextDisplay(f"### {which_image(offer)}")]
    numbered = [(picture.number or index, picture) for index, picture in enumerate(pictures, start=1)]
    for shown in _groups(numbered, GALLERY_ITEMS):
        media = [
            discord.MediaGalleryItem(picture.url, description=image_label(number), spoiler=spoiler)
            for number, picture in shown
        ]
        items.append(ui.MediaGallery(*media))
    if len(numbered) <= _NUMBERED:
        buttons = [_PictureButton(str(number), [picture], chosen) for number, picture in numbered]
        items += [ui.ActionRow(*row) for row in _groups(buttons, BUTTONS_PER_ROW)]
    else:
        items += [ui.ActionRow(_PictureSelect(part, chosen)) for part in _groups(numbered, SELECT_OPTIONS)]
    if several and len(pictures) <= RUNS_PER_PRESS:
        every = _PictureButton(all_label(len(pictures)), pictures, chosen, style=discord.ButtonStyle.primary)
        items.append(ui.ActionRow(every))
    return Card(items, Tone.INFO, timeout=INTERACTION_TOKEN_LIFE.total_seconds())


def not_all_started_card(sentence: str, try_again: Callable[[Interaction], Awaitable[None]]) -> Card:
    """Return what became of several runs, with a button that starts the rest."""
    button = CardButton(try_again_label(), try_again, style=discord.ButtonStyle.primary)
    items: list[ui.Item[Any]] = [ui.TextDisplay(sentence), ui.ActionRow(button)]
    return Card(items, Tone.ERROR, timeout=INTERACTION_TOKEN_LIFE.total_seconds())


def offers_card(title: str, offers: Sequence[NextOffer], placeholder: str, chosen: OfferChosen) -> Card:
    """Return a card that asks what to do, with as many selects as there have to be."""
    items: list[ui.Item[Any]] = [ui.TextDisplay(f"### {title}")]
    items += [ui.ActionRow(_OfferSelect(part, placeholder, chosen)) for part in _groups(offers, SELECT_OPTIONS)]
    return Card(items, Tone.INFO, timeout=INTERACTION_TOKEN_LIFE.total_seconds())


class _PictureButton(ui.Button[ui.LayoutView]):
    """Takes one image, or all."""

    def __init__(
        self,
        label: str,
        pictures: Sequence[Picture],
        chosen: PicturesChosen,
        *,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    ) -> None:
        super().__init__(label=label, style=style)
        self._pictures = pictures
        self._chosen = chosen

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        await self._chosen(interaction, self._pictures)


class _PictureSelect(ui.Select[ui.LayoutView]):
    """Takes one of many images."""

    def __init__(self, numbered: Sequence[tuple[int, Picture]], chosen: PicturesChosen) -> None:
        self._pictures = {str(number): picture for number, picture in numbered}
        self._chosen = chosen
        super().__init__(
            placeholder=choose_image_placeholder(),
            options=[discord.SelectOption(label=image_label(number), value=str(number)) for number, _ in numbered],
        )

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        await self._chosen(interaction, [self._pictures[self.values[0]]])


class _OfferSelect(ui.Select[ui.LayoutView]):
    """Takes one of the things that can be done."""

    def __init__(self, offers: Sequence[NextOffer], placeholder: str, chosen: OfferChosen) -> None:
        self._offers = {offer.value: offer for offer in offers}
        self._chosen = chosen
        super().__init__(
            placeholder=placeholder,
            options=[discord.SelectOption(label=format_offer(offer), value=offer.value) for offer in offers],
        )

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        await self._chosen(interaction, self._offers[self.values[0]])


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
