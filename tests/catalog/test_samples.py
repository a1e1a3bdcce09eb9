"""A first run in one press: which commands have a sample, and what is in it."""

import pytest

from bot.catalog.samples import find_sample, find_samples
from bot.settings.commands import CommandRole
from tests.catalog.test_next_actions import IMAGE, SEED, command
from tests.options.samples import TEXT

DRAW = command("draw", {"prompt": TEXT, "seed": SEED}, required=("prompt",))
PAINT = command("paint", {"prompt": TEXT}, required=("prompt",))
TALK = command("talk", {"prompt": TEXT}, output=TEXT)


def test_a_prompt_is_enough_for_a_sample() -> None:
    sample = find_sample(DRAW)
    assert sample is not None
    assert sample.values == {"prompt": sample.prompt}


def test_commands_that_may_need_a_picture_have_none() -> None:
    assert find_sample(command("either", {"prompt": TEXT, "image": IMAGE})) is None
    assert find_sample(command("retouch", {"image": IMAGE, "prompt": TEXT}, role=CommandRole.EDIT)) is None
    assert find_sample(command("sing", {"prompt": TEXT, "lyrics": TEXT}, required=("lyrics",))) is None


def test_samples_of_several_commands_differ() -> None:
    samples = find_samples([TALK, DRAW, PAINT], limit=3)
    assert [sample.command.name for sample in samples] == ["draw", "paint", "talk"]
    assert len({sample.prompt for sample in samples}) == 3
    assert find_samples([TALK, DRAW, PAINT], limit=1) == samples[:1]


def test_a_configured_sample_comes_first() -> None:
    given = {"prompt": "a red hat", "image": "https://example.com/me.png"}
    either = command("either", {"prompt": TEXT, "image": IMAGE}, sample=given)
    sample = find_sample(either)
    assert sample is not None
    assert (sample.values, sample.prompt) == (given, "a red hat")
    assert either.problems == ()


def test_a_sample_that_cannot_work_is_told_and_left_out() -> None:
    wrong = command("draw", {"prompt": TEXT, "seed": SEED}, required=("prompt",), sample={"sed": 1, "seed": "x"})
    assert wrong.sample == {}
    assert [problem.partition(":")[0] for problem in wrong.problems] == ["sample"] * 3
    assert any("Did you mean seed?" in problem for problem in wrong.problems)
    assert any("prompt is missing" in problem for problem in wrong.problems)


@pytest.mark.parametrize("address", ["me.png", "file:///etc/passwd", "file:0", "ftp://example.com/me.png", 5, ["x"]])
def test_a_sample_without_a_web_address_is_told(address: object) -> None:
    wrong = command("either", {"prompt": TEXT, "image": IMAGE}, sample={"prompt": "a hat", "image": address})
    assert wrong.sample == {}
    [problem] = wrong.problems
    assert problem.startswith("sample: `image` must be a web address that starts with https://")
