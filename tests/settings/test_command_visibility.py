"""Who sees a command's results where nobody chose, as configured in COMMANDS_FILE."""

from pathlib import Path

import pytest

from bot.settings.commands import read_commands
from bot.visibility import Visibility


def read_visibility(folder: Path, *lines: str) -> Visibility:
    path = folder / "commands.toml"
    path.write_text("\n".join(["[draw]", 'model = "a/b"', *lines]), encoding="utf-8")
    return read_commands(path)[0].visibility


def test_results_are_public_unless_configured(tmp_path: Path) -> None:
    assert read_visibility(tmp_path) is Visibility.PUBLIC
    assert read_visibility(tmp_path, 'visibility = "private"') is Visibility.PRIVATE


@pytest.mark.parametrize("line", ['visibility = "hidden"', "visibility = 1", 'visibility = ["private"]'])
def test_a_wrong_visibility_is_explained(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"\[draw\] visibility must be one of public, spoiler, private"):
        read_visibility(tmp_path, line)
