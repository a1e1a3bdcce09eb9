"""Names and sizes of options."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.options.options import (
    Option,
    OptionRole,
    OptionType,
    UniqueNames,
    fit_to_limits,
    is_valid_name,
    normalize_name,
)


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
def test_key_becomes_the_nearest_valid_name(key: str, name: str) -> None:
    assert normalize_name(key) == name


@given(st.lists(st.text(max_size=60), max_size=60))
def test_allocated_names_are_valid_and_unique(keys: list[str]) -> None:
    names = UniqueNames()
    allocated = [names.allocate(key) for key in keys]
    assert all(map(is_valid_name, allocated))
    assert len(set(allocated)) == len(keys)


def test_fitting_ends_though_the_limit_cannot_be_met() -> None:
    option = Option(name="a", field="a", role=OptionRole.VALUE, type=OptionType.STRING, text="x" * 90)
    assert fit_to_limits([option], limit=1)[0].description_chars == 40
