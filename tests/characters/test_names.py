"""Names, and where a text mentions one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.characters.names import find_mentions, make_key, parse_name
from bot.errors import Refused


def mentioned(text: str) -> list[str]:
    return [mention.name for mention in find_mentions(text)]


@pytest.mark.parametrize("name", ["mia", "@Mia", "mia-2", "m_1", "7", "नेहा", "Zoë", "x" * 32])
def test_valid_names_are_accepted(name: str) -> None:
    assert parse_name(name).text == name.removeprefix("@")


@pytest.mark.parametrize("name", ["", "@", "two words", "a.b", "x" * 33, "-mia", "<@1>", "mia!", "\u200b"])
def test_other_names_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(Refused, match="1 to 32 letters, digits, - and _"):
        parse_name(name)


@pytest.mark.parametrize("name", ["everyone", "@Here", "EVERYONE", "ｅveryone"])
def test_words_for_many_people_are_nobody(name: str) -> None:
    with pytest.raises(Refused, match="word of Discord's"):
        parse_name(name)


def test_names_are_compared_without_case_and_width() -> None:
    assert make_key("@Mia") == make_key("ＭＩＡ") == "mia"


def test_mentions_end_where_the_name_ends() -> None:
    assert mentioned("@mia's hat, (@bob) and @zoë-2. @mia-") == ["mia", "bob", "zoë-2", "mia"]


@pytest.mark.parametrize("text", ["a@b.org", "https://x.com/@mia", "@", "@ mia", "@@mia", "@-mia", f"@{'x' * 33}"])
def test_addresses_and_bare_signs_mention_nobody(text: str) -> None:
    assert mentioned(text) == []


@pytest.mark.parametrize("text", ["<@123>", "<@!123>", "<@&123>", "@everyone", "(@Here)", "hey @everyone, <@7>!"])
def test_mentions_of_discords_own_are_no_names(text: str) -> None:
    assert mentioned(text) == []


def test_names_beside_mentions_of_discords_own_are_found() -> None:
    assert mentioned("<@123> and @mia, <@mia> 1<@7 @hereby") == ["mia", "mia", "7", "hereby"]


@given(st.text())
def test_any_text_is_read_and_mentions_are_parts_of_it(text: str) -> None:
    for mention in find_mentions(text):
        assert text[mention.start : mention.end] == f"@{mention.name}"
        assert mention.key == make_key(mention.name)
