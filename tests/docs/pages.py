"""The documents, taken apart: fenced blocks, links, headings."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^]]*]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> Iterator[str]:
    """Yield the fenced blocks of one language."""
    for found in _FENCE.finditer(page.read_text()):
        if found[1] == language:
            yield found[2]


def commands() -> set[str]:
    """Return every command of every page, taken apart where they are put together with ``&&``."""
    lines = [line for page in PAGES for block in blocks(page, "console") for line in block.splitlines()]
    return {part.strip() for line in lines for part in line.split("&&")}


def links(page: Path) -> Iterator[str]:
    """Yield where a page's links lead, the code in it left out."""
    yield from _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text())))


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page become."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
