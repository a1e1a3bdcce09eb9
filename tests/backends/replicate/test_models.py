"""Models, versions, deployments, files and the account."""

import json
from pathlib import Path

import pytest

from bot.backends.errors import InvalidResponse, TooLarge
from bot.limits import FILE_BYTES, FILENAME_BYTES
from tests.backends.replicate.fake_server import VERSION, FakeServer, json_response, prediction, problem_response

MODEL = {
    "owner": "fofr",
    "name": "consistent-character",
    "description": "Create images of a given character",
    "visibility": "public",
    "is_official": False,
    "run_count": 1_200_000,
    "cover_image_url": "https://example.test/cover.webp",
    "default_example": prediction(),
    "latest_version": {"id": VERSION, "created_at": "2024-05-30T10:00:00Z", "openapi_schema": {"openapi": "3.0.2"}},
    "url": "https://example.test/fofr/consistent-character",
    "something_new": [],
}
SAMPLES = Path(__file__).parents[4] / "shared" / "models"


async def test_a_model_has_its_latest_version_and_schema() -> None:
    server = FakeServer(json_response(MODEL))
    model = await server.replicate.models.get("fofr/consistent-character")
    assert server.requests[0].url.path == "/v1/models/fofr/consistent-character"
    assert (model.owner, model.name, model.official, model.run_count) == (
        "fofr",
        "consistent-character",
        False,
        1200000,
    )
    assert model.latest_version is not None
    assert (model.latest_version.id, model.latest_version.schema) == (VERSION, {"openapi": "3.0.2"})


async def test_a_model_may_have_no_version_and_null_members() -> None:
    odd = {**MODEL, "latest_version": None, "default_example": {"id": None}, "run_count": None, "description": None}
    model = await FakeServer(json_response(odd)).replicate.models.get("fofr/consistent-character")
    assert (model.latest_version, model.run_count, model.description) == (None, 0, None)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the real payloads are not beside this checkout")
async def test_every_real_payload_is_parsed() -> None:
    for path in sorted(SAMPLES.glob("*.json")):
        payload = json.loads(path.read_bytes())
        if not isinstance(payload, dict) or "owner" not in payload:
            continue
        model = await FakeServer(json_response(payload)).replicate.models.get(f"{payload['owner']}/{payload['name']}")
        assert model.name == payload["name"], path.name


async def test_an_invalid_model_raises_invalid_response() -> None:
    with pytest.raises(InvalidResponse):
        await FakeServer(json_response({"owner": "a"})).replicate.models.get("a/b")


async def test_a_version_may_have_no_schema() -> None:
    server = FakeServer(json_response({"id": VERSION, "created_at": "2024-05-30T10:00:00Z", "openapi_schema": None}))
    version = await server.replicate.models.get_version("fofr/consistent-character", VERSION)
    assert server.requests[0].url.path == f"/v1/models/fofr/consistent-character/versions/{VERSION}"
    assert version.schema is None


async def test_search_returns_the_valid_models() -> None:
    server = FakeServer(json_response({"query": "fox", "models": [{"model": MODEL, "metadata": {}}, {"model": {}}, 3]}))
    found = await server.replicate.models.search("fox", limit=500)
    assert [model.name for model in found] == ["consistent-character"]
    assert dict(server.requests[0].url.params) == {"query": "fox", "limit": "50"}


async def test_search_falls_back_to_the_older_endpoint() -> None:
    server = FakeServer(problem_response(404), json_response({"results": [MODEL, MODEL]}))
    assert len(await server.replicate.models.search("Füchse", limit=1)) == 1
    asked = server.requests[1]
    assert (asked.method, asked.url.path, asked.content) == ("QUERY", "/v1/models", "Füchse".encode())
    assert asked.headers["content-type"] == "text/plain"


async def test_a_deployment_has_the_model_of_its_release() -> None:
    release = {"number": 3, "model": "a/b", "version": VERSION}
    server = FakeServer(json_response({"owner": "me", "name": "mine", "current_release": release}))
    deployment = await server.replicate.deployments.get("me/mine")
    assert server.requests[0].url.path == "/v1/deployments/me/mine"
    assert (deployment.model, deployment.version) == ("a/b", VERSION)


async def test_a_deployment_without_a_release_is_named() -> None:
    with pytest.raises(InvalidResponse, match="me/mine"):
        await FakeServer(
            json_response({"owner": "me", "name": "mine", "current_release": None})
        ).replicate.deployments.get("me/mine")


async def test_the_account_is_returned() -> None:
    account = await FakeServer(json_response({"type": "user", "username": "mia", "name": None})).replicate.get_account()
    assert (account.type, account.username) == ("user", "mia")


async def test_a_file_over_the_limit_is_not_uploaded() -> None:
    server = FakeServer(json_response({}))
    with pytest.raises(TooLarge):
        await server.replicate.files.create(name="a.bin", content_type="x/y", data=bytes(FILE_BYTES + 1))
    assert server.requests == []


@pytest.mark.parametrize("name", ["ä" * 300 + ".webp", "." + "x" * 400, "", 'a"b\r\nX-Evil: 1\r\n.png'])
async def test_every_file_name_is_shortened_and_escaped(name: str) -> None:
    server = FakeServer(json_response({"id": "f", "urls": {"get": "https://api.example.test/v1/files/f"}}, 201))
    await server.replicate.files.create(name=name, content_type="image/webp", data=b"x")
    head = server.requests[0].content.split(b"\r\n\r\n")[0]
    sent = head.split(b'filename="')[1].split(b'"\r\n')[0]
    assert 0 < len(sent) <= FILENAME_BYTES
    assert b"\r\nX-Evil" not in head
    assert sent.endswith(b".webp") or not name.endswith(".webp")
