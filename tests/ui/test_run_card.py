"""The card: within every limit whatever a run holds, whole, and not to be forged."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.media.types import Media, MediaKind, MediaType
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.paginate import paginate
from bot.runs.snapshot import Phase, RunSnapshot
from bot.ui.render import strings
from bot.ui.render.formatting import escape, one_line, quote
from bot.ui.render.run_card import Censored, RenderOptions, render_run
from tests.ui.making import NOW, PDF, WEBP, a_file, a_page, a_run
from tests.ui.rules import addresses, check, texts, walk

PICTURE = Media("me.png", MediaType("image/png", ".png", MediaKind.IMAGE), b"png")
MARKS = ["```", "**", "](http://evil.example)", "@everyone", "<@1>", "\n# ", "\n-# ", "👩‍👩‍👧"]
nasty = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text(st.characters(categories=["Cs", "Cf", "Cc", "Mn", "So"]), max_size=5),
        st.text(st.sampled_from("*_~`|>#-+[]()<>@:\\\n\r\u2028\u202e\u200d 1."), max_size=10),
        st.sampled_from(MARKS),
        st.from_regex(r"[a-z ]{1,40}", fullmatch=True),
    ),
    max_size=20,
).map("".join)
long_text = st.builds(lambda piece, times: piece * times, nasty.filter(bool), st.integers(1, 60))
moments = st.timedeltas(timedelta(0), timedelta(days=2)).map(lambda after: NOW + after)
files = st.builds(
    lambda number, type_, note: FileItem(f"generate-{number:02}{type_.suffix}", Path("/x"), type_, 1000, note),
    st.integers(1, 40),
    st.sampled_from([WEBP, PDF, MediaType("video/mp4", ".mp4", MediaKind.VIDEO)]),
    st.none() | nasty,
)
links = st.builds(
    LinkItem, nasty, st.just("") | nasty.map(lambda tail: "https://x.example/" + tail[:60]), nasty, st.none() | moments
)
parts_lists = st.lists(
    st.one_of(long_text.map(TextItem), st.builds(TextItem, long_text, st.just("json")), files, links), max_size=14
)


def distinct(parts: list[OutputItem]) -> tuple[OutputItem, ...]:
    seen: set[str] = set()
    kept: list[OutputItem] = []
    for part in parts:
        if isinstance(part, FileItem) and part.name in seen:
            continue
        if isinstance(part, FileItem):
            seen.add(part.name)
        kept.append(part)
    return tuple(kept)


@st.composite
def pages(draw_: st.DrawFn) -> RunSnapshot:
    run = a_run(
        command=draw_(nasty.filter(str.strip)),
        author_name=draw_(nasty),
        prompt=draw_(st.none() | long_text),
        summary=draw_(nasty),
        notes=tuple(draw_(st.lists(nasty, max_size=5))),
        failure=draw_(st.none() | nasty),
        cancel_requested_by=draw_(st.none() | nasty | st.just("111111111111111111")),
        expected=draw_(st.none() | st.integers(1, 30)),
        prediction_id=draw_(st.none() | st.just("abc")),
    )
    return a_page(
        draw_(st.sampled_from(Phase)),
        *distinct(draw_(parts_lists)),
        run=run,
        queue_position=draw_(st.none() | st.integers(1, 500)),
        done=draw_(st.integers(0, 20)),
        total=draw_(st.none() | st.integers(1, 20)),
        step=draw_(st.none() | st.integers(0, 100)),
        steps=draw_(st.none() | st.integers(1, 100)),
        fraction=draw_(st.none() | st.floats(0, 1)),
    )


@st.composite
def looks(draw_: st.DrawFn, snapshot: RunSnapshot) -> RenderOptions:
    names = [part.name for part in snapshot.items if isinstance(part, FileItem)]
    some = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    reason = "12 MB is more than Discord takes here · [on Replicate](https://replicate.com/p/abcdefghijklmnop)"
    return RenderOptions(
        later=frozenset(draw_(some)),
        withheld={name: draw_(st.sampled_from([reason, "gone"])) for name in draw_(some)},
        censored=draw_(st.sampled_from(Censored)),
        remarks=tuple(draw_(st.lists(st.sampled_from([strings.NO_REACTION, strings.TOKEN_EXPIRY, strings.BLOCKED])))),
        refresh=draw_(st.booleans()),
        call_back=draw_(st.booleans()),
        thumbnail=draw_(st.booleans()),
    )


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_page_is_within_discords_limits(data: st.DataObject) -> None:
    snapshot = data.draw(pages())
    for drawing in render_run(snapshot, data.draw(looks(snapshot))):
        check(drawing.components)


@given(pages())
@settings(deadline=None, max_examples=60)
def test_every_file_and_every_word_is_somewhere(snapshot: RunSnapshot) -> None:
    drawings = render_run(snapshot)
    shown = [file for drawing in drawings for file in drawing.files]
    assert shown == [part for part in snapshot.items if isinstance(part, FileItem)]
    dealt = paginate(snapshot.items, first_chars=500, chars=3000)
    words_of_sheets = [
        word for sheet in dealt for part in sheet.parts if isinstance(part, TextItem) for word in part.text
    ]
    said = "\n".join(text for drawing in drawings for text in texts(drawing.components))
    missing = {letter for letter in words_of_sheets if letter.isalnum()} - set(said)
    assert not missing


@given(nasty, nasty)
@settings(deadline=None)
def test_a_prompt_and_a_name_look_like_what_they_are(prompt: str, name: str) -> None:
    snapshot = a_page(run=a_run(prompt=prompt, author_name=name))
    said = texts(render_run(snapshot)[0].components)
    assert said[0].count("\n") == 0
    asked = said[1].split("\n") if len(said) > 2 else []
    assert all(line.startswith("> ") for line in asked)
    assert len(asked) <= 4
    for line in asked:
        assert bare(line.removeprefix("> ")) is None, line


def bare(text: str) -> re.Match[str] | None:
    """Find a mark that Discord would give a meaning to: one that no backslash takes it from."""
    unescaped = re.sub(r"\\[^0-9A-Za-z\s]", "·", text)
    return re.search(r"[*~`|<\[\]\u202e\u2028\r]|^\s*(#|-|\+|>|\d+[.)])|@everyone|@here|(?<![^\W_])_[^\W_]", unescaped)


def test_the_parts_above_the_output_never_move_while_the_run_lives() -> None:
    run = a_run(summary="seed 42 · 5 outputs", expected=5)
    moments_ = [
        a_page(Phase.QUEUED, run=run, queue_position=3),
        a_page(Phase.STARTING, run=run),
        a_page(Phase.RUNNING, run=run, done=0, total=5, step=3, steps=4),
        a_page(Phase.RUNNING, a_file(1), run=run, done=1, total=5),
        a_page(Phase.DELIVERING, *[a_file(n) for n in range(1, 6)], run=run),
        a_page(Phase.SUCCEEDED, *[a_file(n) for n in range(1, 6)], run=run),
    ]
    shapes = [[part["type"] for part in render_run(snapshot)[0].components[0]["components"]] for snapshot in moments_]
    above = [shape[: shape.index(14)] if 14 in shape else shape[:-1] for shape in shapes]
    assert all(shape == above[0] for shape in above)
    assert all(shape[-1] == 1 for shape in shapes)


@pytest.mark.parametrize(
    ("snapshot", "line"),
    [
        (a_page(Phase.QUEUED, queue_position=3), "**In line** · 3rd · <t:1767225600:R>"),
        (a_page(Phase.STARTING), "**Starting** · Replicate is waking the model · <t:1767225600:R>"),
        (
            a_page(Phase.RUNNING, a_file(1), done=1, total=5, step=3, steps=4, fraction=0.6),
            "**Image 2 of 5** · step 3/4 · ▰▰▰▱▱ · <t:1767225600:R>",
        ),
        (a_page(Phase.SUCCEEDED, *[a_file(n) for n in range(1, 6)]), "**Done** · 5 images · 41 s"),
        (
            a_page(Phase.SUCCEEDED, a_file(1), LinkItem("a", "https://x.example/a", "Too large.")),
            "**Done** · 2 files · 41 s",
        ),
        (a_page(Phase.SUCCEEDED, TextItem("words")), "**Done** · 41 s"),
        (a_page(Phase.SUCCEEDED), "**Done** · nothing came back · 41 s"),
        (
            a_page(
                Phase.CANCELED,
                a_file(1),
                a_file(2),
                run=a_run(cancel_requested_by="222222222222222222", expected=5, prediction_id="p"),
            ),
            "**Stopped** by <@222222222222222222> · 2 of 5 images kept",
        ),
        (
            a_page(Phase.CANCELED, run=a_run(cancel_requested_by="@ada")),
            r"**Stopped** by @ada · nothing was started, nothing is paid",
        ),
        (
            a_page(Phase.FAILED, run=a_run(failure="The model ran out of memory. Try fewer outputs.")),
            "**Failed:** The model ran out of memory. Try fewer outputs.",
        ),
    ],
)
def test_the_status_says_what_is_so(snapshot: RunSnapshot, line: str) -> None:
    assert line in texts(render_run(snapshot)[0].components)


def test_who_asked_for_what_of_which_model_stands_on_top() -> None:
    said = texts(render_run(a_page(run=a_run(target="deployments/acme/fox", author_name="M*ia")))[0].components)
    assert said[0] == r"**M\*ia** · /generate · [acme/fox](https://replicate.com/deployments/acme/fox)"


def test_the_given_picture_stands_beside_the_prompt() -> None:
    snapshot = RunSnapshot(run=a_run(), progress=a_page().progress, thumbnail=PICTURE)
    drawing = render_run(snapshot)[0]
    assert addresses(drawing.components) == ["attachment://given.webp"]
    assert drawing.given
    linked = RunSnapshot(run=a_run(), progress=a_page().progress, thumbnail="https://x.example/me.png")
    assert addresses(render_run(linked)[0].components) == ["https://x.example/me.png"]
    assert not render_run(linked)[0].given


def test_ten_pictures_are_one_gallery_when_ten_were_asked_for() -> None:
    ten = [a_file(number) for number in range(1, 11)]
    snapshot = a_page(Phase.SUCCEEDED, *ten, run=a_run(expected=10))
    snapshot = RunSnapshot(
        run=snapshot.run, progress=snapshot.progress, items=snapshot.items, thumbnail=PICTURE, final=True
    )
    (drawing,) = render_run(snapshot)
    (gallery,) = [part for part in walk(drawing.components) if part["type"] == 12]
    assert len(gallery["items"]) == 10
    assert gallery["items"][2]["description"] == "3 of 10: a fox in the snow"


def test_what_does_not_fit_goes_on_in_further_messages_that_say_where_they_stand() -> None:
    snapshot = a_page(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 500))
    drawings = render_run(snapshot)
    assert len(drawings) > 2
    feet = [texts(drawing.components)[-1] for drawing in drawings[1:]]
    assert feet == [f"-# {number}/{len(drawings)}" for number in range(2, len(drawings) + 1)]


def test_growing_text_moves_nothing_that_was_shown() -> None:
    text = "A sentence of some words. " * 400
    before: dict[int, Any] = {}
    for end in range(500, len(text), 700):
        drawings = render_run(a_page(Phase.RUNNING, TextItem(text[:end])))
        for number, drawing in enumerate(drawings[:-1]):
            bodies = texts(drawing.components)[-2 if number else -1]
            assert before.setdefault(number, bodies) == bodies


def test_a_notice_of_automod_leaves_the_words_out_and_says_so() -> None:
    snapshot = a_page(Phase.SUCCEEDED, TextItem("a forbidden word"), a_file(1))
    said = "\n".join(
        texts(render_run(snapshot, RenderOptions(censored=Censored.OUTPUT, remarks=("AutoMod.",)))[0].components)
    )
    assert "forbidden" not in said
    assert "AutoMod" in said
    assert "fox" in said
    assert "fox" not in "\n".join(texts(render_run(snapshot, RenderOptions(censored=Censored.PROMPT))[0].components))


def test_markdown_helpers_cut_at_words_and_keep_characters_whole() -> None:
    assert one_line("a  b\nc", 10) == "a b c"
    assert one_line("one two three four", 12) == "one two…"
    family = "👩‍👩‍👧"
    assert one_line("x" * 8 + family, 10) == "x" * 8 + "…"
    assert quote("\n\n  \n", lines=4, chars=100) == ""
    assert quote("a\n\nb\nc\nd\ne", lines=3, chars=100) == "> a\n> b\n> c…"
    assert escape("snake_case_name and _this_") == r"snake_case_name and \_this\_"


def test_the_worst_that_can_stand_above_and_below_a_full_text_still_fits() -> None:
    noted = [replace(a_file(number), note="made smaller to fit here " * 9) for number in range(1, 9)]
    run = a_run(
        failure="*" * 900,
        prompt="*" * 5000,
        summary="*" * 900,
        notes=("*" * 900,) * 5,
        author_name="*" * 100,
        expected=20,
    )
    reason = strings.too_large(123_456_789, "p" * 26)
    look = RenderOptions(
        withheld={"generate-01.webp": reason, "generate-02.webp": reason, "generate-03.webp": strings.NO_FILES},
        remarks=(strings.NO_ACCESS, strings.TOKEN_EXPIRY, strings.NOT_TAKEN_REMARK),
        call_back=True,
    )
    drawings = render_run(
        a_page(Phase.FAILED, TextItem("word " * 4000), *noted, TextItem("word " * 4000), run=run), look
    )
    for drawing in drawings:
        check(drawing.components)
