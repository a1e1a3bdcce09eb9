"""References to a run's files."""

from typing import Any

import pytest

from bot.media.types import find_references, format_reference, parse_reference


@pytest.mark.parametrize(
    ("value", "index"),
    [("file:0", 0), ("file:12", 12), ("file:", None), ("file:-1", None), ("a file:0", None), (0, None), (None, None)],
)
def test_only_a_whole_reference_is_parsed(value: Any, index: int | None) -> None:
    assert parse_reference(value) == index
    if index is not None:
        assert format_reference(index) == value


def test_references_are_found_at_any_depth() -> None:
    assert find_references({"a": "file:0", "b": ["x", "file:2", {"c": ("file:5",)}], "d": 7}) == {0, 2, 5}
    assert find_references("text") == frozenset()
