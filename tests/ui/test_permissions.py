"""Who may do what with a result: a pure question about a person and a run."""

from dataclasses import replace

import pytest

from bot.actor import Actor
from bot.ui.permissions import may_manage_result
from bot.visibility import Visibility
from tests.ui.factories import make_run

RUN = make_run()
AUTHOR = Actor(
    user_id=RUN.author_id,
    name="mia",
    guild_id=RUN.place.guild_id,
    channel_id=RUN.place.channel_id,
    roles=frozenset(),
    permissions=0,
    locale="en-US",
)
OTHER = replace(AUTHOR, user_id=5)
MODERATOR = replace(OTHER, permissions=1 << 13)
PRIVATE = replace(RUN, visibility=Visibility.PRIVATE)


@pytest.mark.parametrize(("actor", "manages"), [(AUTHOR, True), (OTHER, False), (MODERATOR, True)])
def test_authors_and_moderators_manage_a_result(actor: Actor, *, manages: bool) -> None:
    assert may_manage_result(actor, RUN) is manages


@pytest.mark.parametrize(("actor", "may"), [(AUTHOR, True), (OTHER, False), (MODERATOR, False)])
def test_a_private_result_is_its_authors_alone(actor: Actor, *, may: bool) -> None:
    assert may_manage_result(actor, PRIVATE) is may


def test_rights_in_another_channel_do_not_count() -> None:
    assert not may_manage_result(replace(MODERATOR, channel_id=9), RUN)
