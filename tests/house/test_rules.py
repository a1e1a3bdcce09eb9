"""The house rules that a program can check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "cogs", "benchmarks", "tests")
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60

# Those that are past it, named: the list may only grow shorter.
LONG_FILES = {"tests/sandbox/discord/test_interactions.py", "tests/outputs/test_fetch.py"}
LONG_FUNCTIONS: set[str] = set()


def sources(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from (path for path in sorted((ROOT / room).rglob("*.py")) if "node_modules" not in path.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_too_long() -> None:
    long = {
        name(path) for path in sources(*ROOMS) if len(path.read_text(encoding="utf-8").splitlines()) > LINES_OF_A_FILE
    }
    assert long == LONG_FILES


def test_no_function_is_too_long() -> None:
    long = set()
    for path in sources("bot", "cogs", "benchmarks"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LINES_OF_A_FUNCTION:
                    long.add(f"{name(path)}:{node.name}")
    assert long == LONG_FUNCTIONS


@pytest.mark.parametrize(
    "forbidden",
    [
        r"\bunittest\.mock\b|\bMagicMock\b",
        r"^\s*except\s*:",
        r"\btime\.sleep\(",
        r"pytest\.mark\.skip\(\s*\)|pytest\.mark\.xfail",
        r"\b(?:TODO|FIXME|XXX)\b",
    ],
)
def test_what_the_house_does_without_is_nowhere(forbidden: str) -> None:
    here = Path(__file__).resolve()
    found = [
        f"{name(path)}:{number}"
        for path in sources(*ROOMS)
        if path.resolve() != here
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(forbidden, line)
    ]
    assert found == []


def test_nothing_prints_in_the_bot() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in sources("bot", "cogs")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_every_number_of_the_two_services_says_where_it_is_written() -> None:
    """``limits.py`` groups its numbers under comments that name the page or document."""
    groups = (ROOT / "bot" / "limits.py").read_text(encoding="utf-8").split("\n\n")
    numbers = [group for group in groups if re.search(r"^[A-Z_]+: Final", group, re.MULTILINE)]
    unsourced = [group for group in numbers if "#" not in group and "KIB" not in group]
    assert unsourced == []
