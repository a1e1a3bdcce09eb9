"""What a run has made: the stream first, the GET last, and nothing twice."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.outputs.items import FileItem, TextItem
from bot.runs.output_buffer import OutputBuffer
from tests.runs.world import IMAGES, WORDS, FakeGatherer

URLS = tuple(f"https://replicate.delivery/{n}.webp" for n in range(1, 9))


def picture(schema: dict[str, Any], fetched: Counter[str] | None = None) -> OutputBuffer:
    return OutputBuffer(schema, gatherer=FakeGatherer(fetched if fetched is not None else Counter(), set()), hosts=())


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@given(st.lists(st.text(max_size=5), max_size=30), st.data())
def test_text_is_the_same_however_often_it_is_looked_at(tokens: list[str], data: st.DataObject) -> None:
    one = picture(WORDS)
    for token in tokens:
        one.hear([token])
        if data.draw(st.booleans()):
            len(one.parts)
    whole = "".join(tokens)
    assert one.parts == ((TextItem(whole),) if whole.strip() else ())


def test_lines_are_lines_while_they_are_streamed_and_in_the_row() -> None:
    one = picture({"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"})
    one.hear(["A first line."])
    one.hear(["A second line."])
    assert one.parts == (TextItem("A first line.\nA second line."),)
    assert one.output == ["A first line.", "A second line."]


def test_a_page_stays_as_it_was_first_seen() -> None:
    one = picture(WORDS)
    one.hear(["Once "])
    page = one.parts
    assert page == (TextItem("Once "),)
    one.hear(["upon"])
    assert page == (TextItem("Once "),)
    assert one.parts == (TextItem("Once upon"),)


@given(st.lists(st.sampled_from(["stream", "get"]), max_size=12))
async def test_each_file_is_gathered_once_whoever_tells_of_it(order: list[str]) -> None:
    fetched: Counter[str] = Counter()
    one = picture(IMAGES, fetched)
    streamed = seen = 0
    for who in order:
        if who == "stream" and streamed < len(URLS):
            one.hear([URLS[streamed]])
            streamed += 1
        elif who == "get":
            seen = max(seen, streamed)
            one.see(list(URLS[:seen]) or None)
        await settled()
    known = max(streamed, seen)
    names = [part.name for part in one.parts if isinstance(part, FileItem)]
    assert names == [f"generate-{n:02d}.webp" for n in range(1, known + 1)]
    assert all(times == 1 for times in fetched.values())
    await one.close()


async def test_a_get_that_is_behind_takes_nothing_away() -> None:
    one = picture(IMAGES)
    for url in URLS[:3]:
        one.hear([url])
    one.see([URLS[0]])
    await settled()
    assert len(one.parts) == 3
    one.settle(None, complete=False)
    assert one.output == list(URLS[:3])


async def test_the_last_word_of_a_success_is_the_gets() -> None:
    one = picture(IMAGES)
    for url in URLS[:3]:
        one.hear([url])
    one.settle(list(URLS[:2]), complete=True)
    await settled()
    assert len(one.parts) == 2
    assert one.output == list(URLS[:2])


def test_a_single_file_is_kept_as_the_schema_gives_it() -> None:
    async def hear() -> Any:
        one = picture({"type": "string", "format": "uri"})
        one.hear([URLS[0]])
        await one.close()
        return one.output

    assert asyncio.run(hear()) == URLS[0]
