"""Cards about models, as Discord takes them: what can be done with a model stands on them."""

from typing import Any

import pytest
from discord import ui

from bot.catalog.search import ModelSummary
from bot.ui.components import ModelAction
from bot.ui.render.model_cards import info_card, search_card
from tests.catalog.test_next_actions import command
from tests.options.samples import TEXT
from tests.ui.message_rules import check_message, iter_components

LONG = f"{'o' * 60}/{'n' * 60}"
NAMES = ["a/one", "a/two", "a/one", LONG, *(f"b/{number}" for number in range(20))]
RESULTS = [ModelSummary(model=name, cover_url="https://example.com/a.png") for name in NAMES]


def components(view: ui.LayoutView) -> list[dict[str, Any]]:
    return view.to_components()  # type: ignore[no-any-return, no-untyped-call]


def choices(payload: list[dict[str, Any]]) -> list[list[str]]:
    selects = [part for part in iter_components(payload) if part["type"] == 3]
    return [[option["value"] for option in select["options"]] for select in selects]


def test_results_are_tried_and_added_by_those_who_may() -> None:
    payload = components(search_card("words", RESULTS, can_try=NAMES, can_add=["a/two", "b/0"]))
    check_message(payload)
    tried, added = choices(payload)
    assert tried[:2] == ["a/one", "a/two"]
    assert LONG not in tried
    assert added == ["a/two", "b/0"]
    assert choices(components(search_card("words", RESULTS))) == []


@pytest.mark.parametrize(("model", "is_offered"), [("a/one", True), (LONG, False)])
def test_a_model_is_tried_where_its_name_fits(model: str, *, is_offered: bool) -> None:
    actions = {ModelAction.TRY: model, ModelAction.ADD: model}
    payload = components(info_card(command("draw", {"prompt": TEXT}), ModelSummary(model=model), actions=actions))
    check_message(payload)
    ids = [part["custom_id"] for part in iter_components(payload) if "custom_id" in part]
    assert ids == ([f"models:try:{model}", f"models:add:{model}"] if is_offered else [])
