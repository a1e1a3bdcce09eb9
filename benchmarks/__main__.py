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
from pathlib import Path

from benchmarks.figures import Row, format_table
from benchmarks.plan import Step, build_plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the loads that were asked for, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the bot from outside.")
    parser.add_argument("--quick", action="store_true", help="a handful of runs each: that it works, no numbers")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="loads or subjects whose name has a WORD")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    asked = parser.parse_args(arguments)
    steps = [step for step in build_plan(quick=asked.quick) if not asked.only or any(step.named(w) for w in asked.only)]
    if not steps:
        parser.error("no load has such a name")
    # A connection for each run on either side; and nothing here may pause for the dustman.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.set_threshold(200_000, 100, 100)
    rows = _run(steps)
    print(f"{machine()}\n\n{format_table(rows)}")
    if asked.json:
        told = {"machine": machine(), "rows": [row.as_json() for row in rows]}
        asked.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return 0


def machine() -> str:
    """Return what it ran on."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load average {load}"


def _run(steps: Sequence[Step]) -> list[Row]:
    rows = []
    for step in steps:
        print(f"… {step.name}: {step.subject}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="replicord-") as folder:
            try:
                rows.append(_loop(step, Path(folder)))
            except RuntimeError as failure:
                print(failure, file=sys.stderr)
                rows.append(Row(step.name, step.subject, {"failed": 1}))
    return rows


def _loop(step: Step, folder: Path) -> Row:
    try:
        import uvloop  # noqa: PLC0415  # an extra
    except ImportError:
        return asyncio.run(step.work(folder))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(step.work(folder))


if __name__ == "__main__":
    sys.exit(main())
