"""The benchmark runs and reports every figure; the figures themselves are not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STREAMING_FIGURES = {
    "start to ready s", "idle memory MB", "acknowledged s p50", "acknowledged s p99", "first content s p50",
    "first content s p99", "staleness s p50", "staleness s p95", "done to final edit s p50", "edits", "429s",
    "CPU s per 1,000 events", "CPU s a run", "memory a run kB",
}  # fmt: skip


@pytest.mark.timeout(300)
def test_a_quick_benchmark_reports_every_figure(tmp_path: Path) -> None:
    report = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "text", "history", "--json", str(report)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    rows = {(row["load"], row["candidate"]): row for row in json.loads(report.read_text())["rows"]}
    assert {candidate for load, candidate in rows if load == "text 3"} == {
        "replicord",
        "official client",
        "httpx + httpx-sse",
    }
    for (load, candidate), row in rows.items():
        if load == "text 3":
            assert row.keys() >= STREAMING_FIGURES
            assert row["never finished"] == row["429s"] == 0, f"{candidate}: {done.stderr}"
    assert rows["history 1000", "replicord"]["reserve ms p50"] > 0
