"""What the bot may reach and do: permissions, reactions, ephemeral messages, other guilds, mentions."""

import pytest

from sandbox.discord import DiscordStandIn, Permission
from sandbox.discord.state.models import Message
from tests.sandbox.discord.http_client import HttpClient, make_image, text_display
from tests.sandbox.discord.test_messages import messages, v2

CROSS = "%E2%9D%8C"


async def sent(standin: DiscordStandIn, raw: HttpClient, channel: str = "general") -> Message:
    told = (await raw.ask("POST", messages(standin, channel), {"content": "x"})).body
    message = standin.state.message(standin.state.channel(channel).id, int(told["id"]))
    assert message is not None
    return message


def reactions(message: Message, emoji: str = CROSS) -> str:
    return f"/channels/{message.channel.id}/messages/{message.id}/reactions/{emoji}"


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_without_the_right_token_nothing_works(raw: HttpClient, token: str | None) -> None:
    got = await raw.ask("GET", "/users/@me", token=token)
    assert (got.status, got.body) == (401, {"message": "401: Unauthorized", "code": 0})


async def test_an_unknown_path_and_an_unknown_channel_are_told_apart(raw: HttpClient) -> None:
    assert (await raw.ask("GET", "/nowhere")).body == {"message": "404: Not Found", "code": 0}
    assert (await raw.ask("GET", "/channels/123")).code == 10003
    assert (await raw.ask("GET", "/channels/abc")).code == 50035


async def test_a_channel_that_the_bot_does_not_see_is_missing_access(standin: DiscordStandIn, raw: HttpClient) -> None:
    message = await sent(standin, raw)
    standin.faults.deny_permission(message.channel, Permission.VIEW_CHANNEL)
    assert (await raw.ask("GET", f"/channels/{message.channel.id}")).code == 50001
    assert (await raw.ask("PATCH", f"{messages(standin)}/{message.id}", {"content": "y"})).code == 50001
    assert (await raw.ask("GET", f"/channels/{standin.state.channel('lobby').id}")).code == 50001
    standin.faults.allow_permission(message.channel, Permission.VIEW_CHANNEL)
    assert (await raw.ask("GET", f"/channels/{message.channel.id}")).status == 200


async def test_without_send_messages_new_ones_fail_and_edits_work(standin: DiscordStandIn, raw: HttpClient) -> None:
    message = await sent(standin, raw)
    standin.faults.deny_permission(message.channel, Permission.SEND_MESSAGES)
    assert (await raw.ask("POST", messages(standin), {"content": "x"})).code == 50013
    assert (await raw.ask("PATCH", f"{messages(standin)}/{message.id}", {"content": "y"})).status == 200


async def test_files_and_embeds_need_their_permissions(standin: DiscordStandIn, raw: HttpClient) -> None:
    assert (await raw.ask("POST", messages(standin, "quiet"), {}, {"a.png": make_image()})).code == 50013
    assert (await raw.ask("POST", messages(standin, "quiet"), {"embeds": [{"title": "t"}]})).code == 50013
    message = await sent(standin, raw, "quiet")
    one = f"{messages(standin, 'quiet')}/{message.id}"
    assert (await raw.ask("PATCH", one, {}, {"a.png": make_image()})).code == 50013


async def test_a_thread_has_its_parents_rights_but_its_own_for_sending(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    general = standin.state.channel("general")
    standin.faults.deny_permission(general, Permission.SEND_MESSAGES)
    assert (await raw.ask("POST", messages(standin, "ideas"), {"content": "x"})).status == 200
    standin.faults.deny_permission(general, Permission.SEND_MESSAGES_IN_THREADS)
    assert (await raw.ask("POST", messages(standin, "ideas"), {"content": "x"})).code == 50013


async def test_a_new_emoji_needs_add_reactions_one_that_stands_there_does_not(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    message = await sent(standin, raw, "quiet")
    assert (await raw.ask("PUT", f"{reactions(message)}/@me")).code == 50013
    standin.state.deny(message.channel, Permission.ADD_REACTIONS, standin.state.user("noah"))
    await standin.person("mia").react(message, "❌")
    assert (await raw.ask("PUT", f"{reactions(message)}/@me")).status == 204
    assert [user.username for user in message.reaction_users("❌")] == ["mia", "replicord"]
    standin.faults.deny_permission(message.channel, Permission.READ_MESSAGE_HISTORY)
    assert (await raw.ask("PUT", f"{reactions(message)}/@me")).code == 50013


async def test_reactions_are_listed_removed_and_others_only_with_manage_messages(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    message = await sent(standin, raw)
    mia = standin.person("mia")
    await mia.react(message, "❌")
    await raw.ask("PUT", f"{reactions(message)}/@me")
    listed = (await raw.ask("GET", reactions(message))).body
    assert {user["username"] for user in listed} == {"mia", "replicord"}
    assert (await raw.ask("DELETE", f"{reactions(message)}/{mia.user.id}")).code == 50013
    standin.faults.allow_permission(message.channel, Permission.MANAGE_MESSAGES)
    assert (await raw.ask("DELETE", f"{reactions(message)}/{mia.user.id}")).status == 204
    assert (await raw.ask("DELETE", f"{reactions(message)}/@me")).status == 204
    assert not message.reactions


async def test_a_message_holds_twenty_kinds_of_reaction_and_only_real_emoji(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    message = await sent(standin, raw)
    for number in range(20):
        assert (await raw.ask("PUT", f"{reactions(message, f'name:{number + 10}')}/@me")).status == 204
    assert (await raw.ask("PUT", f"{reactions(message)}/@me")).code == 30010
    assert (await raw.ask("PUT", f"{reactions(message, 'x')}/@me")).code == 10014


async def test_the_bot_reads_others_words_only_with_the_intent_or_when_they_concern_it(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    mia, general = standin.person("mia"), standin.state.channel("general")
    secret = await mia.send_message(general, "between us")
    named = await mia.send_message(general, f"hey {standin.state.bot.mention}")
    private = await mia.send_message(standin.state.dm("mia"), "hello")

    async def read(message: Message) -> str:
        got = await raw.ask("GET", f"/channels/{message.channel.id}/messages/{message.id}")
        return str(got.body["content"])

    assert await read(secret) == ""
    assert await read(named) == named.content
    assert await read(private) == "hello"
    standin.state.application.privileged = 1 << 15
    assert await read(secret) == "between us"


async def test_a_private_conversation_is_opened_once_and_never_with_a_bot(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    mia = standin.state.user("mia")
    opened = (await raw.ask("POST", "/users/@me/channels", {"recipient_id": str(mia.id)})).body
    assert opened["id"] == str(standin.state.dm("mia").id)
    assert [user["username"] for user in opened["recipients"]] == ["mia"]
    assert (await raw.ask("POST", "/users/@me/channels", {"recipient_id": str(standin.application_id)})).code == 50035


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
async def test_who_is_rung_follows_allowed_mentions_and_rights(
    standin: DiscordStandIn, raw: HttpClient, allowed: dict[str, list[str]] | None, pinged: set[str]
) -> None:
    mia, role = standin.state.user("mia"), standin.state.guild().everyone
    if allowed is not None and "users" in allowed:
        allowed = {**allowed, "users": [str(mia.id)]}
    words = f"<@{mia.id}> @everyone <@&{role.id}>"
    payload = v2(text_display(words), **({} if allowed is None else {"allowed_mentions": allowed}))
    told = (await raw.ask("POST", messages(standin), payload)).body
    message = standin.state.message(standin.state.channel("general").id, int(told["id"]))
    assert message is not None
    assert {standin.state.users[id_].username for id_ in message.pinged} == pinged
    assert [user["username"] for user in told["mentions"]] == sorted(pinged)


async def test_a_bot_with_the_right_to_rings_everyone_and_an_edit_rings_nobody(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    general = standin.state.channel("general")
    standin.faults.allow_permission(general, Permission.MENTION_EVERYONE)
    told = (await raw.ask("POST", messages(standin), {"content": "@everyone"})).body
    message = standin.state.message(general.id, int(told["id"]))
    assert message is not None
    assert len(message.pinged) == 4
    quiet = await sent(standin, raw)
    await raw.ask("PATCH", f"{messages(standin)}/{quiet.id}", {"content": "@everyone"})
    assert not quiet.pinged


async def test_a_reply_rings_the_author_unless_it_says_otherwise(standin: DiscordStandIn, raw: HttpClient) -> None:
    mia, general = standin.person("mia"), standin.state.channel("general")
    said = await mia.send_message(general, "question")
    reference = {"message_reference": {"message_id": str(said.id)}}
    loud = (await raw.ask("POST", messages(standin), {"content": "answer", **reference})).body
    soft_payload = {"content": "answer", **reference, "allowed_mentions": {"parse": []}}
    soft = (await raw.ask("POST", messages(standin), soft_payload)).body
    assert general.messages[int(loud["id"])].pinged == {mia.user.id}
    assert not general.messages[int(soft["id"])].pinged
    assert (loud["type"], loud["referenced_message"]["id"]) == (19, str(said.id))
