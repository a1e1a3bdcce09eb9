"""A private card loses what Discord refuses of its decorations, and keeps its words and buttons."""

from types import SimpleNamespace
from typing import Any

import discord
from discord import ui

from bot.ui.card_decorations import drop_decorations
from bot.ui.render.cards import Card, Entry, list_card
from tests.ui.message_rules import iter_components, media_urls, text_contents


def refusal(*path: str, code: int = 50035) -> discord.HTTPException:
    """Return the error for the field at ``path``, or one that names none."""
    response: Any = SimpleNamespace(status=400, reason="Bad Request")
    errors: dict[str, Any] = {"_errors": [{"code": "URL_TYPE_INVALID_URL", "message": "Not a well formed URL."}]}
    for step in reversed(path):
        errors = {step: errors}
    return discord.HTTPException(response, {"code": code, "message": "", "errors": errors if path else None})


def make_card() -> Card:
    entries = [Entry(text=f"run {number}", image=f"https://x.example/{number}.webp") for number in range(1, 4)]
    entries += [Entry(text="run 4", url="https://x.example/4")]
    button: ui.Button[Any] = ui.Button(label="Next", custom_id="next")
    return list_card("Runs", entries, buttons=[button])


def payload_of(card: Card) -> list[dict[str, Any]]:
    payload: list[dict[str, Any]] = card.to_components()  # type: ignore[no-untyped-call]
    return payload


async def test_a_named_thumbnail_alone_is_dropped() -> None:
    card = make_card()
    path = ("data", "components", "0", "components", "2", "accessory", "media", "url")
    assert drop_decorations(card, refusal(*path))
    payload = payload_of(card)
    assert media_urls(payload) == ["https://x.example/1.webp", "https://x.example/3.webp"]
    assert text_contents(payload) == ["### Runs", "run 1", "run 2", "run 3", "run 4"]


async def test_without_a_name_all_decorations_are_dropped() -> None:
    card = make_card()
    assert drop_decorations(card, refusal())
    payload = payload_of(card)
    assert media_urls(payload) == []
    assert text_contents(payload) == ["### Runs", "run 1", "run 2", "run 3", "run 4"]
    assert [item["label"] for item in iter_components(payload) if item["type"] == 2] == ["Next"]
    assert not drop_decorations(card, refusal())


async def test_a_row_keeps_its_other_buttons() -> None:
    link: ui.Button[Any] = ui.Button(label="View", url="https://x.example")
    button: ui.Button[Any] = ui.Button(label="Next", custom_id="next")
    card = list_card("Runs", [], buttons=[link, button])
    assert drop_decorations(card, refusal("components", "0", "components", "1", "components", "0", "url"))
    assert [item["label"] for item in iter_components(payload_of(card)) if item["type"] == 2] == ["Next"]


async def test_another_error_changes_nothing() -> None:
    card = make_card()
    before = payload_of(card)
    assert not drop_decorations(card, refusal(code=40060))
    assert payload_of(card) == before
