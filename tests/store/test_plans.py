"""No statement reads the whole history, so its cost does not grow with a million runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, event

from bot.media.types import MediaKind
from bot.rules.server_rules import Section
from bot.store.commands import CommandRow
from bot.store.gallery import GalleryRules
from bot.store.library import LibraryQuery
from bot.store.models import RunState
from bot.store.quota import RunLimits, ServerQuota
from bot.store.reports import Report
from bot.store.store import Store
from bot.visibility import Visibility
from tests.store.databases import sqlite_only
from tests.store.samples import BOB, MIA, PNG, T0, after, load_files, make_run

pytestmark = sqlite_only


# These grow with the history; the others have the rows of a day, or a handful.
LARGE_TABLES = (
    "runs", "runs_1", "run_files", "run_messages", "run_outputs", "library_entries", "library_thumbnails", "favourites",
)  # fmt: skip
# These partial indexes hold only active or undelivered runs; scanning them is their purpose.
SMALL_INDEXES = ("runs_active", "runs_undelivered")
AGE = timedelta(days=1)


@contextmanager
def record_statements() -> Iterator[dict[str, Any]]:
    """Yield every statement executed meanwhile, with the values of its last execution."""
    statements: dict[str, Any] = {}

    def record(
        _connection: Connection,
        _cursor: object,
        statement: str,
        values: Any,
        _context: object,
        many: bool,  # noqa: FBT001 (SQLAlchemy's signature)
    ) -> None:
        statements[statement] = values[0] if many else values

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


async def execute_everything(store: Store) -> None:
    runs = store.runs
    run = make_run()
    await runs.reserve(run, (PNG, PNG), RunLimits(at_once=3, per_day=9))
    await runs.mark_sent(run.id, at=T0, webhook=None)
    await runs.mark_unsent(run.id)
    await runs.mark_sent(run.id, at=T0, webhook="https://bot.example")
    await runs.mark_submitted(run.id, prediction_id="p")
    await runs.mark_running(run.id, started_at=T0)
    await runs.request_cancel(run.id, by_id=MIA, at=T0)
    await runs.mark_message_sent(run.id, 1, 71)
    await runs.mark_message_sent(run.id, 1, 72)
    await runs.mark_ended(run.id, state=RunState.FAILED, at=T0, started_at=T0)
    await runs.get(run.id)
    await runs.find_by_message(72)
    await runs.list_undelivered()
    await load_files(runs, run.id)
    await runs.find_run_ids(["p", "q"])
    await runs.list_active(MIA)
    await runs.list_unassigned(run.target, sent_from=T0, sent_until=T0)
    await runs.list_cancel_requested([run.id, "another"])
    await runs.save_token(run.id, "token", expires_at=T0)
    await runs.list_recent(MIA, limit=5)
    first = await runs.list_page(MIA, limit=5)
    await runs.list_page(MIA, limit=5, before=first.runs[-1].id)
    await runs.list_page(MIA, limit=5, after=first.runs[-1].id)
    await runs.list_prompts(MIA, limit=200)
    await store.characters.delete("none", owner_id=MIA, now=T0)
    await runs.export(MIA)
    await runs.count_stored(MIA)
    await runs.mark_delivered(run.id, at=T0)
    await change_result(store, run.id)
    await use_library(store, run.id)
    await runs.delete_expired(after(86_400), prompts_for=AGE, files_for=AGE)
    await runs.erase(MIA)
    await runs.reserve(run, (), RunLimits(at_once=3, per_day=9))
    await runs.erase(MIA)
    await runs.mark_ended(run.id, state=RunState.FAILED, at=T0)
    await runs.mark_delivered(run.id, at=T0)
    await runs.reserve(make_run("old"), (PNG,), RunLimits(at_once=3, per_day=9))
    await runs.mark_ended("old", state=RunState.FAILED, at=T0)
    await runs.mark_delivered("old", at=T0)
    await runs.delete_expired(after(86_400), runs_for=AGE)
    await execute_server_rules(store)
    await store.commands.save(CommandRow(name="draw", target="a/b", added_by=MIA, added_at=T0))


async def change_result(store: Store, run_id: str) -> None:
    """Execute what changes a delivered result."""
    results = store.results
    await store.runs.list_outputs(run_id)
    await results.note_reaction(run_id, MIA, "❌")
    await results.forget_reaction(run_id, MIA, "❌")
    await results.set_visibility(run_id, Visibility.SPOILER, before=Visibility.PUBLIC)
    await results.request_removal(run_id, 1)
    await results.mark_removed(run_id, 1)
    await results.request_deletion(run_id)
    await results.list_being_changed(since=T0)
    await results.list_recent(since=T0, limit=9)
    await results.mark_deleted(run_id)


async def use_library(store: Store, run_id: str) -> None:
    """Execute what is executed for the library of a delivered run."""
    library, gallery, rules = store.library, store.gallery, GalleryRules(guild_id=2, channel_id=3, stars=1)
    await library.save_thumbnail(run_id, b"a small picture")
    await library.set_favourite(run_id, MIA, on=True)
    await library.set_favourite(run_id, BOB, on=True, rules=rules)
    for changes in PAGES:
        await library.list_page(LibraryQuery(user_id=MIA, **changes))
        await library.list_page(LibraryQuery(user_id=MIA, favourites=True, **changes))
    await library.list_commands(MIA, limit=25)
    await library.get_entry(run_id, MIA)
    await gallery.list_unsent(limit=9)
    await gallery.mark_sending(run_id)
    await gallery.mark_sent(run_id, 700, stars=1)
    await gallery.list_outdated(limit=9)
    await gallery.mark_shown(run_id, stars=1)
    await gallery.find_run(700)
    await gallery.get_consent(MIA)
    await library.find_messages([72, 700, 4711])
    await library.mark_message_deleted(700)
    await library.mark_message_deleted(72)
    await library.set_favourite(run_id, MIA, on=False)


PAGES: tuple[dict[str, Any], ...] = (
    {},
    {"before": 9},
    {"after": 0},
    {"guild_id": 2, "before": 9},
    {"command": "generate", "before": 9},
    {"kinds": frozenset({MediaKind.IMAGE}), "before": 9},
    {"command": "generate", "guild_id": 2, "kinds": frozenset({MediaKind.IMAGE}), "before": 9},
    {"words": "cat"},
    {"words": "a cat", "before": 9},
    {"words": "a cat", "command": "generate", "after": 0},
)


async def execute_server_rules(store: Store) -> None:
    """Use the rules of a server, its limits, a block and a report."""
    server = ServerQuota(guild_id=2, at_once=3, per_day=9)
    await store.runs.reserve(make_run("limited"), (), RunLimits(at_once=3, per_day=9, server=server))
    await store.runs.count_used(MIA, 2)
    await store.runs.read_used(MIA, 2, run_id="next", starting=("limited",), has_times=True)
    await store.servers.change_rules(2, Section.RESULTS, lambda rules: replace(rules, spoiler=True), by=MIA, at=T0)
    await store.servers.get_situation(2, MIA, now=T0)
    await store.servers.block(2, MIA, reason="", until=None, by=MIA, at=T0)
    await store.servers.list_blocks(2, now=T0, most=9)
    report = Report(
        id="0" * 24,
        run_id="limited",
        guild_id=2,
        channel_id=3,
        message_id=4,
        author_id=MIA,
        author_name="mia",
        command="draw",
        reporter_id=MIA,
        reason="",
        log_channel_id=5,
        created_at=T0,
    )
    await store.reports.add(report)
    await store.reports.list_unsent()
    await store.reports.close_with_block(report, reason="", until=None, by=MIA, at=T0)
    await store.picture_checks.begin("limited", "draw-01.png", at=T0)
    await store.picture_checks.get("limited", "draw-01.png")


def full_scans(plan: list[str]) -> list[str]:
    """Return the steps of a plan that read a large table or index from end to end."""
    scans = [step.split() for step in plan if step.startswith("SCAN")]
    return [
        " ".join(scan)
        for scan in scans
        if scan[1] in LARGE_TABLES and not any(index in scan for index in SMALL_INDEXES)
    ]


async def test_every_statement_uses_an_index(store: Store) -> None:
    with record_statements() as executed:
        await execute_everything(store)
    statements = {
        text: values for text, values in executed.items() if text.split()[0] in {"SELECT", "UPDATE", "DELETE", "INSERT"}
    }
    assert len(statements) > 30

    def explain(connection: Connection) -> dict[str, list[str]]:
        return {
            text: full_scans([row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)])
            for text, values in statements.items()
        }

    plans = await store.database.read(explain)
    assert {text: plan for text, plan in plans.items() if plan} == {}


async def test_full_scan_is_detected(store: Store) -> None:
    def explain(connection: Connection) -> list[str]:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN SELECT * FROM runs WHERE author_name = 'mia'")
        return full_scans([row[3] for row in plan])

    assert await store.database.read(explain) == ["SCAN runs"]


async def test_pages_of_the_library_come_sorted_from_an_index(store: Store) -> None:
    """Whatever the filter, a page is a walk along an index from where it begins: nothing is sorted, or read before."""
    with record_statements() as executed:
        for changes in PAGES:
            await store.library.list_page(LibraryQuery(user_id=MIA, **changes))
            await store.library.list_page(LibraryQuery(user_id=MIA, favourites=True, **changes))
        await store.library.list_commands(MIA, limit=25)
    pages = {text: values for text, values in executed.items() if "LIMIT" in text}
    assert len(pages) >= 2 * len(PAGES)

    def explain(connection: Connection) -> dict[str, list[str]]:
        return {
            text: [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
            for text, values in pages.items()
        }

    for text, plan in (await store.database.read(explain)).items():
        steps = " / ".join(plan)
        assert "TEMP B-TREE" not in steps, (text, plan)
        own = "SEARCH library_entries USING COVERING INDEX library_entries_by_" in steps
        assert own or "favourites USING" in steps or plan[0].startswith("SCAN library_words VIRTUAL"), (text, plan)
