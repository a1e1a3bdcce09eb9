"""Every command that a page tells people to type: run here, or named with the reason why not."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, commands

TOKENS = {"DISCORD_TOKEN": "d.not-a.token", "REPLICATE_API_TOKEN": "r-not-a-token"}

# In this order, in one folder that holds what a checkout holds.
RUN = (
    "cp .env.example .env",
    "chmod 600 .env",
    ".venv/bin/python -m bot check --offline",
    ".venv/bin/python -m bot backup backups/replicord.db",
    "cp backups/replicord.db data/replicord.db",
    "rm -f data/replicord.db-wal data/replicord.db-shm",
    ".venv/bin/python -m bot.settings.docs",
    ".venv/bin/python -m benchmarks --help",
    ".venv/bin/python -m pytest tests/settings -n 0 -q",
    "mkdir -m 700 secrets",
    "cat > secrets/discord_token",
    "cat > secrets/replicate_api_token",
    "chmod 444 secrets/discord_token secrets/replicate_api_token",
)

_SETS_UP = "installs from the network; CI does it from a bare checkout, and tests/packaging into a new environment"
_DOCKER = "needs Docker; tests/packaging checks the recipe, and runs the same steps"
_ROOT_ON_A_MACHINE = "needs root on a machine with systemd; test_files.py checks the unit"
ELSEWHERE = {
    "python3 -m venv .venv": _SETS_UP,
    ".venv/bin/pip install -q .": _SETS_UP,
    ".venv/bin/pip install -q -e '.[dev]'": _SETS_UP,
    ".venv/bin/pip install -q '.[speed]'": _SETS_UP,
    "git clone ADDRESS replicord": "needs the address of this repository; CI does it",
    "cd replicord": "goes with the next one",
    ".venv/bin/python -m bot.ui.catalogs": "changes the catalogs; tests/ui/test_catalogs.py reads the same sentences",
    ".venv/bin/python -m tests.docs.pictures": "takes half a minute; it changes the pictures",
    ".venv/bin/python -m pytest": "is what runs this",
    ".venv/bin/python -m bot sandbox --demo": "takes half a minute; tests/packaging/test_wheel.py plays it",
    ".venv/bin/pip install -q cog coglet": _SETS_UP,
    ".venv/bin/python -m bot sandbox --cog": "goes on until it is stopped; tests/faults runs it",
    ".venv/bin/python -m bot sandbox --demo --cog": "takes half a minute; tests/faults plays more of it",
    "cd sandbox/cog/pictures": "goes with the next one",
    'PATH="$(pwd)/../../../.venv/bin:$PATH" COG_PREDICT_TYPE_STUB=predict.py:Predictor PORT=5000 '
    "python -m cog.server.http --host 127.0.0.1": "goes on until it is stopped; sandbox/cog/server.py starts it so",
    ".venv/bin/python -m tests.hostile.fuzz --minutes 10": "takes ten minutes; its tests search for a moment",
    ".venv/bin/python -m bot sandbox": "goes on until it is stopped; tests/sandbox opens the page",
    ".venv/bin/python -m bot check": "asks both services; tests/diagnostics runs it against the stand-ins",
    ".venv/bin/python -m bot": "goes on until it is stopped; tests/app runs it between the stand-ins",
    ".venv/bin/ruff check .": "CI runs it after the tests, by .ci/run",
    ".venv/bin/ruff format --check .": "likewise",
    ".venv/bin/mypy": "likewise",
    ".venv/bin/lint-imports": "likewise",
    "curl -fsS http://127.0.0.1:8080/readyz": "needs the bot on that port; tests/observability asks one on a free port",
    "docker compose up -d --build": _DOCKER,
    "docker compose exec replicord replicord check": _DOCKER,
    "docker compose exec replicord replicord backup /data/backup.db": _DOCKER,
    "docker compose cp replicord:/data/backup.db backups/": _DOCKER,
    "sudo python3 -m venv /opt/replicord": _ROOT_ON_A_MACHINE,
    "sudo /opt/replicord/bin/pip install --only-binary :all: --require-hashes -r requirements.txt": _ROOT_ON_A_MACHINE,
    "sudo /opt/replicord/bin/pip install --no-deps .": _ROOT_ON_A_MACHINE,
    "sudo install -d -m 700 /etc/replicord": _ROOT_ON_A_MACHINE,
    "sudo install -m 600 /dev/stdin /etc/replicord/discord_token": _ROOT_ON_A_MACHINE,
    "sudo install -m 600 /dev/stdin /etc/replicord/replicate_api_token": _ROOT_ON_A_MACHINE,
    "sudo cp docs/replicord.service /etc/systemd/system/": _ROOT_ON_A_MACHINE,
    "sudo systemctl enable --now replicord": _ROOT_ON_A_MACHINE,
    "journalctl -u replicord -f": _ROOT_ON_A_MACHINE,
    "sudo -u postgres createuser --pwprompt replicord": _ROOT_ON_A_MACHINE,
    "sudo -u postgres createdb --owner replicord replicord": _ROOT_ON_A_MACHINE,
    ".venv/bin/pip install -q '.[postgres]'": _SETS_UP,
    ".venv/bin/python -m bot migrate-data sqlite+aiosqlite:///data/replicord.db "
    "postgresql://replicord@localhost/replicord": "needs that server; tests/test_migrate_data.py runs it",
    "sudo env DATABASE_URL=sqlite+aiosqlite:////var/lib/replicord/data/replicord.db "
    "/opt/replicord/bin/replicord backup /var/backups/replicord.db": _ROOT_ON_A_MACHINE,
    "uv pip compile pyproject.toml --extra charts --extra postgres --extra speed --universal --python-version 3.11 "
    "--generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements.txt": (
        "asks the package index; tests/packaging holds its result against pyproject.toml"
    ),
    "echo 'setuptools>=77' | uv pip compile - --generate-hashes --no-emit-index-url --no-annotate --no-header "
    "--output-file build-requirements.txt": "likewise",
}


def test_every_documented_command_is_run_or_excused() -> None:
    assert commands() - set(RUN) - ELSEWHERE.keys() == set()


def test_every_excuse_belongs_to_a_command() -> None:
    assert (set(RUN) | ELSEWHERE.keys()) - commands() == set()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout with an environment in it."""
    for name in ("bot", "cogs", "sandbox", "tests", "benchmarks", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / ".env.example", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="the pages speak to a POSIX shell")
def test_documented_commands_work_in_order(checkout: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), "LANG": "C.UTF-8", **TOKENS}
    for command in RUN:
        done = subprocess.run(
            ["/bin/sh", "-euc", command], cwd=checkout, env=environment, input="a secret\n",
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (checkout / "secrets" / "discord_token").read_text() == "a secret\n"
    assert (checkout / ".env").stat().st_mode & 0o777 == 0o600


def test_the_set_up_lines_are_complete() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("python3 -m venv")]
    assert [shlex.split(line)[-1] for line in lines] == ["--demo", "pytest"]
