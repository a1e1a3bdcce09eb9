"""The files of refused runs: within bounds, one person's alone, and gone after half an hour."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from bot.limits import REFUSED_FILE_BYTES, REFUSED_FILE_BYTES_PER_PERSON, REFUSED_RUN_KEPT
from cogs.fix_it.kept_files import KeptFile, KeptFiles
from tests.clock import VirtualClock
from tests.store.samples import BOB, MIA

if TYPE_CHECKING:
    from bot.client import Replicord

NO_CLIENT = cast("Replicord", None)  # files that are copied are not Discord's
MIB = 1024 * 1024


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def files(tmp_path: Path, clock: VirtualClock) -> KeptFiles:
    return KeptFiles(tmp_path / "kept", clock=clock)


async def arrive() -> None:
    """Do as a file that has arrived does."""


def given(folder: Path, size: int = 3, *, declared: int | None = None) -> KeptFile:
    """Return a file of so many bytes, which takes no space on the disk."""
    path = folder / f"given-{size}"
    with path.open("wb") as file:
        file.truncate(size)
    return KeptFile("me.png", size if declared is None else declared, "elsewhere", 0, path, arrive)


async def keep(files: KeptFiles, file: KeptFile, *, person: int = MIA, refused: str = "r1") -> KeptFile | None:
    files.keep(NO_CLIENT, person, refused, {0: file})
    arriving = await files.find(person, refused, name="me.png", number=0, size=file.size)
    assert arriving is not None, "one that arrives is there"
    await arriving.wait()
    return await files.find(person, refused, name="me.png", number=0, size=file.size)


async def test_a_kept_file_is_copied_for_its_run(files: KeptFiles, tmp_path: Path) -> None:
    kept = await keep(files, given(tmp_path))
    assert kept is not None
    assert await kept.copy(tmp_path / "copy") == 3
    assert await files.find(BOB, "r1", name="me.png", number=0, size=3) is None
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    await files.delete(MIA, "r1")
    with pytest.raises(OSError, match="No such file"):
        await kept.copy(tmp_path / "copy")


def fill(folder: Path, size: int, *, person: int, refused: str) -> Path:
    """Put a file of so many bytes, which takes no space on the disk, where those of a refused run are."""
    path = folder / "kept" / str(person) / refused / "0"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


async def test_older_files_of_a_person_make_room(files: KeptFiles, tmp_path: Path) -> None:
    assert await keep(files, given(tmp_path), person=BOB) is not None
    oldest = fill(tmp_path, REFUSED_FILE_BYTES_PER_PERSON - 5, person=MIA, refused="r0")
    os.utime(oldest.parent, (1, 1))
    assert await keep(files, given(tmp_path), refused="r1") is not None
    assert oldest.exists(), "there is room for both"
    assert await keep(files, given(tmp_path), refused="r2") is not None
    assert not oldest.exists()
    assert await files.find(MIA, "r1", name="me.png", number=0, size=3) is not None
    assert await files.find(BOB, "r1", name="me.png", number=0, size=3) is not None


async def test_what_does_not_fit_is_not_kept(files: KeptFiles, tmp_path: Path) -> None:
    assert await keep(files, given(tmp_path, REFUSED_FILE_BYTES_PER_PERSON + 1)) is None
    assert await keep(files, given(tmp_path, 11 * MIB, declared=0)) is None, "its size was not known before"
    fill(tmp_path, REFUSED_FILE_BYTES - 3, person=BOB, refused="r0")
    assert await keep(files, given(tmp_path), refused="r1") is not None
    assert await keep(files, given(tmp_path), refused="r2") is None


async def test_files_are_gone_after_their_time(files: KeptFiles, tmp_path: Path, clock: VirtualClock) -> None:
    assert await keep(files, given(tmp_path)) is not None
    folder = tmp_path / "kept" / str(MIA) / "r1"
    for age, is_there in ((REFUSED_RUN_KEPT - timedelta(seconds=1), True), (REFUSED_RUN_KEPT, False)):
        if folder.exists():
            at = (clock.now() - age).timestamp()
            os.utime(folder, (at, at))
        await files.delete_old()
        assert folder.exists() is is_there
    assert list((tmp_path / "kept").iterdir()) == []


async def test_a_persons_files_are_deleted_together(files: KeptFiles, tmp_path: Path) -> None:
    for refused in ("r1", "r2"):
        assert await keep(files, given(tmp_path), refused=refused) is not None
    files.keep(NO_CLIENT, MIA, "r3", {0: given(tmp_path)})
    await files.delete(MIA)
    assert [await files.find(MIA, one, name="me.png", number=0, size=3) for one in ("r1", "r2", "r3")] == [None] * 3
