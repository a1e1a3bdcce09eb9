"""What Cog servers send is kept before it is answered, and nobody else can send it."""

import base64
import io
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.backends.cog.addresses import CogAddresses
from bot.limits import COG_BODY_BYTES
from bot.store.models import RunState
from tests.backends.cog.conftest import CogBot
from tests.store.databases import create_database
from tests.store.samples import make_run, store_run_in_state

TEXT = {"id": "a", "status": "succeeded", "output": ["Füchse 🦊"], "input": {"prompt": "secret"}}


@pytest.fixture
def database(database_folder: Path) -> str:
    return create_database(database_folder)


@pytest.fixture
async def bot(tmp_path: Path, database: str) -> AsyncIterator[CogBot]:
    async with CogBot(tmp_path, database) as bot:
        await store_run_in_state(bot.store.runs, make_run("a"), RunState.RUNNING)
        await store_run_in_state(bot.store.runs, make_run("over"), RunState.FAILED)
        yield bot


async def post(
    bot: CogBot,
    body: object,
    *,
    url: str | None = None,
    run_id: str = "a",
    headers: Mapping[str, str] | None = None,
) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as http,
        http.post(url or bot.addresses.webhook(run_id), data=io.BytesIO(data), headers=headers) as response,
    ):
        return response.status


async def put(bot: CogBot, data: bytes, *, name: str = "out-0.png", run_id: str = "a", url: str | None = None) -> Any:
    headers = {"x-prediction-id": run_id}
    async with (
        aiohttp.ClientSession() as http,
        http.put(f"{url or bot.addresses.uploads}{name}", data=data, headers=headers) as response,
    ):
        return response.status, response.headers.get("Location")


async def told(bot: CogBot, run_id: str = "a") -> dict[str, Any] | None:
    _, prediction, _ = await bot.ends.get(run_id)
    return None if prediction is None else json.loads(prediction)


async def test_an_end_is_kept_without_its_input(bot: CogBot) -> None:
    assert await post(bot, TEXT) == 204
    assert await told(bot) == {"id": "a", "status": "succeeded", "output": ["Füchse 🦊"]}
    assert bot.woken == ["a"]


async def test_the_first_end_counts(bot: CogBot) -> None:
    assert await post(bot, TEXT) == 204
    assert await post(bot, {**TEXT, "status": "canceled"}) == 204
    assert await told(bot) == {"id": "a", "status": "succeeded", "output": ["Füchse 🦊"]}


async def test_an_end_needs_the_servers_token_where_one_is_set(bot: CogBot) -> None:
    await bot.web.stop()
    await bot.listen(0, token="a-token")
    bot.addresses = CogAddresses(f"http://127.0.0.1:{bot.web.port}", secret=b"a secret")
    for wrong in ({}, {"Authorization": "Bearer another"}, {"Authorization": "a-token"}, {"Authorization": "é"}):
        assert await post(bot, TEXT, headers=wrong) == 503  # Cog tells it again, with what is set by then
    assert await told(bot) is None
    assert await post(bot, TEXT, headers={"Authorization": "Bearer a-token"}) == 204
    assert await told(bot) is not None
    assert (await put(bot, b"x"))[0] == 201  # Cog sends files without it


@pytest.mark.parametrize("status", ["starting", "processing", "odd", None, ["succeeded"]])
async def test_what_is_no_end_only_wakes_its_run(bot: CogBot, status: object) -> None:
    assert await post(bot, {"id": "a", "status": status if not isinstance(status, list) else str(status)}) == 204
    assert await told(bot) is None
    assert bot.woken == ["a"]


async def test_a_file_in_the_body_goes_to_the_disk(bot: CogBot) -> None:
    data = bytes(range(256)) * 4000
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    assert await post(bot, {"id": "a", "status": "succeeded", "output": {"files": [uri, uri], "n": 1}}) == 204
    end = await told(bot)
    assert end is not None
    first, second = end["output"]["files"]
    assert first == second
    assert bot.files("a", [first]) == [data]
    assert len(list(bot.spool.folder("a").iterdir())) == 1
    assert bot.spool.quota.used == len(data)


@pytest.mark.parametrize(
    ("output", "suffix", "content"),
    [
        (["word "] * 60_000, ".txt", b"word " * 60_000),
        ("x" * 300_000, ".txt", b"x" * 300_000),
        ([[0.5] * 60_000], ".json", json.dumps([[0.5] * 60_000]).encode()),
    ],
)
async def test_an_output_of_megabytes_becomes_a_file(bot: CogBot, output: object, suffix: str, content: bytes) -> None:
    body = {"id": "a", "status": "succeeded", "output": output, "logs": "l" * 10**6, "metrics": {"m": "x" * 10**6}}
    assert await post(bot, body) == 204
    end = await told(bot)
    assert end is not None
    assert end["output"].endswith(suffix)
    assert bot.files("a", [end["output"]]) == [content]
    assert len(json.dumps(end)) < 600_000


async def test_a_body_is_refused_for_now_while_the_database_is_away(bot: CogBot) -> None:
    bot.ends.away = True
    assert await post(bot, TEXT) == 503
    bot.ends.away = False
    assert await post(bot, TEXT) == 204
    assert await told(bot) is not None


async def test_a_body_is_refused_for_now_while_the_disk_is_full(bot: CogBot) -> None:
    bot.spool.quota.claim(10**9)
    uri = f"data:image/png;base64,{base64.b64encode(bytes(300_000)).decode()}"
    assert await post(bot, {"id": "a", "status": "succeeded", "output": uri}) == 503
    assert await told(bot) is None
    bot.spool.quota.recount(0)
    assert await post(bot, {"id": "a", "status": "succeeded", "output": uri}) == 204


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"a"', b"\xff\xff\xff", b"[" * 100_000, b"[" * 1_000_000])
async def test_a_body_that_is_no_prediction_is_refused(bot: CogBot, body: bytes) -> None:
    assert await post(bot, body) == 400
    assert await told(bot) is None


async def test_an_output_that_is_too_large_ends_the_run(bot: CogBot) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"id": "a", "status": "succeeded", "output": "'
        for _ in range(COG_BODY_BYTES // 2**20 + 1):
            yield b"x" * 2**20

    async with aiohttp.ClientSession() as http, http.post(bot.addresses.webhook("a"), data=endless()) as response:
        assert response.status == 204
    end = await told(bot)
    assert end is not None
    assert end["status"] == "failed"
    assert "too large" in end["error"] or "larger" in end["error"]
    assert list(bot.spool.folder("a").iterdir()) == []
    assert bot.spool.quota.used == 0


@pytest.mark.parametrize("run_id", ["over", "nobody"])
async def test_ends_of_runs_that_do_not_go_on_are_dropped(bot: CogBot, run_id: str) -> None:
    assert await post(bot, TEXT, run_id=run_id) == 204
    assert bot.woken == []
    assert not bot.spool.folder(run_id).exists()


async def test_nobody_without_the_code_ends_a_run(bot: CogBot) -> None:
    right = bot.addresses.webhook("a")
    base, _, code = right.rpartition("/")
    others = CogAddresses(base.partition("/webhooks")[0], secret=b"another secret")
    for url in (
        f"{base}/{'0' * len(code)}",
        f"{base}/{code[:-1]}",
        f"{base}/{code}0",
        bot.addresses.webhook("over").replace("/over/", "/a/"),
        f"{base}/{bot.addresses.uploads.rstrip('/').rpartition('/')[2]}",
        others.webhook("a"),
    ):
        assert await post(bot, TEXT, url=url) == 401
    for url in (base, f"{base}/", f"{base}/{code.upper()}x", f"{base}/..%2F{code}"):
        assert await post(bot, TEXT, url=url) in (401, 404)
    assert await told(bot) is None
    assert bot.woken == []


async def test_uploads_of_one_name_are_kept_apart(bot: CogBot) -> None:
    status, first = await put(bot, b"one")
    assert status == 201
    _, second = await put(bot, b"two")
    assert bot.files("a", [first, second]) == [b"one", b"two"]
    assert first.endswith(".png")


async def test_an_upload_needs_the_code_and_a_run_that_goes_on(bot: CogBot) -> None:
    assert await put(bot, b"x", run_id="over") == (404, None)
    assert await put(bot, b"x", run_id="nobody") == (404, None)
    assert await put(bot, b"x", run_id="../a") == (404, None)
    assert await put(bot, b"x", run_id="") == (404, None)
    wrong = bot.addresses.uploads[:-2] + ("0" if bot.addresses.uploads[-2] != "0" else "1") + "/"
    assert await put(bot, b"x", url=wrong) == (401, None)
    assert not bot.spool.folder("a").exists()


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fevil.sh", "a.tar.gz", "x." + "y" * 200, "%00.png", "noend", ".png", "ü.PNG"]
)
async def test_the_name_of_an_upload_leads_nowhere(bot: CogBot, name: str) -> None:
    status, location = await put(bot, b"x", name=name)
    assert status == 201
    assert bot.files("a", [location]) == [b"x"]
    assert [path.parent for path in bot.spool.folder("a").iterdir()] == [bot.spool.folder("a")]


async def test_a_full_disk_refuses_an_upload_for_now(bot: CogBot) -> None:
    bot.spool.quota.claim(10**9)
    assert await put(bot, b"x") == (503, None)
