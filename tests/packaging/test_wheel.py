"""The wheel, built and run away from the checkout."""

import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = (".toml", ".po", ".json", ".html", ".css", ".js", ".svg", ".mako", ".yaml")
NEEDED = ("bot", "cogs", "sandbox", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that no build folder of the checkout gets into it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(source)], check=True
    )
    [built] = folder.glob("replicord-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a new environment that borrows our dependencies; return its command."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    [place] = home.glob("lib/python*/site-packages")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(command, check=True)
    # Appended, so that the wheel's own bot goes before the checkout's, which is installed there for work.
    (place / "borrowed.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return home / "bin" / "replicord"


def run(command: Path, *arguments: str, folder: Path, **settings: str) -> str:
    """Run the installed command in a folder of its own and return what it says; it must succeed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **settings}
    done = subprocess.run(
        [str(command), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_contains_all_data_files(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = [path for package in ("bot", "cogs", "sandbox") for path in (ROOT / package).rglob("*") if path.is_file()]
    wanted = {str(path.relative_to(ROOT)) for path in files if path.suffix in (*DATA, ".py")}
    assert wanted - packed == set()
    assert {suffix for suffix in DATA if any(name.endswith(suffix) for name in packed)} >= {
        ".toml",
        ".po",
        ".json",
        ".html",
    }
    strange = {path.suffix for path in files} - {*DATA, ".py", ".pyc"}
    assert strange == set(), "package data of a kind that pyproject.toml does not list"
    assert not any(name.startswith(("tests", "benchmarks")) for name in packed)


def test_the_installed_command_prints_help(installed: Path, tmp_path: Path) -> None:
    told = run(installed, "--help", folder=tmp_path)
    assert all(name in told for name in ("run", "sandbox", "check", "backup"))


def test_the_wheel_runs_its_own_code(installed: Path, tmp_path: Path) -> None:
    told = run(
        installed.with_name("python"), "-c", "import bot, cogs; print(bot.__file__, cogs.__file__)", folder=tmp_path
    )
    assert str(ROOT) not in told


def test_the_wheel_checks_migrates_and_backs_up(installed: Path, tmp_path: Path) -> None:
    tokens = {"DISCORD_TOKEN": "d.d.d", "REPLICATE_API_TOKEN": "r"}
    assert "✗" not in run(installed, "check", "--offline", folder=tmp_path, **tokens)
    assert (tmp_path / "data" / "replicord.db").exists()
    run(installed, "backup", "copy.db", folder=tmp_path)
    assert (tmp_path / "copy.db").stat().st_size > 0


def test_the_wheel_plays_the_sandbox_demo(installed: Path, tmp_path: Path) -> None:
    told = run(installed, "sandbox", "--demo", "--out", "pictures", folder=tmp_path)
    assert "3 runs, 3 predictions" in told
    assert len(list((tmp_path / "pictures").iterdir())) == 6
