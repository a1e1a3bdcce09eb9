"""Which commands fit to each other in a chain, and what each of its steps asks for."""

import re
from typing import Any

import pytest

from bot.actor import Actor
from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import Command, prepare_command
from bot.catalog.chains import Chain, ChainStep, build_chain, check_chain, plan_steps
from bot.catalog.resolve import ResolvedModel
from bot.catalog.run_access import RunRules
from bot.errors import Refused, UserError
from bot.options.parse import parse_options
from bot.rules.decide import ServerSituation
from bot.rules.server_rules import EVERY_COMMAND, CommandRule, ServerRules
from bot.settings import CommandSpec

FILE: dict[str, Any] = {"type": "string", "format": "uri"}
TEXT: dict[str, Any] = {"type": "string"}
PROMPT = {"prompt": {"type": "string", "x-order": 0}}
PICTURE = {"image": {**FILE, "description": "Input image", "x-order": 1}}


def make_command(
    name: str, inputs: dict[str, Any], *, output: dict[str, Any] = FILE, required: tuple[str, ...] = ()
) -> Command:
    schema = {
        "components": {
            "schemas": {
                "Input": {"type": "object", "properties": inputs, "required": list(required)},
                "Output": output,
            }
        }
    }
    target = ModelRef("owner", name, "a" * 64)
    resolved = ResolvedModel(target=target, description="", schema=schema)
    return prepare_command(CommandSpec(name=name, target=target), resolved)


DRAW = make_command("draw", PROMPT, required=("prompt",))
ENHANCE = make_command("enhance", PICTURE, required=("image",))
EDIT = make_command("edit", PICTURE | PROMPT, required=("image", "prompt"))
DESCRIBE = make_command("describe", PICTURE, output=TEXT)


def chain_of(*commands: Command) -> Chain:
    return build_chain("poster", [ChainStep(command=command) for command in commands])


def test_each_step_gets_the_picture_before_it() -> None:
    chain = chain_of(DRAW, ENHANCE, DESCRIBE)
    first, second, third = plan_steps(chain, parse_options(chain.layout, {"prompt": "a fox"}))
    assert (first.input, first.prompt, first.picture) == ({"prompt": "a fox"}, "a fox", "")
    assert (second.input, second.picture, second.accepts) == ({"image": "file:0"}, "image", ("image/*",))
    assert (third.command, third.output_schema) == ("describe", TEXT)


def test_a_step_that_needs_words_gets_the_prompt() -> None:
    chain = chain_of(DRAW, EDIT)
    _, second = plan_steps(chain, parse_options(chain.layout, {"prompt": "a fox"}))
    assert second.input == {"prompt": "a fox", "image": "file:0"}


def test_a_step_keeps_what_it_was_saved_with() -> None:
    chain = build_chain("poster", [ChainStep(command=DRAW), ChainStep(command=EDIT, input={"prompt": "in blue"})])
    _, second = plan_steps(chain, parse_options(chain.layout, {"prompt": "a fox"}))
    assert second.input == {"prompt": "in blue", "image": "file:0"}


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        ((DRAW,), "A chain has 2 to 5 steps."),
        ((DRAW, *[ENHANCE] * 5), "A chain has 2 to 5 steps."),
        ((DRAW, DESCRIBE, ENHANCE), "/describe makes no picture, so no step can follow it."),
        ((ENHANCE, DRAW), "/draw takes no picture, so it can't follow a step."),
    ],
)
def test_steps_that_do_not_fit_are_refused(commands: tuple[Command, ...], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        chain_of(*commands)
    assert refused.value.sentence == reason


def test_a_step_that_needs_more_than_a_picture_is_refused() -> None:
    scale = {"scale": {"type": "integer", "x-order": 2}}
    needy = make_command("needy", PICTURE | scale, required=("image", "scale"))
    with pytest.raises(Refused, match=r"/needy can't follow a step\. `scale` is required\."):
        chain_of(DRAW, needy)
    given = ChainStep(command=needy, input={"scale": 2})
    assert build_chain("poster", [ChainStep(command=DRAW), given]).description == "/draw → /needy"


def test_the_first_step_is_asked_for_one_picture() -> None:
    counts = {"num_outputs": {"type": "integer", "minimum": 1, "maximum": 4, "default": 4, "x-order": 1}}
    chain = chain_of(make_command("many", PROMPT | counts, required=("prompt",)), ENHANCE)
    assert [option.name for option in chain.layout.options] == ["prompt"]
    first, _ = plan_steps(chain, parse_options(chain.layout, {"prompt": "a fox"}))
    assert first.input == {"prompt": "a fox", "num_outputs": 1}


def test_only_the_last_step_makes_several_pictures() -> None:
    counts = {"num_outputs": {"type": "integer", "minimum": 1, "maximum": 4, "default": 4, "x-order": 2}}
    several = ChainStep(
        command=make_command("several", PICTURE | counts, required=("image",)), input={"num_outputs": 3}
    )
    chain = build_chain("poster", [ChainStep(command=DRAW), several, several])
    _, second, third = plan_steps(chain, parse_options(chain.layout, {"prompt": "a fox"}))
    assert (second.input["num_outputs"], third.input["num_outputs"]) == (1, 3)


def test_a_missing_prompt_is_told_before_anything_runs() -> None:
    chain = chain_of(make_command("any", PROMPT), EDIT)
    with pytest.raises(UserError, match="`prompt` is required"):
        plan_steps(chain, parse_options(chain.layout, {}))


ACTOR = Actor(user_id=1, name="mia", guild_id=2, channel_id=3, roles=frozenset(), permissions=0, locale="en-US")
OFF = CommandRule(enabled=False)


def rules(**commands: CommandRule) -> RunRules:
    given = {EVERY_COMMAND if name == "others" else name: rule for name, rule in commands.items()}
    situation = ServerSituation(guild_id=2, rules=ServerRules(commands=given))
    every = (DRAW, ENHANCE)
    return RunRules(commands=every, hidden=frozenset(), any_model="nobody", editors=frozenset(), server=situation)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, None),
        ({"poster": OFF}, "/poster is switched off"),
        ({"enhance": OFF}, "/enhance is switched off"),
        ({"poster": CommandRule(channels=frozenset({9}))}, "/poster can't be used here. Use it in <#9>."),
        ({"others": OFF, "draw": CommandRule(), "enhance": CommandRule()}, "/poster is switched off"),
    ],
)
def test_a_chain_is_ruled_by_its_own_name_too(given: dict[str, CommandRule], refused: str | None) -> None:
    chain = build_chain("poster", [ChainStep(command=DRAW), ChainStep(command=ENHANCE)], is_command=True)
    if refused is None:
        check_chain(ACTOR, chain, rules(**given))
        return
    with pytest.raises(Refused, match=re.escape(refused)):
        check_chain(ACTOR, chain, rules(**given))


def test_a_saved_chain_has_no_name_to_be_ruled_by() -> None:
    check_chain(ACTOR, chain_of(DRAW, ENHANCE), rules(poster=OFF))
