"""Messages with the bot's token: what is accepted and refused."""

from typing import Any

import pytest

from sandbox.discord import DiscordStandIn, Permission
from tests.sandbox.discord.http_client import V2, HttpClient, make_image, text_display

CONTRADICTORY = {"parse": ["users"], "users": ["1"]}


def messages(standin: DiscordStandIn, channel: str = "general") -> str:
    return f"/channels/{standin.state.channel(channel).id}/messages"


def v2(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"flags": V2, "components": list(components), **more}


def gallery(*names: str) -> dict[str, Any]:
    return {"type": 12, "items": [{"media": {"url": name}} for name in names]}


def buttons(*custom_ids: str) -> dict[str, Any]:
    return {
        "type": 1,
        "components": [{"type": 2, "style": 2, "label": "x", "custom_id": custom_id} for custom_id in custom_ids],
    }


@pytest.mark.parametrize(
    ("payload", "error_code"),
    [
        ({"content": "x" * 2001}, "BASE_TYPE_MAX_LENGTH"),
        ({"content": 5}, "BASE_TYPE_STRING"),
        ({"embeds": [{"title": "t"}] * 11}, "BASE_TYPE_BAD_LENGTH"),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, "MAX_EMBED_SIZE_EXCEEDED"),
        ({"content": "x", "components": [text_display("only with the flag")]}, "BASE_TYPE_CHOICES"),
        ({"content": "x", "components": [buttons("a")] * 6}, "BASE_TYPE_BAD_LENGTH"),
        (v2(text_display("hello"), content="too"), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"),
        (v2(text_display("hello"), embeds=[{"title": "t"}]), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"),
        (v2(*[text_display("x")] * 41), "BASE_TYPE_BAD_LENGTH"),
        (v2(*[{"type": 17, "components": [text_display("x")] * 20}] * 2), "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"),
        (v2(text_display("x" * 2001), text_display("x" * 2000)), "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"),
        (v2(text_display("")), "BASE_TYPE_REQUIRED"),
        (v2(gallery(*["https://example.org/a.png"] * 11)), "BASE_TYPE_BAD_LENGTH"),
        (v2(gallery()), "BASE_TYPE_BAD_LENGTH"),
        (v2(gallery("attachment://absent.png")), "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"),
        (v2(gallery("ftp://example.org/a.png")), "URL_TYPE_INVALID_SCHEME"),
        (v2({"type": 13, "file": {"url": "https://example.org/a.zip"}}), "URL_TYPE_INVALID_SCHEME"),
        (v2({"type": 17, "components": [{"type": 17, "components": [text_display("x")]}]}), "BASE_TYPE_CHOICES"),
        (v2({"type": 9, "components": [text_display("x")]}), "BASE_TYPE_REQUIRED"),
        (v2(buttons("a", "a")), "COMPONENT_CUSTOM_ID_DUPLICATED"),
        (v2(buttons("a" * 101)), "BASE_TYPE_BAD_LENGTH"),
        (v2(buttons(*"abcdef")), "BASE_TYPE_BAD_LENGTH"),
        ({"content": "x", "attachments": [{"id": "12"}]}, "ATTACHMENT_NOT_FOUND"),
        ({"content": "x", "nonce": "n" * 26}, "BASE_TYPE_MAX_LENGTH"),
        ({"content": "x", "allowed_mentions": CONTRADICTORY}, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"),
        ({"content": "x", "message_reference": {"message_id": "1"}}, "REPLIES_UNKNOWN_MESSAGE"),
    ],
)  # fmt: skip
async def test_an_invalid_message_is_refused_with_its_field(
    standin: DiscordStandIn, http: HttpClient, payload: dict[str, Any], error_code: str
) -> None:
    response = await http.request("POST", messages(standin), payload)
    assert (response.status, response.code) == (400, 50035)
    assert error_code in response.error_codes
    assert not standin.state.channel("general").messages


@pytest.mark.parametrize("payload", [{}, {"content": ""}, {"flags": V2}, {"flags": V2, "components": []}])
async def test_an_empty_message_is_refused(standin: DiscordStandIn, http: HttpClient, payload: dict[str, Any]) -> None:
    assert (await http.request("POST", messages(standin), payload)).code == 50006


async def test_40_components_and_4000_characters_are_allowed(standin: DiscordStandIn, http: HttpClient) -> None:
    response = await http.request("POST", messages(standin), v2(*[text_display("x" * 100)] * 40))
    assert response.status == 200
    assert [item["id"] for item in response.body["components"]] == list(range(1, 41))


async def test_the_components_v2_flag_is_permanent(standin: DiscordStandIn, http: HttpClient) -> None:
    plain = (await http.request("POST", messages(standin), {"content": "old text"})).body
    path = f"{messages(standin)}/{plain['id']}"
    mixed = await http.request("PATCH", path, v2(text_display("new text")))
    assert "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2" in mixed.error_codes
    switched = await http.request("PATCH", path, v2(text_display("new text"), content=None))
    assert (switched.status, switched.body["content"], switched.body["flags"]) == (200, "", V2)
    back = await http.request("PATCH", path, {"flags": 0, "content": "old text", "components": []})
    assert "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG" in back.error_codes
    assert (await http.request("PATCH", path, {"content": "old text"})).code == 50035


async def test_files_in_components_are_not_listed_as_attachments(standin: DiscordStandIn, http: HttpClient) -> None:
    files = {"a.png": make_image("red", 20), "b.png": make_image("blue", 30)}
    payload = v2(gallery("attachment://a.png"), text_display("x"))
    data = (await http.request("POST", messages(standin), payload, files)).body
    media = data["components"][0]["items"][0]["media"]
    assert (media["width"], media["height"], media["content_type"]) == (20, 20, "image/png")
    assert [item["filename"] for item in data["attachments"]] == ["b.png"]
    message = standin.state.message(standin.state.channel("general").id, int(data["id"]))
    assert message is not None
    assert [item.filename for item in message.attachments] == ["a.png", "b.png"]
    assert [item.filename for item in message.images] == ["a.png"]
    assert media["attachment_id"] == str(message.attachments[0].id)


async def test_an_edit_keeps_listed_attachments_or_all(standin: DiscordStandIn, http: HttpClient) -> None:
    files = {f"{name}.png": make_image() for name in "abc"}
    data = (await http.request("POST", messages(standin), {"content": "x"}, files)).body
    path = f"{messages(standin)}/{data['id']}"
    a, b, _ = (item["id"] for item in data["attachments"])
    listed = {"attachments": [{"id": int(a)}, {"id": b}, {"id": 0, "description": "new"}]}
    kept = (await http.request("PATCH", path, listed, {"d.png": make_image()})).body
    assert [item["filename"] for item in kept["attachments"]] == ["a.png", "b.png", "d.png"]
    assert [item["id"] for item in kept["attachments"]][:2] == [a, b]
    added = (await http.request("PATCH", path, {}, {"e.png": make_image()})).body
    assert [item["filename"] for item in added["attachments"]] == ["a.png", "b.png", "d.png", "e.png"]
    assert (await http.request("PATCH", path, {"attachments": []})).body["attachments"] == []


async def test_files_over_the_limit_are_too_large(standin: DiscordStandIn, http: HttpClient) -> None:
    mib = 1024 * 1024
    over = await http.request("POST", messages(standin), {}, {"a.bin": b"x" * (10 * mib + 1)})
    assert (over.status, over.code) == (413, 40005)
    fits = await http.request("POST", messages(standin), {}, {"a.bin": b"x" * 10 * mib})
    assert fits.status == 200
    many = {f"{name}.bin": b"x" * 9 * mib for name in "abc"}
    assert (await http.request("POST", messages(standin), {}, many)).code == 40005
    standin.state.guild("Sandbox").premium_tier = 2
    assert (await http.request("POST", messages(standin), {}, {"a.bin": b"x" * 20 * mib})).status == 200


async def test_attachment_urls_are_signed_and_expire(standin: DiscordStandIn, http: HttpClient) -> None:
    data = (await http.request("POST", messages(standin), {}, {"a b.png": make_image()})).body
    url = data["attachments"][0]["url"]
    assert data["attachments"][0]["filename"] == "a_b.png"
    assert {"ex", "is", "hm"} <= set(url.rpartition("?")[2].replace("=", "&").split("&"))
    async with http.session.get(url) as response:
        assert await response.read() == make_image()
        assert response.headers["Content-Type"] == "image/png"
    async with http.session.get(url.replace("hm=", "hm=0")) as response:
        assert response.status == 404
    standin.skip(25 * 3600)
    async with http.session.get(url) as response:
        assert response.status == 404


async def test_a_nonce_is_enforced_on_request(standin: DiscordStandIn, http: HttpClient) -> None:
    payload = {"content": "once", "nonce": "n1", "enforce_nonce": True}
    first, second = (
        await http.request("POST", messages(standin), payload),
        await http.request("POST", messages(standin), payload),
    )
    assert first.body["id"] == second.body["id"]
    other = await http.request("POST", messages(standin), {"content": "once", "nonce": "n1"})
    assert other.body["id"] != first.body["id"]


async def test_listing_messages_around_before_and_after_one(standin: DiscordStandIn, http: HttpClient) -> None:
    ids = [(await http.request("POST", messages(standin), {"content": str(n)})).body["id"] for n in range(7)]

    async def list_ids(query: str) -> list[int]:
        return [ids.index(one["id"]) for one in (await http.request("GET", f"{messages(standin)}?{query}")).body]

    assert await list_ids("limit=3") == [6, 5, 4]
    assert await list_ids(f"before={ids[3]}&limit=2") == [2, 1]
    assert await list_ids(f"after={ids[3]}&limit=2") == [5, 4]
    assert await list_ids(f"around={ids[3]}&limit=3") == [4, 3, 2]


async def test_edits_of_old_messages_are_limited(standin: DiscordStandIn, http: HttpClient) -> None:
    data = (await http.request("POST", messages(standin), {"content": "old"})).body
    path = f"{messages(standin)}/{data['id']}"
    standin.skip(3601)
    statuses = [(await http.request("PATCH", path, {"content": str(n)})).status for n in range(4)]
    assert statuses == [200, 200, 200, 429]
    response = await http.request("PATCH", path, {"content": "again"})
    assert (response.code, response.headers["Via"], response.body["retry_after"] > 0) == (30046, "1.1 google", True)


async def test_only_authors_edit_and_authors_or_moderators_delete(standin: DiscordStandIn, http: HttpClient) -> None:
    general = standin.state.channel("general")
    sent = await standin.person("mia").send_message(general, "mine")
    assert (await http.request("PATCH", f"{messages(standin)}/{sent.id}", {"content": "x"})).code == 50005
    assert (await http.request("DELETE", f"{messages(standin)}/{sent.id}")).code == 50013
    standin.state.allow(general, Permission.MANAGE_MESSAGES)
    assert (await http.request("DELETE", f"{messages(standin)}/{sent.id}")).status == 204
    assert (await http.request("GET", f"{messages(standin)}/{sent.id}")).code == 10008


async def test_automod_blocks_new_messages_and_edits(standin: DiscordStandIn, http: HttpClient) -> None:
    standin.faults.block_text("forbidden")
    assert (await http.request("POST", messages(standin), v2(text_display("a Forbidden word")))).code == 200000
    data = (await http.request("POST", messages(standin), {"content": "fine"})).body
    response = await http.request("PATCH", f"{messages(standin)}/{data['id']}", {"content": "forbidden"})
    assert (response.status, response.code) == (400, 200000)
    assert [message.content for message in standin.state.channel("general").messages.values()] == ["fine"]


async def test_every_version_of_a_message_is_kept(standin: DiscordStandIn, http: HttpClient) -> None:
    data = (await http.request("POST", messages(standin), {"content": "one"})).body
    path = f"{messages(standin)}/{data['id']}"
    message = standin.state.message(standin.state.channel("general").id, int(data["id"]))
    assert message is not None
    await http.request("PATCH", path, {"content": "two"})
    await http.request("DELETE", path)
    assert [(state.body.content, state.deleted) for state in message.history] == [
        ("one", False),
        ("two", False),
        ("two", True),
    ]
    assert message.history[0].at <= message.history[1].at <= message.history[2].at
