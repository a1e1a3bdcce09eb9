"""Any key becomes a name that Discord takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.options.options import UniqueNames, is_valid_name, normalize_name


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("prompt", "prompt"),
        ("class", "class"),
        ("top-p", "top-p"),
        ("CFG", "cfg"),
        ("maxTokens", "max_tokens"),
        ("Prompt Text!", "prompt_text"),
        ("größe", "größe"),
        ("画像", "画像"),
        ("ＦＵＬＬ", "full"),
        ("İstanbul", "i_stanbul"),
        ("a" * 50, "a" * 32),
        ("🙂", ""),
    ],
)
def test_a_key_becomes_the_name_nearest_to_it(key: str, name: str) -> None:
    assert normalize_name(key) == name


@given(st.lists(st.text(max_size=60), max_size=60))
def test_names_are_legal_and_each_is_given_once(keys: list[str]) -> None:
    names = UniqueNames()
    given_names = [names.take(key) for key in keys]
    assert all(map(is_valid_name, given_names))
    assert len(set(given_names)) == len(keys)
