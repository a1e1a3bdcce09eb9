"""The files API."""

import hashlib
import io
from typing import Any

import aiohttp

from bot import limits
from sandbox.replicate import IdGenerator
from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import ApiClient


async def upload_file(
    api: ApiClient,
    data: bytes | io.BytesIO,
    *,
    name: str = "me.png",
    content_type: str = "image/png",
    **fields: str,
) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData()
    form.add_field("content", data, filename=name, content_type=content_type)
    for key, value in fields.items():
        form.add_field(key, value)
    headers = {"Authorization": f"Bearer {api.standin.token}"}
    async with api.http.post(f"{api.standin.base_url}/v1/files", data=form, headers=headers) as response:
        return response.status, await response.json()


async def test_an_uploaded_file_can_be_read_listed_and_deleted(api: ApiClient, photo: bytes) -> None:
    status, file = await upload_file(api, photo, metadata='{"for": "a test"}')
    assert status == 201
    assert (file["name"], file["content_type"], file["size"]) == ("me.png", "image/png", len(photo))
    assert file["checksums"]["sha256"] == hashlib.sha256(photo).hexdigest()
    assert file["metadata"] == {"for": "a test"}
    assert (await api.call("GET", file["urls"]["get"]))[1] == file
    assert (await api.call("GET", "/v1/files"))[1]["results"] == [file]
    assert (await api.call("DELETE", file["urls"]["get"]))[0] == 204
    assert (await api.call("GET", file["urls"]["get"]))[:2] == (404, {"detail": "File not found", "status": 404})


async def test_form_fields_take_precedence_over_part_headers(api: ApiClient) -> None:
    _, file = await upload_file(api, b"abc", type="text/plain", filename="other.txt")
    assert (file["name"], file["content_type"]) == ("other.txt", "text/plain")


async def test_the_request_log_has_the_fields_of_an_upload(api: ApiClient, photo: bytes) -> None:
    await upload_file(api, photo)
    body = api.standin.calls[-1].body
    assert (body["filename"], body["type"], body["size"]) == ("me.png", "image/png", len(photo))


async def test_files_over_a_hundred_megabytes_are_rejected(api: ApiClient) -> None:
    status, problem = await upload_file(api, io.BytesIO(bytes(limits.FILE_BYTES + 1)))
    assert (status, problem["detail"]) == (413, "Files must be less than 100MB in size")


async def test_an_uploaded_file_expires_after_a_day(timed: ApiClient, clock: VirtualClock, photo: bytes) -> None:
    _, file = await upload_file(timed, photo)
    await clock.advance(24 * 3600 + 1)
    assert (await timed.call("GET", file["urls"]["get"]))[0] == 404
    assert (await timed.call("GET", "/v1/files"))[1]["results"] == []


async def test_a_download_needs_a_signature_instead_of_a_token(
    timed: ApiClient, clock: VirtualClock, photo: bytes
) -> None:
    _, file = await upload_file(timed, photo)
    url = timed.standin.download_url(file["id"])
    async with timed.http.get(url) as response:
        assert (response.status, await response.read()) == (200, photo)
    async with timed.http.get(url.replace("signature=", "signature=A")) as response:
        assert response.status == 404
    await clock.advance(3601)
    async with timed.http.get(url) as response:
        assert response.status == 404


def test_ids_have_replicates_format() -> None:
    ids = IdGenerator()
    assert len({ids.new_resource_id() for _ in range(100)}) == 100
    assert all(character in "abcdefghijklmnopqrstuvwxyz234567" for character in ids.new_resource_id())
