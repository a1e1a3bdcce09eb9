"""Parts are dealt onto messages: within Discord's limits, nothing lost, nothing that jumps."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.media import sniff
from bot.media.types import MediaType
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.paginate import MessageChunk, open_code_block, paginate

WORDS = [
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
ODD = [
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
    """Hypothesis favours short lists; these are long ones."""
    return "".join(Random(seed).choices(WORDS + ODD, k=size))  # noqa: S311 - nothing secret: words for a test


LONG = st.builds(long_text, st.integers(), st.integers(0, 150))
TEXTS = LONG | st.lists(st.sampled_from(WORDS + ODD) | st.text(max_size=20), max_size=120).map("".join)
BUDGETS = st.integers(80, 400)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shown(dealt: tuple[MessageChunk, ...]) -> list[str]:
    return ["\n".join(part.text for part in sheet.items if isinstance(part, TextItem)) for sheet in dealt]


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


def file(number: int, kind: MediaType = sniff.WEBP, note: str | None = None) -> FileItem:
    return FileItem(name=f"generate-{number:02d}{kind.suffix}", path=Path("x"), type=kind, size=1, note=note)


def split(text: str, *, first: int = 4000, room: int = 4000) -> list[str]:
    return shown(paginate([TextItem(text)], first_chars=first, chars=room))


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(-50, 400), BUDGETS)
@example("a" + " " * 1000 + "b", 100, 100)
@example("\n" * 1000 + "b", 100, 100)
@example("`" * 1000, 100, 100)
@example("e" + "\u0301" * 1000, 100, 100)
@example("```python\n" + "x = 1\n" * 200 + "```\nend", 100, 100)
@example("\ud83d" * 300, 100, 100)
def test_any_text_fits_its_sheets_and_is_whole_again_when_joined(text: str, first: int, room: int) -> None:
    dealt = paginate([TextItem(text)], first_chars=first, chars=room)
    seen = shown(dealt)
    assert units(seen[0]) <= max(first, 0)
    assert all(units(sheet) <= room for sheet in seen[1:])
    assert all(sheet.strip() for sheet in seen[1:])
    assert shows_markdown([sheet for sheet in seen if sheet], text)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(0, 400), BUDGETS)
def test_every_sheet_closes_the_code_blocks_that_it_opens(text: str, first: int, room: int) -> None:
    assert all(sheet.count("```") % 2 == 0 for sheet in split(text, first=first, room=room))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(0, 400), BUDGETS, st.data())
def test_growing_text_never_moves_what_stands_on_an_earlier_sheet(
    text: str, first: int, room: int, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    before = [""]
    for end in [*cuts, len(text)]:
        after = split(text[:end], first=first, room=room)
        assert after[: len(before) - 1] == before[:-1]
        assert len(after) >= len(before)
        before = after


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="`ab \n", max_size=600), BUDGETS, st.integers(0, 600))
def test_code_is_shown_in_whole_blocks(text: str, room: int, end: int) -> None:
    dealt = paginate([TextItem(text, language="json")], first_chars=room, chars=room)
    for sheet in shown(dealt):
        assert not sheet or (sheet.startswith("```json\n") and sheet.endswith("\n```") and sheet.count("```") == 2)
        assert units(sheet) <= room
    assert shows_code([sheet for sheet in shown(dealt) if sheet], text if text.strip() else "")
    earlier = paginate([TextItem(text[:end], language="json")], first_chars=room, chars=room)
    assert shown(dealt)[: len(earlier) - 1] == shown(earlier)[:-1]


PARTS = st.one_of(
    TEXTS.map(TextItem),
    st.builds(TextItem, TEXTS, st.just("json")),
    st.builds(
        file,
        st.integers(1, 99),
        st.sampled_from([sniff.WEBP, sniff.MP4, sniff.MP3, sniff.ZIP, sniff.TIFF]),
        st.none() | st.just("made smaller to fit here"),
    ),
    st.builds(LinkItem, st.just("generate-01.zip"), st.just("https://a.example/f"), st.just("Too large.")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PARTS, max_size=40), st.integers(-50, 500), st.integers(200, 500))
def test_any_parts_are_dealt_within_the_limits_in_their_order(parts: list[OutputItem], first: int, room: int) -> None:
    dealt = paginate(parts, first_chars=first, chars=room)
    for sheet in dealt:
        assert len(sheet.files) <= 10
        assert sheet.components <= 24
    assert all(sheet.items for sheet in dealt[1:])
    assert all(units(sheet) <= (room if number else max(first, 0)) for number, sheet in enumerate(shown(dealt)))
    there = [part for part in parts if not isinstance(part, TextItem) or part.text.strip()]
    texts = [part.text for sheet in dealt for part in sheet.items if isinstance(part, TextItem)]
    assert shows_texts(texts, [part for part in there if isinstance(part, TextItem)])
    rest = [part for sheet in dealt for part in sheet.items if not isinstance(part, TextItem)]
    assert rest == [part for part in there if not isinstance(part, TextItem)]


@settings(max_examples=100, deadline=None)
@given(st.lists(PARTS, max_size=25), st.integers(0, 500), st.integers(200, 500), st.integers(0, 25))
def test_more_parts_never_move_what_stands_on_an_earlier_sheet(
    parts: list[OutputItem], first: int, room: int, kept: int
) -> None:
    before = paginate(parts[:kept], first_chars=first, chars=room)
    after = paginate(parts, first_chars=first, chars=room)
    assert after[: len(before) - 1] == before[:-1]
    assert after[len(before) - 1].items[: len(before[-1].items)] == before[-1].items


def test_nothing_is_one_empty_sheet() -> None:
    assert paginate([], first_chars=100, chars=100) == (MessageChunk(),)
    assert paginate([TextItem(" \n")], first_chars=100, chars=100) == (MessageChunk(),)


def test_text_that_has_no_room_beside_the_card_begins_on_the_next_sheet() -> None:
    assert split("hello", first=10) == ["", "hello"]


def test_too_little_room_is_refused() -> None:
    with pytest.raises(ValueError, match="space"):
        paginate([], first_chars=100, chars=20)


def test_a_cut_prefers_the_end_of_a_paragraph() -> None:
    first, second = split("word " * 30 + "\n\n" + "more " * 20, first=200, room=200)
    assert first == ("word " * 30).strip()
    assert second.startswith("more")


def test_a_cut_prefers_the_end_of_a_line_to_the_middle_of_an_item() -> None:
    text = "\n".join(f"- item {number} with some words" for number in range(30))
    assert all(sheet.startswith("- item") and sheet.endswith("words") for sheet in split(text, first=200, room=200))


def test_a_heading_stays_with_what_it_heads() -> None:
    text = "words " * 25 + "\n\n## A heading\n\n" + "more " * 40
    first, second, *_ = split(text, first=210, room=400)
    assert first.endswith("words")
    assert second.startswith("## A heading\n\nmore")


def test_a_cut_inside_a_line_is_after_a_sentence_or_at_least_a_word() -> None:
    first, second = split("Here is one sentence of words. " * 10, first=200, room=200)
    assert first.endswith("words.")
    assert second.startswith("Here")
    assert all(word == "banana" for sheet in split("banana " * 100, first=100, room=100) for word in sheet.split())


@pytest.mark.parametrize("span", ["`a b c d e f g`", "[a link text](https://a.example/x)", "**some bold words**"])
def test_a_cut_does_not_tear_what_belongs_together_in_a_line(span: str) -> None:
    for before in range(60, 110):
        text = "ab " * (before // 3) + "x" * (before % 3) + " " + span + " and so on" * 20
        assert any(span in sheet for sheet in split(text, first=100, room=100))


@pytest.mark.parametrize("letter", ["👩‍👩‍👧‍👦", "🇩🇪", "e\u0301\u0301", "👍🏽", "क्षि", "각", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_a_cut_does_not_tear_what_is_one_character_to_a_reader(letter: str) -> None:
    for before in range(4):
        dealt = split("x" * before + letter * 200, first=200, room=100)
        assert len(dealt) > 1
        assert "".join(dealt) == "x" * before + letter * 200
        assert all(sheet.lstrip("x") == letter * sheet.count(letter) for sheet in dealt)


def test_scripts_without_blanks_are_cut_at_their_own_marks() -> None:
    first, *_ = split("これは文です。" * 40, first=100, room=100)
    assert first.endswith("。")


def test_a_code_block_that_is_cut_goes_on_in_its_language() -> None:
    first, second, *_ = split("Look:\n```python\n" + "print('hello')\n" * 30 + "```\nDone.", first=200, room=200)
    assert first.startswith("Look:\n```python\n")
    assert first.endswith("print('hello')\n```")
    assert second.startswith("```python\nprint('hello')")


def test_a_code_block_that_opens_late_moves_whole() -> None:
    text = "words " * 25 + "\n```js\n" + "let a = 1;\n" * 5 + "```\nDone."
    first, second = split(text, first=200, room=200)
    assert "```" not in first
    assert second == "```js\n" + "let a = 1;\n" * 5 + "```\nDone."


def test_no_sheet_begins_or_ends_with_an_empty_code_block() -> None:
    for lines in range(1, 40):
        text = "Look:\n```python\n" + "print('hello')\n" * lines + "```\nDone, and some words to go on with."
        for sheet in split(text, first=200, room=200):
            assert "```python\n```" not in sheet


def test_an_open_code_block_is_closed_while_it_grows() -> None:
    assert split("```py\nx = 1") == ["```py\nx = 1\n```"]


def test_text_is_left_as_the_model_wrote_it_when_it_fits() -> None:
    text = "# @everyone\n<think>\nhm\n</think>\n*a* _b_ ~~c~~ ||d|| > e"
    assert split(text) == [text]


def test_ten_pictures_and_videos_are_one_gallery_and_the_next_begin_another_sheet() -> None:
    dealt = paginate([file(number) for number in range(12)], first_chars=100, chars=100)
    assert [(len(sheet.files), sheet.components) for sheet in dealt] == [(10, 1), (2, 1)]


def test_sound_stands_between_the_pictures_that_it_came_between() -> None:
    parts = [file(1), file(2, sniff.MP3), file(3, sniff.MP4)]
    (sheet,) = paginate(parts, first_chars=100, chars=100)
    assert (sheet.items, sheet.components) == (tuple(parts), 3)


def test_words_in_a_row_are_one_component_however_many_they_are() -> None:
    (sheet,) = paginate([TextItem("word")] * 200, first_chars=4000, chars=4000)
    assert sheet.components == 1


def test_more_components_than_a_message_takes_are_dealt_onto_the_next() -> None:
    parts: list[OutputItem] = [
        part for number in range(9) for part in (TextItem("one"), file(number), file(number, sniff.MP3))
    ]
    dealt = paginate(parts, first_chars=4000, chars=4000, files=10)
    assert max(sheet.components for sheet in dealt) <= 24
    assert sum(len(sheet.items) for sheet in dealt) == len(parts)


def test_fewer_files_a_message_can_be_asked_for() -> None:
    dealt = paginate([file(number) for number in range(5)], first_chars=100, chars=100, files=2)
    assert [len(sheet.files) for sheet in dealt] == [2, 2, 1]


def test_a_picture_comes_after_the_end_of_a_long_text() -> None:
    dealt = paginate([TextItem("word " * 100), file(1)], first_chars=200, chars=200)
    assert [len(sheet.files) for sheet in dealt] == [0] * (len(dealt) - 1) + [1]


def test_a_link_takes_the_room_of_its_words() -> None:
    link = LinkItem("a.zip", "https://a.example/" + "x" * 300, "It is too large.", datetime(2026, 1, 1, tzinfo=UTC))
    dealt = paginate([TextItem("word " * 60), link], first_chars=400, chars=400)
    assert [len(sheet.items) for sheet in dealt] == [1, 1]


def test_a_long_text_is_split_fast_enough_for_every_edit() -> None:
    text = ("A paragraph with some `code`, a [link](https://a.example) and **bold** words. " * 8 + "\n\n") * 160
    text += "```py\n" + "print('hello world')\n" * 1000 + "```"
    begun = time.process_time()
    split(text)
    assert time.process_time() - begun < 0.5  # measured 0.003 s for these 120 kB; generous for a busy machine


@pytest.mark.parametrize("nasty", ["`", "[", "**", "<", "(", "a", "\u0301", "🇩", "``` ", "> ", "\n"])
def test_no_text_is_slow_to_split(nasty: str) -> None:
    begun = time.process_time()
    split(nasty * 50_000)
    assert time.process_time() - begun < 4
