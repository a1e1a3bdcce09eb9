"""The files that people copy: the compose file, the unit, the dashboard, the example of a command file."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.app import _GRACE
from bot.settings import Settings
from bot.settings.commands import read_commands
from tests.docs.pages import ROOT, blocks

COMPOSE = (ROOT / "compose.yaml").read_text()
UNIT = (ROOT / "docs" / "replicord.service").read_text()
VERIFY = shutil.which("systemd-analyze")


@pytest.mark.parametrize("text", [COMPOSE, UNIT], ids=["compose", "unit"])
def test_deployment_files_set_known_settings(text: str) -> None:
    named = set(re.findall(r"\b([A-Z][A-Z_]+)(?=[:=])", text)) - {"PYTHONDONTWRITEBYTECODE", "ALL"}
    named -= {"POSTGRES_USER", "POSTGRES_PASSWORD"}  # the database server's own
    assert named >= {"DISCORD_TOKEN_FILE", "REPLICATE_API_TOKEN_FILE", "LOG_FORMAT"}
    assert named <= {name.upper() for name in Settings.model_fields}


def test_deployment_files_allow_a_graceful_stop() -> None:
    grace = _GRACE.total_seconds()
    assert int(re.findall(r"stop_grace_period: (\d+)s", COMPOSE)[0]) > grace
    assert int(re.findall(r"TimeoutStopSec=(\d+)", UNIT)[0]) > grace


def test_deployment_files_raise_limits_and_drop_rights() -> None:
    for line in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "nofile: 65536"):
        assert line in COMPOSE
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "LimitNOFILE=65536"):
        assert line in UNIT


@pytest.mark.skipif(VERIFY is None, reason="there is no systemd here")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    (tmp_path / "replicord.service").write_text(UNIT.replace("/opt/replicord/bin/replicord", "/bin/true"))
    done = subprocess.run(
        [VERIFY or "", "verify", "replicord.service"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "replicord.service" in line] == []


def test_the_dashboard_is_valid() -> None:
    board = json.loads((ROOT / "docs" / "grafana.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    places = [tuple(panel["gridPos"][side] for side in "xy") for panel in board["panels"]]
    assert len(places) == len(set(places)), "panels lie on one another"
    assert all(target["expr"].count("(") == target["expr"].count(")") for panel in board["panels"]
               for target in panel.get("targets", ()))  # fmt: skip


def test_the_command_file_example_is_valid(tmp_path: Path) -> None:
    [example] = [block for block in blocks(ROOT / "docs" / "models.md", "toml") if "[portrait]" in block]
    (tmp_path / "commands.toml").write_text(example)
    assert {"generate", "portrait"} <= {spec.name for spec in read_commands(tmp_path / "commands.toml")}


def test_the_command_list_example_is_valid() -> None:
    [line] = [block.strip() for block in blocks(ROOT / "README.md", "text") if block.startswith("COMMANDS=")]
    settings = Settings.load(discord_token="d.d.d", replicate_api_token="r", commands=line.removeprefix("COMMANDS="))
    assert [spec.name for spec in settings.specs] == ["generate", "talk", "draw"]
