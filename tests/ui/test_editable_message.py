"""A message is edited as it is: some media go, or all are covered, and nothing else changes."""

from typing import Any

import pytest

from bot.ui.editable_message import EditableMessage
from bot.ui.render import payloads

CARD = payloads.container(
    [
        payloads.section(
            [payloads.text("mia · /generate")], payloads.thumbnail("attachment://input.webp", "Input image")
        ),
        payloads.text("**Done** · 3 images"),
        payloads.gallery([(f"attachment://generate-0{number}.webp", f"{number} of 3") for number in (1, 2, 3)]),
        payloads.file("attachment://notes.txt"),
        payloads.row([{"type": 2, "style": 2, "label": "Again", "custom_id": "run:again:r1"}]),
    ],
    0x23A55A,
)
NAMES = {10: "input.webp", 11: "generate-01.webp", 12: "generate-02.webp", 13: "generate-03.webp", 14: "notes.txt"}
MESSAGE = EditableMessage((CARD,), NAMES)


def texts(value: Any) -> str:
    return repr(value)


def gallery(message: EditableMessage) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = message.components[0]["components"][2]["items"]
    return items


def test_one_picture_of_several_goes() -> None:
    edited = MESSAGE.without({12}, notice="Removed")
    assert [item["media"]["url"] for item in gallery(edited)] == [
        "attachment://generate-01.webp",
        "attachment://generate-03.webp",
    ]
    assert sorted(edited.attachments) == [10, 11, 13, 14]
    assert "Removed" not in texts(edited.components)


def test_a_notice_stands_where_no_picture_is_left() -> None:
    edited = MESSAGE.without({11, 12, 13}, notice="Removed")
    assert edited.components[0]["components"][2] == payloads.text("Removed")
    assert [one.id for one in edited.kept()] == [10, 14]


def test_a_file_goes_with_its_component() -> None:
    edited = MESSAGE.without({14}, notice="Removed")
    assert len(edited.components[0]["components"]) == 4
    assert edited.without({99}, notice="Removed") == edited


def test_a_section_keeps_its_texts_without_its_picture() -> None:
    parts = MESSAGE.without({10}, notice="Removed").components[0]["components"]
    assert parts[0] == payloads.text("mia · /generate")
    assert "input.webp" not in texts(parts)


@pytest.mark.parametrize("spoiler", [True, False])
def test_every_file_is_covered_with_its_attachment(*, spoiler: bool) -> None:
    edited = MESSAGE.covered(spoiler=True).covered(spoiler=spoiler)
    parts = edited.components[0]["components"]
    assert [item["spoiler"] for item in parts[2]["items"]] == [spoiler] * 3
    assert (parts[3]["spoiler"], parts[0]["accessory"]["spoiler"]) == (spoiler, spoiler)
    assert {one.to_dict()["is_spoiler"] for one in edited.kept(spoiler=spoiler)} == {spoiler}


def test_kept_attachments_are_left_as_they_are() -> None:
    assert all("is_spoiler" not in one.to_dict() for one in MESSAGE.kept())


def test_a_copy_has_no_buttons() -> None:
    copy = MESSAGE.without_controls()
    assert "custom_id" not in texts(copy.components)
    assert len(copy.components[0]["components"]) == 4


def test_a_text_is_found_and_replaced_by_its_id() -> None:
    status = payloads.text("**Done** · 3 images", id_=500)
    section = payloads.section([payloads.text("mia"), status], payloads.thumbnail("attachment://input.webp", None))
    message = EditableMessage((payloads.text("a notice"), payloads.container([section], 1)), {})
    assert message.find_text(500) == "**Done** · 3 images"
    edited = message.with_text(500, "**Done** · 2 of 3 images", accent=2)
    assert edited.find_text(500) == "**Done** · 2 of 3 images"
    assert edited.components[0] == message.components[0]
    assert edited.components[1]["accent_color"] == 2
    assert "mia" in texts(edited.components)
    assert MESSAGE.find_text(500) is None
    assert MESSAGE.with_text(500, "else", accent=2) == MESSAGE


ORDINARY = EditableMessage(
    (payloads.text("-# 2/2"), payloads.file("attachment://a.wav"), payloads.file("attachment://b.wav")),
    {20: "a.wav", 21: "b.wav"},
    ordinary=True,
)


def test_an_ordinary_message_keeps_its_content_without_a_file() -> None:
    edited = ORDINARY.without({20}, notice="Removed")
    assert edited.body() == {"content": "-# 2/2"}
    assert [one.id for one in edited.kept()] == [21]


def test_an_ordinary_message_without_files_has_a_notice() -> None:
    edited = ORDINARY.without({20, 21}, notice="Removed")
    assert edited.body() == {"content": "Removed\n-# 2/2"}
    assert edited.kept() == ()


def test_an_ordinary_message_is_covered_by_its_attachments() -> None:
    edited = ORDINARY.covered(spoiler=True)
    assert edited.body(payloads.text("below")) == {"content": "-# 2/2\nbelow"}
    assert [one.to_dict()["is_spoiler"] for one in edited.kept(spoiler=True)] == [True, True]
