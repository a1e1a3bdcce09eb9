"""Names of people are plain text wherever they are shown."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.runs.snapshot import Phase
from bot.store.models import RunState
from bot.ui.render import strings
from bot.ui.render.markdown import escape, format_name, one_line
from bot.ui.render.status import format_status
from tests.ui.factories import make_run, make_snapshot


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Mia", "Mia"),
        ("**Mia**", r"\*\*Mia\*\*"),
        ("_Mia_", r"\_Mia\_"),
        ("<@123456789012345678>", r"\<@123456789012345678>"),
        ("@everyone", "@\u200beveryone"),
        ("# Mia", r"\# Mia"),
        ("[Mia](https://evil.example)", "\\[Mia\\](https:\u200b//evil.example)"),
        ("https://evil.example", "https:\u200b//evil.example"),
        ("123456789012345678", "123456789012345678"),
        ("1. Mia", r"1\. Mia"),
        ("Mia\u202eaiM", "MiaaiM"),
        ("a" + "\u0301" * 40, "a" + "\u0301" * 3),
        ("\u3164\u2800", "Someone"),
        ("  ", "Someone"),
    ],
)
def test_a_name_is_plain_text(name: str, shown: str) -> None:
    assert format_name(name) == shown


@given(st.text(max_size=200))
@example("\\" * 60)
def test_any_name_is_one_short_line_of_text(name: str) -> None:
    shown = format_name(name)
    assert shown
    assert len(shown.splitlines()) == 1
    assert len(shown) <= 2 * 60 + 60
    bare = re.sub(r"\\.", "", shown)  # without what is escaped
    assert not set(bare) & set("*`|<[]~\\")
    assert not re.search(r"https?://|@everyone|@here", shown)


@pytest.mark.parametrize("name", ["123456789012345678", "<@123456789012345678>", "@everyone", "**Mia**"])
def test_a_name_in_an_old_row_is_no_mention(name: str) -> None:
    run = make_run(state=RunState.CANCELED, cancel_requested_by=name, author_name=name, author_id=123456789012345678)
    shown = format_status(make_snapshot(Phase.CANCELED, run=run))
    assert "Stopped** by @" in shown
    assert not re.search(r"(?<!\\)<@", shown)
    assert "@everyone" not in shown
    header = strings.format_run_header(run)
    assert header.startswith(f"**{format_name(name)}**")


@given(st.text(max_size=300))
def test_escaped_text_pings_nobody(text: str) -> None:
    bare = re.sub(r"\\.", "", escape(one_line(text, 300)))  # without what is escaped
    assert not re.search(r"<[@#:/t]|@everyone|@here", bare, re.IGNORECASE)
