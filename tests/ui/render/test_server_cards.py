"""The cards of a server's rules: what is gone or cannot be done is said, and everything fits into a message."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.limits import COMPONENTS_PER_MESSAGE, GLOBAL_COMMANDS, SELECT_OPTIONS, TEXT_CHARS
from bot.rules.server_rules import CommandRule, Delivery, RoleLimits, ServerRules
from bot.store.server_rules import BlockRow, ServerChange
from bot.ui.render.cards import Card
from bot.ui.render.server_cards import (
    ServerState,
    commands_card,
    history_card,
    limits_card,
    overview_card,
    people_card,
)
from tests.store.samples import BOB, MIA, T0

SERVER, ROLE, CHANNEL = 2, 4, 5
NAMES = [f"command-{number:02}-{'x' * 20}" for number in range(GLOBAL_COMMANDS)]
FULL = ServerRules(
    commands={
        name: CommandRule(channels=frozenset(range(10**18, 10**18 + 25)), roles=frozenset(range(10**18, 10**18 + 25)))
        for name in NAMES
    },
    limits={10**18 + role: RoleLimits(at_once=1, per_day=2, month_micro_dollars=3, outputs=4) for role in range(50)},
    delivery=Delivery.THREAD,
    spoiler=True,
    refused_words=("word",) * 200,
    checker=NAMES[0],
    gallery_channel_id=CHANNEL,
    log_channel_id=CHANNEL,
)


def state(rules: ServerRules = FULL, **changes: Any) -> ServerState:
    return replace(
        ServerState(guild_id=SERVER, rules=rules, commands=NAMES, checkers=NAMES[:1], blocked=1000), **changes
    )


def text_of(card: Card) -> str:
    return "\n".join(item.content for item in card.walk_children() if hasattr(item, "content"))


def options_of(card: Card) -> list[str]:
    """Return the values of the options in the card's selects."""
    selects = (getattr(item, "item", item) for item in card.walk_children())
    return [option.value for select in selects for option in getattr(select, "options", ())]


def block(number: int) -> BlockRow:
    return BlockRow(user_id=10**18 + number, by_id=MIA, reason="r" * 200, created_at=T0, expires_at=T0)


LONG_LISTS = {"commands": {name: {"channels": list(range(10**18, 10**18 + 25))} for name in NAMES}}
CHANGES = [
    ServerChange(
        guild_id=SERVER,
        number=number,
        section="commands",
        by_id=MIA,
        subject_id=None,
        before={},
        after=LONG_LISTS,
        changed_at=T0,
    )
    for number in range(500)
]


@pytest.mark.parametrize(
    "card",
    [
        overview_card(state(threadless=frozenset(range(99)), unwritable=frozenset({CHANNEL}))),
        commands_card(state()),
        commands_card(state(), page=99),
        limits_card(state()),
        people_card([block(number) for number in range(25)], count=1000),
        history_card(CHANGES),
    ],
    ids=["overview", "commands", "last page", "limits", "people", "history"],
)
def test_the_fullest_rules_fit_into_a_message(card: Card) -> None:
    assert card.content_length() <= TEXT_CHARS
    assert card.total_children_count <= COMPONENTS_PER_MESSAGE
    assert len(options_of(card)) <= SELECT_OPTIONS


def test_what_is_gone_is_said_and_not_mentioned() -> None:
    rules = ServerRules(
        commands={
            "draw": CommandRule(channels=frozenset({CHANNEL}), roles=frozenset({ROLE})),
            "old": CommandRule(enabled=False),
        },
        limits={ROLE: RoleLimits(at_once=1)},
        checker="check",
        log_channel_id=CHANNEL,
    )
    shown = text_of(
        overview_card(state(rules, commands=["draw"], gone_roles=frozenset({ROLE}), gone_channels=frozenset({CHANNEL})))
    )
    for words in (
        "(deleted channel)",
        "(deleted role)",
        "no longer exists. Choose another one",
        "/check checked",
        "/old · off · (no",
    ):
        assert words in shown
    assert str(CHANNEL) not in shown.replace(f"<#{CHANNEL}0", "")


def test_a_command_that_cannot_look_at_pictures_is_told() -> None:
    shown = text_of(overview_card(state(ServerRules(checker="draw"), commands=["draw", "check"], checkers=["check"])))
    assert "⚠ /draw can't look at pictures" in shown
    assert "checked with /draw" not in shown


def test_every_command_is_on_some_page() -> None:
    offered: set[str] = set()
    for page in range(10):
        offered |= set(options_of(commands_card(state(), page=page)))
    assert set(NAMES) <= offered


def test_a_change_is_told_with_before_and_after() -> None:
    changes = [
        ServerChange(
            guild_id=SERVER,
            number=1,
            section="limits",
            by_id=None,
            subject_id=None,
            before={"limits": {}},
            after={"limits": {str(SERVER): {"at_once": 2}}},
            changed_at=T0,
        ),
        ServerChange(
            guild_id=SERVER,
            number=2,
            section="people",
            by_id=MIA,
            subject_id=BOB,
            before={},
            after={"reason": "**spam**", "until": (T0 + timedelta(hours=1)).isoformat()},
            changed_at=T0,
        ),
    ]
    shown = text_of(history_card(changes))
    assert "somebody · **Limits**" in shown
    assert "everyone: no limits → 2 at once" in shown
    assert f"<@{MIA}> · **People**" in shown
    assert f"blocked <@{BOB}> until <t:1767229200:f>" in shown
    assert r"\*\*spam\*\*" in shown
