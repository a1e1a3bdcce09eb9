"""A row holds small outputs whole, and of large ones what they look like."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.large_json import LargeJson
from bot.limits import ROW_OUTPUT_CHARS
from bot.outputs.row_output import fit_into_row

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_a_small_output_is_stored_as_it_is(output: Any) -> None:
    assert fit_into_row(output) == (output, True)


@pytest.mark.parametrize(
    "output",
    [
        "word " * 100_000,
        ["word "] * 100_000,
        {"text": "prose", "data": LargeJson("[" + "1, " * 100_000 + "1]")},
        {f"key {n}": f"https://h.example/{n}" for n in range(50_000)},
        [[["x" * 1000] * 100] * 100] * 100,
        "data:image/png;base64," + "A" * 30_000_000,
    ],
    ids=range(6),
)
def test_a_large_output_is_cut_and_says_so(output: Any) -> None:
    stored, is_complete = fit_into_row(output)
    assert not is_complete
    text = json.dumps(stored, ensure_ascii=False)
    assert len(text) < ROW_OUTPUT_CHARS * 2
    assert "in all)" in text or "members in all" in text


def test_the_beginning_of_every_part_stays() -> None:
    stored, _ = fit_into_row(
        {"text": "prose", "more": ["a", "b"], "data": LargeJson("[1, 2, " + "3, " * 90_000 + "4]")}
    )
    assert stored["text"] == "prose"
    assert stored["more"] == ["a", "b"]
    assert stored["data"].startswith("[1, 2, 3")
