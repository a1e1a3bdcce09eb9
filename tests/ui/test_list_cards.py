"""Lists, sentences and details: one look, within limits, and nothing private."""

from dataclasses import replace
from datetime import timedelta

from discord import ui
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.store.models import RunState
from bot.ui.components import Action, RunButton
from bot.ui.permissions import may_see_details, may_stop
from bot.ui.render.details import details
from bot.ui.render.list_cards import Entry, Tone, list_card, run_entry, sentence_card
from tests.ui.making import NOW, a_place, a_run
from tests.ui.rules import check, texts, walk

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3000).filter(str.strip)
entries = st.builds(
    Entry,
    text=words,
    jump=st.none() | st.just("https://discord.com/channels/1/2/3"),
    picture=st.none() | st.just("https://x.example/a.png"),
)


def components(view: ui.LayoutView) -> list[dict[str, object]]:
    return view.to_components()  # type: ignore[no-any-return]


@given(st.lists(entries, max_size=30), words, words)
@settings(deadline=None, max_examples=60)
def test_any_list_is_within_discords_limits(listed: list[Entry], intro: str, footer: str) -> None:
    buttons = [ui.Button(label="More", custom_id=f"more{n}") for n in range(5)]
    drawn = components(list_card("My runs", listed, intro=intro, footer=footer, buttons=buttons))
    assert sum(1 for _ in walk(drawn)) <= 40
    assert sum(len(text) for text in texts(drawn)) <= 4000


def test_a_list_shows_each_run_with_its_picture_and_the_way_to_it() -> None:
    runs = [a_run(id="a", state=RunState.RUNNING), a_run(id="b", state=RunState.SUCCEEDED, prompt="*bold*")]
    listed = [
        run_entry(runs[0], button=RunButton(Action.CANCEL, "a")),
        run_entry(runs[1], picture="https://x.example/a.png"),
    ]
    drawn = components(list_card("My runs", listed, footer="Kept for 30 days."))
    check(drawn)
    said = "\n".join(texts(drawn))
    assert "**/generate** · a fox in the snow" in said
    assert "running · <t:1767225600:R> · [open](https://discord.com/channels/200/300/400)" in said
    assert r"\*bold\*" in said
    assert [part["custom_id"] for part in walk(drawn) if part["type"] == 2] == ["run:cancel:a"]


def test_what_has_no_room_is_counted() -> None:
    drawn = components(list_card("Models", [Entry(text=f"model {n}" * 30) for n in range(50)]))
    check(drawn)
    assert texts(drawn)[-1].startswith("-# … and ")


def test_a_sentence_is_a_card_too() -> None:
    drawn = components(sentence_card("The prompt is empty; write what you want to see."))
    check(drawn)
    assert drawn[0]["accent_color"] == Tone.BAD


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
    check(components(details(a_run(input=inputs, metrics=metrics, prediction_id="p1"))))


def test_details_tell_what_matters_and_nothing_private() -> None:
    run = a_run(
        input={"prompt": "a fox", "seed": 42, "subject": "file:0", "hf_token": "hush"},
        metrics={"predict_time": 12.34, "image_count": 5},
        prediction_id="abc",
        started_at=NOW + timedelta(seconds=3),
        ended_at=NOW + timedelta(seconds=41),
    )
    drawn = components(details(run))
    check(drawn)
    said = "\n".join(texts(drawn))
    assert "the model worked 12 s · images 5" in said
    assert "**Seed** `42`" in said
    assert "subject: (file 1)" in said
    assert "hush" not in said
    assert run.place.token not in said
    assert [part.get("url") for part in walk(drawn) if part["type"] == 2] == ["https://replicate.com/p/abc"]


def test_a_button_knows_its_run_and_nothing_else_passes_for_one() -> None:
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


def test_only_the_author_and_who_may_delete_the_message_stop_a_run() -> None:
    run = replace(a_run(), place=a_place())
    assert may_stop(run, user_id=run.author_id, manages_messages=False)
    assert may_stop(run, user_id=5, manages_messages=True)
    assert not may_stop(run, user_id=5, manages_messages=False)
    assert may_see_details(run, user_id=run.author_id)
    assert not may_see_details(run, user_id=5)
