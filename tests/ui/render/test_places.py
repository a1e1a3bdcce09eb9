"""Places for pictures that are still to come: a card keeps its shape while they arrive one after the other."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from bot.media.types import PNG, Media
from bot.outputs.items import LinkItem
from bot.runs.snapshot import Phase, RunSnapshot
from bot.ui.render.places import PicturePlaces, find_places
from bot.ui.render.rendered_message import Element, Part, RenderedMessage, RenderOptions, upload_name
from bot.ui.render.run_card import render_run
from bot.visibility import Visibility
from tests.ui.factories import PDF, make_file, make_run, make_snapshot
from tests.ui.message_rules import check_message, iter_components, media_urls

PICTURES = {"type": "array", "items": {"type": "string", "format": "uri"}}
FILE = {"type": "string", "format": "uri"}
TEXT = {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"}


def places_of(schema: dict[str, Any], *, expected: int | None = None, **given: Any) -> PicturePlaces | None:
    return find_places(make_run(output_schema=schema, expected=expected, input=given), None)


def in_progress(*numbers: int, phase: Phase = Phase.RUNNING, expected: int = 4, **changes: Any) -> RunSnapshot:
    files = [replace(make_file(number), number=number) for number in numbers]
    run = make_run(output_schema=PICTURES, expected=expected, **changes)
    return make_snapshot(phase, *files, run=run, total=expected, done=len(numbers))


def gallery(message: RenderedMessage) -> list[str]:
    return [url.removeprefix("attachment://").split(".")[0] for url in media_urls(message.components)]


def shape(message: RenderedMessage) -> list[tuple[int, int]]:
    """Return the components of a card in their order, each with how much is in it."""
    (card,) = message.components
    return [(part["type"], len(part.get("items", ()))) for part in card["components"]]


@pytest.mark.parametrize(
    ("schema", "given", "expected"),
    [
        (PICTURES, {}, PicturePlaces(1, 1024, 1024)),
        (PICTURES, {"aspect_ratio": "16:9"}, PicturePlaces(1, 1024, 576)),
        (PICTURES, {"aspect_ratio": "match_input_image"}, PicturePlaces(1, 1024, 1024)),
        (PICTURES, {"width": 512, "height": 768}, PicturePlaces(1, 704, 1024)),
        (PICTURES, {"size": "1024x1536"}, PicturePlaces(1, 704, 1024)),
        (PICTURES, {"width": 1, "height": 100_000}, PicturePlaces(1, 320, 1024)),
        (PICTURES, {"width": -4, "height": True}, PicturePlaces(1, 1024, 1024)),
        ({**FILE, "contentMediaType": "image/*"}, {"aspect_ratio": "2:1"}, PicturePlaces(1, 1024, 512)),
        ({**PICTURES, "contentMediaType": "video/*"}, {}, None),
        (FILE, {"aspect_ratio": "1:1"}, None),
        (TEXT, {"width": 512, "height": 512}, None),
        ({}, {"aspect_ratio": "1:1"}, None),
    ],
)
def test_places_are_kept_for_pictures_only(
    schema: dict[str, Any], given: dict[str, Any], expected: PicturePlaces | None
) -> None:
    assert places_of(schema, **given) == expected


@pytest.mark.parametrize(("expected", "count"), [(None, 1), (1, 1), (4, 4), (25, 10)])
def test_as_many_places_as_pictures_are_known_to_come(expected: int | None, count: int) -> None:
    found = places_of(PICTURES, expected=expected)
    assert found is not None
    assert found.count == count


def test_one_picture_of_an_input_image_has_its_shape() -> None:
    data = BytesIO()
    Image.new("RGB", (80, 40)).save(data, "PNG")
    thumbnail = Media("me.png", PNG, data.getvalue())
    run = make_run(output_schema=PICTURES, expected=1)
    assert find_places(run, thumbnail) == PicturePlaces(1, 1024, 512)
    assert find_places(replace(run, expected=2), thumbnail) == PicturePlaces(2, 1024, 1024)


@pytest.mark.parametrize("size", [(1024, 1024), (1024, 320), (704, 1024)])
def test_a_place_is_a_small_calm_picture(size: tuple[int, int]) -> None:
    data = PicturePlaces(1, *size).picture()
    assert len(data) < 2000
    picture = Image.open(BytesIO(data))
    picture.load()
    assert picture.size == size
    assert picture.mode == "P"
    grey = picture.convert("RGBA")
    assert grey.getpixel((0, 0)) == (128, 132, 142, 44)
    assert grey.getpixel((size[0] // 2, size[1] // 2)) == (128, 132, 142, 110)
    assert PicturePlaces(4, *size).picture() is data


def test_nothing_moves_while_pictures_arrive() -> None:
    phases = [
        in_progress(phase=Phase.QUEUED),
        in_progress(phase=Phase.SENDING),
        in_progress(phase=Phase.STARTING),
        in_progress(),
        in_progress(1),
        in_progress(1, 2),
        in_progress(1, 2, 3, 4),
        in_progress(1, 2, 3, 4, phase=Phase.DELIVERING),
    ]
    cards = [render_run(snapshot)[0] for snapshot in phases]
    assert len({tuple(shape(card)) for card in cards}) == 1
    for card in cards:
        check_message(card.components)
    done = render_run(in_progress(1, 2, 3, 4, phase=Phase.SUCCEEDED))[0]
    assert shape(done) == shape(cards[0])


def test_each_picture_has_its_own_place() -> None:
    (message,) = render_run(in_progress(3))
    assert gallery(message) == ["place-1", "place-2", "generate-03", "place-4"]
    assert list(message.places) == ["place-1.png", "place-2.png", "place-4.png"]
    (message,) = render_run(in_progress(1, 3))
    assert gallery(message) == ["generate-01", "place-2", "generate-03", "place-4"]


def test_pictures_without_a_number_take_the_next_place() -> None:
    run = make_run(output_schema=PICTURES, expected=3)
    (message,) = render_run(make_snapshot(Phase.RUNNING, make_file(7), make_file(9), run=run))
    assert gallery(message) == ["generate-07", "generate-09", "place-3"]


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELED, Phase.ABORTED, Phase.SUCCEEDED])
def test_a_finished_card_keeps_no_place(phase: Phase) -> None:
    (message,) = render_run(in_progress(2, phase=phase))
    assert gallery(message) == ["generate-02"]
    assert not message.places
    (short,) = render_run(in_progress(phase=phase))
    assert not [one for one in iter_components(short.components) if one["type"] in (12, 14)]


def test_a_picture_that_cannot_be_shown_leaves_its_place() -> None:
    link = LinkItem("generate-02.webp", "https://x.example/2", "Too large to upload here")
    snapshot = replace(in_progress(1), items=(replace(make_file(1), number=1), link))
    assert gallery(render_run(snapshot)[0]) == ["generate-01", "place-2", "place-3", "place-4"]


@pytest.mark.parametrize("thumbnail", [None, Media("me.png", PNG, b"png")])
def test_places_never_take_more_attachments_than_discord(thumbnail: Media | None) -> None:
    documents = [replace(make_file(number, type_=PDF), number=number) for number in range(1, 8)]
    for expected in (9, 10, 30):
        for count in range(len(documents)):
            snapshot = in_progress(expected=expected)
            snapshot = replace(snapshot, items=documents[:count], thumbnail=thumbnail)
            for message in render_run(snapshot):
                check_message(message.components)


def test_places_are_left_out_where_discord_refuses_them() -> None:
    (message,) = render_run(in_progress(1), RenderOptions(omitted=frozenset({Element(Part.PLACES)})))
    assert gallery(message) == ["generate-01"]
    assert not message.places


def test_places_of_a_hidden_result_are_covered_too() -> None:
    (message,) = render_run(in_progress(1, visibility=Visibility.SPOILER))
    (items,) = [one["items"] for one in iter_components(message.components) if one["type"] == 12]
    assert [item["spoiler"] for item in items] == [True] * 4


def test_a_place_says_what_comes_there() -> None:
    (message,) = render_run(in_progress(1))
    (items,) = [one["items"] for one in iter_components(message.components) if one["type"] == 12]
    assert items[0]["description"] == "1 of 4: a fox in the snow"
    assert items[1]["description"] == "Image 2 of 4 is on its way"


def test_no_output_is_taken_for_a_place() -> None:
    assert upload_name("place-1.png") != "place-1.png"
    assert upload_name("place-01.webp") == "place-01.webp"


def test_buttons_stay_above_text_that_grows() -> None:
    run = make_run(output_schema=TEXT)
    shapes = [
        shape(render_run(make_snapshot(phase, *items, run=run))[0])
        for phase, items in [
            (Phase.STARTING, ()),
            (Phase.RUNNING, (make_file(1),)),
            (Phase.SUCCEEDED, (make_file(1),)),
        ]
    ]
    positions = [[kind for kind, _ in one].index(1) for one in shapes]
    assert len(set(positions)) == 1


def test_status_and_prompt_stand_beside_the_input_image() -> None:
    thumbnail = Media("me.png", PNG, b"png")
    (message,) = render_run(replace(in_progress(), thumbnail=thumbnail))
    section = message.components[0]["components"][0]
    texts = [part["content"] for part in section["components"]]
    assert texts[1] == "> a fox in the snow"
    assert texts[2].startswith("**Image 1 of 4**")
    assert message.components[0]["components"][1]["type"] == 12 or message.components[0]["components"][1]["type"] == 14
