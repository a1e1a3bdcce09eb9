"""What a run has produced: from the stream first, from polls last, and each file once."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.outputs.items import FileItem, LinkItem, TextItem
from bot.rules.verdict import Verdict
from bot.runs.output_buffer import OutputBuffer
from tests.runs.environment import IMAGES, TEXT, fake_materializer

URLS = tuple(f"https://replicate.delivery/{n}.webp" for n in range(1, 9))


def make_buffer(schema: dict[str, Any], downloads: Counter[str] | None = None) -> OutputBuffer:
    return OutputBuffer(schema, materializer=fake_materializer(downloads), file_hosts=())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@given(st.lists(st.text(max_size=5), max_size=30), st.data())
def test_reading_items_does_not_change_the_text(tokens: list[str], data: st.DataObject) -> None:
    buffer = make_buffer(TEXT)
    for token in tokens:
        buffer.add_streamed([token])
        if data.draw(st.booleans()):
            len(buffer.items)
    text = "".join(tokens)
    assert buffer.items == ((TextItem(text),) if text.strip() else ())


def test_strings_that_are_not_concatenated_are_lines() -> None:
    buffer = make_buffer({"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"})
    buffer.add_streamed(["A first line."])
    buffer.add_streamed(["A second line."])
    assert buffer.items == (TextItem("A first line.\nA second line."),)
    assert buffer.output == ["A first line.", "A second line."]


def test_items_do_not_change_once_built() -> None:
    buffer = make_buffer(TEXT)
    buffer.add_streamed(["Once "])
    items = buffer.items
    assert items == (TextItem("Once "),)
    buffer.add_streamed(["upon"])
    assert items == (TextItem("Once "),)
    assert buffer.items == (TextItem("Once upon"),)


@given(st.lists(st.sampled_from(["stream", "poll"]), max_size=12))
async def test_each_file_is_downloaded_once(order: list[str]) -> None:
    downloads: Counter[str] = Counter()
    buffer = make_buffer(IMAGES, downloads)
    streamed = polled = 0
    for source in order:
        if source == "stream" and streamed < len(URLS):
            assert buffer.add_streamed([URLS[streamed]])
            streamed += 1
        elif source == "poll":
            polled = max(polled, streamed)
            buffer.add_polled(list(URLS[:polled]) or None)
        await settle()
    names = [item.name for item in buffer.items if isinstance(item, FileItem)]
    assert names == [f"generate-{n:02d}.webp" for n in range(1, max(streamed, polled) + 1)]
    assert all(times == 1 for times in downloads.values())
    await buffer.close()


async def test_a_poll_that_lags_behind_removes_nothing() -> None:
    buffer = make_buffer(IMAGES)
    for url in URLS[:3]:
        buffer.add_streamed([url])
    buffer.add_polled([URLS[0]])
    await settle()
    assert len(buffer.items) == 3
    buffer.set_final(None, complete=False)
    assert buffer.output == list(URLS[:3])


async def test_the_last_poll_of_a_success_decides() -> None:
    buffer = make_buffer(IMAGES)
    for url in URLS[:3]:
        buffer.add_streamed([url])
    buffer.set_final(list(URLS[:2]), complete=True)
    await settle()
    assert len(buffer.items) == 2
    assert buffer.output == list(URLS[:2])


async def test_a_single_file_keeps_the_shape_of_the_schema() -> None:
    buffer = make_buffer({"type": "string", "format": "uri"})
    buffer.add_streamed([URLS[0]])
    await buffer.close()
    assert buffer.output == URLS[0]


async def test_pictures_are_held_until_they_are_judged() -> None:
    buffer = OutputBuffer(IMAGES, materializer=fake_materializer(None), file_hosts=(), holds_pictures=True)
    for url in URLS[:3]:
        buffer.add_streamed([url])
    await settle()
    assert buffer.items == ()
    first, second, third = buffer.list_pictures()
    buffer.judge_pictures({first.name: Verdict.SAFE, second.name: Verdict.UNSAFE})
    shown, refused, unknown = buffer.items
    assert shown == first
    for item, name, words in ((refused, second.name, "isn't safe"), (unknown, third.name, "couldn't be checked")):
        assert isinstance(item, LinkItem)
        assert (item.label, item.url) == (name, "")
        assert words in item.reason
    await buffer.close()
