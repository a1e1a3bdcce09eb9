"""The bounds that SECURITY.md promises are those that hold."""

import re
from datetime import timedelta

import pytest

from bot import limits
from tests.docs.pages import ROOT

ROWS = re.findall(r"^\| (.+?) \| (.+?) \| ([A-Z_]+) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)


def shown(name: str) -> str:
    """Return a bound as the table shows it."""
    value = getattr(limits, name)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if name.endswith("_BYTES"):
        return f"{value // limits.MIB} MiB" if value >= limits.MIB else f"{value // limits.KIB} KiB"
    return f"{value:,.0f}"


@pytest.mark.parametrize(("bound", "name"), [row[1:] for row in ROWS])
def test_a_promised_bound_is_the_one_that_holds(bound: str, name: str) -> None:
    assert bound == shown(name)


def test_all_bounds_of_the_port_are_promised() -> None:
    names = {name for name in vars(limits) if name.startswith(("HTTP_", "WEBHOOK_", "COG_BOD"))} - {"WEBHOOK_ID_CHARS"}
    assert names <= {name for _, _, name in ROWS}
