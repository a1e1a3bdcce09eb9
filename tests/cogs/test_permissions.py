"""RUN_ANY: who may run any model."""

from pathlib import Path

from sandbox.bot_process import BotProcess
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text


async def test_only_editors_run_any_model_by_default(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE) as environment:
        await environment.start_bot()
        channel = environment.discord.state.channel("pictures")
        refused = await environment.discord.person("mia").use_command(channel, "run", {"model": "sandbox/story"})
        await private_text(refused, "/models list")
        result = await environment.discord.person("olga").use_command(channel, "run", {"model": "sandbox/story"})
        assert result.modal is not None


async def test_model_editors_may_add_models_and_run_any(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE) as environment:
        mia, channel = environment.discord.person("mia"), environment.discord.state.channel("pictures")
        environment.bot = BotProcess(
            settings=environment.settings() | {"MODEL_EDITORS": str(mia.user.id)}, folder=tmp_path
        )
        await environment.start_bot()
        await private_text(await mia.use_command(channel, "models add", {"model": "sandbox/story"}), "Added /story")
        assert (await mia.use_command(channel, "run", {"model": "sandbox/score"})).modal is not None


async def test_run_any_nobody_removes_the_command(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE, settings={"RUN_ANY": "nobody"}) as environment:
        await environment.start_bot()
        names = {command.name for command in environment.discord.commands.all()}
        assert "run" not in names
        assert "models" in names
