"""What is imported is declared, what is declared is imported, and the container pins all of it."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text()

COMES_WITH = {
    "yarl": "discord.py's own addresses are of this type; it is aiohttp's dependency",
    "pydantic-core": "pydantic's own other half",
}


def declared(*extras: str) -> dict[str, Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return {canonicalize_name(found.name): found for found in map(Requirement, lines)}


def imported() -> set[str]:
    """Return the distributions that the program imports."""
    providers = importlib.metadata.packages_distributions()
    found: set[str] = set()
    paths = {*ROOT.glob("bot/**/*.py"), *ROOT.glob("cogs/**/*.py"), *ROOT.glob("sandbox/**/*.py")}
    for path in paths - {*ROOT.glob("sandbox/cog/*/predict.py")}:  # models: a Cog server runs them, the program never
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name.partition(".")[0] for name in names}
    found -= {*sys.stdlib_module_names, "bot", "cogs", "sandbox"}
    return {canonicalize_name(providers[name][0]) for name in found}


def test_every_import_is_declared() -> None:
    assert imported() - declared("charts", "postgres", "speed").keys() - COMES_WITH.keys() == set()


def test_every_declared_dependency_is_imported() -> None:
    assert declared().keys() - imported() == set()


def test_the_container_pins_fit_the_bounds() -> None:
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", REQUIREMENTS, re.MULTILINE))
    for name, requirement in declared("speed").items():
        assert requirement.specifier.contains(pinned[name]), f"{name} {pinned[name]}: refresh requirements.txt"


def test_pins_have_hashes_and_name_no_host() -> None:
    entries = re.split(r"\n(?=\S)", REQUIREMENTS.strip())[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert len(entries) > 30
    assert not re.search(r"://|index-url|find-links|trusted-host|^-", REQUIREMENTS, re.MULTILINE)


def test_the_version_is_stated_once() -> None:
    assert importlib.metadata.version("replicord") == PROJECT["version"]
    assert "version" not in (ROOT / "bot" / "__init__.py").read_text()


PRIVATE_BEHAVIOUR = {"aiohttp", "discord-py", "httpx", "httpx-aiohttp"}


def test_what_is_used_privately_has_an_upper_bound() -> None:
    for name in PRIVATE_BEHAVIOUR:
        installed = Version(importlib.metadata.version(name))
        following = f"{installed.major}.{installed.minor + 1}"
        assert not declared()[name].specifier.contains(following), f"{name} {following} has not been tried"
