"""Plain output has everything, within Discord's limits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.outputs.items import LinkItem, OutputItem, TextItem
from bot.runs.snapshot import Phase
from bot.ui.render.run_card import RenderOptions, render_plain
from tests.ui.factories import make_file, make_snapshot
from tests.ui.message_rules import check_message, text_contents


@given(text=st.text(max_size=9000), files=st.integers(0, 25))
@settings(deadline=None, max_examples=50)
def test_plain_messages_are_within_discords_limits(text: str, files: int) -> None:
    items: list[OutputItem] = [TextItem(text), *(make_file(number) for number in range(1, files + 1))]
    rendered = render_plain(make_snapshot(Phase.SUCCEEDED, *items), RenderOptions())
    for message in rendered:
        check_message(message.components)
    assert [file for message in rendered for file in message.files.values()] == items[1:]


def test_links_and_missing_files_are_listed() -> None:
    items = (LinkItem("a.mp4", "https://replicate.delivery/a", ""), LinkItem("b.mp4", "", "too large"), make_file(1))
    (message,) = render_plain(
        make_snapshot(Phase.SUCCEEDED, *items), RenderOptions(withheld={make_file(1).name: "It is gone."})
    )
    (text,) = text_contents(message.components)
    assert "a.mp4: <https://replicate.delivery/a>" in text
    assert "b.mp4: too large" in text
    assert "It is gone." in text
    assert message.files == {}


def test_text_of_twenty_messages_is_cut() -> None:
    rendered = render_plain(make_snapshot(Phase.SUCCEEDED, TextItem("word " * 20_000)), RenderOptions())
    assert len(rendered) == 20
