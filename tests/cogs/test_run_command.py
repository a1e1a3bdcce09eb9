"""RUN_ANY: who may run any model."""

from pathlib import Path

from sandbox.bot_process import BotProcess
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, said


async def test_editors_alone_run_any_model_where_nothing_else_is_set(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE) as environment:
        await environment.start_bot()
        channel = environment.discord.state.channel("pictures")
        refused = await environment.discord.person("mia").use_command(channel, "run", {"model": "sandbox/story"})
        await said(refused, "/models list")
        exchange = await environment.discord.person("olga").use_command(channel, "run", {"model": "sandbox/story"})
        assert exchange.modal is not None


async def test_those_that_a_setting_names_edit_models_and_run_any(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE) as environment:
        mia, channel = environment.discord.person("mia"), environment.discord.state.channel("pictures")
        environment.bot = BotProcess(
            settings=environment.settings() | {"MODEL_EDITORS": str(mia.user.id)}, folder=tmp_path
        )
        await environment.start_bot()
        await said(await mia.use_command(channel, "models add", {"model": "sandbox/story"}), "Added /story")
        assert (await mia.use_command(channel, "run", {"model": "sandbox/score"})).modal is not None


async def test_nobody_means_that_there_is_no_such_command(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE, settings={"RUN_ANY": "nobody"}) as environment:
        await environment.start_bot()
        names = {command.name for command in environment.discord.commands.all()}
        assert "run" not in names
        assert "models" in names
