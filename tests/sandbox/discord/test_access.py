"""What the bot can access and do: permissions, reactions, ephemeral messages, other guilds, mentions."""

import pytest

from sandbox.discord import DiscordStandIn, Permission
from sandbox.discord.state.models import Message
from tests.sandbox.discord.http_client import HttpClient, make_image, text_display
from tests.sandbox.discord.test_messages import messages, v2

X_EMOJI = "%E2%9D%8C"


async def create_message(standin: DiscordStandIn, http: HttpClient, channel: str = "general") -> Message:
    data = (await http.request("POST", messages(standin, channel), {"content": "x"})).body
    message = standin.state.message(standin.state.channel(channel).id, int(data["id"]))
    assert message is not None
    return message


def reactions(message: Message, emoji: str = X_EMOJI) -> str:
    return f"/channels/{message.channel.id}/messages/{message.id}/reactions/{emoji}"


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_a_missing_or_wrong_token_is_unauthorized(http: HttpClient, token: str | None) -> None:
    response = await http.request("GET", "/users/@me", token=token)
    assert (response.status, response.body) == (401, {"message": "401: Unauthorized", "code": 0})


async def test_unknown_path_channel_and_bad_id_have_their_codes(http: HttpClient) -> None:
    assert (await http.request("GET", "/nowhere")).body == {"message": "404: Not Found", "code": 0}
    assert (await http.request("GET", "/channels/123")).code == 10003
    assert (await http.request("GET", "/channels/abc")).code == 50035


async def test_an_invisible_channel_is_missing_access(standin: DiscordStandIn, http: HttpClient) -> None:
    message = await create_message(standin, http)
    standin.faults.deny_permission(message.channel, Permission.VIEW_CHANNEL)
    assert (await http.request("GET", f"/channels/{message.channel.id}")).code == 50001
    assert (await http.request("PATCH", f"{messages(standin)}/{message.id}", {"content": "y"})).code == 50001
    assert (await http.request("GET", f"/channels/{standin.state.channel('lobby').id}")).code == 50001
    standin.faults.allow_permission(message.channel, Permission.VIEW_CHANNEL)
    assert (await http.request("GET", f"/channels/{message.channel.id}")).status == 200


async def test_without_send_messages_only_edits_work(standin: DiscordStandIn, http: HttpClient) -> None:
    message = await create_message(standin, http)
    standin.faults.deny_permission(message.channel, Permission.SEND_MESSAGES)
    assert (await http.request("POST", messages(standin), {"content": "x"})).code == 50013
    assert (await http.request("PATCH", f"{messages(standin)}/{message.id}", {"content": "y"})).status == 200


async def test_files_and_embeds_need_their_permissions(standin: DiscordStandIn, http: HttpClient) -> None:
    assert (await http.request("POST", messages(standin, "quiet"), {}, {"a.png": make_image()})).code == 50013
    assert (await http.request("POST", messages(standin, "quiet"), {"embeds": [{"title": "t"}]})).code == 50013
    message = await create_message(standin, http, "quiet")
    path = f"{messages(standin, 'quiet')}/{message.id}"
    assert (await http.request("PATCH", path, {}, {"a.png": make_image()})).code == 50013


async def test_a_thread_inherits_all_permissions_but_sending(standin: DiscordStandIn, http: HttpClient) -> None:
    general = standin.state.channel("general")
    standin.faults.deny_permission(general, Permission.SEND_MESSAGES)
    assert (await http.request("POST", messages(standin, "ideas"), {"content": "x"})).status == 200
    standin.faults.deny_permission(general, Permission.SEND_MESSAGES_IN_THREADS)
    assert (await http.request("POST", messages(standin, "ideas"), {"content": "x"})).code == 50013


async def test_only_a_new_emoji_needs_add_reactions(standin: DiscordStandIn, http: HttpClient) -> None:
    message = await create_message(standin, http, "quiet")
    assert (await http.request("PUT", f"{reactions(message)}/@me")).code == 50013
    standin.state.deny(message.channel, Permission.ADD_REACTIONS, standin.state.user("noah"))
    await standin.person("mia").react(message, "❌")
    assert (await http.request("PUT", f"{reactions(message)}/@me")).status == 204
    assert [user.username for user in message.reaction_users("❌")] == ["mia", "replicord"]
    standin.faults.deny_permission(message.channel, Permission.READ_MESSAGE_HISTORY)
    assert (await http.request("PUT", f"{reactions(message)}/@me")).code == 50013


async def test_removing_others_reactions_needs_manage_messages(standin: DiscordStandIn, http: HttpClient) -> None:
    message = await create_message(standin, http)
    mia = standin.person("mia")
    await mia.react(message, "❌")
    await http.request("PUT", f"{reactions(message)}/@me")
    listed = (await http.request("GET", reactions(message))).body
    assert {user["username"] for user in listed} == {"mia", "replicord"}
    assert (await http.request("DELETE", f"{reactions(message)}/{mia.user.id}")).code == 50013
    standin.faults.allow_permission(message.channel, Permission.MANAGE_MESSAGES)
    assert (await http.request("DELETE", f"{reactions(message)}/{mia.user.id}")).status == 204
    assert (await http.request("DELETE", f"{reactions(message)}/@me")).status == 204
    assert not message.reactions


async def test_super_reactions_are_listed_when_asked_for(standin: DiscordStandIn, http: HttpClient) -> None:
    message = await create_message(standin, http)
    await standin.person("mia").react(message, "❌")
    await standin.person("noah").react(message, "❌", burst=True)
    for query, name in (("", "mia"), ("?type=0", "mia"), ("?type=1", "noah")):
        listed = (await http.request("GET", f"{reactions(message)}{query}")).body
        assert [user["username"] for user in listed] == [name]
    (reaction,) = (await http.request("GET", f"{messages(standin)}/{message.id}")).body["reactions"]
    assert reaction["count"] == 2
    assert reaction["count_details"] == {"burst": 1, "normal": 1}
    await standin.person("noah").remove_reaction(message, "❌")
    assert message.reaction_users("❌") == (standin.person("mia").user,)


async def test_a_message_has_at_most_twenty_valid_emoji(standin: DiscordStandIn, http: HttpClient) -> None:
    message = await create_message(standin, http)
    for number in range(20):
        assert (await http.request("PUT", f"{reactions(message, f'name:{number + 10}')}/@me")).status == 204
    assert (await http.request("PUT", f"{reactions(message)}/@me")).code == 30010
    assert (await http.request("PUT", f"{reactions(message, 'x')}/@me")).code == 10014


async def test_message_content_needs_the_intent_or_a_mention(standin: DiscordStandIn, http: HttpClient) -> None:
    mia, general = standin.person("mia"), standin.state.channel("general")
    private = await mia.send_message(general, "between us")
    named = await mia.send_message(general, f"hey {standin.state.bot.mention}")
    dm = await mia.send_message(standin.state.dm("mia"), "hello")

    async def read(message: Message) -> str:
        response = await http.request("GET", f"/channels/{message.channel.id}/messages/{message.id}")
        return str(response.body["content"])

    assert await read(private) == ""
    assert await read(named) == named.content
    assert await read(dm) == "hello"
    standin.state.application.privileged_intents = 1 << 15
    assert await read(private) == "between us"


async def test_a_dm_is_created_once_and_never_with_a_bot(standin: DiscordStandIn, http: HttpClient) -> None:
    mia = standin.state.user("mia")
    opened = (await http.request("POST", "/users/@me/channels", {"recipient_id": str(mia.id)})).body
    assert opened["id"] == str(standin.state.dm("mia").id)
    assert [user["username"] for user in opened["recipients"]] == ["mia"]
    assert (
        await http.request("POST", "/users/@me/channels", {"recipient_id": str(standin.application_id)})
    ).code == 50035


@pytest.mark.parametrize(
    ("allowed", "pinged"),
    [
        (None, {"mia"}),
        ({"parse": []}, set()),
        ({"parse": ["users"]}, {"mia"}),
        ({"parse": [], "users": ["MIA"]}, {"mia"}),
        ({"parse": ["everyone"]}, set()),
    ],
)
async def test_pings_follow_allowed_mentions_and_permissions(
    standin: DiscordStandIn, http: HttpClient, allowed: dict[str, list[str]] | None, pinged: set[str]
) -> None:
    mia, role = standin.state.user("mia"), standin.state.guild().everyone
    if allowed is not None and "users" in allowed:
        allowed = {**allowed, "users": [str(mia.id)]}
    text = f"<@{mia.id}> @everyone <@&{role.id}>"
    payload = v2(text_display(text), **({} if allowed is None else {"allowed_mentions": allowed}))
    data = (await http.request("POST", messages(standin), payload)).body
    message = standin.state.message(standin.state.channel("general").id, int(data["id"]))
    assert message is not None
    assert {standin.state.users[id_].username for id_ in message.pinged} == pinged
    assert [user["username"] for user in data["mentions"]] == sorted(pinged)


async def test_everyone_is_pinged_with_permission_but_not_by_edits(standin: DiscordStandIn, http: HttpClient) -> None:
    general = standin.state.channel("general")
    standin.faults.allow_permission(general, Permission.MENTION_EVERYONE)
    data = (await http.request("POST", messages(standin), {"content": "@everyone"})).body
    message = standin.state.message(general.id, int(data["id"]))
    assert message is not None
    assert len(message.pinged) == 4
    edited = await create_message(standin, http)
    await http.request("PATCH", f"{messages(standin)}/{edited.id}", {"content": "@everyone"})
    assert not edited.pinged


async def test_a_reply_pings_the_author_unless_disallowed(standin: DiscordStandIn, http: HttpClient) -> None:
    mia, general = standin.person("mia"), standin.state.channel("general")
    sent = await mia.send_message(general, "question")
    reference = {"message_reference": {"message_id": str(sent.id)}}
    pinging = (await http.request("POST", messages(standin), {"content": "answer", **reference})).body
    silent_payload = {"content": "answer", **reference, "allowed_mentions": {"parse": []}}
    silent = (await http.request("POST", messages(standin), silent_payload)).body
    assert general.messages[int(pinging["id"])].pinged == {mia.user.id}
    assert not general.messages[int(silent["id"])].pinged
    assert (pinging["type"], pinging["referenced_message"]["id"]) == (19, str(sent.id))


async def test_a_server_without_the_bot_is_out_of_its_reach(standin: DiscordStandIn, http: HttpClient) -> None:
    message = await create_message(standin, http)
    guild = standin.state.guild("Sandbox")
    standin.person("olga").remove_bot(guild)
    assert (await http.request("GET", f"/guilds/{guild.id}")).code == 50001
    assert (await http.request("PATCH", f"{messages(standin)}/{message.id}", {"content": "x"})).code == 50001
    assert (await http.request("GET", "/users/@me/guilds")).body == []
