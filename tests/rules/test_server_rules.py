"""A server's rules: what they say about a run, what is gone, and how they are stored."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actor import Actor
from bot.errors import Refused
from bot.rules.decide import Block, RunTerms, ServerSituation, apply_server_rules
from bot.rules.server_rules import (
    EVERY_COMMAND,
    CommandRule,
    Delivery,
    KnownPlaces,
    LogLine,
    RoleLimits,
    ServerRules,
    find_gone,
    leave_out_gone,
    most_generous,
)
from bot.rules.stored import rules_from_json, rules_to_json
from bot.visibility import Visibility

SERVER, CHANNEL, THREAD, ARTIST, VIP = 2, 3, 33, 40, 41
MIA = Actor(
    user_id=1, name="Mia", guild_id=SERVER, channel_id=CHANNEL, roles=frozenset(), permissions=0, locale="en-US"
)
IN_THREAD = replace(MIA, channel_id=THREAD, parent_channel_id=CHANNEL)
BROUGHT_ALONG = replace(MIA, is_bot_member=False)


def decide(rules: ServerRules, actor: Actor = MIA, command: str = "draw", **facts: Any) -> RunTerms:
    situation = ServerSituation(guild_id=SERVER, rules=rules, block=facts.pop("block", None))
    return apply_server_rules(actor, command, situation, **facts)


def with_rule(name: str = "draw", **rule: Any) -> ServerRules:
    return ServerRules(commands={name: CommandRule(**rule)})


def test_a_server_without_rules_allows_everything() -> None:
    assert decide(ServerRules()) == RunTerms(guild_id=SERVER)
    assert apply_server_rules(MIA, "draw", None, run_input={"prompt": "gun"}) == RunTerms()


def test_a_command_that_is_off_is_refused() -> None:
    with pytest.raises(Refused, match="/draw is switched off in this server"):
        decide(with_rule(enabled=False))
    decide(with_rule("talk", enabled=False))


def test_the_rule_for_others_holds_where_there_is_none() -> None:
    rules = ServerRules(commands={EVERY_COMMAND: CommandRule(enabled=False), "draw": CommandRule()})
    decide(rules)
    with pytest.raises(Refused, match="/talk is switched off"):
        decide(rules, command="talk")


def test_a_channel_stands_for_its_threads() -> None:
    rules = with_rule(channels=frozenset({CHANNEL}))
    decide(rules)
    decide(rules, IN_THREAD)
    with pytest.raises(Refused, match=f"Use it in <#{CHANNEL}>"):
        decide(rules, replace(MIA, channel_id=9))


def test_a_command_for_roles_is_refused_to_others() -> None:
    rules = with_rule(roles=frozenset({ARTIST, VIP}))
    decide(rules, replace(MIA, roles=frozenset({VIP})))
    with pytest.raises(Refused, match=f"/draw is only for <@&{ARTIST}>, <@&{VIP}>"):
        decide(rules)


def test_an_age_restricted_command_needs_such_a_channel() -> None:
    rules = with_rule(age_restricted=True)
    decide(rules, replace(MIA, in_age_restricted=True))
    with pytest.raises(Refused, match="age-restricted channels"):
        decide(rules)


def test_a_refused_word_is_named() -> None:
    rules = ServerRules(refused_words=("gun",))
    with pytest.raises(Refused, match="“gun” isn't allowed in this server"):
        decide(rules, run_input={"prompt": "a gun"})
    decide(rules)


def test_the_most_generous_role_wins_for_each_number() -> None:
    rules = ServerRules(
        limits={
            SERVER: RoleLimits(at_once=1, per_day=5, outputs=2),
            ARTIST: RoleLimits(at_once=3, month_micro_dollars=5_000_000),
            VIP: RoleLimits(per_day=9, month_micro_dollars=1_000_000),
        }
    )
    everybody = RoleLimits(at_once=1, per_day=5, outputs=2)
    assert decide(rules).limits == everybody
    both = replace(MIA, roles=frozenset({ARTIST, VIP}))
    assert decide(rules, both).limits == RoleLimits(at_once=3, per_day=9, month_micro_dollars=5_000_000, outputs=2)
    assert most_generous(rules, ()) == RoleLimits()


def test_more_outputs_than_a_role_may_have_are_refused() -> None:
    rules = ServerRules(limits={SERVER: RoleLimits(outputs=4)})
    decide(rules, outputs=4)
    decide(rules, outputs=None)
    with pytest.raises(Refused, match="4 outputs at a time in this server; this run asks for 5"):
        decide(rules, outputs=5)


@pytest.mark.parametrize(
    ("until", "words"),
    [(None, "Ask its moderators"), (datetime(2030, 1, 1, tzinfo=UTC), "the block ends <t:1893456000:R>")],
)
def test_a_blocked_person_reads_until_when_and_why(until: datetime | None, words: str) -> None:
    with pytest.raises(Refused) as refused:
        decide(ServerRules(), block=Block(until=until, reason="spam"))
    assert words in refused.value.sentence
    assert "Reason: spam" in refused.value.sentence


def test_who_brings_the_bot_along_is_under_commands_and_safety() -> None:
    rules = ServerRules(
        commands={"talk": CommandRule(enabled=False)},
        refused_words=("gun",),
        limits={SERVER: RoleLimits(outputs=1)},
        delivery=Delivery.PRIVATE,
        checker="check",
    )
    assert decide(rules, BROUGHT_ALONG, outputs=9) == RunTerms(guild_id=SERVER, checker="check")
    with pytest.raises(Refused, match="switched off"):
        decide(rules, BROUGHT_ALONG, "talk")
    with pytest.raises(Refused, match="gun"):
        decide(rules, BROUGHT_ALONG, run_input={"prompt": "gun"})
    with pytest.raises(Refused, match="can't use this bot"):
        decide(rules, BROUGHT_ALONG, block=Block(until=None))


def test_what_is_gone_is_named_and_ignored() -> None:
    rules = ServerRules(
        commands={"draw": CommandRule(roles=frozenset({ARTIST}), channels=frozenset({CHANNEL, 9}))},
        limits={VIP: RoleLimits(at_once=1)},
        log_channel_id=8,
    )
    known = KnownPlaces(roles=frozenset({SERVER}), channels=frozenset({CHANNEL}))
    assert find_gone(rules, known) == (frozenset({ARTIST, VIP}), frozenset({8, 9}))
    left = leave_out_gone(rules, known)
    decide(left)
    assert left.commands["draw"] == CommandRule(channels=frozenset({CHANNEL}))
    assert left.limits == {}
    assert left.log_channel_id is None


def test_a_rule_that_says_nothing_new_is_not_kept() -> None:
    rules = ServerRules().with_command("draw", CommandRule(enabled=False))
    assert rules.with_command("draw", CommandRule()) == ServerRules()
    others = ServerRules().with_command(EVERY_COMMAND, CommandRule(enabled=False))
    assert others.with_command("draw", CommandRule()).command_rule("draw").enabled
    assert ServerRules().with_limits(VIP, RoleLimits()) == ServerRules()


IDS = st.frozensets(st.integers(1, 2**63 - 1), max_size=5)
NUMBERS = st.none() | st.integers(0, 1000)
RULES = st.builds(
    ServerRules,
    commands=st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.builds(CommandRule, enabled=st.booleans(), channels=IDS, roles=IDS, age_restricted=st.booleans()),
        max_size=4,
    ),
    limits=st.dictionaries(
        st.integers(1, 2**63 - 1),
        st.builds(RoleLimits, at_once=NUMBERS, per_day=NUMBERS, month_micro_dollars=NUMBERS, outputs=NUMBERS).filter(
            lambda limits: not limits.is_empty
        ),
        max_size=4,
    ),
    delivery=st.sampled_from(Delivery),
    spoiler=st.booleans(),
    refused_words=st.lists(st.text("abc", min_size=1, max_size=5), max_size=4).map(tuple),
    checker=st.none() | st.text("abc", min_size=1, max_size=5),
    gallery_channel_id=st.none() | st.integers(1, 2**63 - 1),
    gallery_stars=st.integers(1, 100),
    log_channel_id=st.none() | st.integers(1, 2**63 - 1),
    log_lines=st.frozensets(st.sampled_from(LogLine)),
    log_prompts=st.booleans(),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from(
    ["commands", "limits", "delivery", "spoiler", "refused_words", "checker", "gallery_stars", "log_lines", "else"]
)


@given(RULES)
def test_rules_are_read_back_as_they_were(rules: ServerRules) -> None:
    assert rules_from_json(rules_to_json(rules)) == rules


@given(st.dictionaries(KEYS, ANY_JSON) | ANY_JSON)
def test_anything_stored_can_be_read(stored: object) -> None:
    assert rules_from_json(rules_to_json(rules_from_json(stored))) == rules_from_json(stored)


def test_a_server_without_rules_stores_nothing() -> None:
    assert rules_to_json(ServerRules()) == {}


@pytest.mark.parametrize(
    ("rules", "visibility"),
    [
        (ServerRules(), Visibility.PUBLIC),
        (ServerRules(spoiler=True), Visibility.SPOILER),
        (ServerRules(delivery=Delivery.THREAD, spoiler=True), Visibility.SPOILER),
        (ServerRules(delivery=Delivery.PRIVATE, spoiler=True), Visibility.PRIVATE),
    ],
)
def test_results_are_shown_as_the_server_wants(rules: ServerRules, visibility: Visibility) -> None:
    assert decide(rules).visibility is visibility
    assert decide(rules).in_thread is (rules.delivery is Delivery.THREAD)
