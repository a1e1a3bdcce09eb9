"""The demo: two runs played in the terminal, one to its end, one that is stopped."""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bot.errors import ConfigError
from sandbox.discord.state.models import Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from sandbox.replicate.job import Timings

_DONE, _FAILED = 0, 1
_IMAGES = 5
_STOP_AFTER = 2
_LIMIT = 120.0
_PACE = Timings(boot=2.0, image=1.6)
_PROMPT = "a friendly astronaut, orange suit, short hair"

_LINK = re.compile(r"\[([^]]*)]\([^)]*\)")
_TIMESTAMP = re.compile(r"(?: · )?<t:\d+(?::\w)?>")
_MARKUP = re.compile(r"\*\*|^-# |^> ?", re.MULTILINE)


async def play_demo(image: Path | None, *, out: Path) -> int:
    """Play both runs with ``image`` (or a drawn portrait) and save the pictures in ``out``; return the exit code."""
    subject = _load_subject(image)
    _print_line("Replicord between a stand-in Discord and a stand-in Replicate: no accounts, no money.")
    with tempfile.TemporaryDirectory(prefix="replicord-") as folder:
        async with Environment(Path(folder), timings=_PACE) as environment:
            await environment.start_bot()
            first = await _play_to_completion(environment, subject, out)
            second = await _play_and_cancel(environment, subject)
            runs, predictions = 2, len(environment.replicate.predictions)
    if not (first and second and predictions == runs):
        _print_line("\nThis is not how it should go; please report it.")
        return _FAILED
    _print_line(
        f"\n{runs} runs, {predictions} predictions, one message each. `python -m bot sandbox` opens it as a page."
    )
    return _DONE


async def _play_to_completion(environment: Environment, subject: Upload, out: Path) -> bool:
    message = await _generate(environment, subject)
    await _print_progress(environment, message, until=lambda: "Again" in message.buttons)
    saved = _save_images(message, out)
    _print_line(f"{'':>9}  saved {', '.join(str(path) for path in saved)}")
    return len(saved) == _IMAGES


async def _play_and_cancel(environment: Environment, subject: Upload) -> bool:
    message = await _generate(environment, subject)
    await _print_progress(environment, message, until=lambda: _count_images(message) >= _STOP_AFTER)
    _print_line("\nmia puts a ❌ under it")
    await environment.discord.person("mia").react(message, "❌")
    await _print_progress(environment, message, until=lambda: "Again" in message.buttons)
    kept = _count_images(message)
    return _STOP_AFTER <= kept < _IMAGES and "Stopped" in message.text


async def _generate(environment: Environment, subject: Upload) -> Message:
    mia, pictures = environment.discord.person("mia"), environment.discord.state.channel("pictures")
    _print_line(f"\nmia in #pictures: /generate prompt:{_PROMPT} subject:{subject.name} number_of_outputs:{_IMAGES}\n")
    exchange = await mia.use_command(
        pictures, "generate", {"prompt": _PROMPT, "subject": subject, "number_of_outputs": _IMAGES}
    )
    if exchange.message is None:
        raise ConfigError("The bot did not answer the command.")
    return exchange.message


async def _print_progress(environment: Environment, message: Message, *, until: Callable[[], bool]) -> None:
    """Write each new state of the message down until ``until`` is true."""
    began = message.created_at
    told = ""

    def look() -> bool:
        nonlocal told
        now = _status_line(message)
        if now and now != told:
            told = now
            elapsed = (environment.discord.state.now() - began).total_seconds()
            _print_line(f"{elapsed:7.1f} s  {now}")
        return until()

    await environment.discord.state.wait_for(look, timeout=_LIMIT)


def _status_line(message: Message) -> str:
    """Return the card's status line with the number of pictures, as plain text."""
    lines = [line for line in message.text.splitlines() if line.startswith("**") and "/generate" not in line]
    if not lines:
        return ""
    pictures = "▣ " * _count_images(message)
    return f"{_strip_markup(lines[0])}   {pictures}".rstrip()


def _strip_markup(text: str) -> str:
    return _MARKUP.sub("", _TIMESTAMP.sub("", _LINK.sub(r"\1", text)))


def _save_images(message: Message, out: Path) -> list[Path]:
    """Write the run's pictures to ``out``, made if need be, and return where they are."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in message.attachments:
        if picture.filename.startswith("generate-"):
            paths.append(out / picture.filename)
            paths[-1].write_bytes(picture.data)
    return paths


def _count_images(message: Message) -> int:
    return sum(picture.filename.startswith("generate-") for picture in message.attachments)


def _load_subject(image: Path | None) -> Upload:
    if image is None:
        return Upload("portrait.png", draw_portrait())
    try:
        return Upload(image.name, image.read_bytes())
    except OSError as error:
        raise ConfigError(f"{image} cannot be read: {error.strerror}.") from error


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
