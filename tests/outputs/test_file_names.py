"""Files have short, plain names that are the same every time."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.media import sniff
from bot.outputs.materialize import file_name, link_name


def test_names_count_from_one_and_carry_the_key_and_the_true_ending() -> None:
    assert file_name("generate", 0, None, sniff.WEBP, "out.png") == "generate-01.webp"
    assert file_name("generate", 0, "mask", sniff.PNG) == "generate-01-mask.png"
    assert file_name("speak", 11, "audio_output", sniff.WAV) == "speak-12-audio-output.wav"


def test_bytes_that_show_no_type_keep_the_ending_they_came_with() -> None:
    assert file_name("a", 0, None, sniff.TEXT, "captions.srt") == "a-01.srt"
    assert file_name("a", 0, None, sniff.UNKNOWN, "weights.npy") == "a-01.npy"


def test_an_ending_that_the_bytes_belie_is_not_kept() -> None:
    assert file_name("a", 0, None, sniff.UNKNOWN, "picture.png") == "a-01.bin"
    assert file_name("a", 0, None, sniff.TEXT, "picture.jpeg") == "a-01.txt"
    assert file_name("a", 0, None, sniff.TEXT, "evil.tar/../x") == "a-01.txt"


def test_a_file_that_was_never_seen_is_called_what_it_claims() -> None:
    assert link_name("a", 2, None, "film.MP4") == "a-03.mp4"
    assert link_name("a", 2, None, None) == "a-03"


@settings(deadline=None)
@given(st.text(max_size=80), st.integers(0, 5000), st.none() | st.text(max_size=200), st.none() | st.text(max_size=50))
def test_any_name_is_one_that_discord_leaves_as_it_is(
    stem: str, index: int, label: str | None, source: str | None
) -> None:
    name = file_name(stem, index, label, sniff.UNKNOWN, source)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9]{1,11}", name)
    assert len(name) < 110
