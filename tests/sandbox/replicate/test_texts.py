"""The texts of the stand-in's language model: prose about what was asked, as long as was asked."""

import re

import pytest

from sandbox.replicate.fake_outputs.prose import OPENINGS
from sandbox.replicate.fake_outputs.text import write_answer

STORY = "Tell me a short story about a lighthouse that was afraid of the dark."


def test_a_story_is_prose_about_its_hero() -> None:
    text = write_answer(STORY)
    first, *others = text.split("\n\n")
    assert "there was a lighthouse that was afraid of the dark." in first
    assert "The lighthouse" in " ".join(others)
    assert all(paragraph[-1] in ".”" for paragraph in others[:-1])
    assert not re.search(r"\{|\*\*|^\d+\.", text, re.MULTILINE)
    assert text == write_answer(STORY)


@pytest.mark.parametrize("words", [30, 90, 500, 3000])
def test_a_text_is_as_long_as_was_asked(words: int) -> None:
    for prompt in (f"Tell me about badgers in {words} words.", f"A story of a fox in {words} words"):
        assert words <= len(write_answer(prompt).split()) <= words + 160


@pytest.mark.parametrize(
    ("prompt", "topic"),
    [
        ("Tell me about tea, at length.", "tea"),
        ("Tell me of stream-close in 90 words.", "stream-close"),
        ("Write something that I like, please", "this"),
        ("", "this"),
        ("green tea", "green tea"),
    ],
)
def test_the_topic_is_what_the_prompt_is_about(prompt: str, topic: str) -> None:
    opening = write_answer(prompt).split("\n\n")[0]
    assert any(opening == template.format(topic=topic) for template in OPENINGS)


def test_code_is_written_if_the_prompt_mentions_it() -> None:
    assert "```python\ndef sheep(" in write_answer("Write a python function about sheep")
