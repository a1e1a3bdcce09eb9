"""Behaviours: what the models of the stand-in do when they run."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sandbox.replicate.character import character
from sandbox.replicate.drawing import NotAPicture, encode, open_picture
from sandbox.replicate.inventing import invent, invent_items
from sandbox.replicate.job import Job, ModelFailed
from sandbox.replicate.posters import draw_poster, enlarge
from sandbox.replicate.progress import bar
from sandbox.replicate.shapes import is_iterator, is_text_stream
from sandbox.replicate.texts import answer, tokens

Behaviour = Callable[[Job], Awaitable[None]]

_ASPECTS: Mapping[str, tuple[int, int]] = {
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


async def chat(job: Job) -> None:
    """Answer the prompt, token by token."""
    started = job.clock.monotonic()
    prompt = str(job.input.get("prompt", ""))
    count = 0
    for token in tokens(answer(prompt), limit=job.input.get("max_tokens")):
        await job.rest(1 / job.pace().tokens_per_second)
        await job.output(token)
        count += 1
    spent = max(job.clock.monotonic() - started, 1e-6)
    job.metrics.update(
        input_token_count=len(list(tokens(prompt))),
        output_token_count=count,
        tokens_per_second=count / spent,
        time_to_first_token=1 / job.pace().tokens_per_second,
    )


async def pictures(job: Job) -> None:
    """Draw ``num_outputs`` posters of the prompt and hand them over together."""
    urls = []
    count = int(job.input.get("num_outputs", 1))
    steps = int(job.input.get("num_inference_steps", 4))
    for index in range(count):
        for step in range(steps + 1):
            job.log(bar(step, steps, seconds=job.pace().image * step / steps))
            await job.rest(job.pace().image / steps if step else 0)
        urls.append(job.save(await asyncio.to_thread(_poster, job, index), f"out-{index}.{_format(job)}"))
    job.metrics["image_count"] = count
    await job.result(urls)


async def upscale(job: Job) -> None:
    """Make the given image larger."""
    data = await job.read(str(job.input["image"]))
    scale = float(job.input.get("scale", 2))
    job.log(f"Upscaling ×{scale:g}\n")
    await job.rest(job.pace().image)
    try:
        larger = await asyncio.to_thread(lambda: encode(enlarge(open_picture(data), scale), format="png"))
    except NotAPicture as problem:
        raise ModelFailed(f"{problem}") from problem
    await job.result(job.save(larger, "output.png"))


async def transcribe(job: Job) -> None:
    """Write down what a recording might have said."""
    data = await job.read(str(job.input["audio"]))
    job.log(f"Transcribe with large-v3 model\nDetected language: english ({len(data)} bytes)\n")
    await job.rest(job.pace().work)
    words = answer(f"recording {len(data)}").split("\n\n")[-2]
    subtitles = f"1\n00:00:00,000 --> 00:00:04,000\n{words}\n"
    await job.result(
        {
            "segments": [{"id": 0, "start": 0.0, "end": 4.0, "text": words}],
            "srt_file": job.save(subtitles.encode(), "out.srt"),
            "translation": None,
            "transcription": words,
            "detected_language": "english",
        }
    )


async def look(job: Job) -> None:
    """Tell what was given: inputs as JSON, files by their size. Secrets are told by their length alone."""
    told: dict[str, Any] = {}
    for name, value in job.input.items():
        told[name] = f"a secret of {len(value)} characters" if name in job.secrets else await _told(job, value)
    job.log("Looking at the inputs\n")
    await job.rest(job.pace().work)
    await job.result(json.dumps(told, ensure_ascii=False, indent=2))


async def nothing(job: Job) -> None:
    """Work, and come to an end without any output."""
    await job.rest(job.pace().work)


async def shape(job: Job) -> None:
    """Make up something that fits the output's schema."""
    if is_text_stream(job.output_schema):
        await chat(job)
    elif is_iterator(job.output_schema):
        for item in invent_items(job):
            await job.rest(job.pace().work)
            await job.output(await item)
    else:
        await job.rest(job.pace().work)
        await job.result(await invent(job))


BEHAVIOURS: Mapping[str, Behaviour] = {
    "character": character,
    "chat": chat,
    "pictures": pictures,
    "upscale": upscale,
    "transcribe": transcribe,
    "look": look,
    "nothing": nothing,
    "shape": shape,
}


async def _told(job: Job, value: Any) -> Any:
    if isinstance(value, list):
        return [await _told(job, item) for item in value]
    if isinstance(value, str) and value.startswith(("data:", "http://", "https://")):
        return f"a file of {len(await job.read(value))} bytes"
    return value


def _format(job: Job) -> str:
    chosen = str(job.input.get("output_format", "webp"))
    return chosen if chosen in ("webp", "jpg", "png") else "webp"


def _poster(job: Job, index: int) -> bytes:
    size = _ASPECTS.get(str(job.input.get("aspect_ratio", "1:1")), _ASPECTS["1:1"])
    prompt = str(job.input.get("prompt", ""))
    poster = draw_poster(prompt, seed=str(job.number(f"image {index}", 2**31)), size=size, title=f"Image {index + 1}")
    return encode(poster, format=_format(job), quality=int(job.input.get("output_quality", 80)))
