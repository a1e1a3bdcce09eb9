"""``key=value`` text, as people write it and as we do."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BadOption
from bot.options.parse import format_pairs, parse_pairs

KEYS = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("seed=42", [("seed", "42")]),
        ("  a=1   b=2\n\nc=3 ", [("a", "1"), ("b", "2"), ("c", "3")]),
        ('a="two words" b=“curly quotes”', [("a", "two words"), ("b", "curly quotes")]),
        (r'a="say \"hi\" \\ \n"', [("a", 'say "hi" \\ \n')]),
        ("negative_prompt=blurry, dark seed=42", [("negative_prompt", "blurry, dark"), ("seed", "42")]),
        ("prompt=a cat\nmat=no", [("prompt", "a cat"), ("mat", "no")]),
        ("a = 1, b = 2", [("a", "1"), ("b", "2")]),
        ("a= b=2", [("a", ""), ("b", "2")]),
        ("a=", [("a", "")]),
        ('o={"k": [1, 2], "x=": "y z"} n=1', [("o", '{"k": [1, 2], "x=": "y z"}'), ("n", "1")]),
        ("o={broken n=1", [("o", "{broken"), ("n", "1")]),
        ("u=https://x.example/?a=b&c=d n=1", [("u", "https://x.example/?a=b&c=d"), ("n", "1")]),
        ("p=1+1==2 is true", [("p", "1+1==2 is true")]),
        ("p=say a==b aloud", [("p", "say a==b aloud")]),
    ],
)
def test_text_is_read_as_it_is_meant(text: str, pairs: list[tuple[str, str]]) -> None:
    assert [(pair.key, pair.value) for pair in parse_pairs(text, "advanced")] == pairs


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prompt=a cat\non a mat", "`advanced` takes key=value; “on” has no = behind it."),
        ("seed", "`advanced` takes key=value; “seed” has no = behind it."),
        ("=5", "`advanced` takes key=value; “=5” has no = behind it."),
        ('a="never closed b=2', "`advanced`: the quote after `a=` is never closed."),
    ],
)
def test_text_that_cannot_be_read_gets_its_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadOption) as caught:
        parse_pairs(text, "advanced")
    assert (caught.value.option, caught.value.sentence) == ("advanced", sentence)


@given(st.lists(st.tuples(KEYS, st.text())), st.sampled_from([" ", "\n"]))
def test_what_is_written_reads_back_the_same(pairs: list[tuple[str, str]], between: str) -> None:
    assert [(pair.key, pair.value) for pair in parse_pairs(format_pairs(pairs, between=between), "x")] == pairs


@given(st.text('ab="“”{}[]\\ \n,:1'))
def test_no_text_does_anything_but_parse_or_say_why_not(text: str) -> None:
    with suppress(BadOption):
        assert all(0 <= pair.start <= pair.end <= len(text) for pair in parse_pairs(text, "x"))
