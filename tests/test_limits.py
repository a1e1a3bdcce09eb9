"""``bot/limits.py`` holds the numbers that Discord and Replicate impose, each with its source."""

import re
from pathlib import Path

LIMITS = Path(__file__).parents[1] / "bot" / "limits.py"


def test_every_imposed_number_names_its_source() -> None:
    groups = LIMITS.read_text(encoding="utf-8").split("\n\n")
    numbers = [group for group in groups if re.search(r"^[A-Z_]+: Final", group, re.MULTILINE)]
    assert numbers
    assert [group for group in numbers if "#" not in group and "KIB" not in group] == []
