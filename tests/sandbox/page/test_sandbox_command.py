"""The command ``python -m bot sandbox``."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parents[3]


async def test_prints_a_url_serves_the_page_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "sandbox", "--no-browser", "--data", str(tmp_path / "kept"),
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            output = ""
            while not (match := re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", output)):
                line = (await process.stdout.readline()).decode()
                assert line, output
                output += line
            async with aiohttp.ClientSession() as client, client.get(match[0]) as response:
                assert response.status == 200
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
        assert (tmp_path / "kept" / "replicord.db").exists()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
