"""Archives of results: what is in them, and that none is larger than was counted."""

import json
import zipfile
from pathlib import Path

from bot.library.archive import (
    EMPTY_ARCHIVE_BYTES,
    ArchivedFile,
    ArchivedResult,
    name_in_archive,
    result_size,
    write_archive,
)
from bot.store.models import RunOutput
from tests.store.samples import make_run


def output_of(run_id: str, number: int, name: str) -> RunOutput:
    return RunOutput(
        run_id=run_id,
        number=number,
        name=name,
        mime="image/png",
        size=9,
        width=1,
        height=1,
        message_id=7,
        attachment_id=8,
    )


def archive(folder: Path) -> list[ArchivedResult]:
    """Return two results, one of them without one of its files."""
    results = []
    for number, run_id in enumerate(("run-1", "run-2"), 1):
        run = make_run(run_id, seed=40 + number, input={"prompt": "日本の猫", "api_key": "secret"}, prompt="日本の猫")
        path = folder / run_id
        path.write_bytes(bytes(range(256)) * 40)
        name = name_in_archive(number, run, output_of(run_id, 1, "generate-01.png"))
        file = ArchivedFile(name=name, path=path, size=path.stat().st_size)
        missing = ("generate-02.png",) if number == 2 else ()
        results.append(ArchivedResult(run=run, url="https://discord.com/x", files=(file,), missing=missing))
    return results


def test_an_archive_has_pictures_inputs_and_seeds(tmp_path: Path) -> None:
    size = write_archive(tmp_path / "library.zip", archive(tmp_path))
    with zipfile.ZipFile(tmp_path / "library.zip") as written:
        assert written.namelist() == ["results.json", "001-generate/generate-01.png", "002-generate/generate-01.png"]
        assert written.read("001-generate/generate-01.png") == bytes(range(256)) * 40
        first, second = json.loads(written.read("results.json"))
    assert (first["prompt"], first["seed"], first["command"]) == ("日本の猫", 41, "generate")
    assert first["files"] == ["001-generate/generate-01.png"]
    assert second["missing"] == ["generate-02.png"]
    assert "secret" not in json.dumps([first, second])
    assert size == (tmp_path / "library.zip").stat().st_size


def test_an_archive_is_never_larger_than_counted(tmp_path: Path) -> None:
    results = archive(tmp_path)
    size = write_archive(tmp_path / "library.zip", results)
    assert size <= EMPTY_ARCHIVE_BYTES + sum(map(result_size, results))
    assert write_archive(tmp_path / "empty.zip", []) <= EMPTY_ARCHIVE_BYTES


def test_names_in_an_archive_stay_in_it() -> None:
    run = make_run(command="../../draw")
    name = name_in_archive(3, run, output_of("run-1", 1, "../../etc/passwd\n.png"))
    assert name == "003-..-..-draw/..-..-etc-passwd-.png"
    assert ".." not in Path(name).parts
