"""The predictors: what each model of the stand-in does when it runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from PIL import Image

from sandbox.replicate.fake_outputs.edits import animate_image, cut_out_image, retouch_image
from sandbox.replicate.fake_outputs.edits import classify_image as write_classes
from sandbox.replicate.fake_outputs.edits import describe_image as write_description
from sandbox.replicate.fake_outputs.files import make_file
from sandbox.replicate.fake_outputs.images import (
    POSE_SIZE,
    POSES,
    POSTER_SIZE,
    InvalidImage,
    Pose,
    draw_pose,
    draw_poster,
    encode_image,
    enlarge_image,
    open_image,
)
from sandbox.replicate.fake_outputs.text import split_tokens, write_answer, write_sentence
from sandbox.replicate.job import Job, ModelFailed
from sandbox.replicate.schema import Schema, guess_file_kind, is_iterator, is_text_stream, resolve_refs

Predictor = Callable[[Job], Awaitable[None]]

SAMPLING_STEPS = 4
_ALL_WITHHELD_ERROR = "NSFW content detected in all outputs. Try running it again, or try a different prompt."
_IMAGE_SIZES: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "3:4": (896, 1152),
    "4:3": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
_BAR_BLOCKS = " ▏▎▍▌▋▊▉█"
_BAR_WIDTH = 10

# Of outputs that are made up from a schema:
_COUNT_INPUTS = ("number_of_outputs", "num_outputs", "num_images", "n")
_DEFAULT_COUNT = 3
_EMBEDDING_SIZE = 16
_MAX_DEPTH = 6  # schemas may refer to themselves
_FAKE_SCALARS: Mapping[str, Callable[[Job, str], Any]] = {
    "boolean": lambda job, name: bool(job.random_number(name, 2)),
    "integer": lambda job, name: job.random_number(name, 100),
    "number": lambda job, name: round(job.random_number(name, 20_000) / 10_000 - 1, 4),
    "null": lambda _job, _name: None,
}


async def generate_text(job: Job) -> None:
    """Answer the prompt, token by token."""
    started_at = job.clock.monotonic()
    prompt = str(job.input.get("prompt", ""))
    count = 0
    for token in split_tokens(write_answer(prompt), limit=job.input.get("max_tokens")):
        await job.sleep(1 / job.timings().tokens_per_second)
        await job.add_output(token)
        count += 1
    seconds = max(job.clock.monotonic() - started_at, 1e-6)
    job.metrics.update(
        input_token_count=len(list(split_tokens(prompt))),
        output_token_count=count,
        tokens_per_second=count / seconds,
        time_to_first_token=1 / job.timings().tokens_per_second,
    )


async def generate_images(job: Job) -> None:
    """Draw ``num_outputs`` posters of the prompt and return them together."""
    urls = []
    count = int(job.input.get("num_outputs", 1))
    steps = int(job.input.get("num_inference_steps", 4))
    for index in range(count):
        for step in range(steps + 1):
            job.log(progress_line(step, steps, seconds=job.timings().image * step / steps))
            await job.sleep(job.timings().image / steps if step else 0)
        urls.append(
            job.save_file(await asyncio.to_thread(_render_poster, job, index), f"out-{index}.{_image_format(job)}")
        )
    job.metrics["image_count"] = count
    await job.set_output(urls)


async def upscale_image(job: Job) -> None:
    """Enlarge the input image."""
    data = await job.read_file(str(job.input["image"]))
    scale = float(job.input.get("scale", 2))
    job.log(f"Upscaling ×{scale:g}\n")
    await job.sleep(job.timings().image)
    try:
        larger = await asyncio.to_thread(lambda: encode_image(enlarge_image(open_image(data), scale), format="png"))
    except InvalidImage as error:
        raise ModelFailed(f"{error}") from error
    await job.set_output(job.save_file(larger, "output.png"))


async def edit_image(job: Job) -> None:
    """Change the input image as the prompt says."""
    prompt, seed = str(job.input["prompt"]), str(job.input.get("seed") or job.random_number("seed", 2**31))
    job.log(f"Using seed: {seed}\n")
    await _make_of_image(job, lambda data: retouch_image(data, prompt, seed=seed), "output.webp")


async def animate(job: Job) -> None:
    """Make the input image move."""
    await _make_of_image(job, animate_image, "output.mp4")


async def cut_out(job: Job) -> None:
    """Remove the background of the input image."""
    await _make_of_image(job, cut_out_image, "output.png")


async def describe_image(job: Job) -> None:
    """Describe the input image in words."""
    await _make_of_image(job, write_description, None)


async def classify_image(job: Job) -> None:
    """Tell whether the input image is safe to show, as classifiers do: a score for each label."""
    await _make_of_image(job, write_classes, None)


async def _make_of_image(job: Job, make: Callable[[bytes], Any], name: str | None) -> None:
    """Set the output to what is made of the input image: a file of this name, or a text."""
    data = await job.read_file(str(job.input["image"]))
    await job.sleep(job.timings().image)
    try:
        made = await asyncio.to_thread(make, data)
    except InvalidImage as error:
        raise ModelFailed(f"{error}") from error
    await job.set_output(made if name is None else job.save_file(made, name))


async def transcribe_audio(job: Job) -> None:
    """Return a made-up transcription of a recording."""
    data = await job.read_file(str(job.input["audio"]))
    job.log(f"Transcribe with large-v3 model\nDetected language: english ({len(data)} bytes)\n")
    await job.sleep(job.timings().work)
    text = write_answer(f"recording {len(data)}").split("\n\n")[-2]
    subtitles = f"1\n00:00:00,000 --> 00:00:04,000\n{text}\n"
    await job.set_output(
        {
            "segments": [{"id": 0, "start": 0.0, "end": 4.0, "text": text}],
            "srt_file": job.save_file(subtitles.encode(), "out.srt"),
            "translation": None,
            "transcription": text,
            "detected_language": "english",
        }
    )


async def describe_inputs(job: Job) -> None:
    """Return the inputs as JSON: files by their size, secrets only by their length."""
    described: dict[str, Any] = {}
    for name, value in job.input.items():
        described[name] = (
            f"a secret of {len(value)} characters" if name in job.secrets else await _describe_value(job, value)
        )
    job.log("Reading the inputs\n")
    await job.sleep(job.timings().work)
    await job.set_output(json.dumps(described, ensure_ascii=False, indent=2))


async def return_nothing(job: Job) -> None:
    """Succeed without any output."""
    await job.sleep(job.timings().work)


async def generate_from_schema(job: Job) -> None:
    """Return made-up outputs that match the output schema."""
    if is_text_stream(job.output_schema):
        await generate_text(job)
    elif is_iterator(job.output_schema):
        for item in fake_output_items(job):
            await job.sleep(job.timings().work)
            await job.add_output(await item)
    else:
        await job.sleep(job.timings().work)
        await job.set_output(await fake_output(job))


async def _describe_value(job: Job, value: Any) -> Any:
    if isinstance(value, list):
        return [await _describe_value(job, item) for item in value]
    if isinstance(value, str) and value.startswith(("data:", "http://", "https://")):
        return f"a file of {len(await job.read_file(value))} bytes"
    return value


def _image_format(job: Job) -> str:
    output_format = str(job.input.get("output_format", "webp"))
    return output_format if output_format in ("webp", "jpg", "png") else "webp"


def _render_poster(job: Job, index: int) -> bytes:
    size = _IMAGE_SIZES.get(str(job.input.get("aspect_ratio", "1:1")), _IMAGE_SIZES["1:1"])
    prompt = str(job.input.get("prompt", ""))
    poster = draw_poster(
        prompt,
        seed=str(job.random_number(f"image {index}", 2**31)),
        size=job.picture_size(size),
        title=f"Image {index + 1}",
    )
    return encode_image(poster, format=_image_format(job), quality=int(job.input.get("output_quality", 80)))


async def generate_character(job: Job) -> None:
    """Draw the subject in ``number_of_outputs`` poses, ``number_of_images_per_pose`` of each, one after the other."""
    subject = await _load_subject(job)
    job.log(f"Random seed set to: {job.input.get('seed') or job.random_number('seed', 2**31)}\n")
    poses = _choose_poses(job)
    for number, (pose, variant) in enumerate(poses, start=1):
        await _simulate_sampling(job)
        if job.is_withheld():
            job.log(f"Not returning image {number} as it has NSFW content.\n")
            continue
        data = await asyncio.to_thread(_render_pose, job, subject, pose, variant)
        suffix = job.input["output_format"]
        name = f"ComfyUI_{number:05d}_"
        job.log(f"outputs:  {{'116': {{'images': [{{'filename': '{name}.png', 'type': 'output'}}]}}}}\n{name}.png\n")
        job.metrics["image_count"] = job.metrics.get("image_count", 0) + 1
        await job.add_output(job.save_file(data, f"{name}.{suffix}"))
    if not job.metrics:
        raise ModelFailed(_ALL_WITHHELD_ERROR)


async def _load_subject(job: Job) -> Image.Image:
    uri = job.input.get("subject")
    if uri is None:
        # The real model has the same bug: its schema does not require the subject, but its code opens it.
        raise ModelFailed("expected str, bytes or os.PathLike object, not NoneType")
    data = await job.read_file(str(uri))
    try:
        return await asyncio.to_thread(open_image, data)
    except InvalidImage as error:
        raise ModelFailed(f"{error} '/tmp/inputs/subject'") from error


def _choose_poses(job: Job) -> list[tuple[Pose, int]]:
    start = job.random_number("pose", len(POSES)) if job.input["randomise_poses"] else 0
    poses = [POSES[(start + index) % len(POSES)] for index in range(job.input["number_of_outputs"])]
    return [(pose, index) for pose in poses for index in range(job.input["number_of_images_per_pose"])]


async def _simulate_sampling(job: Job) -> None:
    for line in _workflow_logs():
        job.log(line)
    step_time = job.timings().image / SAMPLING_STEPS
    job.log(progress_line(0, SAMPLING_STEPS, seconds=0))
    for step in range(1, SAMPLING_STEPS + 1):
        await job.sleep(step_time)
        job.log(progress_line(step, SAMPLING_STEPS, seconds=step_time * step))
    job.log(
        "Executing node 116, title: Save Image, class type: SaveImage\n"
        f"Prompt executed in {step_time * SAMPLING_STEPS:.2f} seconds\n"
    )


def _workflow_logs() -> Iterator[str]:
    yield "Running workflow\ngot prompt\n"
    yield "Executing node 94, title: Load Image, class type: LoadImage\n"
    yield "Executing node 2, title: Apply InstantID, class type: ApplyInstantID\n"
    yield "Executing node 11, title: KSampler, class type: KSampler\nRequested to load SDXL\nLoading 1 new model\n"


def _render_pose(job: Job, subject: Image.Image, pose: Pose, variant: int) -> bytes:
    seed = f"{job.random_number('palette', 2**31)}:{variant}"
    image = draw_pose(subject, pose, prompt=job.input["prompt"], seed=seed, size=job.picture_size(POSE_SIZE))
    return encode_image(image, format=job.input["output_format"], quality=job.input["output_quality"])


async def fake_output(job: Job) -> Any:
    """Return a made-up output that matches the job's output schema."""
    return await _fake_value(job, job.output_schema, "output")


def fake_output_items(job: Job) -> Iterator[Awaitable[Any]]:
    """Yield the made-up outputs of an iterator as awaitables."""
    items = resolve_refs(job.output_schema, job.schemas).get("items", {})
    for index in range(_output_count(job)):
        yield _fake_value(job, items, f"output {index + 1}")


async def _fake_value(job: Job, schema: Schema, name: str, depth: int = 0) -> Any:
    schema = _first_variant(resolve_refs(schema, job.schemas), job.schemas)
    if "enum" in schema:
        return schema["enum"][job.random_number(name, len(schema["enum"]))]
    if depth > _MAX_DEPTH:
        return None
    kind = str(schema.get("type"))
    if kind in _FAKE_SCALARS:
        return _FAKE_SCALARS[kind](job, name)
    if kind == "string":
        return await _fake_string(job, schema, name)
    if kind in ("array", "object"):
        return await (_fake_array if kind == "array" else _fake_object)(job, schema, name, depth)
    return {"answer": 42, "note": write_sentence(_prompt_text(job)), "parts": [1, 2.5, None, True]}


async def _fake_string(job: Job, schema: Schema, name: str) -> str:
    if schema.get("format") != "uri":
        return write_sentence(f"{_prompt_text(job)} {name}")
    kind = guess_file_kind(name, str(schema.get("title", "")), job.model_description)
    data, suffix = await make_file(
        kind, prompt=_prompt_text(job), seed=f"{job.id}:{name}", picture_size=job.picture_size(POSTER_SIZE)
    )
    return job.save_file(data, f"{name.replace(' ', '_')}.{suffix}")


async def _fake_array(job: Job, schema: Schema, name: str, depth: int) -> list[Any]:
    items = _first_variant(resolve_refs(schema.get("items", {}), job.schemas), job.schemas)
    numbers = items.get("type") in ("number", "integer")
    count = _EMBEDDING_SIZE if numbers else _output_count(job) if depth == 0 else 2
    return [await _fake_value(job, items, f"{name} {index + 1}", depth + 1) for index in range(count)]


async def _fake_object(job: Job, schema: Schema, name: str, depth: int) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if not properties:
        return {"name": name, "note": write_sentence(_prompt_text(job))}
    return {key: await _fake_value(job, value, key, depth + 1) for key, value in properties.items()}


def _first_variant(schema: Schema, schemas: Schema) -> Schema:
    """Return the first variant of a union that is not null."""
    variants = [resolve_refs(variant, schemas) for variant in schema.get("anyOf", [])]
    return next((variant for variant in variants if variant.get("type") != "null"), schema)


def _output_count(job: Job) -> int:
    return next((value for name in _COUNT_INPUTS if isinstance(value := job.input.get(name), int)), _DEFAULT_COUNT)


def _prompt_text(job: Job) -> str:
    texts = (job.input.get(name) for name in ("prompt", "text", "description", "query"))
    return next((str(text) for text in texts if text), job.model_description)


def progress_line(step: int, steps: int, *, seconds: float) -> str:
    """Return tqdm's progress line for ``step`` of ``steps`` after ``seconds``, with a newline."""
    eighths = round(step / steps * _BAR_WIDTH * 8)
    full, part = divmod(eighths, 8)
    bar = (_BAR_BLOCKS[8] * full + (_BAR_BLOCKS[part] if part else "")).ljust(_BAR_WIDTH)
    return f"{step * 100 // steps:3d}%|{bar}| {step}/{steps} [{_progress_times(step, steps, seconds)}]\n"


def _progress_times(step: int, steps: int, seconds: float) -> str:
    if step == 0:
        return "00:00<?, ?it/s"
    step_time = max(seconds / step, 0.001)
    rate = f"{step_time:5.2f}s/it" if step_time >= 1 else f"{1 / step_time:5.2f}it/s"
    return f"{_format_duration(seconds)}<{_format_duration(step_time * (steps - step))}, {rate}"


def _format_duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"


PREDICTORS: Mapping[str, Predictor] = {
    "character": generate_character,
    "text": generate_text,
    "images": generate_images,
    "upscale": upscale_image,
    "edit": edit_image,
    "animate": animate,
    "cut_out": cut_out,
    "describe_image": describe_image,
    "classify_image": classify_image,
    "transcribe": transcribe_audio,
    "describe_inputs": describe_inputs,
    "nothing": return_nothing,
    "from_schema": generate_from_schema,
}
