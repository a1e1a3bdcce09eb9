"""The command line: ``python -m benchmarks [--quick] [--only WORD …] [--json FILE]``."""

import argparse
import asyncio
import gc
import json
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.candidates import REPLICORD, Candidate
from benchmarks.figures import Row, format_table
from benchmarks.plan import Step, build_plan, build_postgresql_plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the selected loads, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the bot from outside.")
    parser.add_argument("--quick", action="store_true", help="a few runs each, only to check that it works")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="loads or candidates whose name contains a WORD"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default="sqlite", help="where the bot keeps its runs"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="processes of the bot, on PostgreSQL")
    options = parser.parse_args(arguments)
    if options.database == "sqlite":
        return _measure(parser, options, build_plan(quick=options.quick))
    from tests.postgresql import run_server  # noqa: PLC0415  # needs psycopg, an extra

    with run_server() as server:
        name = f"replicord, {options.processes} on PostgreSQL"
        create_database = partial(server.create_database, migrated=True)
        candidate = Candidate(name, REPLICORD.module, options.processes, create_database)
        return _measure(parser, options, [*build_postgresql_plan(candidate, quick=options.quick)])


def _measure(parser: argparse.ArgumentParser, options: argparse.Namespace, plan: Sequence[Step]) -> int:
    steps = [step for step in plan if not options.only or any(step.matches(word) for word in options.only)]
    if not steps:
        parser.error("no load or candidate has such a name")
    # Every run needs a connection on either side, and pauses for garbage collection would distort the times.
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    gc.set_threshold(200_000, 100, 100)
    rows = _run_steps(steps)
    machine = _describe_machine()
    print(f"{machine}\n\n{format_table(rows)}")
    if options.json:
        report = {"machine": machine, "rows": [row.as_json() for row in rows]}
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


def _describe_machine() -> str:
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load average {load}"


def _run_steps(steps: Sequence[Step]) -> list[Row]:
    rows = []
    for step in steps:
        print(f"… {step.name}: {step.candidate}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="replicord-") as folder:
            try:
                rows.append(_run_step(step, Path(folder)))
            except RuntimeError as failure:
                print(failure, file=sys.stderr)
                rows.append(Row(step.name, step.candidate, {"failed": 1}))
    return rows


def _run_step(step: Step, folder: Path) -> Row:
    try:
        import uvloop  # noqa: PLC0415  # an extra
    except ImportError:
        return asyncio.run(step.work(folder))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(step.work(folder))


if __name__ == "__main__":
    sys.exit(main())
