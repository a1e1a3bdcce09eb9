"""The character model: one photo, many poses, the way fofr/consistent-character goes about it."""

import asyncio
from collections.abc import Iterator

from PIL import Image

from sandbox.replicate.drawing import NotAPicture, encode, open_picture
from sandbox.replicate.figures import POSES, Pose, draw_pose
from sandbox.replicate.job import Job, ModelFailed
from sandbox.replicate.progress import bar

STEPS = 4

_ALL_WITHHELD = "NSFW content detected in all outputs. Try running it again, or try a different prompt."


async def character(job: Job) -> None:
    """Draw the subject in ``number_of_outputs`` poses, ``number_of_images_per_pose`` of each, one after the other."""
    subject = await _subject(job)
    job.log(f"Random seed set to: {job.input.get('seed') or job.number('seed', 2**31)}\n")
    poses = _poses(job)
    for number, (pose, take) in enumerate(poses, start=1):
        await _sample(job)
        if job.withheld():
            job.log(f"Not returning image {number} as it has NSFW content.\n")
            continue
        data = await asyncio.to_thread(_drawn, job, subject, pose, take)
        suffix = job.input["output_format"]
        name = f"ComfyUI_{number:05d}_"
        job.log(f"outputs:  {{'116': {{'images': [{{'filename': '{name}.png', 'type': 'output'}}]}}}}\n{name}.png\n")
        job.metrics["image_count"] = job.metrics.get("image_count", 0) + 1
        await job.output(job.save(data, f"{name}.{suffix}"))
    if not job.metrics:
        raise ModelFailed(_ALL_WITHHELD)


async def _subject(job: Job) -> Image.Image:
    uri = job.input.get("subject")
    if uri is None:
        # The schema does not require it and the code opens it all the same.
        raise ModelFailed("expected str, bytes or os.PathLike object, not NoneType")
    data = await job.read(str(uri))
    try:
        return await asyncio.to_thread(open_picture, data)
    except NotAPicture as problem:
        raise ModelFailed(f"{problem} '/tmp/inputs/subject'") from problem


def _poses(job: Job) -> list[tuple[Pose, int]]:
    start = job.number("pose", len(POSES)) if job.input["randomise_poses"] else 0
    poses = [POSES[(start + index) % len(POSES)] for index in range(job.input["number_of_outputs"])]
    return [(pose, index) for pose in poses for index in range(job.input["number_of_images_per_pose"])]


async def _sample(job: Job) -> None:
    for line in _before_sampling():
        job.log(line)
    each = job.pace().image / STEPS
    job.log(bar(0, STEPS, seconds=0))
    for step in range(1, STEPS + 1):
        await job.rest(each)
        job.log(bar(step, STEPS, seconds=each * step))
    job.log(
        f"Executing node 116, title: Save Image, class type: SaveImage\nPrompt executed in {each * STEPS:.2f} seconds\n"
    )


def _before_sampling() -> Iterator[str]:
    yield "Running workflow\ngot prompt\n"
    yield "Executing node 94, title: Load Image, class type: LoadImage\n"
    yield "Executing node 2, title: Apply InstantID, class type: ApplyInstantID\n"
    yield "Executing node 11, title: KSampler, class type: KSampler\nRequested to load SDXL\nLoading 1 new model\n"


def _drawn(job: Job, subject: Image.Image, pose: Pose, take: int) -> bytes:
    seed = f"{job.number('palette', 2**31)}:{take}"
    sheet = draw_pose(subject, pose, prompt=job.input["prompt"], seed=seed)
    return encode(sheet, format=job.input["output_format"], quality=job.input["output_quality"])
