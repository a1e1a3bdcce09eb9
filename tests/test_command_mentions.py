"""Names of commands in our sentences become mentions, and nothing else does."""

import asyncio
from typing import Any

import pytest

from bot.command_mentions import CommandMentions, link_commands, mention_command, read_ids

ANSWER: list[dict[str, Any]] = [
    {"id": "11", "name": "generate", "type": 1, "options": [{"type": 3, "name": "prompt"}]},
    {"id": "12", "name": "run", "type": 1, "options": []},
    {"id": "13", "name": "runs", "options": [{"type": 1, "name": "list"}, {"type": 1, "name": "cancel"}]},
    {
        "id": "14",
        "name": "server",
        "options": [{"type": 2, "name": "log", "options": [{"type": 1, "name": "set"}]}],
    },
    {"id": "15", "name": "Upscale", "type": 3},
]


@pytest.fixture
def mentions() -> CommandMentions:
    known = CommandMentions()
    known.load(read_ids(ANSWER))
    return known


def test_ids_are_read_of_commands_that_can_be_used() -> None:
    assert read_ids(ANSWER) == {"generate": 11, "run": 12, "runs list": 13, "runs cancel": 13, "server log set": 14}


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("Run /generate with your own.", "Run </generate:11> with your own."),
        ("/runs list shows them, /run runs.", "</runs list:13> shows them, </run:12> runs."),
        ("See `/runs list`.", "See </runs list:13>."),
        ("**/generate** (/run)", "**</generate:11>** (</run:12>)"),
        ("There is no /generated, no /run-it and no /runs.", None),
        ("It said “use /generate” and `run /generate`.", None),
        ("https://replicate.com/run and [a](https://x.example/run) </generate:11>", None),
        ("mia/run or 1/run", None),
        ("Nothing here.", None),
    ],
)
def test_only_names_of_commands_are_linked(mentions: CommandMentions, text: str, linked: str | None) -> None:
    assert mentions.link(text) == (text if linked is None else linked)


async def test_mentions_are_known_to_tasks_started_later(mentions: CommandMentions) -> None:
    async def say() -> str:
        return link_commands("/generate", chars=100)

    assert await say() == "/generate"
    mentions.use()
    assert await asyncio.create_task(say()) == "</generate:11>"
    assert mention_command("unknown") == "/unknown"


async def test_a_text_stays_as_it_is_where_mentions_do_not_fit(mentions: CommandMentions) -> None:
    mentions.use()
    assert link_commands("/generate", chars=9) == "/generate"
