"""The list of a person's runs, as Discord takes it."""

from typing import Any

from discord import ui

from bot.store.models import Run, RunState
from bot.store.queries import RunPage
from bot.ui.render.run_list import RUNS_PER_PAGE, run_list_card
from bot.visibility import Visibility
from tests.ui.factories import NOW, make_place, make_run
from tests.ui.message_rules import check_message, iter_components, text_contents


def components(view: ui.LayoutView) -> list[dict[str, Any]]:
    return view.to_components()  # type: ignore[no-any-return, no-untyped-call]


def page_of(*runs: Run, newer: bool = False, older: bool = False) -> RunPage:
    return RunPage(runs, has_newer=newer, has_older=older)


def buttons(run: Run) -> list[str]:
    payload = components(run_list_card(page_of(run), [None], active=0))
    check_message(payload)
    return [part["label"] for part in iter_components(payload) if part["type"] == 2]


def test_a_full_page_fits_into_a_card() -> None:
    runs = [make_run(id=f"r{n}", state=RunState.SUCCEEDED, prompt="*bold* " * 200) for n in range(RUNS_PER_PAGE)]
    payload = components(
        run_list_card(page_of(*runs, newer=True, older=True), ["https://x.example/a.png"] * len(runs), active=2)
    )
    check_message(payload)
    assert "2 runs in progress." in text_contents(payload)[0]
    assert sum(part["type"] == 11 for part in iter_components(payload)) == RUNS_PER_PAGE


def test_a_finished_run_is_repeated_or_jumped_to() -> None:
    assert buttons(make_run(state=RunState.SUCCEEDED)) == ["Again", "Jump"]
    assert buttons(make_run(state=RunState.RUNNING)) == ["Cancel", "Jump"]


def test_nothing_is_offered_that_cannot_be_done() -> None:
    forgotten = make_run(state=RunState.SUCCEEDED, forgotten_at=NOW)
    assert buttons(forgotten) == ["Jump"]
    assert buttons(make_run(state=RunState.SUCCEEDED, deleted_at=NOW)) == ["Again"]
    private = make_run(state=RunState.SUCCEEDED, visibility=Visibility.PRIVATE, place=make_place(token_only=True))
    assert buttons(private) == ["Again"], "no address leads to a private message"


def test_an_empty_list_says_where_to_begin() -> None:
    payload = components(run_list_card(page_of(), [], active=0))
    check_message(payload)
    assert "/about" in text_contents(payload)[0]
