"""The tables as of the latest migration, by feature."""

from bot.store.tables.chain import chain_runs, saved_chains
from bot.store.tables.columns import Day, Json, Time, ValidText, insert_into, metadata, replace_invalid
from bot.store.tables.command import commands, key_value, schemas
from bot.store.tables.creation import (
    character_pictures,
    character_shares,
    characters,
    preferences,
    preset_shares,
    presets,
    refused_runs,
    run_characters,
)
from bot.store.tables.library import (
    favourites,
    gallery_consents,
    gallery_posts,
    library_entries,
    library_thumbnails,
    message_removals,
)
from bot.store.tables.money import budget_sums, budgets, run_samples, usage_days
from bot.store.tables.process import create_turns, lease_fences, leases, processes, rates
from bot.store.tables.run import (
    erased_runs,
    picture_checks,
    prediction_ends,
    result_reactions,
    run_files,
    run_messages,
    run_outputs,
    run_sends,
    runs,
)
from bot.store.tables.server import reports, result_threads, server_blocks, server_changes, server_rules

__all__ = [
    "Day",
    "Json",
    "Time",
    "ValidText",
    "budget_sums",
    "budgets",
    "chain_runs",
    "character_pictures",
    "character_shares",
    "characters",
    "commands",
    "create_turns",
    "erased_runs",
    "favourites",
    "gallery_consents",
    "gallery_posts",
    "insert_into",
    "key_value",
    "lease_fences",
    "leases",
    "library_entries",
    "library_thumbnails",
    "message_removals",
    "metadata",
    "picture_checks",
    "prediction_ends",
    "preferences",
    "preset_shares",
    "presets",
    "processes",
    "rates",
    "refused_runs",
    "replace_invalid",
    "reports",
    "result_reactions",
    "result_threads",
    "run_characters",
    "run_files",
    "run_messages",
    "run_outputs",
    "run_samples",
    "run_sends",
    "runs",
    "saved_chains",
    "schemas",
    "server_blocks",
    "server_changes",
    "server_rules",
    "usage_days",
]
