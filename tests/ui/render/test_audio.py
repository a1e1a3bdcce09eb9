"""Audio is in ordinary messages below everything else, where Discord draws a player for it."""

from dataclasses import replace

import pytest

from bot.outputs.items import FileItem, OutputItem, TextItem
from bot.runs.snapshot import Phase
from bot.store.models import RunChain, StepPlan
from bot.ui.render.rendered_message import RenderedMessage, RenderOptions, file_element
from bot.ui.render.run_card import render_run
from bot.visibility import Visibility
from tests.ui.factories import NOW, PDF, WAV, make_file, make_run, make_snapshot
from tests.ui.message_rules import iter_components, media_urls, text_contents

STEP = StepPlan(command="sing", target="sandbox/singer", input={}, output_schema={})


def sounds(*numbers: int) -> list[FileItem]:
    return [make_file(number, type_=WAV) for number in numbers]


def names(message: RenderedMessage) -> list[str]:
    return [file.name for file in message.files.values()]


def test_audio_is_an_attachment_of_an_ordinary_message() -> None:
    card, further = render_run(make_snapshot(Phase.SUCCEEDED, *sounds(1)))
    assert (card.ordinary, card.content, names(card)) == (False, None, [])
    assert (further.ordinary, further.content, names(further)) == (True, "-# 2/2", ["generate-01.wav"])


def test_other_files_and_texts_stay_on_the_card() -> None:
    items: list[OutputItem] = [*sounds(1), TextItem("the words"), make_file(2), make_file(3, type_=PDF)]
    card, further = render_run(make_snapshot(Phase.SUCCEEDED, *items))
    assert "the words" in "".join(text_contents(card.components))
    assert media_urls(card.components) == ["attachment://generate-02.webp", "attachment://generate-03.pdf"]
    assert names(further) == ["generate-01.wav"]


def test_audio_comes_when_everything_else_is_there() -> None:
    long = TextItem("word " * 2000)
    (*before, last) = render_run(make_snapshot(Phase.RUNNING, *sounds(1), long))
    assert not any(message.ordinary for message in (*before, last))
    (*texts, audio) = render_run(make_snapshot(Phase.SUCCEEDED, *sounds(1), long))
    assert len(texts) == len(before) + 1
    assert audio.content == f"-# {len(texts) + 1}/{len(texts) + 1}"


def test_a_message_takes_ten_audio_files() -> None:
    rendered = render_run(make_snapshot(Phase.SUCCEEDED, *sounds(*range(1, 13))))
    assert [len(message.files) for message in rendered] == [0, 10, 2]


def test_a_withheld_audio_file_has_its_reason() -> None:
    options = RenderOptions(withheld={"generate-01.wav": "Discord didn't accept it"})
    _, further = render_run(make_snapshot(Phase.SUCCEEDED, *sounds(1, 2)), options)
    assert names(further) == ["generate-02.wav"]
    assert further.content is not None
    assert "generate-01.wav" in further.content
    assert "Discord didn't accept it" in further.content
    assert further.content.endswith("\n-# 2/2")


def test_leaving_out_an_audio_file_changes_its_message() -> None:
    snapshot = make_snapshot(Phase.SUCCEEDED, *sounds(1, 2))
    omitted = RenderOptions(omitted=frozenset({file_element("generate-02.wav")}))
    assert render_run(snapshot, omitted)[1].components != render_run(snapshot)[1].components


def test_many_reasons_fit_into_an_ordinary_message() -> None:
    files = [replace(file, url="https://x.example/" + "y" * 300) for file in sounds(*range(1, 11))]
    reasons = {file.name: f"reason {file.name}" for file in files}
    _, further = render_run(make_snapshot(Phase.SUCCEEDED, *files), RenderOptions(withheld=reasons))
    assert further.content is not None
    assert len(further.content) <= 2000


def test_audio_is_behind_a_spoiler_where_it_was_asked_for() -> None:
    run = make_run(visibility=Visibility.SPOILER)
    _, further = render_run(make_snapshot(Phase.SUCCEEDED, *sounds(1), run=run))
    assert [one["spoiler"] for one in iter_components(further.components) if "file" in one] == [True]


@pytest.mark.parametrize(("number", "messages"), [(1, 1), (2, 2)])
def test_a_step_of_a_chain_that_goes_on_has_only_its_card(number: int, messages: int) -> None:
    chain = RunChain(id="r1", name="c", number=number, steps=(STEP, STEP), prompt=None, began_at=NOW)
    rendered = render_run(make_snapshot(Phase.SUCCEEDED, *sounds(1), run=make_run(chain=chain)))
    assert len(rendered) == messages
    assert names(rendered[-1]) == ["generate-01.wav"]
