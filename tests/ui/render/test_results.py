"""The menu of a result offers to each person what they may do, and what the bot can reach."""

from dataclasses import replace
from typing import Any

import pytest

from bot.actor import Actor
from bot.store.models import Run, RunChain, RunOutput
from bot.ui.components import Action
from bot.ui.render.results import Result, menu_card
from bot.visibility import Visibility
from cogs.favourites import FAVOURITE_ENTRIES
from cogs.results.cog import MENU_ENTRIES
from tests.ui.factories import NOW, make_place, make_run

CARD, FURTHER = 400, 401
AUTHOR = Actor(
    user_id=111111111111111111,
    name="mia",
    guild_id=200,
    channel_id=300,
    roles=frozenset(),
    permissions=0,
    locale="en-US",
)
OTHER = replace(AUTHOR, user_id=5)


def make_output(number: int, *, message_id: int = CARD, mime: str = "image/webp") -> RunOutput:
    return RunOutput(
        run_id="r1",
        number=number,
        name=f"{number}",
        mime=mime,
        size=9,
        width=8,
        height=8,
        message_id=message_id,
        attachment_id=number,
    )


def make_result(run: Run | None = None, *outputs: RunOutput, reachable: frozenset[int] = frozenset({CARD})) -> Result:
    return Result(run=run or make_run(), outputs=outputs or (make_output(1), make_output(2)), reachable=reachable)


def offered(actor: Actor, result: Result) -> set[Action]:
    return {entry.action for entry in MENU_ENTRIES if entry.is_offered(actor, result)}


def texts(card: Any) -> str:
    return str(card.to_components())


def test_an_author_may_do_all() -> None:
    assert offered(AUTHOR, make_result()) == {Action.SEND_DM, Action.SPOILER, Action.REMOVE, Action.DELETE}


def test_others_may_keep_a_copy() -> None:
    assert offered(OTHER, make_result()) == {Action.SEND_DM}
    assert offered(OTHER, make_result(make_run(visibility=Visibility.PRIVATE))) == set()


@pytest.mark.parametrize(
    ("visibility", "action"), [(Visibility.PUBLIC, Action.SPOILER), (Visibility.SPOILER, Action.UNSPOILER)]
)
def test_a_cover_is_put_on_or_taken_off(visibility: Visibility, action: Action) -> None:
    both = offered(AUTHOR, make_result(make_run(visibility=visibility))) & {Action.SPOILER, Action.UNSPOILER}
    assert both == {action}


def test_one_file_is_deleted_with_its_result() -> None:
    assert Action.REMOVE not in offered(AUTHOR, make_result(None, make_output(1)))


def test_what_a_press_does_not_reach_is_not_offered() -> None:
    run = make_run(place=make_place(token_only=True), messages={1: FURTHER})
    outputs = [make_output(1), make_output(2), make_output(3, message_id=FURTHER)]
    assert offered(AUTHOR, make_result(run, *outputs)) == {Action.REMOVE}
    assert offered(AUTHOR, make_result(run, *outputs, reachable=frozenset())) == set()


def test_the_title_counts_what_is_there() -> None:
    assert "2 images" in texts(menu_card(make_result(), MENU_ENTRIES, AUTHOR))
    mixed = make_result(None, make_output(1), make_output(2, mime="audio/wav"))
    assert "2 files" in texts(menu_card(mixed, MENU_ENTRIES, AUTHOR))


@pytest.mark.parametrize(("is_favourite", "label"), [(False, "⭐ Favourite"), (True, "⭐ Remove from favourites")])
def test_the_star_says_what_it_does(label: str, *, is_favourite: bool) -> None:
    result = replace(make_result(), is_favourite=is_favourite)
    assert f"'label': '{label}'" in texts(menu_card(result, FAVOURITE_ENTRIES, AUTHOR))


def test_the_menu_of_a_chain_is_headed_by_the_chain() -> None:
    chain = RunChain(id="r0", name="sticker", number=3, steps=(), prompt="a cat", began_at=NOW)
    title = texts(menu_card(make_result(make_run(chain=chain)), MENU_ENTRIES, AUTHOR))
    assert "**sticker**" in title
    assert "/generate" not in title


def test_a_menu_without_buttons_says_so() -> None:
    run = make_run(place=make_place(token_only=True))
    card = menu_card(make_result(run, reachable=frozenset()), MENU_ENTRIES, OTHER)
    assert "nothing you can do" in texts(card)


def test_what_only_its_person_can_delete_is_told_to_them() -> None:
    run = make_run(place=replace(make_place(), token_only=True), messages={0: CARD, 1: FURTHER})
    song = make_output(1, message_id=FURTHER, mime="audio/wav")
    assert "delete them yourself" in texts(menu_card(make_result(run, song), MENU_ENTRIES, AUTHOR))
    assert "delete them yourself" not in texts(menu_card(make_result(run, song), MENU_ENTRIES, OTHER))
    reached = make_result(run, song, reachable=frozenset({CARD, FURTHER}))
    assert "delete them yourself" not in texts(menu_card(reached, MENU_ENTRIES, AUTHOR))
