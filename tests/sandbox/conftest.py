"""What the tests of the sandbox share: the official JavaScript packages and axe-core, installed once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

PACKAGES = ("axe-core@4.14.1", "discord.js@14.28.1", "replicate@1.4.0")
INSTALL_TIMEOUT = 100


@pytest.fixture(scope="session")
def npm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the checkout whose node_modules hold the packages, shared by all test processes."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js is not installed")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "npm"
    result = folder / "install-result.txt"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "install.lock"):
        if not result.exists():
            result.write_text(_install(npm, folder), "utf-8")
    if error := result.read_text("utf-8"):
        pytest.skip(f"npm cannot install {' and '.join(PACKAGES)}: {error}")
    return folder


def _install(npm: str, folder: Path) -> str:
    """Install the packages and return the error, empty if there is none."""
    command = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
        "--prefix",
        str(folder),
    ]
    try:
        done = subprocess.run(
            [*command, *PACKAGES], capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no result after {INSTALL_TIMEOUT} s"
    return (done.stderr.strip()[-200:] or "unknown error") if done.returncode else ""
