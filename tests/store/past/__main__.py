"""Write the dump of the latest step, with a row in every table."""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bot.media.types import JPEG, WEBP, Media
from bot.rules.server_rules import Section
from bot.store.characters import NewPicture
from bot.store.commands import CommandRow
from bot.store.gallery import GalleryConsent
from bot.store.migrations import STEPS
from bot.store.models import RunChain, RunState, StepPlan
from bot.store.preferences import Preferences
from bot.store.reports import Report
from bot.store.saved_chains import SavedChain, SavedStep
from bot.store.store import Store
from tests.characters.samples import make_character
from tests.clock import VirtualClock
from tests.presets.samples import make_preset
from tests.store.samples import BOB, MIA, T0, after, make_refused, make_run, store_run_in_state


async def fill(file: Path) -> None:
    """Store a run in every state, delivered and not, and one row of everything else."""
    store = await Store.open(f"sqlite+aiosqlite:///{file}", clock=VirtualClock(T0))
    for number, state in enumerate(RunState):
        await store_run_in_state(store.runs, make_run(f"{state}-1", created_at=after(number)), state)
        if state.terminal:
            await store_run_in_state(
                store.runs, make_run(f"{state}-2", created_at=after(number)), state, delivered=True
            )
    await store.runs.mark_message_sent("running-1", 1, 71)
    await store.runs.mark_message_sending("running-1", 2)
    await store.runs.request_cancel("running-1", by_id=MIA, at=after(1))
    await store_run_in_state(store.runs, make_run("bobs", author_id=BOB), RunState.SUCCEEDED, delivered=True)
    await store.runs.erase(BOB)
    await store.library.save_thumbnail("succeeded-2", b"a small picture")
    await store.library.set_favourite("succeeded-2", BOB, on=True)
    await store.gallery.set_consent(MIA, GalleryConsent(copies=True, prompts=True))
    await store.gallery.request_removal(guild_id=2, channel_id=3, message_id=4)
    await store.prediction_ends.save("running-1", '{"status": "succeeded"}', at=after(2))
    await store.commands.save(CommandRow(name="draw", target="owner/model", added_by=MIA, added_at=T0))
    await store.commands.cache_schema("owner/model", {"openapi": {}})
    await store.key_value.put("commands", "hash")
    await fill_server(store)
    await fill_creations(store)
    await fill_chains(store)
    await store.refused_runs.put(make_refused())
    await store.close()


async def fill_creations(store: Store) -> None:
    """Store a shared character and preset, a run with the character, and choices."""
    character = make_character("Mia", description="red hair")
    picture = NewPicture(Media("me.jpg", JPEG, b"large"), Media("me.webp", WEBP, b"small"))
    await store.characters.save(character, [picture], replace=False)
    await store.characters.share(character, 2, at=T0)
    preset = make_preset()
    await store.presets.save(preset, replace=False)
    await store.presets.share(preset, 2, published=True, at=T0)
    await store.preferences.put(MIA, Preferences(aspect_ratio="16:9"))
    run = make_run("with-character", author_id=BOB, characters={character.id: MIA}, written={"prompt": "@Mia"})
    await store_run_in_state(store.runs, run, RunState.SUCCEEDED, delivered=True)


async def fill_server(store: Store) -> None:
    """Store rules, a block, a report and a thread of a server."""
    await store.servers.change_rules(2, Section.RESULTS, lambda rules: replace(rules, spoiler=True), by=MIA, at=T0)
    await store.servers.block(2, BOB, reason="spam", until=None, by=MIA, at=after(1))
    await store.servers.save_thread(3, MIA, 30)
    report = Report(
        id="0" * 24,
        run_id="succeeded-2",
        guild_id=2,
        channel_id=3,
        message_id=72,
        author_id=MIA,
        author_name="mia",
        command="generate",
        reporter_id=BOB,
        reason="rude",
        log_channel_id=4,
        created_at=T0,
    )
    await store.reports.add(report)


async def fill_chains(store: Store) -> None:
    """Store a saved chain, and one that is at its first step."""
    steps = (SavedStep(command="draw", input={}), SavedStep(command="cutout", input={"scale": 2}, picture="image"))
    saved = SavedChain(author_id=MIA, name="poster", steps=steps, for_everybody=True, created_at=T0)
    await store.saved_chains.save(saved)
    plan = StepPlan(command="draw", target="owner/model", input={"prompt": "a cat"}, output_schema={})
    chain = RunChain(id="chain", name="poster", number=1, steps=(plan, plan), prompt="a cat", began_at=T0)
    await store_run_in_state(
        store.runs, make_run("chain", author_id=7, chain=chain), RunState.SUCCEEDED, delivered=True
    )


def dump(file: Path) -> str:
    """Return the SQL that creates the database.

    The index of words is made anew from its table: what FTS5 keeps in tables of its own cannot be inserted.
    """
    with closing(sqlite3.connect(file)) as shell:
        lines = [line for line in shell.iterdump() if "library_words" not in line and "writable_schema" not in line]
        index = "SELECT sql || ';' FROM sqlite_master WHERE name LIKE 'library_words%' AND type = ? AND sql LIKE ?"
        lines[-1:] = [
            *(sql for (sql,) in shell.execute(index, ("table", "CREATE VIRTUAL%"))),
            "INSERT INTO library_words(library_words) VALUES('rebuild');",
            *(sql for (sql,) in shell.execute(index, ("trigger", "%"))),
            lines[-1],
        ]
        return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "replicord.db")
        asyncio.run(fill(made))
        Path(__file__).with_name(f"{STEPS[-1]}.sql").write_text(dump(made), encoding="utf-8")
