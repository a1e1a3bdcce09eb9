"""docs/faults.md and the tests beside this one name each other, completely."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "faults.md"


def test_the_page_names_every_fault_test() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    files = [file for file in HERE.glob("test_*.py") if file != Path(__file__)]
    there = [
        name for file in files for name in re.findall(r"^async def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    ]
    assert sorted(named) == sorted(there)


def test_the_operations_page_links_the_faults() -> None:
    assert "faults.md" in (PAGE.parent / "operating.md").read_text(encoding="utf-8")
