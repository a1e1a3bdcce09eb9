"""Who may use what of a run: one rule, and a sentence with what one can do instead."""

from dataclasses import replace
from typing import Any

import pytest

from bot.store.models import Run, RunChain, StepPlan
from bot.ui.permissions import Barrier, Reuse, decide_reuse, may_reuse
from bot.ui.render.reuse import explain_barrier
from bot.visibility import Visibility
from tests.ui.factories import NOW, make_run

NOAH = 5
CHARACTERS = {"characters": {"c1": 7}}
FILES = {"input": {"prompt": "a fox", "subject": "file:0"}}
KEYS = {"input": {"hf_token": "hush"}}
LINKS = {"input": {"image": "https://bucket.s3.amazonaws.com/a.png?X-Amz-Signature=abc"}}
PLAIN = {"input": {"prompt": "a fox", "seed": 42, "image": "https://example.com/a.png"}}


@pytest.mark.parametrize("part", list(Reuse))
@pytest.mark.parametrize("changes", [CHARACTERS, FILES, KEYS, LINKS, PLAIN, {"visibility": Visibility.PRIVATE}])
def test_authors_use_all_of_their_runs(changes: dict[str, Any], part: Reuse) -> None:
    run = make_run(**changes)
    assert decide_reuse(run, part, user_id=run.author_id) is None


@pytest.mark.parametrize(
    ("changes", "barrier"),
    [
        (PLAIN, None),
        (FILES, Barrier.FILES),
        (CHARACTERS, Barrier.CHARACTERS),
        (FILES | CHARACTERS, Barrier.CHARACTERS),
        (KEYS, Barrier.SECRETS),
        (LINKS, Barrier.SECRETS),
        (PLAIN | {"visibility": Visibility.SPOILER}, None),
        (PLAIN | {"visibility": Visibility.PRIVATE}, Barrier.PRIVATE),
    ],
)
def test_inputs_are_as_public_as_their_card(changes: dict[str, Any], barrier: Barrier | None) -> None:
    assert decide_reuse(make_run(**changes), Reuse.INPUTS, user_id=NOAH) is barrier


@pytest.mark.parametrize("changes", [PLAIN, FILES, KEYS, CHARACTERS])
def test_a_result_that_all_see_is_for_all(changes: dict[str, Any]) -> None:
    assert may_reuse(make_run(**changes), Reuse.RESULT, user_id=NOAH)
    private = make_run(**changes, visibility=Visibility.PRIVATE)
    assert not may_reuse(private, Reuse.RESULT, user_id=NOAH)


def chain_step(first: Run, **inputs: Any) -> Run:
    """Return the second step of a chain, which got the picture of the first."""
    steps = tuple(StepPlan(command="draw", target="a/b", input=given, output_schema={}) for given in ({}, inputs))
    chain = RunChain(id=first.id, name="/poster", number=2, steps=steps, prompt="a fox", began_at=NOW)
    return make_run(id="r2", input={"image": "file:0", **inputs}, chain=chain)


def test_a_chain_is_judged_by_what_people_gave_it() -> None:
    first = make_run(**PLAIN)
    assert decide_reuse(chain_step(first), Reuse.INPUTS, user_id=NOAH, first=first) is None
    with_file = replace(first, input=FILES["input"])
    assert decide_reuse(chain_step(with_file), Reuse.INPUTS, user_id=NOAH, first=with_file) is Barrier.FILES
    with_key = chain_step(first, hf_token="hush")  # no real one
    assert decide_reuse(with_key, Reuse.INPUTS, user_id=NOAH, first=first) is Barrier.SECRETS


def test_a_refusal_says_what_one_can_do_instead() -> None:
    run = make_run(author_name="Mia")
    assert explain_barrier(Barrier.FILES, run) == "This run used Mia's files. Run /generate with your own."
    assert explain_barrier(Barrier.PRIVATE, run) == "Only Mia can see this run. Run /generate yourself."
    assert "Start it with your own" in explain_barrier(Barrier.FILES, chain_step(run))
