"""The examples in docs/models.md are valid."""

import re
from pathlib import Path

from bot.settings.commands import parse_commands, read_commands

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text("utf-8")


def test_example_of_a_commands_file_is_valid(tmp_path: Path) -> None:
    match = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    (tmp_path / "commands.toml").write_text(match[1])
    generate, portrait, *_ = read_commands(tmp_path / "commands.toml")
    assert generate.limits == {"number_of_outputs": 5}
    assert portrait.target.deployment


def test_example_of_a_list_of_commands_is_valid() -> None:
    match = re.search(r'^COMMANDS="(.*)"$', PAGE, re.MULTILINE)
    assert match is not None
    assert [spec.name for spec in parse_commands(match[1])] == ["generate", "talk", "draw"]
