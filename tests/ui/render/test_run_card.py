"""The card of a run: within every limit whatever the run holds, complete, and impossible to forge."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.next_actions import NextAction, NextOffer
from bot.formatting import format_size
from bot.media.types import Media, MediaKind, MediaType
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.paginate import paginate
from bot.runs.snapshot import Phase, RunSnapshot
from bot.ui.render import strings
from bot.ui.render.markdown import escape, format_quote, one_line
from bot.ui.render.next import format_origin
from bot.ui.render.plain_run import render_plain
from bot.ui.render.rendered_message import Element, Part, RenderOptions, file_element, text_element
from bot.ui.render.run_card import render_run
from tests.ui.factories import NOW, PDF, WEBP, make_file, make_place, make_run, make_snapshot
from tests.ui.message_rules import check_message, iter_components, media_urls, text_contents

OFFERS = (NextOffer(NextAction.VARY, "generate"), NextOffer(NextAction.USE, "x" * 32))
MANY_OFFERS = tuple(NextOffer(NextAction.USE, f"c{number}") for number in range(40))
INPUT_IMAGE = Media("me.png", MediaType("image/png", ".png", MediaKind.IMAGE), b"png")
MARKS = ["```", "**", "](http://evil.example)", "@everyone", "<@1>", "\n# ", "\n-# ", "👩‍👩‍👧"]
hostile_text = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text(st.characters(categories=["Cs", "Cf", "Cc", "Mn", "So"]), max_size=5),
        st.text(st.sampled_from("*_~`|>#-+[]()<>@:\\\n\r\u2028\u202e\u200d 1."), max_size=10),
        st.sampled_from(MARKS),
        st.from_regex(r"[a-z ]{1,40}", fullmatch=True),
    ),
    max_size=20,
).map("".join)
long_text = st.builds(lambda piece, times: piece * times, hostile_text.filter(bool), st.integers(1, 60))
times = st.timedeltas(timedelta(0), timedelta(days=2)).map(lambda after: NOW + after)
files = st.builds(
    lambda number, type_, note: FileItem(f"generate-{number:02}{type_.suffix}", Path("/x"), type_, 1000, note),
    st.integers(1, 40),
    st.sampled_from([WEBP, PDF, MediaType("video/mp4", ".mp4", MediaKind.VIDEO)]),
    st.none() | hostile_text,
)
links = st.builds(
    LinkItem,
    hostile_text,
    st.just("") | hostile_text.map(lambda tail: "https://x.example/" + tail[:60]),
    hostile_text,
    st.none() | times,
)
item_lists = st.lists(
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
def snapshots(draw: st.DrawFn) -> RunSnapshot:
    run = make_run(
        command=draw(hostile_text.filter(str.strip)),
        author_name=draw(hostile_text),
        prompt=draw(st.none() | long_text),
        summary=draw(hostile_text),
        notes=tuple(draw(st.lists(hostile_text, max_size=5))),
        failure=draw(st.none() | hostile_text),
        cancel_requested_by=draw(st.none() | hostile_text),
        canceled_by_id=draw(st.none() | st.just(111111111111111111)),
        expected=draw(st.none() | st.integers(1, 30)),
        prediction_id=draw(st.none() | st.just("abc")),
    )
    return make_snapshot(
        draw(st.sampled_from(Phase)),
        *distinct(draw(item_lists)),
        run=run,
        queue_position=draw(st.none() | st.integers(1, 500)),
        done=draw(st.integers(0, 20)),
        total=draw(st.none() | st.integers(1, 20)),
        step=draw(st.none() | st.integers(0, 100)),
        steps=draw(st.none() | st.integers(1, 100)),
        fraction=draw(st.none() | st.floats(0, 1)),
    )


def every_element(names: list[str]) -> list[Element]:
    return [*map(Element, Part), *map(text_element, range(3)), *map(file_element, names)]


@st.composite
def render_options(draw: st.DrawFn, snapshot: RunSnapshot) -> RenderOptions:
    names = [part.name for part in snapshot.items if isinstance(part, FileItem)]
    some = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    reason = "12 MB is too large to upload here · [View on Replicate](https://replicate.com/p/abcdefghijklmnop)"
    return RenderOptions(
        pending=frozenset(draw(some)),
        withheld={name: draw(st.sampled_from([reason, "gone"])) for name in draw(some)},
        omitted=frozenset(draw(st.lists(st.sampled_from(every_element(names)), unique=True))),
        remarks=tuple(
            draw(st.lists(st.sampled_from([strings.NO_REACTION, strings.TOKEN_EXPIRY, strings.AUTOMOD_BLOCKED])))
        ),
        show_refresh=draw(st.booleans()),
        mention_author=draw(st.booleans()),
        text_messages=draw(st.integers(1, 4)),
        origin=draw(st.sampled_from(["", "from mia's run · image 2"])),
        offers=draw(st.sampled_from([(), OFFERS, MANY_OFFERS])),
    )


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_snapshot_is_within_discords_limits(data: st.DataObject) -> None:
    snapshot = data.draw(snapshots())
    for message in render_run(snapshot, data.draw(render_options(snapshot))):
        check_message(message.components)


@given(snapshots())
@settings(deadline=None, max_examples=60)
def test_every_file_and_letter_is_in_some_message(snapshot: RunSnapshot) -> None:
    messages = render_run(snapshot)
    attached = [file for message in messages for file in message.files.values()]
    shown = [file for file in attached if not isinstance(file.source, bytes)]
    assert shown == [part for part in snapshot.items if isinstance(part, FileItem)]
    dealt = paginate(snapshot.items, first_chars=500, chars=3000)
    words_of_sheets = [
        word for sheet in dealt for part in sheet.items if isinstance(part, TextItem) for word in part.text
    ]
    shown_texts = "\n".join(text for message in messages for text in text_contents(message.components))
    shown_texts += "".join(content(file) for file in attached if file not in shown)
    missing = {letter for letter in words_of_sheets if letter.isalnum()} - set(shown_texts)
    assert not missing


@given(hostile_text, hostile_text)
@settings(deadline=None)
def test_prompt_and_author_cannot_use_markdown(prompt: str, name: str) -> None:
    snapshot = make_snapshot(run=make_run(prompt=prompt, author_name=name))
    shown_texts = text_contents(render_run(snapshot)[0].components)
    assert shown_texts[0].count("\n") == 0
    asked = shown_texts[1].split("\n") if len(shown_texts) > 2 else []
    assert all(line.startswith("> ") for line in asked)
    assert len(asked) <= 4
    for line in asked:
        assert bare(line.removeprefix("> ")) is None, line


def bare(text: str) -> re.Match[str] | None:
    """Find a mark that Discord would give a meaning to: one that no backslash takes it from."""
    unescaped = re.sub(r"\\[^0-9A-Za-z\s]", "·", text)
    return re.search(r"[*~`|<\[\]\u202e\u2028\r]|^\s*(#|-|\+|>|\d+[.)])|@everyone|@here|(?<![^\W_])_[^\W_]", unescaped)


def test_nothing_above_the_output_moves_while_running() -> None:
    run = make_run(summary="seed 42", expected=5)
    snapshots_in_order = [
        make_snapshot(Phase.QUEUED, run=run, queue_position=3),
        make_snapshot(Phase.STARTING, run=run),
        make_snapshot(Phase.RUNNING, run=run, done=0, total=5, step=3, steps=4),
        make_snapshot(Phase.RUNNING, make_file(1), run=run, done=1, total=5),
        make_snapshot(Phase.DELIVERING, *[make_file(n) for n in range(1, 6)], run=run),
        make_snapshot(Phase.SUCCEEDED, *[make_file(n) for n in range(1, 6)], run=run),
    ]
    options = RenderOptions(origin="from noah's run", offers=OFFERS)
    shapes = [
        [part["type"] for part in render_run(snapshot, options)[0].components[0]["components"]]
        for snapshot in snapshots_in_order
    ]
    above = [shape[: shape.index(14)] if 14 in shape else shape[:-1] for shape in shapes]
    assert all(shape == above[0] for shape in above)
    assert [shape.count(1) for shape in shapes] == [1, 1, 1, 1, 1, 2]  # the select comes below the buttons, at the end
    assert all(shape[-1] == 1 for shape in shapes)


@pytest.mark.parametrize(
    ("snapshot", "line"),
    [
        (make_snapshot(Phase.QUEUED, queue_position=3), "**Queued** · 3rd in line\n-# requested <t:1767225600:R>"),
        (
            make_snapshot(Phase.STARTING),
            "**Starting the model**\n-# requested <t:1767225600:R> · can take a minute or two",
        ),
        (
            make_snapshot(Phase.RUNNING, make_file(1), done=1, total=5, step=3, steps=4, fraction=0.6),
            "**Image 2 of 5** · ▰▰▰▰▰▰▱▱▱▱\n-# requested <t:1767225600:R>",
        ),
        (make_snapshot(Phase.RUNNING, make_file(1), done=1, total=1), "**Running**\n-# requested <t:1767225600:R>"),
        (make_snapshot(Phase.RUNNING, make_file(1), done=1), "**Running**\n-# requested <t:1767225600:R>"),
        (make_snapshot(Phase.SUCCEEDED, *[make_file(n) for n in range(1, 6)]), "**Done** · 5 images\n-# took 41 s"),
        (
            make_snapshot(Phase.SUCCEEDED, make_file(1), LinkItem("a", "https://x.example/a", "Too large.")),
            "**Done** · 1 of 2 images · 1 couldn't be shown\n-# took 41 s",
        ),
        (make_snapshot(Phase.SUCCEEDED, TextItem("words")), "**Done**\n-# took 41 s"),
        (make_snapshot(Phase.SUCCEEDED), "**Done** · the model returned nothing\n-# took 41 s"),
        (
            make_snapshot(
                Phase.CANCELED,
                make_file(1),
                make_file(2),
                run=make_run(canceled_by_id=222222222222222222, expected=5, prediction_id="p"),
            ),
            "**Stopped** by <@222222222222222222> · 2 of 5 images kept",
        ),
        (
            make_snapshot(Phase.CANCELED, run=make_run(cancel_requested_by="12345678901234567", sent_at=NOW)),
            "**Stopped** by @12345678901234567",
        ),
        (
            make_snapshot(Phase.CANCELED, run=make_run(cancel_requested_by="@ada")),
            r"**Stopped** by @ada · nothing was billed",
        ),
        (
            make_snapshot(Phase.FAILED, run=make_run(failure="The model ran out of memory. Try fewer outputs.")),
            "**Failed:** The model ran out of memory. Try fewer outputs.",
        ),
    ],
)
def test_status_line(snapshot: RunSnapshot, line: str) -> None:
    assert line in text_contents(render_run(snapshot)[0].components)


def test_header_names_author_command_and_model() -> None:
    shown_texts = text_contents(
        render_run(make_snapshot(run=make_run(target="deployments/acme/fox", author_name="M*ia")))[0].components
    )
    assert shown_texts[0] == r"**M\*ia** · /generate · [acme/fox](https://replicate.com/deployments/acme/fox)"


def test_the_input_image_is_beside_the_prompt() -> None:
    snapshot = RunSnapshot(run=make_run(), progress=make_snapshot().progress, thumbnail=INPUT_IMAGE)
    message = render_run(snapshot)[0]
    assert media_urls(message.components) == ["attachment://input.webp"]
    assert message.has_thumbnail
    linked = RunSnapshot(run=make_run(), progress=make_snapshot().progress, thumbnail="https://x.example/me.png")
    assert media_urls(render_run(linked)[0].components) == ["https://x.example/me.png"]
    assert not render_run(linked)[0].has_thumbnail


def test_what_comes_next_is_one_select_below_the_buttons() -> None:
    *_, buttons, select = render_run(make_snapshot(Phase.SUCCEEDED, make_file(1)), RenderOptions(offers=MANY_OFFERS))[
        0
    ].components[0]["components"]
    assert buttons["components"][0]["custom_id"] == "run:edit:r1"
    [options] = [one["options"] for one in select["components"]]
    assert (len(options), options[0], options[-1]) == (
        25,
        {"label": "Use in /c0…", "value": "use:c0"},
        {"label": "More…", "value": "more"},
    )


def test_the_origin_is_a_line_under_the_author() -> None:
    options = RenderOptions(origin=format_origin("mia [x](y)", 2, url="https://discord.com/channels/1/2/3"))
    header = text_contents(render_run(make_snapshot(Phase.RUNNING), options)[0].components)[0]
    assert header.splitlines()[1] == r"-# from [mia \[x\](y)'s run](https://discord.com/channels/1/2/3) · image 2"
    assert format_origin("mia", None, url=None) == "from mia's run"


def test_ten_images_are_one_gallery() -> None:
    ten = [make_file(number) for number in range(1, 11)]
    snapshot = make_snapshot(Phase.SUCCEEDED, *ten, run=make_run(expected=10))
    snapshot = RunSnapshot(
        run=snapshot.run, progress=snapshot.progress, items=snapshot.items, thumbnail=INPUT_IMAGE, final=True
    )
    (message,) = render_run(snapshot)
    (gallery,) = [part for part in iter_components(message.components) if part["type"] == 12]
    assert len(gallery["items"]) == 10
    assert gallery["items"][2]["description"] == "3 of 10: a fox in the snow"


def test_long_output_continues_in_numbered_messages() -> None:
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 500))
    messages = render_run(snapshot)
    assert len(messages) > 2
    feet = [text_contents(message.components)[-1] for message in messages[1:]]
    assert feet == [f"-# {number}/{len(messages)}" for number in range(2, len(messages) + 1)]


def test_growing_text_does_not_move_shown_text() -> None:
    text = "A sentence of some words. " * 400
    before: dict[int, Any] = {}
    for end in range(500, len(text), 700):
        messages = render_run(make_snapshot(Phase.RUNNING, TextItem(text[:end])))
        for number, message in enumerate(messages[:-1]):
            bodies = text_contents(message.components)[-2 if number else -1]
            assert before.setdefault(number, bodies) == bodies


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (text_element(0), "a forbidden word"),
        (Element(Part.PROMPT), "a fox in the snow"),
        (Element(Part.SUMMARY), "seed 42"),
        (Element(Part.AUTHOR), "mia"),
        (Element(Part.MODEL), "replicate.com/fofr"),
        (Element(Part.REASON), "out of patience"),
        (Element(Part.LINKS), "x.example"),
        (Element(Part.ALT_TEXTS), "1: "),
        (Element(Part.REMARKS), "AutoMod"),
        (Element(Part.BUTTONS), "run:again"),
        (Element(Part.BUTTONS), "next:r1"),
        (Element(Part.NEXT), "next:r1"),
        (Element(Part.AUTHOR), "noah's run"),
        (Element(Part.STATUS), "**Failed"),
        (Element(Part.FILE_NOTES), "made smaller"),
        (file_element("generate-01.webp"), "attachment://generate-01.webp"),
    ],
    ids=lambda value: value.part.value if isinstance(value, Element) else "",
)
def test_a_part_is_left_out_wherever_it_is(element: Element, words: str) -> None:
    file = replace(make_file(1), note="made smaller")
    items = (TextItem("a forbidden word"), file, LinkItem("a.mp4", "https://x.example/a", "Too large."))
    run = make_run(summary="seed 42", failure="out of patience")
    options = RenderOptions(remarks=(strings.AUTOMOD_BLOCKED,), origin="from noah's run", offers=OFFERS)
    complete = json.dumps(render_run(make_snapshot(Phase.FAILED, *items, run=run), options)[0].components)
    assert words in complete
    options = replace(options, omitted=frozenset({element}))
    rest = json.dumps(render_run(make_snapshot(Phase.FAILED, *items, run=run), options)[0].components)
    assert words not in rest
    check_message(json.loads(rest))


def test_leaving_out_parts_moves_no_text_or_file() -> None:
    items: list[OutputItem] = [TextItem("A sentence of some words. " * 200)]
    items += [make_file(number) for number in range(1, 15)]
    snapshot = replace(make_snapshot(Phase.SUCCEEDED, *items), thumbnail=INPUT_IMAGE)
    omitted = frozenset(Element(part) for part in Part if part not in (Part.TEXT, Part.FILE))
    complete, rest = render_run(snapshot), render_run(snapshot, RenderOptions(omitted=omitted))
    assert [message.files for message in rest] == [message.files for message in complete]


def test_withheld_files_are_linked_as_far_as_there_is_room() -> None:
    linked = [
        replace(make_file(number), url=f"https://x.example/{number:0100}.webp", expires_at=NOW)
        for number in range(1, 11)
    ]
    options = RenderOptions(withheld={file.name: strings.FILE_REJECTED for file in linked})
    run = make_run(prediction_id="abc")
    (few,) = render_run(make_snapshot(Phase.SUCCEEDED, *linked, run=run), options)
    assert all(file.url in "\n".join(text_contents(few.components)) for file in linked)
    crowded = render_run(make_snapshot(Phase.SUCCEEDED, TextItem("word " * 380), *linked, run=run), options)
    shown = "\n".join(text for message in crowded for text in text_contents(message.components))
    assert linked[0].url not in shown
    assert "10 files: Discord rejected it." in shown
    assert "https://replicate.com/p/abc" in shown
    for message in (few, *crowded):
        check_message(message.components)


def test_one_line_quote_and_escape() -> None:
    assert one_line("a  b\nc", 10) == "a b c"
    assert one_line("one two three four", 12) == "one two…"
    family = "👩‍👩‍👧"
    assert one_line("x" * 8 + family, 10) == "x" * 8 + "…"
    assert format_quote("\n\n  \n", lines=4, chars=100) == ""
    assert format_quote("a\n\nb\nc\nd\ne", lines=3, chars=100) == "> a\n> b\n> c…"
    assert escape("snake_case_name and _this_") == r"snake_case_name and \_this\_"


def test_the_longest_header_and_footer_still_fit() -> None:
    noted = [replace(make_file(number), note="made smaller to fit here " * 9) for number in range(1, 9)]
    run = make_run(
        failure="*" * 900,
        prompt="*" * 5000,
        summary="*" * 900,
        notes=("*" * 900,) * 5,
        author_name="*" * 100,
        expected=20,
    )
    reason = strings.explain_too_large(123_456_789)
    options = RenderOptions(
        withheld={"generate-01.webp": reason, "generate-02.webp": reason, "generate-03.webp": strings.FILES_FORBIDDEN},
        remarks=(strings.NO_ACCESS, strings.TOKEN_EXPIRY, strings.MESSAGE_REJECTED),
        mention_author=True,
        origin=format_origin("*" * 100, 100, url=f"https://discord.com/channels/{2**63}/{2**63}/{2**63}"),
        offers=OFFERS,
    )
    messages = render_run(
        make_snapshot(Phase.FAILED, TextItem("word " * 4000), *noted, TextItem("word " * 4000), run=run), options
    )
    for message in messages:
        check_message(message.components)


@given(text=st.text(max_size=9000), files=st.integers(0, 25))
@settings(deadline=None, max_examples=50)
def test_plain_messages_are_within_discords_limits(text: str, files: int) -> None:
    items: list[OutputItem] = [TextItem(text), *(make_file(number) for number in range(1, files + 1))]
    rendered = render_plain(make_snapshot(Phase.SUCCEEDED, *items), RenderOptions())
    for message in rendered:
        check_message(message.components)
    assert [file for message in rendered for file in message.files.values()] == items[1:]


def test_links_and_missing_files_are_listed() -> None:
    items = (LinkItem("a.mp4", "https://replicate.delivery/a", ""), LinkItem("b.mp4", "", "too large"), make_file(1))
    (message,) = render_plain(
        make_snapshot(Phase.SUCCEEDED, *items), RenderOptions(withheld={make_file(1).name: "It is gone."})
    )
    (text,) = text_contents(message.components)
    assert "a.mp4: <https://replicate.delivery/a>" in text
    assert "b.mp4: too large" in text
    assert "It is gone." in text
    assert message.files == {}


def test_plain_text_without_end_goes_into_a_file() -> None:
    words = [f"word{number}" for number in range(20_000)]
    rendered = render_plain(make_snapshot(Phase.SUCCEEDED, TextItem(" ".join(words))), RenderOptions(text_messages=3))
    assert len(rendered) == 3
    (file,) = [file for message in rendered for file in message.files.values()]
    seen = "".join(text_contents(message.components)[0] for message in rendered) + content(file)
    assert "".join(seen.split()).endswith("".join(words))


def content(file: FileItem) -> str:
    assert isinstance(file.source, bytes)
    return file.source.decode()


@pytest.mark.parametrize("messages", [1, 2, 5])
def test_the_rest_of_a_long_text_is_one_file(messages: int) -> None:
    words = [f"word{number}" for number in range(9_000)]
    rendered = render_run(
        make_snapshot(Phase.SUCCEEDED, TextItem(" ".join(words))), RenderOptions(text_messages=messages)
    )
    assert len(rendered) == messages
    for message in rendered:
        check_message(message.components)
    (file,) = rendered[-1].files.values()
    assert file.name.endswith(".md")
    assert f"… and {format_size(file.size)} more in the file" in "".join(text_contents(rendered[-1].components))
    shown = "\n".join(text for message in rendered for text in text_contents(message.components))
    rest = content(file).split()
    assert rest == words[-len(rest) :]
    assert words[-len(rest) - 1] in shown


def test_a_growing_text_says_what_the_file_will_hold() -> None:
    text = "A sentence of some words. " * 2000
    sizes, before = [], None
    for end in range(30_000, len(text), 3_000):
        rendered = render_run(make_snapshot(Phase.RUNNING, TextItem(text[:end])))
        assert len(rendered) == 5
        assert not any(message.files for message in rendered)
        *bodies, last = [message.components for message in rendered]
        assert before in (None, bodies)
        before = bodies
        (line,) = [line for part in text_contents(last) for line in part.splitlines() if "more in the file" in line]
        sizes.append(line)
    assert len(set(sizes)) == len(sizes)


def test_a_code_block_goes_on_in_the_file() -> None:
    text = "Look:\n```python\n" + "print('hello world')\n" * 2000 + "```\nDone."
    rendered = render_run(make_snapshot(Phase.SUCCEEDED, TextItem(text)))
    (file,) = rendered[-1].files.values()
    assert content(file).startswith("```python\nprint('hello world')\n")
    assert content(file).endswith("```\nDone.")


def test_a_rest_over_the_file_limit_is_several_files() -> None:
    run = make_run(place=make_place(file_limit=10_000))
    text = "".join(f"Zeile {number}: süß\n" for number in range(8000))
    rendered = render_run(make_snapshot(Phase.SUCCEEDED, TextItem(text), run=run))
    files = [file for message in rendered for file in message.files.values()]
    assert len({file.name for file in files}) == len(files) > 10
    assert all(file.size <= 10_000 and content(file).endswith("süß\n") for file in files[:-1])
    assert "".join(map(content, files)).strip() in text
    for message in rendered:
        check_message(message.components)


def test_text_fills_more_messages_where_files_are_forbidden() -> None:
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 1500))
    (file,) = render_run(snapshot)[-1].files.values()
    rendered = render_run(snapshot, RenderOptions(withheld={file.name: strings.FILES_FORBIDDEN}))
    assert len(rendered) > 5
    shown = "".join(text for message in rendered for text in text_contents(message.components))
    assert shown.count("A sentence") == 1500
