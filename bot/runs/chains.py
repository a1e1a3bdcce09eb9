"""The next step of a chain: a run of its own, whose input is the picture that the step before has made.

A step that has succeeded and is shown hands its picture on. If that is not possible, the next step is a run that has
failed before anything was sent, which says why; so whatever ends a chain is the end of a run, shown as any other is.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from bot.errors import Refused, UserError
from bot.language import retranslate
from bot.limits import READ_SECONDS
from bot.media.types import Media, MediaKind
from bot.options.files import read_attachment
from bot.outputs.items import FileItem
from bot.runs.active_run import ActiveRun
from bot.runs.outcome import FailureCode, FailureReason
from bot.runs.services import RunServices
from bot.store.chain_runs import NextStep
from bot.store.models import EarlierStep, Run, RunChain, RunOutput, RunParent, RunState, StepPlan
from bot.store.quota import NO_LIMITS, RunLimits
from bot.worker_pool import WorkTooHeavy

log = structlog.get_logger(__name__)

_NO_PICTURE: Final = FailureReason(FailureCode.STEP_PICTURE)


async def prepare_next_step(active: ActiveRun, outputs: Sequence[RunOutput], services: RunServices) -> NextStep | None:
    """Return the run that follows this one in its chain, given what Discord has of its output; None if it ends here.

    It ends with a run that did not succeed, and with one whose message is gone: nobody would see the rest.
    """
    run, chain = active.run, active.run.chain
    if chain is None or chain.is_last or run.state is not RunState.SUCCEEDED or not active.is_shown:
        return None
    plan = chain.steps[chain.number]
    following = _follow(run, chain, plan, next((one for one in outputs if one.is_image), None), services)
    try:
        expected = await services.pricing.expect(following)
    except Refused:  # what it costs is no longer known, and such runs may not start
        return _next_step(_fail(following, FailureReason(FailureCode.STEP_BUDGET)), services)
    following = replace(following, estimate=expected.cost, usual_seconds=expected.seconds)
    picture = await _load_picture(active, plan, services)
    if isinstance(picture, FailureReason):
        return _next_step(_fail(following, picture), services)
    media, notes = picture
    return _next_step(replace(following, notes=tuple(map(retranslate, notes))), services, media)


def _fail(run: Run, reason: FailureReason) -> Run:
    return replace(
        run, state=RunState.FAILED, ended_at=run.created_at, cause=reason.code.value, failure=reason.to_detail()
    )


def _next_step(run: Run, services: RunServices, *files: Media) -> NextStep:
    limits = NO_LIMITS if run.chain is None else RunLimits(server=run.chain.server, budgets=run.chain.limits)
    return NextStep(
        run=run,
        files=files,
        limit_cause=FailureCode.STEP_LIMIT.value,
        budget_cause=FailureCode.STEP_BUDGET.value,
        limits=services.policy.add_limits(limits),
    )


def _follow(run: Run, chain: RunChain, plan: StepPlan, picture: RunOutput | None, services: RunServices) -> Run:
    """Return the run of the next step, for the same person in the same message."""
    seconds = ((run.ended_at or run.created_at) - run.created_at).total_seconds()
    done = EarlierStep(
        run_id=run.id,
        seconds=seconds,
        picture=picture.name if picture is not None else "",
        attachment_id=picture.attachment_id if picture is not None else None,
    )
    return Run(
        id=chain.next_run_id,
        command=plan.command,
        target=plan.target,
        author_id=run.author_id,
        author_name=run.author_name,
        place=run.place,
        input=plan.input,
        prompt=plan.prompt,
        summary=plan.summary,
        notes=(),
        output_schema=plan.output_schema,
        expected=plan.expected,
        state=RunState.RESERVED,
        created_at=services.clock.now(),
        cancel_requested_at=run.cancel_requested_at,
        canceled_by_id=run.canceled_by_id,
        parent=RunParent(run.id, picture.number if picture is not None else None),
        visibility=run.visibility,
        characters=run.characters,  # the plan of the chain has their descriptions
        checker=run.checker,
        chain=replace(chain, number=chain.number + 1, earlier=(*chain.earlier, done)),
    )


def _find_picture(active: ActiveRun) -> FileItem | None:
    """Return the first image among the outputs: that is what the next step gets."""
    files = (item for item in active.output.items if isinstance(item, FileItem))
    return next((file for file in files if file.type.kind is MediaKind.IMAGE), None)


async def _load_picture(
    active: ActiveRun, plan: StepPlan, services: RunServices
) -> tuple[Media, tuple[str, ...]] | FailureReason:
    """Return the picture as the next step's model gets it and what was changed, or why it cannot be used."""
    picture = _find_picture(active)
    if picture is None or not isinstance(picture.source, Path):
        return _NO_PICTURE
    try:
        return await services.workers.run(
            read_picture,
            plan.picture,
            picture.name,
            picture.source,
            plan.accepts,
            owner=active.run.author_id,
            seconds=READ_SECONDS,
        )
    except (UserError, WorkTooHeavy) as error:
        return FailureReason(FailureCode.STEP_PICTURE, message=error.sentence.replace("`", ""))
    except OSError:
        log.warning("picture_not_read", run=active.run.id, exc_info=True)
        return _NO_PICTURE


def read_picture(option: str, name: str, path: Path, accepts: tuple[str, ...]) -> tuple[Media, tuple[str, ...]]:
    """Return the file at ``path`` checked and converted as an attachment is, with notes; the file stays as it is.

    Decodes images: call it in ``bot.worker_pool``. Raises BadOption, and OSError.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "picture"
        shutil.copyfile(path, copy)
        upload = read_attachment(option, name, copy, accepts)
        return Media(upload.media.name, upload.media.type, copy.read_bytes()), upload.notes
