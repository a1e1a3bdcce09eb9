"""``python -m bot sandbox``, as somebody starts it."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parents[3]


async def test_the_sandbox_prints_one_address_serves_it_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "sandbox", "--no-browser", "--data", str(tmp_path / "kept"),
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            told = ""
            while not (found := re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", told)):
                line = (await process.stdout.readline()).decode()
                assert line, told
                told += line
            async with aiohttp.ClientSession() as client, client.get(found[0]) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
        assert (tmp_path / "kept" / "replicord.db").exists()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
