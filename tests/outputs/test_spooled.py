"""Files that come with a prediction leave it for the spool, and nothing else is taken for one."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.large_json import InvalidJson
from bot.outputs.parse import RawFile, RawText, parse_output
from bot.outputs.spooled import extract_files, spooled_name, spooled_url

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def extract(output: Any, folder: Path) -> tuple[Any, tuple[str, ...]]:
    body, names = extract_files(json.dumps({"id": "a", "status": "processing", "output": output}).encode(), folder)
    members = json.loads(body)
    assert (members["id"], members["status"]) == ("a", "processing")
    return members["output"], names


@pytest.mark.parametrize(
    "url",
    [
        "spooled:",
        "spooled:../in-0123456789abcdef01234567",
        "spooled:in-0123456789abcdef01234567/../../x",
        "spooled:in-0123456789abcdef0123456",
        "spooled:in-0123456789abcdef01234567.",
        "spooled:in-0123456789abcdef01234567.png\n",
        "spooled:in-0123456789ABCDEF01234567",
        "SPOOLED:in-0123456789abcdef01234567",
        "spooled:output.json",
        "https://example.com/spooled:in-0123456789abcdef01234567",
    ],
)
def test_no_other_text_stands_for_a_file(url: str) -> None:
    assert spooled_name(url) is None
    assert not any(isinstance(raw, RawFile) for raw in parse_output(url, {"type": "string"}))


def test_a_name_that_was_given_is_read_back() -> None:
    name = "in-0123456789abcdef01234567.png"
    assert spooled_name(spooled_url(name)) == name
    assert parse_output(spooled_url(name), {"type": "string"}) == (RawFile(0, spooled_url(name)),)


def test_files_at_any_place_are_taken_out(tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "run"
    output, names = extract({"images": [URI, {"mask": URI}], "text": "data:, is prose", "n": 3}, folder)
    assert output["images"][0] == output["images"][1]["mask"] == spooled_url(names[0])
    assert (output["text"], output["n"]) == ("data:, is prose", 3)
    assert (folder / names[0]).read_bytes() == PNG
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_that_is_there_is_not_new(tmp_path: Path) -> None:
    first, names = extract([URI], tmp_path)
    assert extract([URI], tmp_path) == (first, ())
    assert [path.name for path in tmp_path.iterdir()] == list(names)


def test_a_file_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    output, names = extract([URI, "data:image/png;base64,***"], tmp_path)
    assert output == [spooled_url(names[0]), "data:,"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_an_output_without_files_stays_as_it_is(output: Any) -> None:
    assert extract(output, Path("/nowhere")) == (output, ())


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b'{"a": ' * 50_000])
def test_what_is_no_object_is_refused(body: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidJson):
        extract_files(body, tmp_path)


def test_plain_text_stays_text() -> None:
    assert parse_output("spooled: a story", {"type": "string"}) == (RawText("spooled: a story"),)
