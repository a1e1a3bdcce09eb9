"""What classifiers answer, and what that says about a picture."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules.verdict import Verdict, read_verdict


@pytest.mark.parametrize(
    "output",
    [
        "normal",
        "safe",
        "SFW",
        "not nsfw",
        "No NSFW content",
        False,
        {"nsfw": False},
        {"nsfw_detected": False, "nsfw": []},
        {"label": "normal", "score": 0.98},
        {"normal": 0.98, "nsfw": 0.02},
        [{"label": "nsfw", "score": 0.1}, {"label": "normal", "score": 0.9}],
        {"safe": True},
        {"result": {"unsafe": 0.01}},
        ["safe"],
    ],
)
def test_a_safe_picture_is_told(output: Any) -> None:
    assert read_verdict(output) is Verdict.SAFE


@pytest.mark.parametrize(
    "output",
    [
        "nsfw",
        "unsafe\nS1",
        "The image is NSFW.",
        True,
        {"nsfw": True},
        {"nsfw": 0.93, "normal": 0.07},
        {"nsfw_detected": True, "nsfw": ["exposed"]},
        {"label": "porn", "score": 0.7},
        [{"label": "nsfw", "score": 0.9}, {"label": "normal", "score": 0.1}],
        ["safe", "nudity"],
        {"result": {"label": "sexual_content"}},
    ],
)
def test_an_unsafe_picture_is_told(output: Any) -> None:
    assert read_verdict(output) is Verdict.UNSAFE


@pytest.mark.parametrize("output", [None, "", "a fox in the snow", 0.7, [], {}, {"score": 0.4}, {"normal": 0.1}])
def test_what_cannot_be_read_is_unknown(output: Any) -> None:
    assert read_verdict(output) is Verdict.UNKNOWN


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_output_has_a_verdict(output: Any) -> None:
    assert read_verdict(output) in Verdict
