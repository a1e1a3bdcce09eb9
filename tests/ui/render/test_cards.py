"""List, sentence and details cards: within Discord's limits, without anything private."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from discord import ui
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.ui.components import Action, RunButton
from bot.ui.permissions import may_cancel
from bot.ui.render.cards import Entry, Tone, details_card, list_card, sentence_card
from tests.ui.factories import NOW, make_place, make_run
from tests.ui.message_rules import check_message, iter_components, text_contents, utf16_length

long_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3000).filter(str.strip)
entries = st.builds(
    Entry,
    text=long_texts,
    url=st.none() | st.just("https://discord.com/channels/1/2/3"),
    image=st.none() | st.just("https://x.example/a.png"),
)


def components(view: ui.LayoutView) -> list[dict[str, object]]:
    return view.to_components()  # type: ignore[no-any-return, no-untyped-call]


@given(st.lists(entries, max_size=30), long_texts, long_texts)
@settings(deadline=None, max_examples=60)
def test_any_list_is_within_discords_limits(list_entries: list[Entry], intro: str, footer: str) -> None:
    buttons: list[ui.Item[Any]] = [ui.Button(label="More", custom_id=f"more{n}") for n in range(5)]
    payload = components(list_card("Your runs", list_entries, intro=intro, footer=footer, buttons=buttons))
    assert sum(1 for _ in iter_components(payload)) <= 40
    assert sum(utf16_length(text) for text in text_contents(payload)) <= 4000


def test_entries_left_out_are_counted() -> None:
    payload = components(list_card("Models", [Entry(text=f"model {n}" * 30) for n in range(50)]))
    check_message(payload)
    assert text_contents(payload)[-1].startswith("-# … and ")


def test_sentence_card() -> None:
    payload = components(sentence_card("The prompt is empty; write what you want to see."))
    check_message(payload)
    assert payload[0]["accent_color"] == Tone.ERROR


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=80),
        st.one_of(st.text(max_size=900), st.integers(), st.lists(st.text(), max_size=5), st.booleans()),
        max_size=30,
    ),
    st.dictionaries(st.text(max_size=60), st.one_of(st.floats(), st.integers(), st.text(), st.booleans()), max_size=20),
)
@settings(deadline=None, max_examples=60)
def test_any_details_are_within_discords_limits(inputs: dict[str, object], metrics: dict[str, object]) -> None:
    check_message(components(details_card(make_run(input=inputs, metrics=metrics, prediction_id="p1"))))


@pytest.mark.parametrize("letter", ["🦊", "`", "*", "a", "é\u0301", "\U000e0067"])
def test_every_card_fits_whatever_fills_it(letter: str) -> None:
    long = letter * 5000
    run = make_run(
        author_name=long,
        input={long: long, letter * 59: long, **{f"{letter * 50}{number}": long for number in range(40)}, "seed": long},
        metrics={f"{letter * 90}{number}": 10**number for number in range(0, 600, 60)} | {"predict_time": 10**308},
        prompt=long,
        cause=long,
        summary=long[:90],
    )
    check_message(components(details_card(run)))
    check_message(components(sentence_card(f"x{long}")))
    check_message(components(list_card(f"x{long}", [Entry(text=f"x{long}")] * 9, intro=long, footer=f"x{long}")))


def test_metrics_of_any_size_are_shown() -> None:
    metrics = {"huge": 10**400, "big": 10**300, "predict_time": 1e200, "total_time": 75, "time_to_first_token": 0.25}
    shown_text = "\n".join(text_contents(components(details_card(make_run(metrics=metrics)))))
    assert "big 1e+300 · model time 1e+200 s · total time 1 min 15 s · time to first token 0.2 s" in shown_text
    assert "huge" not in shown_text


def test_details_without_secrets() -> None:
    run = make_run(
        input={"prompt": "a fox", "seed": 42, "subject": "file:0", "hf_token": "hush"},
        metrics={"predict_time": 12.34, "image_count": 5},
        prediction_id="abc",
        started_at=NOW + timedelta(seconds=3),
        ended_at=NOW + timedelta(seconds=41),
    )
    payload = components(details_card(run))
    check_message(payload)
    shown_text = "\n".join(text_contents(payload))
    assert "model time 12 s · images 5" in shown_text
    assert "**Seed** `42`" in shown_text
    assert "subject: (file 1)" in shown_text
    assert "hush" not in shown_text
    assert run.place.token not in shown_text
    assert [part.get("url") for part in iter_components(payload) if part["type"] == 2] == [
        "https://replicate.com/p/abc"
    ]


def test_only_well_formed_custom_ids_are_run_buttons() -> None:
    template = RunButton(Action.CANCEL, "r1").template
    assert template.fullmatch("run:cancel:r1")
    for forged in (
        "run:cancel:",
        "run:erase:r1",
        "run:cancel:r 1",
        "run:cancel:r1\n",
        "xrun:cancel:r1",
        "run:cancel:é",
    ):
        assert template.fullmatch(forged) is None


def test_author_and_moderators_may_cancel_a_run() -> None:
    run = replace(make_run(), place=make_place())
    assert may_cancel(run, user_id=run.author_id, manages_messages=False)
    assert may_cancel(run, user_id=5, manages_messages=True)
    assert not may_cancel(run, user_id=5, manages_messages=False)
