"""No name that people get has an ending that runs something when it is clicked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.file_names import SAFE_SUFFIXES, may_run, safe_file_name, safe_suffix

RUNS = [
    "exe", "bat", "cmd", "com", "scr", "pif", "lnk", "js", "jse", "vbs", "vbe", "wsf", "wsh", "ps1", "psm1",
    "msi", "msp", "msix", "appx", "jar", "hta", "app", "sh", "bash", "command", "url", "webloc", "desktop",
    "cpl", "msc", "reg", "dll", "sys", "iso", "img", "dmg", "pkg", "deb", "rpm", "apk", "docm", "xlsm", "py",
    "pyw", "rb", "pl", "php", "mht", "mhtml", "xhtml", "htm", "chm", "inf", "scf", "library-ms",
    "settingcontent-ms", "application", "appref-ms", "gadget", "xll", "xlam", "one", "workflow", "action",
    "out", "run", "elf", "bin.exe",
]  # fmt: skip


@pytest.mark.parametrize("ending", RUNS)
@pytest.mark.parametrize(
    "name", ["a.{}", "a.JPG.{}", "a.{}.", "a.{} . ", "a.{}\u200b", "\u202egpj.{}", "a.{}\x00", ".{}", "a.{}\t", "a. {}"]
)
def test_an_ending_that_runs_is_never_the_last(name: str, ending: str) -> None:
    for given_name in (name.format(ending), name.format(ending.upper())):
        safe = safe_file_name(given_name)
        assert safe.endswith(".bin")
        assert safe.count(".") == 1
        assert safe_suffix(given_name) == ""


@pytest.mark.parametrize("name", ["a.ｅｘｅ", "a.exe/", "a.exe::$DATA", "a.exe;.", "a.exe%00", 'a.exe"', "a.e\u00adxe"])
def test_disguised_endings_are_recognized(name: str) -> None:
    assert re.fullmatch(r"[\w -]+\.bin", safe_file_name(name))


@pytest.mark.parametrize("ending", RUNS)
def test_a_hidden_last_ending_reveals_none_that_runs(ending: str) -> None:
    assert f".{ending}." not in safe_file_name(f"a.{ending}.txt")
    assert safe_file_name(f"a.{ending}.txt").endswith(".txt")


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "captions.srt", "weights.npy", "v1.2 final.mp4", "data.tar.gz", "Übung 1.pdf", "model.safetensors"],
)
def test_a_safe_name_stays(name: str) -> None:
    assert safe_file_name(name) == name
    assert not may_run(name)


@pytest.mark.parametrize("name", ["README", "", ".", "out-0"])
def test_a_name_without_an_ending_runs_nothing(name: str) -> None:
    assert not may_run(name)
    assert safe_file_name(name).endswith(".bin")


@given(st.text(max_size=300))
def test_any_name_becomes_safe_and_stays_so(name: str) -> None:
    safe = safe_file_name(name)
    assert safe_suffix(safe) in SAFE_SUFFIXES
    assert not may_run(safe)
    assert safe_file_name(safe) == safe
    assert not set('\\/:*?"<>|\n\r\x00\u202e') & set(safe)
    assert len(safe) <= 120
