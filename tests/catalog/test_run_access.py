"""Who may start which run: one question for every way to a run."""

from dataclasses import replace
from typing import Any

import pytest

from bot.actor import ADMINISTRATOR, Actor, Context
from bot.backends.replicate.types import ModelRef
from bot.backends.target import ServedModel, Target
from bot.catalog.catalog import ANY_MODEL, Command, prepare_command
from bot.catalog.resolve import ResolvedModel
from bot.catalog.run_access import RunRequest, RunRules, decide_run
from bot.errors import Refused
from bot.rules.decide import ServerSituation
from bot.rules.server_rules import CommandRule, RoleLimits, ServerRules
from bot.settings import CommandSpec
from bot.settings.commands import CommandOffer
from bot.visibility import Visibility
from tests.options.samples import DEFAULT_SCHEMA

PINNED = ModelRef("fofr", "consistent-character", "a" * 64)
OLDER = replace(PINNED, version="b" * 64)
SERVER = ServedModel(("http://gpu:5000",))
OTHER = ModelRef("somebody", "else", "c" * 64)
MIA = Actor(user_id=1, name="Mia", guild_id=2, channel_id=3, roles=frozenset(), permissions=0, locale="en-US")
EDITOR = replace(MIA, user_id=9)


def command(name: str = "generate", target: Target = PINNED, **settings: Any) -> Command:
    resolved = ResolvedModel(target=target, description="", schema=DEFAULT_SCHEMA)
    return prepare_command(CommandSpec(name=name, target=target, **settings), resolved, hidden=("disable_safety",))


def rules(*commands: Command, **changes: Any) -> RunRules:
    made = RunRules(
        commands=commands, hidden=frozenset({"disable_safety"}), any_model="editors", editors=frozenset({9})
    )
    return replace(made, **changes)


def request(name: str = "generate", target: Target = PINNED, **run_input: Any) -> RunRequest:
    return RunRequest(command=name, target=target, input=run_input)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("generate", PINNED),
        ("generate", OLDER),  # an update does not take Again from older runs
        ("removed", PINNED),  # another command runs the same thing
        (ANY_MODEL, PINNED),
        (ANY_MODEL, replace(PINNED, owner="FOFR")),
    ],
)
def test_what_a_command_runs_is_everybodys(name: str, target: ModelRef) -> None:
    known = command(target=target if name == ANY_MODEL else PINNED)
    assert decide_run(MIA, request(name, target), rules(known, any_model="nobody")).command is known


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("removed", OTHER),
        ("removed", OLDER),
        ("generate", OTHER),  # the name runs another model now
        (ANY_MODEL, OTHER),
        (ANY_MODEL, OLDER),
        (ANY_MODEL, replace(PINNED, deployment=True, version=None)),
    ],
)
def test_everything_else_needs_the_right_to_any_model(name: str, target: ModelRef) -> None:
    known = rules(command())
    with pytest.raises(Refused, match="models that have a command"):
        decide_run(MIA, request(name, target), known)
    decide_run(EDITOR, request(name, target), known)
    decide_run(MIA, request(name, target), replace(known, any_model="everyone"))
    with pytest.raises(Refused):
        decide_run(EDITOR, request(name, target), replace(known, any_model="nobody"))


@pytest.mark.parametrize("name", ["generate", "removed", ANY_MODEL])
@pytest.mark.parametrize("actor", [MIA, EDITOR])
def test_limits_hold_on_every_way(name: str, actor: Actor) -> None:
    limited = rules(command(limits={"number_of_outputs": 3}), any_model="everyone")
    assert decide_run(actor, request(name, number_of_outputs=3), limited).input == {"number_of_outputs": 3}
    for target in (PINNED, OLDER):
        for number in (4, 3.5, 10**400, [1, 9]):
            with pytest.raises(Refused, match="`number_of_outputs` must be at most 3"):
                decide_run(actor, request(name, target, number_of_outputs=number), limited)


def test_a_default_above_a_limit_is_lowered() -> None:
    (default,) = (field.default for field in command().layout.fields if field.name == "number_of_outputs")
    assert default > 2
    decision = decide_run(MIA, request(prompt="a fox"), rules(command(limits={"number_of_outputs": 2})))
    assert decision.input == {"number_of_outputs": 2, "prompt": "a fox"}


def test_hidden_inputs_hold_on_every_way() -> None:
    hiding = rules(command(hidden=("seed",), defaults={"seed": "7"}), any_model="everyone")
    for name in ("generate", "removed", ANY_MODEL):
        assert decide_run(MIA, request(name), hiding).input == {"seed": 7}
        assert decide_run(MIA, request(name, seed=7), hiding).input == {"seed": 7}
        with pytest.raises(Refused, match="`seed`, which can't be set here"):
            decide_run(MIA, request(name, seed=8), hiding)
    with pytest.raises(Refused, match="`disable_safety`"):
        decide_run(EDITOR, request(ANY_MODEL, OTHER, disable_safety=True), hiding)


def test_the_named_command_governs_before_others_of_its_model() -> None:
    small, large = command("small", limits={"number_of_outputs": 2}), command("large", limits={"number_of_outputs": 9})
    both = rules(small, large)
    assert decide_run(MIA, request("large", number_of_outputs=9), both).command is large
    with pytest.raises(Refused):
        decide_run(MIA, request("small", number_of_outputs=9), both)
    with pytest.raises(Refused):
        decide_run(EDITOR, request(ANY_MODEL, number_of_outputs=9), both)


@pytest.mark.parametrize("name", ["generate", "paint", ANY_MODEL])
def test_a_server_is_used_only_while_a_command_has_it(name: str) -> None:
    painting = command("paint", SERVER)
    assert decide_run(MIA, request("paint", SERVER), rules(painting, any_model="nobody")).command is painting
    for gone in (ServedModel(("http://old:5000",)), ServedModel((*SERVER.urls, "http://old:5000"))):
        with pytest.raises(Refused):
            decide_run(EDITOR, request(name, gone), rules(painting, command(), any_model="everyone"))


def test_a_run_from_before_a_command_had_a_server_needs_the_right() -> None:
    moved = command("generate", SERVER)
    with pytest.raises(Refused):
        decide_run(MIA, request("generate", PINNED), rules(moved))


def test_a_servers_rules_hold_on_every_way() -> None:
    known = command()
    off = ServerSituation(guild_id=2, rules=ServerRules(commands={"generate": CommandRule(enabled=False)}))
    for name in ("generate", "removed", ANY_MODEL):
        with pytest.raises(Refused, match="/generate is switched off"):
            decide_run(EDITOR, request(name), rules(known, server=off, any_model="everyone"))
    without_run = ServerSituation(guild_id=2, rules=ServerRules(commands={ANY_MODEL: CommandRule(enabled=False)}))
    with pytest.raises(Refused, match="/run is switched off"):
        decide_run(EDITOR, request(ANY_MODEL, OTHER), rules(known, server=without_run))


def test_a_decision_carries_the_servers_terms() -> None:
    situation = ServerSituation(guild_id=2, rules=ServerRules(spoiler=True, limits={2: RoleLimits(at_once=1)}))
    terms = decide_run(MIA, request(), rules(command(), server=situation)).terms
    assert (terms.guild_id, terms.visibility, terms.limits.at_once) == (2, Visibility.SPOILER, 1)


def test_refused_words_are_looked_for_in_fixed_values_too() -> None:
    situation = ServerSituation(guild_id=2, rules=ServerRules(refused_words=("fox",)))
    hiding = rules(command(hidden=("prompt",), defaults={"prompt": "a fox"}), server=situation)
    with pytest.raises(Refused, match="fox"):
        decide_run(MIA, request(), hiding)


@pytest.mark.parametrize(
    ("offer", "sentence"),
    [
        (CommandOffer(age_restricted=True), "age-restricted"),
        (CommandOffer(contexts=frozenset({Context.BOT_DM})), "can't be used here"),
        (CommandOffer(permissions=1 << 13), "more permissions"),
    ],
)
def test_what_discord_does_not_offer_is_refused_elsewhere(offer: CommandOffer, sentence: str) -> None:
    known = rules(command(offer=offer))
    with pytest.raises(Refused, match=sentence):
        decide_run(MIA, request(), known)
    able = replace(MIA, permissions=1 << 13, in_age_restricted=True)
    if Context.SERVER in offer.contexts:
        decide_run(able, request(), known)
        decide_run(replace(able, permissions=ADMINISTRATOR), request(), known)


def test_a_server_may_offer_a_command_to_others_than_configured() -> None:
    known = rules(command(offer=CommandOffer(permissions=1 << 13)))
    decide_run(MIA, replace(request(), by_name=True), known)
