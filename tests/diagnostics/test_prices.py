"""What the self-check says about prices."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.diagnostics.conftest import RunCheck

TODAY = datetime.now(UTC).date()
COMMANDS = "draw=black-forest-labs/flux-schnell,clip=sandbox/clip"


async def warnings(run_check: RunCheck, **settings: object) -> list[str]:
    code, lines = await run_check({"COMMANDS": COMMANDS, **settings}, offline=True)
    assert code == 0, lines
    return [line[2:] for line in lines if line.startswith("!")]


async def test_commands_without_a_price_are_named(run_check: RunCheck) -> None:
    found = await warnings(run_check)
    assert "No price is known for /clip: runs count as $0 (UNKNOWN_PRICE)." in found
    found = await warnings(run_check, UNKNOWN_PRICE="refused")
    assert "No price is known for /clip: runs are refused (UNKNOWN_PRICE)." in found


async def test_unknown_metrics_and_commands_are_named(run_check: RunCheck, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        f"date = {TODAY}\n[commands.clip]\nrun = 0.1\n[commands.clap]\nrun = 0.1\n"
        '[models."a/b"]\npixie_dust_count = 1\n'
    )
    found = await warnings(run_check, PRICES_FILE=file)
    assert "PRICES_FILE: there is no command /clap." in found
    assert "PRICES_FILE: a/b has a price for pixie_dust_count, which no model is known to report." in found
    assert not any("No price is known" in sentence for sentence in found)


@pytest.mark.parametrize(("days", "warned"), [(90, False), (91, True)])
async def test_old_prices_are_a_warning(run_check: RunCheck, tmp_path: Path, days: int, *, warned: bool) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(f"date = {TODAY - timedelta(days=days)}\n[commands.clip]\nrun = 0.1\n")
    found = await warnings(run_check, PRICES_FILE=file)
    assert any("The prices of /clip" in sentence and "older than 90 days" in sentence for sentence in found) is warned


async def test_a_broken_price_table_stops_the_check(run_check: RunCheck, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('date = 2026-11-28\n[models."a/b"]\nsecond = "abacus"\n')
    code, lines = await run_check({"PRICES_FILE": file}, offline=True)
    assert code == 2
    assert any("prices.toml: [models.a/b] second: there is no hardware abacus" in line for line in lines)
