"""The container's recipe, as far as it can be checked with no engine at hand."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
STEPS = [step for step in re.sub(r"\\\n", " ", TEXT).splitlines() if step and not step.startswith("#")]
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(HADOLINT is None, reason="hadolint comes as a wheel for Linux on x86_64 alone")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([HADOLINT or "", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_use_the_same_python_image() -> None:
    bases = [step.split()[1] for step in STEPS if step.startswith("FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim", bases[0])


def test_nothing_runs_as_root() -> None:
    last = STEPS[max(number for number, step in enumerate(STEPS) if step.startswith("FROM")) :]
    words = [step.split()[0] for step in last]
    assert words.index("USER") < words.index("ENTRYPOINT")
    [user] = [step.split()[1] for step in last if step.startswith("USER")]
    assert int(user) > 0
    assert f"--uid {user}" in TEXT


def test_only_hashed_wheels_are_installed() -> None:
    commands = [
        one for step in STEPS for one in step.removeprefix("RUN").split("&&") if re.search("pip (install|wheel)", one)
    ]
    for command in commands:
        from_index = "--require-hashes" in command and "--only-binary :all:" in command
        from_here = "--no-deps" in command and ("--no-index" in command or "--no-build-isolation" in command)
        assert from_index or from_here, command
    assert len(commands) == 4


def test_what_builds_the_image_is_pinned_and_fits() -> None:
    [backend] = map(Requirement, tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"])
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "build-requirements.txt").read_text(), re.MULTILINE)
    assert [name for name, _ in pins] == [backend.name]
    assert backend.specifier.contains(pins[0][1])
    assert "--hash=sha256:" in (ROOT / "build-requirements.txt").read_text()


def test_copied_paths_exist_and_are_not_ignored() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for step in STEPS:
        if step.startswith("COPY") and "--from" not in step:
            for source in step.split()[1:-1]:
                assert (ROOT / source).exists()
                assert source in let_through
    assert not any(step.startswith("ADD") for step in STEPS)


def test_health_check_and_stop_signal_match_the_bot() -> None:
    assert re.search(r"HEALTHCHECK .*/healthz", TEXT.replace("\\\n", " "))
    assert "STOPSIGNAL SIGTERM" in STEPS
    assert 'ENTRYPOINT ["replicord"]' in STEPS, "in exec form, so that signals reach the bot itself"
    assert "HTTP_HOST=0.0.0.0" in TEXT, "else nobody outside the container reaches the port"


def test_only_the_volume_is_writable() -> None:
    [volume] = [step.split()[1] for step in STEPS if step.startswith("VOLUME")]
    assert f"sqlite+aiosqlite:///{volume}/" in TEXT
    assert f"WORKDIR {volume}" in STEPS
    assert "PYTHONDONTWRITEBYTECODE=1" in TEXT
