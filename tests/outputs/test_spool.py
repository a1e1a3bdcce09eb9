"""The spool keeps within its quota, and to itself."""

import stat
from pathlib import Path

import pytest

from bot.outputs.errors import SpoolFull
from bot.outputs.spool import Spool, SpoolFile, adopt_file, write_file


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", max_bytes=1000)


def modes(root: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}


def test_files_and_folders_are_private(spool: Spool) -> None:
    path = spool.folder("run") / "a"
    write_file(path, b"x", spool.quota)
    assert modes(path.parent.parent) == {0o700, 0o600}


def test_what_others_could_read_is_closed_to_them(spool: Spool, tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "run"
    folder.mkdir(parents=True, mode=0o755)
    (folder / "a").write_bytes(bytes(300))
    (folder / "a").chmod(0o644)
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    outside.chmod(0o644)
    (folder / "link").symlink_to(outside)
    spool.inspect()
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644
    assert 300 <= spool.quota.used < 500


def test_a_file_beyond_the_quota_is_refused_and_deleted(spool: Spool) -> None:
    write_file(spool.folder("a") / "f", bytes(600), spool.quota)
    with SpoolFile(spool.folder("b") / "f", spool.quota) as file:
        file.write(bytes(300))
        with pytest.raises(SpoolFull):
            file.write(bytes(300))
    assert spool.quota.used == 600
    assert not list(spool.folder("b").iterdir())
    spool.delete("a")
    assert spool.quota.used == 0
    write_file(spool.folder("b") / "f", bytes(1000), spool.quota)


def test_a_replaced_file_counts_once(spool: Spool) -> None:
    for size in (400, 500, 300):
        write_file(spool.folder("a") / "f", bytes(size), spool.quota)
    assert spool.quota.used == 300


def test_a_file_of_another_process_is_counted_or_deleted(spool: Spool) -> None:
    folder = spool.folder("a")
    folder.mkdir(parents=True)
    (folder / "small").write_bytes(bytes(800))
    (folder / "large").write_bytes(bytes(300))
    adopt_file(folder / "small", spool.quota)
    assert stat.S_IMODE((folder / "small").stat().st_mode) == 0o600
    with pytest.raises(SpoolFull):
        adopt_file(folder / "large", spool.quota)
    assert [path.name for path in folder.iterdir()] == ["small"]


def test_an_uncommitted_file_leaves_nothing(spool: Spool) -> None:
    with SpoolFile(spool.folder("a") / "f", spool.quota) as file:
        file.write(b"half")
    assert spool.quota.used == 0
    assert not list(spool.folder("a").iterdir())
    with pytest.raises(OSError, match="closed"):
        file.write(b"more")


def test_an_empty_file_is_a_file(spool: Spool) -> None:
    with SpoolFile(spool.folder("a") / "f", spool.quota) as file:
        file.commit()
    assert (spool.folder("a") / "f").read_bytes() == b""


def test_a_folder_that_is_not_there_is_no_error(spool: Spool) -> None:
    spool.inspect()
    spool.delete("nothing")
    assert spool.run_ids() == ()
