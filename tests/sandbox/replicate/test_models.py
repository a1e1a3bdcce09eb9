"""The models: what they output, and how the API returns them."""

import base64
import io
import json
import wave
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sandbox.replicate.catalog import Version, load_bundled_models
from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import CHARACTER, ApiClient

PAYLOADS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[4] / "shared" / "models").glob("*.json"))
}
BUNDLED = sorted(model.full_name for model in load_bundled_models())
VALUES = {
    "string": "a lighthouse",
    "array": ["data:text/plain;base64,aGk="],
    "integer": 1,
    "number": 1,
    "boolean": True,
}
URL = "https://replicate.delivery/pbxt/some.png"


def required_inputs(version: Version) -> dict[str, Any]:
    """Return a value for every required input of a model."""
    required = version.schemas["Input"].get("required", [])
    return {
        name: URL if version.inputs[name].get("format") == "uri" else VALUES[version.inputs[name]["type"]]
        for name in required
    }


async def run_model(api: ApiClient, full_name: str, **values: Any) -> Any:
    """Run a model with its required inputs and these, and return its output."""
    version = api.latest_version(full_name)
    created = await api.create(required_inputs(version) | values, version=version.id)
    finished = await api.wait_for_end(created["id"])
    assert (finished["status"], finished["error"]) == ("succeeded", None)
    return finished["output"]


async def download(api: ApiClient, url: str) -> tuple[str, bytes]:
    """Return the content type and the content of a file."""
    async with api.http.get(url) as response:
        assert response.status == 200
        return response.headers["Content-Type"], await response.read()


@pytest.mark.parametrize(
    "name", [name for name in BUNDLED if name not in ("fofr/consistent-character", "sandbox/grammar")]
)
async def test_every_bundled_model_runs_with_its_required_inputs(api: ApiClient, name: str) -> None:
    output = await run_model(api, name)
    assert (output is None) == (name == "sandbox/nothing")


@pytest.mark.skipif(not PAYLOADS, reason="The captured model payloads are not beside this checkout.")
@pytest.mark.parametrize("name", PAYLOADS)
async def test_a_model_captured_from_replicate_runs(api: ApiClient, name: str) -> None:
    model = api.standin.add_model(PAYLOADS[name])
    if not model.versions[0].inputs:
        pytest.skip("The payload was captured without a schema.")
    if model.full_name != "fofr/consistent-character":
        assert await run_model(api, model.full_name)


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
async def test_single_files_have_the_expected_content_type(api: ApiClient, name: str, content_type: str) -> None:
    assert (await download(api, await run_model(api, f"sandbox/{name}")))[0] == content_type


def plain_image(colour: str, size: tuple[int, int]) -> str:
    """Return an image of one colour as a data URI."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


async def test_what_is_made_of_an_image_depends_on_it(api: ApiClient) -> None:
    portrait, poster = plain_image("red", (60, 90)), plain_image("blue", (90, 90))
    described = [await run_model(api, "sandbox/describer", image=image) for image in (portrait, poster)]
    assert described[0].startswith("a tall picture, mostly red")
    assert described[1].startswith("a square picture, mostly blue")
    kind, cut = await download(api, await run_model(api, "sandbox/cutout", image=poster))
    with Image.open(io.BytesIO(cut)) as image:
        alpha = image.getchannel("A")
        middle = alpha.getpixel((image.width // 2, image.height // 2))
        assert (kind, image.mode, alpha.getpixel((0, 0)), middle) == ("image/png", "RGBA", 0, 255)
    for words in ("red", "blue"):
        kind, _ = await download(api, await run_model(api, "sandbox/retoucher", image=poster, prompt=words))
        assert kind == "image/webp"
    first, second = [
        await download(api, await run_model(api, "sandbox/animator", image=image)) for image in (portrait, poster)
    ]
    assert first[0] == second[0] == "video/mp4"
    assert first[1] != second[1]


async def test_the_audio_and_the_archive_are_valid(api: ApiClient) -> None:
    _, tune = await download(api, await run_model(api, "sandbox/singer"))
    with wave.open(io.BytesIO(tune)) as file:
        assert file.getnframes() > 0
    _, archive = await download(api, await run_model(api, "sandbox/packer"))
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        assert file.testzip() is None


async def test_outputs_match_their_schemas(api: ApiClient) -> None:
    frames = await run_model(api, "sandbox/frames", number_of_outputs=2)
    assert [len(group) for group in frames] == [2, 2]
    embeddings = await run_model(api, "sandbox/embeddings", texts=["one", "two"])
    assert all(isinstance(number, float) for row in embeddings for number in row)
    captions = await run_model(api, "sandbox/captions")
    assert captions[0].keys() == {"file", "text"}
    assert (await run_model(api, "sandbox/film")).keys() == {"video", "zip"}
    assert isinstance(await run_model(api, "sandbox/score"), float)
    assert isinstance(await run_model(api, "sandbox/story"), str)


async def test_a_model_is_found_by_name_list_search_and_query(api: ApiClient) -> None:
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


async def test_account_and_other_small_endpoints(api: ApiClient) -> None:
    for path in ("account", "hardware", "collections", "collections/sandbox", "deployments", "webhooks/default/secret"):
        assert (await api.call("GET", f"/v1/{path}"))[0] == 200
    assert (await api.call("GET", "/v1/search"))[0] == 400


async def test_the_photo_is_visible_in_the_output(api: ApiClient, photo: bytes) -> None:
    uri = "data:image/png;base64," + base64.b64encode(photo).decode()
    urls = await run_model(
        api, "fofr/consistent-character", subject=uri, number_of_outputs=1, randomise_poses=False, output_format="png"
    )
    _, data = await download(api, urls[0])
    image = Image.open(io.BytesIO(data)).convert("RGB")
    assert image.size == (768, 1024)
    # Facing forward: the head is in the middle, so the photo's red half is left of it and the blue half right.
    red, blue = image.getpixel((310, 380)), image.getpixel((460, 380))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 180 > red[2]
    assert blue[2] > 180 > blue[0]


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("jpg", b"\xff\xd8\xff"), ("webp", b"RIFF")])
async def test_images_have_the_requested_format(api: ApiClient, suffix: str, magic: bytes) -> None:
    urls = await run_model(api, "fofr/consistent-character", subject=URL, number_of_outputs=2, output_format=suffix)
    for number, url in enumerate(urls, start=1):
        assert url.endswith(f"/ComfyUI_{number:05d}_.{suffix}")
        assert (await download(api, url))[1].startswith(magic)


async def test_a_subject_that_is_not_an_image_fails_the_run(api: ApiClient) -> None:
    created = await api.create({"subject": "data:image/png;base64,aGVsbG8="})
    finished = await api.wait_for_end(created["id"])
    assert (finished["status"], finished["error"]) == ("failed", "cannot identify image file '/tmp/inputs/subject'")


async def test_the_logs_contain_tqdm_progress(api: ApiClient) -> None:
    created = await api.create({"subject": URL, "number_of_outputs": 2, "seed": 7})
    finished = await api.wait_for_end(created["id"])
    assert finished["logs"].startswith("Random seed set to: 7\n")
    assert finished["logs"].count("  0%|          | 0/4 [00:00<?, ?it/s]\n") == 2
    assert finished["logs"].count("\n 75%|███████▌  | 3/4 [00:0") == 2
    assert finished["logs"].count("\n100%|██████████| 4/4 [00:0") == 2


async def test_output_files_expire_after_an_hour(timed: ApiClient, clock: VirtualClock) -> None:
    created = await timed.create({"prompt": "x"}, version=timed.latest_version("sandbox/singer").id)
    prediction = timed.standin.predictions[created["id"]]
    while not prediction.finished:
        await clock.advance(0.5)
    assert (await timed.call("GET", prediction.output))[0] == 200
    await clock.advance(3601)
    assert (await timed.call("GET", prediction.output))[0] == 404
