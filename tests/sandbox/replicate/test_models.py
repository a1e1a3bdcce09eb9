import base64
import io
import json
import wave
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from sandbox.replicate.catalog import load_bundled_models

from .conftest import CHARACTER

PAYLOADS = sorted((Path(__file__).parents[4] / "shared" / "models").glob("*.json"))
SHIPPED = sorted(model.full_name for model in load_bundled_models())
SOME = {"string": "a lighthouse", "array": ["data:text/plain;base64,aGk="], "integer": 1, "number": 1, "boolean": True}
URL = "https://replicate.delivery/pbxt/some.png"


def required_input(version) -> dict:
    schema = version.schemas["Input"]
    names = schema.get("required", [])
    return {
        name: URL if version.inputs[name].get("format") == "uri" else SOME[version.inputs[name]["type"]]
        for name in names
    }


async def made_by(api, full_name, **given):
    version = api.standin.catalog.find_model(full_name).versions[0]
    created = await api.create(required_input(version) | given, version=version.id)
    over = await api.finished(created["id"])
    assert (over["status"], over["error"]) == ("succeeded", None)
    return over["output"]


async def download(api, url) -> tuple[str, bytes]:
    async with api.http.get(url) as response:
        assert response.status == 200
        return response.headers["Content-Type"], await response.read()


@pytest.mark.parametrize(
    "name", [name for name in SHIPPED if name not in ("fofr/consistent-character", "sandbox/grammar")]
)
async def test_every_shipped_model_runs_on_what_its_schema_requires(api, name):
    output = await made_by(api, name)
    assert (output is None) == (name == "sandbox/nothing")


@pytest.mark.skipif(not PAYLOADS, reason="The captured model payloads are not beside this checkout.")
@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
async def test_a_model_as_captured_from_replicate_can_be_added_and_runs(api, path):
    model = api.standin.add_model(json.loads(path.read_text("utf-8")))
    if not model.versions[0].inputs:
        pytest.skip("The payload was captured without a schema.")
    if model.full_name != "fofr/consistent-character":
        assert await made_by(api, model.full_name)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("picture", "image/webp"),
        ("clip", "video/mp4"),
        ("singer", "audio/wav"),
        ("packer", "application/zip"),
        ("sculptor", "model/gltf-binary"),
    ],
)
async def test_single_files_are_of_the_kind_that_the_model_promises(api, name, content_type):
    assert (await download(api, await made_by(api, f"sandbox/{name}")))[0] == content_type


async def test_the_tune_and_the_archive_are_real_ones(api):
    _, tune = await download(api, await made_by(api, "sandbox/singer"))
    with wave.open(io.BytesIO(tune)) as file:
        assert file.getnframes() > 0
    _, archive = await download(api, await made_by(api, "sandbox/packer"))
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        assert file.testzip() is None


async def test_the_shapes_of_outputs_are_the_ones_that_schemas_name(api):
    frames = await made_by(api, "sandbox/frames", number_of_outputs=2)
    assert [len(group) for group in frames] == [2, 2]
    embeddings = await made_by(api, "sandbox/embeddings", texts=["one", "two"])
    assert all(isinstance(number, float) for row in embeddings for number in row)
    captions = await made_by(api, "sandbox/captions")
    assert captions[0].keys() == {"file", "text"}
    assert (await made_by(api, "sandbox/film")).keys() == {"video", "zip"}
    assert isinstance(await made_by(api, "sandbox/score"), float)
    assert isinstance(await made_by(api, "sandbox/story"), str)


async def test_a_model_is_found_by_name_list_search_and_query(api):
    path = "/v1/models/fofr/consistent-character"
    _, model, _ = await api.call("GET", path)
    assert model["latest_version"]["id"] == CHARACTER
    assert model["is_official"] is False
    assert "required" not in model["latest_version"]["openapi_schema"]["components"]["schemas"]["Input"]
    assert (await api.call("GET", f"{path}/versions"))[1]["results"] == [model["latest_version"]]
    assert (await api.call("GET", f"{path}/versions/{CHARACTER}"))[1] == model["latest_version"]
    assert "drawn, not generated" in (await api.call("GET", f"{path}/readme"))[1]
    assert (await api.call("GET", "/v1/models/sandbox/story/readme"))[0] == 404
    assert model in (await api.call("GET", "/v1/models"))[1]["results"]
    _, found, _ = await api.call("GET", "/v1/search?query=character&limit=1")
    assert [entry["model"]["name"] for entry in found["models"]] == ["consistent-character"]
    headers = {"Authorization": f"Bearer {api.standin.token}", "Content-Type": "text/plain"}
    async with api.http.request(
        "QUERY", f"{api.standin.base_url}/v1/models", data="character poses", headers=headers
    ) as response:
        assert (await response.json())["results"][0] == model


async def test_the_small_nouns_answer(api):
    for path in ("account", "hardware", "collections", "collections/sandbox", "deployments", "webhooks/default/secret"):
        assert (await api.call("GET", f"/v1/{path}"))[0] == 200
    assert (await api.call("GET", "/v1/search"))[0] == 400


async def test_the_photo_can_be_seen_in_the_picture(api, photo):
    uri = "data:image/png;base64," + base64.b64encode(photo).decode()
    urls = await made_by(
        api, "fofr/consistent-character", subject=uri, number_of_outputs=1, randomise_poses=False, output_format="png"
    )
    _, data = await download(api, urls[0])
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    assert picture.size == (768, 1024)
    # Facing forward: the head is in the middle, so the photo's red half is left of it and the blue half right.
    red, blue = picture.getpixel((310, 380)), picture.getpixel((460, 380))
    assert red[0] > 180 > red[2]
    assert blue[2] > 180 > blue[0]


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("jpg", b"\xff\xd8\xff"), ("webp", b"RIFF")])
async def test_pictures_come_in_the_format_that_was_asked_for(api, suffix, magic):
    urls = await made_by(api, "fofr/consistent-character", subject=URL, number_of_outputs=2, output_format=suffix)
    for number, url in enumerate(urls, start=1):
        assert url.endswith(f"/ComfyUI_{number:05d}_.{suffix}")
        assert (await download(api, url))[1].startswith(magic)


async def test_a_subject_that_is_no_picture_fails_the_run(api):
    created = await api.create({"subject": "data:image/png;base64,aGVsbG8="})
    over = await api.finished(created["id"])
    assert (over["status"], over["error"]) == ("failed", "cannot identify image file '/tmp/inputs/subject'")


async def test_the_logs_are_tqdms(api):
    created = await api.create({"subject": URL, "number_of_outputs": 2, "seed": 7})
    over = await api.finished(created["id"])
    assert over["logs"].startswith("Random seed set to: 7\n")
    assert over["logs"].count("  0%|          | 0/4 [00:00<?, ?it/s]\n") == 2
    assert over["logs"].count("\n 75%|███████▌  | 3/4 [00:0") == 2
    assert over["logs"].count("\n100%|██████████| 4/4 [00:0") == 2


async def test_delivered_files_are_gone_after_an_hour(timed, clock):
    created = await timed.create(
        {"prompt": "x"}, version=timed.standin.catalog.find_model("sandbox/singer").versions[0].id
    )
    prediction = timed.standin.predictions[created["id"]]
    while not prediction.finished:
        await clock.advance(0.5)
    assert (await timed.call("GET", prediction.output))[0] == 200
    await clock.advance(3601)
    assert (await timed.call("GET", prediction.output))[0] == 404
