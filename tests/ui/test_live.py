"""The live message: newest wins, at Discord's pace, every file once."""

from pathlib import Path

from bot.outputs.parts import Text
from bot.runs.page import Phase
from bot.runs.view import Delivery
from tests.ui.conftest import Stage
from tests.ui.making import a_file, a_page


async def test_the_first_page_is_there_at_once(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.show(a_page(Phase.WAITING, run=run))
    await stage.until(lambda: "In line" in stage.message(run).text)
    assert "mia" in stage.message(run).text
    assert "a fox in the snow" in stage.message(run).text
    await view.close()


async def test_of_many_pages_in_a_second_the_newest_is_sent(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.show(a_page(Phase.RUNNING, Text("word 0"), run=run))
    await stage.quiet()
    for number in range(1, 30):
        view.show(a_page(Phase.RUNNING, Text(f"word {number}"), run=run))
        await stage.clock.advance(0.03)
    await stage.passes(1)
    texts = [state.body.text for state in stage.message(run).history]
    assert len(texts) == 3  # thinking, the first page, the newest
    assert "word 29" in texts[-1]
    await view.close()


async def test_the_last_page_is_always_sent_and_at_once(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.show(a_page(Phase.RUNNING, Text("so far"), run=run))
    await stage.until(lambda: "so far" in stage.message(run).text)
    assert await view.finish(a_page(Phase.SUCCEEDED, Text("all of it"), run=run)) is Delivery.DELIVERED
    assert "all of it" in stage.message(run).text
    assert "Done" in stage.message(run).text
    assert stage.message(run).buttons == ("Again", "Edit", "Details")


async def test_every_file_is_uploaded_once(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    files = [a_file(number, tmp_path) for number in range(1, 6)]
    for count in range(1, 6):
        view.show(a_page(Phase.RUNNING, *files[:count], run=run))
        await stage.passes(1)
        assert len(stage.message(run).pictures) == count
    assert await view.finish(a_page(Phase.SUCCEEDED, *files, run=run)) is Delivery.DELIVERED
    uploaded = [name for call in stage.standin.calls for name, _ in call.files.values()]
    assert uploaded == [file.name for file in files]
    assert len(stage.message(run).pictures) == 5
