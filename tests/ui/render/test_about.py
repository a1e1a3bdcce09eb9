"""The welcome of /about, as Discord takes it."""

from typing import Any

from discord import ui

from bot.catalog.samples import find_samples
from bot.ui.render.about import SAMPLES_SHOWN, about_card
from tests.catalog.test_next_actions import IMAGE, command
from tests.options.samples import TEXT
from tests.ui.message_rules import check_message, iter_components, text_contents


def components(view: ui.LayoutView) -> list[dict[str, Any]]:
    return view.to_components()  # type: ignore[no-any-return, no-untyped-call]


def test_tiles_run_samples_and_the_rest_is_named() -> None:
    commands = [command("draw", {"prompt": TEXT}), command("generate", {"subject": IMAGE}, required=("subject",))]
    payload = components(
        about_card(commands, find_samples(commands, limit=SAMPLES_SHOWN), facts=["Version 1"], link="https://x.example")
    )
    check_message(payload)
    assert [part.get("custom_id") for part in iter_components(payload) if part["type"] == 2] == ["sample:draw", None]
    text = "\n".join(text_contents(payload))
    assert all(words in text for words in ("Welcome", "/draw", "/generate", "Try it", "/privacy delete", "Version 1"))


def test_a_hundred_commands_fit_into_a_welcome() -> None:
    commands = [command(f"draw-{number}", {"prompt": TEXT}, description="long " * 20) for number in range(100)]
    payload = components(about_card(commands, find_samples(commands, limit=SAMPLES_SHOWN), facts=[], link=None))
    check_message(payload)
    assert sum(part["type"] == 2 for part in iter_components(payload)) == SAMPLES_SHOWN


def test_a_bot_without_samples_does_not_speak_of_them() -> None:
    payload = components(about_card([], (), facts=["Version 1"], link=None))
    check_message(payload)
    assert "Try it" not in "\n".join(text_contents(payload))
