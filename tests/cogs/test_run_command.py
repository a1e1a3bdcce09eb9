"""RUN_ANY: who may run any model."""

from pathlib import Path

from sandbox.bot_process import BotProcess
from sandbox.house import House
from tests.cogs.conftest import PACE, said


async def test_editors_alone_run_any_model_where_nothing_else_is_set(tmp_path: Path) -> None:
    async with House(tmp_path, pace=PACE) as house:
        await house.start_bot()
        channel = house.discord.world.channel("pictures")
        refused = await house.discord.person("mia").slash(channel, "run", {"model": "sandbox/story"})
        await said(refused, "/models list")
        exchange = await house.discord.person("olga").slash(channel, "run", {"model": "sandbox/story"})
        assert exchange.modal is not None


async def test_those_that_a_setting_names_edit_models_and_run_any(tmp_path: Path) -> None:
    async with House(tmp_path, pace=PACE) as house:
        mia, channel = house.discord.person("mia"), house.discord.world.channel("pictures")
        house.bot = BotProcess(settings=house.settings() | {"MODEL_EDITORS": str(mia.user.id)}, folder=tmp_path)
        await house.start_bot()
        await said(await mia.slash(channel, "models add", {"model": "sandbox/story"}), "/story is there")
        assert (await mia.slash(channel, "run", {"model": "sandbox/score"})).modal is not None


async def test_nobody_means_that_there_is_no_such_command(tmp_path: Path) -> None:
    async with House(tmp_path, pace=PACE, settings={"RUN_ANY": "nobody"}) as house:
        await house.start_bot()
        names = {command.name for command in house.discord.commands.every()}
        assert "run" not in names
        assert "models" in names
