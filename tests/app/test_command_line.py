"""What the command line says to mistakes: a sentence and exit code 2, never a traceback."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from tests.bot_environment import fork_server

_ROOT = Path(__file__).parents[2]
_TOKENS = {"DISCORD_TOKEN": "d.d.d", "REPLICATE_API_TOKEN": "r"}


def run(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Run a command in ``folder``; return the exit code and everything that it printed."""
    server = fork_server()
    if server is None:
        return run_python(folder, *arguments, **settings)
    log = folder / "printed.txt"
    code = server.run(*arguments, folder=folder, environment=_environment(settings), log=log)
    return code, log.read_text(encoding="utf-8")


def run_python(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Run a command as an operator does."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder, env=_environment(settings), timeout=90, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**inherited, "PYTHONPATH": str(_ROOT), **settings}


def test_a_process_of_its_own_says_the_same(tmp_path: Path) -> None:
    code, printed = run_python(tmp_path, "backup", "copy.db")
    assert code == 2
    assert "There is no database" in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("backup", ""), "is not a path"),
        (("backup", "copy.db"), "There is no database"),
        (("sandbox", "--no-browser", "--data", "file"), "file cannot be used as a folder"),
        (("sandbox", "--no-browser", "--data", "file/below"), "cannot be used as a folder"),
        (("sandbox", "--no-browser", "--data", "/proc/x"), "/proc/x cannot be used as a folder"),
        (("sandbox", "--demo", "--out", "/proc/x"), "/proc/x cannot be used as a folder"),
        (("sandbox", "--demo", "--out", "file"), "file cannot be used as a folder"),
        (("sandbox", "--demo", "missing.png"), "missing.png"),
        (("sandbox", "--demo", "file"), "file is not an image"),
        (("sandbox", "--demo", "cut.png"), "cut.png is damaged or incomplete. Save it again"),
        (("sandbox", "--demo", "cut.jpg"), "cut.jpg is damaged or incomplete. Save it again"),
        (("sandbox", "--demo", ""), "is not a path"),
        (("sandbox", "--port", "70000"), "is not a port"),
    ],
)
def test_a_wrong_argument_is_explained(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "file").write_text("not a folder, not an image")
    for suffix, format_ in ((".png", "PNG"), (".jpg", "JPEG")):
        picture = io.BytesIO()
        Image.effect_noise((64, 64), 50).save(picture, format_)
        (tmp_path / f"cut{suffix}").write_bytes(picture.getvalue()[:-600])
    code, printed = run(tmp_path, *arguments)
    assert code == 2
    assert words in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("command", ["run", "check", "backup"])
def test_a_dotenv_in_another_encoding_is_explained(tmp_path: Path, command: str) -> None:
    (tmp_path / ".env").write_bytes("DISCORD_TOKEN=d.d.d\nREPLICATE_API_TOKEN=r\n".encode("utf-16"))
    code, printed = run(tmp_path, *(("backup", "copy.db") if command == "backup" else (command,)))
    assert code == 2
    assert ".env is saved as UTF-16. Save it as UTF-8." in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL uses mysql"),
        ({"HTTP_HOST": "..", "HTTP_PORT": "0"}, "Choose another HTTP_PORT or HTTP_HOST"),
        ({"DISCORD_TOKEN": "a secret"}, "DISCORD_TOKEN: This is not a bot token"),
        ({"COMMANDS_FILE": "missing.toml", "LOG_LEVEL": "loud"}, "COMMANDS_FILE: missing.toml cannot be read"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_a_sentence(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    code, printed = run(tmp_path, "run", **(_TOKENS | settings))
    assert code == 2
    assert words in printed
    assert "Traceback" not in printed


def test_a_misspelt_setting_is_logged_at_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "DISCORD_TOKEN=d.d.d\nREPLICATE_API_TOKEN=r\nRUNS_PER_USR=1\nHTTP_HOST=..\nHTTP_PORT=0\n"
    )
    code, printed = run(tmp_path, "run")
    assert code == 2
    [line] = [line for line in printed.splitlines() if "setting_unknown" in line]
    assert "RUNS_PER_USR" in line
    assert "RUNS_PER_USER" in line
