"""Rules, changes, blocks and reports of servers in the database."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.limits import BLOCKS_PER_SERVER, REPORTS_KEPT, REPORTS_PER_PERSON, RULE_CHANGES_KEPT
from bot.rules.decide import Block
from bot.rules.server_rules import CommandRule, Delivery, Section, ServerRules
from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.models import RunState
from bot.store.quota import RunLimits, ServerQuota
from bot.store.reports import Report, ReportResult, ReportState
from bot.store.server_rules import Servers
from bot.store.store import Store
from tests.store.samples import BOB, MIA, T0, after, make_run, store_run_in_state

SERVER = 2


@pytest.fixture
def servers(store: Store) -> Servers:
    return store.servers


def report(number: int = 1, **changes: object) -> Report:
    made = Report(
        id=f"{number:024x}",
        run_id=None,
        guild_id=SERVER,
        channel_id=3,
        message_id=100 + number,
        author_id=BOB,
        author_name="bob",
        command="draw",
        reporter_id=MIA,
        reason="rude",
        log_channel_id=5,
        created_at=T0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_server_has_no_rules_until_it_sets_some(servers: Servers) -> None:
    assert await servers.get_rules(SERVER) == ServerRules()
    assert await servers.get_situation(SERVER, MIA, now=T0) == (ServerRules(), None)


async def test_a_change_is_stored_with_before_and_after(servers: Servers) -> None:
    off = CommandRule(enabled=False)
    await servers.change_rules(SERVER, Section.COMMANDS, lambda rules: rules.with_command("draw", off), by=MIA, at=T0)
    await servers.change_rules(
        SERVER, Section.RESULTS, lambda rules: replace(rules, delivery=Delivery.PRIVATE), by=BOB, at=after(1)
    )
    assert await servers.get_rules(SERVER) == ServerRules(commands={"draw": off}, delivery=Delivery.PRIVATE)
    second, first = await servers.list_changes(SERVER, most=9)
    assert (first.section, first.by_id, first.before) == ("commands", MIA, {"commands": None})
    assert first.after["commands"]["draw"]["enabled"] is False
    assert (second.before, second.after) == ({"delivery": None}, {"delivery": "private"})
    assert await servers.get_rules(SERVER + 1) == ServerRules()


async def test_a_change_of_nothing_leaves_no_row(servers: Servers) -> None:
    await servers.change_rules(SERVER, Section.RESULTS, lambda rules: rules, by=MIA, at=T0)
    assert await servers.list_changes(SERVER, most=9) == ()


async def test_of_two_editors_at_once_both_are_in_the_audit(servers: Servers) -> None:
    def spoiler(rules: ServerRules) -> ServerRules:
        return replace(rules, spoiler=True)

    def words(rules: ServerRules) -> ServerRules:
        return replace(rules, refused_words=("gun",))

    def other_words(rules: ServerRules) -> ServerRules:
        return replace(rules, refused_words=("knife",))

    await asyncio.gather(
        servers.change_rules(SERVER, Section.RESULTS, spoiler, by=MIA, at=T0),
        servers.change_rules(SERVER, Section.SAFETY, words, by=MIA, at=T0),
        servers.change_rules(SERVER, Section.SAFETY, other_words, by=BOB, at=T0),
    )
    rules = await servers.get_rules(SERVER)
    assert rules.spoiler
    last, *_ = [change for change in await servers.list_changes(SERVER, most=9) if change.section == "safety"]
    assert list(rules.refused_words) == last.after["refused_words"]
    assert {change.by_id for change in await servers.list_changes(SERVER, most=9)} == {MIA, BOB}


async def test_only_the_newest_changes_are_kept(servers: Servers) -> None:
    async def block(number: int) -> None:
        await servers.block(SERVER, BOB, reason=str(number), until=None, by=MIA, at=after(number))

    await asyncio.gather(*(block(number) for number in range(RULE_CHANGES_KEPT)))
    for number in range(5):
        await block(RULE_CHANGES_KEPT + number)
    changes = await servers.list_changes(SERVER, most=9999)
    assert len(changes) == RULE_CHANGES_KEPT
    assert changes[0].after["reason"] == str(RULE_CHANGES_KEPT + 4)


async def test_a_block_holds_until_it_expires_or_is_lifted(servers: Servers) -> None:
    until = T0 + timedelta(hours=1)
    await servers.block(SERVER, BOB, reason="spam", until=until, by=MIA, at=T0)
    assert (await servers.get_situation(SERVER, BOB, now=after(3599)))[1] == Block(until=until, reason="spam")
    assert (await servers.get_situation(SERVER, BOB, now=until))[1] is None
    assert (await servers.get_situation(SERVER + 1, BOB, now=T0))[1] is None
    await servers.block(SERVER, BOB, reason="again", until=None, by=MIA, at=after(5))
    assert [block.reason for block in await servers.list_blocks(SERVER, now=after(9999), most=9)] == ["again"]
    assert await servers.lift(SERVER, BOB, by=MIA, at=after(6))
    assert not await servers.lift(SERVER, BOB, by=MIA, at=after(7))
    assert await servers.count_blocks(SERVER, now=after(8)) == 0
    lifted, *_ = await servers.list_changes(SERVER, most=9)
    assert (lifted.subject_id, lifted.before["reason"], lifted.after) == (BOB, "again", {})


async def test_the_oldest_block_goes_where_there_are_too_many(servers: Servers) -> None:
    async def block(number: int) -> None:
        await servers.block(SERVER, number + 1, reason="", until=None, by=MIA, at=after(number))

    await asyncio.gather(*(block(number) for number in range(BLOCKS_PER_SERVER)))
    await block(BLOCKS_PER_SERVER)
    assert await servers.count_blocks(SERVER, now=after(9999)) == BLOCKS_PER_SERVER
    assert (await servers.get_situation(SERVER, 1, now=T0))[1] is None


async def test_a_servers_limits_count_its_own_runs(store: Store) -> None:
    elsewhere = make_run("elsewhere")
    await store_run_in_state(
        store.runs, replace(elsewhere, place=replace(elsewhere.place, guild_id=SERVER + 1)), RunState.RUNNING
    )
    await store.runs.reserve(make_run("a"), (), RunLimits(server=ServerQuota(guild_id=SERVER, at_once=1, per_day=2)))
    with pytest.raises(QuotaExceeded) as active:
        await store.runs.reserve(make_run("b"), (), RunLimits(server=ServerQuota(guild_id=SERVER, at_once=1)))
    assert (active.value.kind, active.value.limit, active.value.in_server) == (QuotaKind.ACTIVE, 1, True)
    await store.runs.reserve(make_run("c"), (), RunLimits(server=ServerQuota(guild_id=SERVER, per_day=2)))
    with pytest.raises(QuotaExceeded) as daily:
        await store.runs.reserve(make_run("d"), (), RunLimits(server=ServerQuota(guild_id=SERVER, per_day=2)))
    assert daily.value.kind is QuotaKind.DAILY
    assert await store.runs.count_used(MIA, SERVER) == (2, 2)
    assert await store.runs.count_used(MIA, None) == (3, 3)


async def test_erasing_does_not_reset_a_servers_day(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.SUCCEEDED, delivered=True)
    await store.runs.erase(MIA)
    with pytest.raises(QuotaExceeded):
        await store.runs.reserve(make_run("b"), (), RunLimits(server=ServerQuota(guild_id=SERVER, per_day=1)))
    await store.runs.reserve(make_run("c"), (), RunLimits(server=ServerQuota(guild_id=SERVER + 1, per_day=1)))


async def test_a_message_has_one_open_report(store: Store) -> None:
    assert await store.reports.add(report()) is ReportResult.STORED
    assert await store.reports.add(report(2, message_id=101)) is ReportResult.ALREADY_REPORTED
    assert await store.reports.close(report().id, ReportState.DISMISSED, by=BOB, at=after(1))
    assert await store.reports.add(report(2, message_id=101)) is ReportResult.STORED


async def test_one_person_has_only_some_open_reports(store: Store) -> None:
    for number in range(REPORTS_PER_PERSON):
        assert await store.reports.add(report(number)) is ReportResult.STORED
    assert await store.reports.add(report(99)) is ReportResult.TOO_MANY
    assert await store.reports.add(report(99, reporter_id=BOB)) is ReportResult.STORED


async def test_a_report_is_unsent_until_its_card_is_there(store: Store) -> None:
    await store.reports.add(report())
    assert [one.id for one in await store.reports.list_unsent()] == [report().id]
    await store.reports.mark_sent(report().id, 77)
    assert await store.reports.list_unsent() == ()
    stored = await store.reports.get(report().id)
    assert stored == replace(report(), log_message_id=77)


async def test_of_two_moderators_one_closes_a_report(store: Store) -> None:
    await store.reports.add(report())
    results = await asyncio.gather(
        store.reports.close(report().id, ReportState.REMOVED, by=MIA, at=T0),
        store.reports.close_with_block(report(), reason="rude", until=None, by=BOB, at=T0),
    )
    assert sorted(results) == [False, True]
    blocked = (await store.servers.get_situation(SERVER, BOB, now=T0))[1] is not None
    assert blocked is results[1]


async def test_a_report_outlives_its_run(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.SUCCEEDED, delivered=True)
    await store.reports.add(report(run_id="a"))
    await store.runs.erase(MIA)
    stored = await store.reports.get(report().id)
    assert stored is not None
    assert stored.run_id is None


async def test_a_thread_of_results_is_found_again(servers: Servers) -> None:
    assert await servers.get_thread(3, MIA) is None
    await servers.save_thread(3, MIA, 30)
    await servers.save_thread(3, MIA, 31)
    assert await servers.get_thread(3, MIA) == 31
    assert await servers.get_thread(3, BOB) is None


async def fill_with_bob(store: Store) -> None:
    await store.servers.block(SERVER, BOB, reason="bob's spam", until=None, by=MIA, at=T0)
    await store.servers.change_rules(
        SERVER, Section.RESULTS, lambda rules: replace(rules, spoiler=True), by=BOB, at=after(1)
    )
    await store.servers.save_thread(3, BOB, 30)
    await store.reports.add(report(1, author_id=BOB, reporter_id=MIA))
    await store.reports.add(report(2, author_id=MIA, reporter_id=BOB, reason="bob's words"))


async def test_people_are_told_of_blocks_reports_and_changes(store: Store) -> None:
    await fill_with_bob(store)
    assert (await store.runs.count_stored(BOB)).server_records == 3
    exported = await store.runs.export(BOB)
    assert [block["reason"] for block in exported["blocks"]] == ["bob's spam"]
    assert [one["reason"] for one in exported["reports"]] == ["bob's words"]
    assert [change["section"] for change in exported["rule_changes"]] == ["results"]
    assert str(MIA) not in str(exported), "who reported or blocked somebody is not told"


async def test_erasing_leaves_the_block_alone_and_nothing_else(store: Store) -> None:
    await fill_with_bob(store)
    await store.runs.erase(BOB)
    assert (await store.servers.get_situation(SERVER, BOB, now=T0))[1] == Block(until=None)
    changes = await store.servers.list_changes(SERVER, most=9)
    assert not any(BOB in (change.by_id, change.subject_id) for change in changes)
    assert "bob" not in str(changes)
    assert await store.servers.get_thread(3, BOB) is None
    assert await store.reports.get(report(1).id) is None
    kept = await store.reports.get(report(2).id)
    assert kept is not None
    assert (kept.reporter_id, kept.reason) == (None, "")


async def test_old_reports_and_blocks_that_are_over_go(store: Store) -> None:
    await store.servers.block(SERVER, BOB, reason="", until=after(60), by=MIA, at=T0)
    await store.reports.add(report())
    await store.runs.delete_expired(after(61))
    assert await store.reports.get(report().id) is not None
    await store.servers.block(SERVER, MIA, reason="", until=None, by=BOB, at=T0)
    await store.runs.delete_expired(T0 + REPORTS_KEPT)
    assert await store.reports.get(report().id) is None
    assert [block.user_id for block in await store.servers.list_blocks(SERVER, now=T0, most=9)] == [MIA]
