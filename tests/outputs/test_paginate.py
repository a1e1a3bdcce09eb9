"""Items are divided among messages within Discord's limits; nothing is lost and nothing moves later."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.limits import TEXT_MESSAGES_MAX
from bot.media import types
from bot.media.types import MediaType
from bot.outputs.items import FileItem, LinkItem, OutputItem, RemainderItem, TextItem
from bot.outputs.paginate import MessageChunk, open_code_block, paginate
from tests.cpu_time import cpu_seconds

COMMON = [
    "The quick fox",
    " jumps",
    "\n",
    "\n\n",
    "```",
    "```py\n",
    "`code`",
    "**bold**",
    "# Head\n",
    "- item\n",
    "> q\n",
]
UNUSUAL = [
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "e\u0301",
    "👍🏽",
    "क्षि",
    "世界。",
    "각",
    "\r\n",
    " " * 50,
    "`",
    "``",
    "\u200d",
    "x" * 90,
    "\u00a0",
]


def long_text(seed: int, size: int) -> str:
    """Return a text of many pieces; Hypothesis itself prefers short lists."""
    return "".join(Random(seed).choices(COMMON + UNUSUAL, k=size))  # noqa: S311 - not for secrets


LONG = st.builds(long_text, st.integers(), st.integers(0, 150))
TEXTS = LONG | st.lists(st.sampled_from(COMMON + UNUSUAL) | st.text(max_size=20), max_size=120).map("".join)
BUDGETS = st.integers(80, 400)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shown(chunks: tuple[MessageChunk, ...]) -> list[str]:
    return ["\n".join(item.text for item in chunk.items if isinstance(item, TextItem)) for chunk in chunks]


def shows_markdown(parts: Sequence[str], text: str, language: str | None = None) -> bool:
    """Whether the parts show the whole text in order. Only blanks may be missing, only fences may be added.

    ``language`` is that of the code block that is open before the text, or None.
    """
    if not parts:
        return not text.strip()
    opening = "" if language is None else f"```{language}\n"
    if not parts[0].startswith(opening):
        return False
    body = parts[0].removeprefix(opening)
    closing = "\n```" if body.endswith("\n```") else None
    for shown_body in (body, body.removesuffix(closing)) if closing else (body,):
        skipped = len(text) - len(text.lstrip()) - (len(shown_body) - len(shown_body.lstrip()))
        if skipped < 0 or not text.startswith(shown_body, skipped):
            continue
        rest = text[skipped + len(shown_body) :] if shown_body.strip() else text
        for open_after in {open_code_block(shown_body, language), open_code_block(shown_body + "\n", language)}:
            if (open_after is None) == (shown_body == body) and shows_markdown(parts[1:], rest, open_after):
                return True
    return False


def shows_code(parts: Sequence[str], text: str) -> bool:
    """Whether the parts are code blocks that show exactly the text, but for what keeps backticks apart."""
    bodies = (part.removeprefix("```json\n").removesuffix("\n```") for part in parts)
    return "".join(bodies).replace("\u200b", "") == text.replace("\u200b", "")


def shows_texts(parts: Sequence[str], items: Sequence[TextItem]) -> bool:
    """Whether the parts show all of the texts, one after the other."""
    if not items:
        return not parts
    shows = shows_markdown if items[0].language is None else shows_code
    counts = range(1, len(parts) + 1)
    return any(shows(parts[:n], items[0].text) and shows_texts(parts[n:], items[1:]) for n in counts)


def file(number: int, kind: MediaType = types.WEBP, note: str | None = None) -> FileItem:
    return FileItem(name=f"generate-{number:02d}{kind.suffix}", source=Path("x"), type=kind, size=1, note=note)


def split(text: str, *, first: int = 4000, chars: int = 4000) -> list[str]:
    return shown(paginate([TextItem(text)], first_chars=first, chars=chars))


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(-50, 400), BUDGETS)
@example("a" + " " * 1000 + "b", 100, 100)
@example("\n" * 1000 + "b", 100, 100)
@example("`" * 1000, 100, 100)
@example("e" + "\u0301" * 1000, 100, 100)
@example("```python\n" + "x = 1\n" * 200 + "```\nend", 100, 100)
@example("\ud83d" * 300, 100, 100)
def test_any_text_fits_its_messages_and_is_complete(text: str, first: int, chars: int) -> None:
    chunks = paginate([TextItem(text)], first_chars=first, chars=chars)
    seen = shown(chunks)
    assert units(seen[0]) <= max(first, 0)
    assert all(units(chunk) <= chars for chunk in seen[1:])
    assert all(chunk.strip() for chunk in seen[1:])
    assert shows_markdown([chunk for chunk in seen if chunk], text)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(0, 400), BUDGETS)
def test_every_message_closes_its_code_blocks(text: str, first: int, chars: int) -> None:
    assert all(chunk.count("```") % 2 == 0 for chunk in split(text, first=first, chars=chars))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(0, 400), BUDGETS, st.data())
def test_growing_text_never_changes_an_earlier_message(text: str, first: int, chars: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    before = [""]
    for end in [*cuts, len(text)]:
        after = split(text[:end], first=first, chars=chars)
        assert after[: len(before) - 1] == before[:-1]
        assert len(after) >= len(before)
        before = after


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="`ab \n", max_size=600), BUDGETS, st.integers(0, 600))
def test_code_is_shown_in_complete_blocks(text: str, chars: int, end: int) -> None:
    chunks = paginate([TextItem(text, language="json")], first_chars=chars, chars=chars)
    for chunk in shown(chunks):
        assert not chunk or (chunk.startswith("```json\n") and chunk.endswith("\n```") and chunk.count("```") == 2)
        assert units(chunk) <= chars
    assert shows_code([chunk for chunk in shown(chunks) if chunk], text if text.strip() else "")
    earlier = paginate([TextItem(text[:end], language="json")], first_chars=chars, chars=chars)
    assert shown(chunks)[: len(earlier) - 1] == shown(earlier)[:-1]


ITEMS = st.one_of(
    TEXTS.map(TextItem),
    st.builds(TextItem, TEXTS, st.just("json")),
    st.builds(
        file,
        st.integers(1, 99),
        st.sampled_from([types.WEBP, types.MP4, types.MP3, types.ZIP, types.TIFF]),
        st.none() | st.just("made smaller to fit here"),
    ),
    st.builds(LinkItem, st.just("generate-01.zip"), st.just("https://a.example/f"), st.just("Too large.")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ITEMS, max_size=40), st.integers(-50, 500), st.integers(200, 500))
def test_any_items_keep_order_and_limits(items: list[OutputItem], first: int, chars: int) -> None:
    chunks = paginate(items, first_chars=first, chars=chars)
    for chunk in chunks:
        assert len(chunk.files) <= 10
        assert chunk.components <= 24
    assert all(chunk.items for chunk in chunks[1:])
    assert all(units(chunk) <= (chars if number else max(first, 0)) for number, chunk in enumerate(shown(chunks)))
    visible = [item for item in items if not isinstance(item, TextItem) or item.text.strip()]
    texts = [item.text for chunk in chunks for item in chunk.items if isinstance(item, TextItem)]
    assert shows_texts(texts, [item for item in visible if isinstance(item, TextItem)])
    rest = [item for chunk in chunks for item in chunk.items if not isinstance(item, TextItem)]
    assert rest == [item for item in visible if not isinstance(item, TextItem)]


def without_remainder(chunks: Sequence[MessageChunk]) -> list[tuple[object, ...]]:
    """Return the items of each chunk, a remainder without its text: only that may change."""
    return [tuple("rest" if isinstance(item, RemainderItem) else item for item in chunk.items) for chunk in chunks]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(ITEMS, max_size=25),
    st.integers(0, 500),
    st.integers(200, 500),
    st.integers(0, 25),
    st.sampled_from([1, 2, 3, 1000]),
)
def test_more_items_never_change_an_earlier_message(
    items: list[OutputItem], first: int, chars: int, kept: int, messages: int
) -> None:
    before = without_remainder(paginate(items[:kept], first_chars=first, chars=chars, text_messages=messages))
    after = without_remainder(paginate(items, first_chars=first, chars=chars, text_messages=messages))
    assert after[: len(before) - 1] == before[:-1]
    assert after[len(before) - 1][: len(before[-1])] == before[-1]


@settings(max_examples=200, deadline=None)
@given(st.lists(ITEMS, max_size=40), st.integers(-50, 500), st.integers(200, 500), st.integers(1, 4))
def test_a_remainder_keeps_limits_and_loses_nothing(
    items: list[OutputItem], first: int, chars: int, messages: int
) -> None:
    chunks = paginate(items, first_chars=first, chars=chars, text_messages=messages)
    every = [item for chunk in chunks for item in chunk.items]
    rests = [item for item in every if isinstance(item, RemainderItem)]
    assert len(rests) <= 1
    for chunk in chunks:
        assert sum(isinstance(item, (FileItem, RemainderItem)) for item in chunk.items) <= 10
        assert chunk.components <= 24
    kept = [item for item in every if isinstance(item, (FileItem, LinkItem))]
    assert kept == [item for item in items if isinstance(item, (FileItem, LinkItem))]
    seen = "".join(item.text for item in every if isinstance(item, (TextItem, RemainderItem)))
    given = "".join(item.text for item in items if isinstance(item, TextItem))
    assert Counter(filter(str.isalnum, given)) <= Counter(filter(str.isalnum, seen))


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(0, 400), BUDGETS, st.integers(1, 3), st.data())
def test_growing_text_with_a_remainder_changes_only_the_end(
    text: str, first: int, chars: int, messages: int, data: st.DataObject
) -> None:
    end = data.draw(st.integers(0, len(text)))
    short = paginate([TextItem(text[:end])], first_chars=first, chars=chars, text_messages=messages)
    long = paginate([TextItem(text)], first_chars=first, chars=chars, text_messages=messages)
    assert without_remainder(long)[: len(short) - 1] == without_remainder(short)[:-1]
    if any(isinstance(item, RemainderItem) for item in short[-1].items):
        assert without_remainder(long)[len(short) - 1] == without_remainder(short)[-1]


def test_a_caption_stays_with_its_image_after_a_long_text() -> None:
    items: list[OutputItem] = [TextItem("word " * 400), *(file(number) for number in range(12)), TextItem("a caption")]
    chunks = paginate(items, first_chars=400, chars=400, text_messages=2)
    assert [type(item) for item in chunks[1].items[:2]] == [TextItem, RemainderItem]
    assert chunks[-1].items[-1] == TextItem("a caption")
    assert len(chunks[1].files) == 9  # the remainder has a place, too


def test_no_output_is_one_empty_chunk() -> None:
    assert paginate([], first_chars=100, chars=100) == (MessageChunk(),)
    assert paginate([TextItem(" \n")], first_chars=100, chars=100) == (MessageChunk(),)


def test_text_without_space_begins_in_the_next_message() -> None:
    assert split("hello", first=10) == ["", "hello"]


def test_too_little_space_raises_value_error() -> None:
    with pytest.raises(ValueError, match="space"):
        paginate([], first_chars=100, chars=20)


def test_a_split_prefers_the_end_of_a_paragraph() -> None:
    first, second = split("word " * 30 + "\n\n" + "more " * 20, first=200, chars=200)
    assert first == ("word " * 30).strip()
    assert second.startswith("more")


def test_a_split_prefers_the_end_of_a_line() -> None:
    text = "\n".join(f"- item {number} with some words" for number in range(30))
    assert all(chunk.startswith("- item") and chunk.endswith("words") for chunk in split(text, first=200, chars=200))


def test_a_heading_stays_with_its_paragraph() -> None:
    text = "words " * 25 + "\n\n## A heading\n\n" + "more " * 40
    first, second, *_ = split(text, first=210, chars=400)
    assert first.endswith("words")
    assert second.startswith("## A heading\n\nmore")


def test_a_split_in_a_line_is_after_a_sentence_or_word() -> None:
    first, second = split("Here is one sentence of words. " * 10, first=200, chars=200)
    assert first.endswith("words.")
    assert second.startswith("Here")
    assert all(word == "banana" for chunk in split("banana " * 100, first=100, chars=100) for word in chunk.split())


@pytest.mark.parametrize("span", ["`a b c d e f g`", "[a link text](https://a.example/x)", "**some bold words**"])
def test_inline_markup_is_not_split(span: str) -> None:
    for before in range(60, 110):
        text = "ab " * (before // 3) + "x" * (before % 3) + " " + span + " and so on" * 20
        assert any(span in chunk for chunk in split(text, first=100, chars=100))


@pytest.mark.parametrize("letter", ["👩‍👩‍👧‍👦", "🇩🇪", "e\u0301\u0301", "👍🏽", "क्षि", "각", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_grapheme_clusters_are_not_split(letter: str) -> None:
    for before in range(4):
        chunks = split("x" * before + letter * 200, first=200, chars=100)
        assert len(chunks) > 1
        assert "".join(chunks) == "x" * before + letter * 200
        assert all(chunk.lstrip("x") == letter * chunk.count(letter) for chunk in chunks)


def test_scripts_without_blanks_split_at_punctuation() -> None:
    first, *_ = split("これは文です。" * 40, first=100, chars=100)
    assert first.endswith("。")


def test_a_split_code_block_keeps_its_language() -> None:
    first, second, *_ = split("Look:\n```python\n" + "print('hello')\n" * 30 + "```\nDone.", first=200, chars=200)
    assert first.startswith("Look:\n```python\n")
    assert first.endswith("print('hello')\n```")
    assert second.startswith("```python\nprint('hello')")


def test_a_code_block_that_begins_late_moves_complete() -> None:
    text = "words " * 25 + "\n```js\n" + "let a = 1;\n" * 5 + "```\nDone."
    first, second = split(text, first=200, chars=200)
    assert "```" not in first
    assert second == "```js\n" + "let a = 1;\n" * 5 + "```\nDone."


def test_no_message_has_an_empty_code_block_at_its_ends() -> None:
    for lines in range(1, 40):
        text = "Look:\n```python\n" + "print('hello')\n" * lines + "```\nDone, and some words to go on with."
        for chunk in split(text, first=200, chars=200):
            assert "```python\n```" not in chunk


def test_an_open_code_block_is_closed() -> None:
    assert split("```py\nx = 1") == ["```py\nx = 1\n```"]


def test_text_that_fits_is_unchanged() -> None:
    text = "# @everyone\n<think>\nhm\n</think>\n*a* _b_ ~~c~~ ||d|| > e"
    assert split(text) == [text]


def test_a_gallery_has_at_most_ten_files() -> None:
    chunks = paginate([file(number) for number in range(12)], first_chars=100, chars=100)
    assert [(len(chunk.files), chunk.components) for chunk in chunks] == [(10, 1), (2, 1)]


def test_audio_between_images_keeps_its_place() -> None:
    items = [file(1), file(2, types.MP3), file(3, types.MP4)]
    (chunk,) = paginate(items, first_chars=100, chars=100)
    assert (chunk.items, chunk.components) == (tuple(items), 3)


def test_texts_in_a_row_are_one_component() -> None:
    (chunk,) = paginate([TextItem("word")] * 200, first_chars=4000, chars=4000)
    assert chunk.components == 1


def test_components_over_the_limit_go_to_the_next_message() -> None:
    items: list[OutputItem] = [
        item for number in range(9) for item in (TextItem("one"), file(number), file(number, types.MP3))
    ]
    chunks = paginate(items, first_chars=4000, chars=4000, files=10)
    assert max(chunk.components for chunk in chunks) <= 24
    assert sum(len(chunk.items) for chunk in chunks) == len(items)


def test_the_number_of_files_can_be_limited() -> None:
    chunks = paginate([file(number) for number in range(5)], first_chars=100, chars=100, files=2)
    assert [len(chunk.files) for chunk in chunks] == [2, 2, 1]


def test_an_image_follows_the_end_of_a_long_text() -> None:
    chunks = paginate([TextItem("word " * 100), file(1)], first_chars=200, chars=200)
    assert [len(chunk.files) for chunk in chunks] == [0] * (len(chunks) - 1) + [1]


def test_a_link_uses_space_for_its_text() -> None:
    link = LinkItem("a.zip", "https://a.example/" + "x" * 300, "It is too large.", datetime(2026, 1, 1, tzinfo=UTC))
    chunks = paginate([TextItem("word " * 60), link], first_chars=400, chars=400)
    assert [len(chunk.items) for chunk in chunks] == [1, 1]


def test_a_long_text_is_split_quickly() -> None:
    text = ("A paragraph with some `code`, a [link](https://a.example) and **bold** words. " * 8 + "\n\n") * 160
    text += "```py\n" + "print('hello world')\n" * 1000 + "```"
    begun = time.process_time()
    split(text)
    assert time.process_time() - begun < 0.5  # measured 0.003 s for these 120 kB; generous for a busy machine


NASTY = [
    "`", "[", "**", "<", "(", "a", "\u0301", "🇩", "``` ", "> ", "\n", "# \n", "[a](b ", "<世`世", "(<\u200d世`.", ". ",
]  # fmt: skip


@pytest.mark.parametrize("nasty", NASTY)
def test_no_text_is_slow_to_split(nasty: str) -> None:
    begun = time.process_time()
    split(nasty * 50_000)
    assert time.process_time() - begun < 4


@pytest.mark.parametrize("nasty", NASTY)
def test_the_most_messages_are_divided_within_a_turn(nasty: str) -> None:
    text = nasty * (400_000 // len(nasty))
    chunks, seconds = cpu_seconds(
        lambda: paginate([TextItem(text)], first_chars=2500, chars=3300, text_messages=TEXT_MESSAGES_MAX)
    )
    assert len(chunks) <= TEXT_MESSAGES_MAX
    assert seconds < 0.1  # the rule; measured 0.014 s, 0.033 for headings


def paginate_seconds(text: str) -> float:
    begun = time.process_time()
    paginate([TextItem(text)], first_chars=2500, chars=3300, text_messages=5)
    return time.process_time() - begun


@pytest.mark.parametrize("nasty", NASTY)
def test_more_text_costs_no_more_messages(nasty: str) -> None:
    short, long = nasty * (40_000 // len(nasty)), nasty * (4_000_000 // len(nasty))
    first, second = (min(paginate_seconds(text) for _ in range(5)) for text in (short, long))
    assert second < 10 * first + 0.05  # a hundred times as long
