"""Which files Discord has of a result, in which message and under which id."""

from pathlib import Path

from bot.outputs.items import FileItem
from bot.runs.snapshot import DeliveryResult, Phase
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import PDF, make_file, make_image, make_snapshot


def make_picture(number: int, folder: Path) -> FileItem:
    return make_file(number, folder, data=make_image(number))


async def test_files_are_named_with_their_attachments(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    files = [make_picture(1, tmp_path), make_picture(2, tmp_path), make_file(3, tmp_path, data=b"%PDF-1.7", type_=PDF)]
    reply = env.open_reply(run)
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    delivered = await reply.list_outputs()
    attachments = env.message(run).attachments
    assert [(file.name, file.attachment_id) for file in delivered] == [(one.filename, one.id) for one in attachments]
    assert [file.mime for file in delivered] == ["image/webp", "image/webp", "application/pdf"]
    assert [file.size for file in delivered] == [file.size for file in files]
    assert [(file.width, file.height) for file in delivered] == [(8, 8), (8, 8), (None, None)]
    assert {file.message_id for file in delivered} == {run.place.message_id}


async def test_files_run_on_over_several_messages(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    files = [make_picture(number, tmp_path) for number in range(1, 13)]
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    (further,) = env.followups(run)
    delivered = await reply.list_outputs()
    assert [file.name for file in delivered] == [file.name for file in files]
    assert [file.message_id for file in delivered] == [run.place.message_id] * 10 + [further.id] * 2


async def test_a_restarted_bot_reads_them_from_the_message(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    files = [make_picture(number, tmp_path) for number in range(1, 13)]
    snapshot = make_snapshot(Phase.SUCCEEDED, *files, run=run)
    reply = env.open_reply(run)
    await env.finish(reply, snapshot)
    before, uploads = await reply.list_outputs(), len(env.uploads())
    env.restart()
    recovered = env.open_reply(env.reload(run), recovered=True)
    assert await env.finish(recovered, snapshot) is DeliveryResult.DELIVERED
    assert await recovered.list_outputs() == before
    assert len(env.uploads()) == uploads


async def test_a_deleted_message_has_no_files(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    files = [make_picture(1, tmp_path)]
    reply.update(make_snapshot(Phase.RUNNING, *files, run=run))
    await env.pass_time(1)
    await env.standin.person("ada").delete(env.message(run))
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.GONE
    assert await reply.list_outputs() == ()
