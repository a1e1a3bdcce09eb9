"""The demo: three runs played in the terminal: one to completion, one with an image of it, one that is canceled."""

import io
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from bot.errors import ConfigError
from sandbox.discord.state.models import Message, Upload
from sandbox.environment import Environment, create_folder
from sandbox.portrait import draw_portrait
from sandbox.replicate.job import Timings

_OK, _FAILED = 0, 1  # exit codes
_RUNS = 3
_IMAGES = 5  # of each run
_CANCEL_AFTER = 2  # images
_NEXT, _NEXT_IMAGE, _NEXT_STEM = "Upscale", 3, "enhance"
_COG_COMMAND, _COG_IMAGES = "paint", 3
_LIMIT = 120.0
_TIMINGS = Timings(boot=2.0, image=1.6)
_PROMPT = "a friendly astronaut, orange suit, short hair"

_COMMAND = re.compile(r"/(?:generate|enhance|paint)\b")
_MENTION = re.compile(r"<@(\d+)>")
_LINK = re.compile(r"\[([^]]*)]\([^)]*\)")
_TIMESTAMP = re.compile(r"(?: · )?(?:requested )?<t:\d+(?::\w)?>")
_MARKUP = re.compile(r"\*\*|^-# |^> ?", re.MULTILINE)


async def play_demo(image: Path | None, *, out: Path, cog: bool = False) -> int:
    """Play the runs with ``image`` or a drawn portrait, save the images in ``out``, and return the exit code.

    ``cog``: play one more, on a real Cog server.
    """
    subject = _load_subject(image)
    create_folder(out)
    _print_line("Replicord with a stand-in Discord and a stand-in Replicate: no accounts, no costs.")
    with tempfile.TemporaryDirectory(prefix="replicord-") as folder:
        async with Environment(Path(folder), timings=_TIMINGS, cog=cog, roles=True) as environment:
            await environment.start_bot()
            completed = await _play_to_completion(environment, subject, out)
            upscaled = await _play_next(environment, out)
            canceled = await _play_and_cancel(environment, subject)
            predictions = len(environment.replicate.predictions)
            on_cog = not cog or await _play_to_completion(
                environment, subject, out, command=_COG_COMMAND, images=_COG_IMAGES
            )
    if not (completed and upscaled and canceled and on_cog and predictions == _RUNS):
        _print_line("\nThe demo did not go as expected. Please report this.")
        return _FAILED
    _print_line(
        f"\n{_RUNS} runs, {predictions} predictions, one message each. "
        "Run `python -m bot sandbox` to try it yourself in the browser."
    )
    return _OK


async def _play_to_completion(
    environment: Environment, subject: Upload, out: Path, *, command: str = "generate", images: int = _IMAGES
) -> bool:
    message = await _use_command(environment, command, subject, images)
    await _print_progress(environment, message, until=lambda: "Again" in message.buttons)
    saved = _save_images(message, out)
    _print_line(f"{'':>9}  saved {', '.join(str(path) for path in saved)}")
    return len(saved) == images


async def _play_next(environment: Environment, out: Path) -> bool:
    """Let noah enlarge an image of the finished run: what comes next, which image, then a run of his own."""
    noah, channel = environment.discord.person("noah"), environment.discord.state.channel("pictures")
    *_, result = (message for message in channel.messages.values() if _images(message))
    _print_line(f"\nnoah under mia's result: {_NEXT}, image {_NEXT_IMAGE}\n")
    asked = await noah.choose(result, "Next", [_NEXT])
    number = str(_NEXT_IMAGE)
    card = await asked.wait_for(lambda shown: next((one for one in shown.followups if number in one.buttons), None))
    pressed = await noah.press(card, number)
    message = await pressed.wait_for(lambda shown: shown.followups[0] if shown.followups else None)
    await _print_progress(environment, message, until=lambda: "Again" in message.buttons)
    saved = _save_images(message, out)
    _print_line(f"{'':>9}  saved {', '.join(str(path) for path in saved)}")
    return len(saved) == 1


async def _play_and_cancel(environment: Environment, subject: Upload) -> bool:
    message = await _use_command(environment, "generate", subject, _IMAGES)
    await _print_progress(environment, message, until=lambda: len(_images(message)) >= _CANCEL_AFTER)
    _print_line("\nmia reacts with ❌")
    printed = _status_line(environment, message)
    await environment.discord.person("mia").react(message, "❌")
    await _print_progress(environment, message, until=lambda: "Again" in message.buttons, printed=printed)
    return _CANCEL_AFTER <= len(_images(message)) < _IMAGES and "Stopped" in message.text


async def _use_command(environment: Environment, name: str, subject: Upload, images: int) -> Message:
    """Use a command as mia and return the bot's reply."""
    values = {"prompt": _PROMPT, "subject": subject, "number_of_outputs": images}
    mia, channel = environment.discord.person("mia"), environment.discord.state.channel("pictures")
    shown = " ".join(f"{key}:{value.name if isinstance(value, Upload) else value}" for key, value in values.items())
    _print_line(f"\nmia in #pictures: /{name} {shown}\n")
    result = await mia.use_command(channel, name, values)
    if result.message is None:
        raise ConfigError("The bot did not respond to the command.")
    return result.message


async def _print_progress(
    environment: Environment, message: Message, *, until: Callable[[], bool], printed: str = ""
) -> None:
    """Print each status line of the message that differs from ``printed``, until ``until`` returns true."""
    state = environment.discord.state

    def print_change() -> bool:
        nonlocal printed
        status = _status_line(environment, message)
        if status and status != printed:
            printed = status
            elapsed = (state.now() - message.created_at).total_seconds()
            _print_line(f"{elapsed:7.1f} s  {status}")
        return until()

    await state.wait_for(print_change, timeout=_LIMIT)


def _status_line(environment: Environment, message: Message) -> str:
    """Return the card's status line as plain text, with a square for each image."""
    lines = [line for line in message.text.splitlines() if line.startswith("**") and not _COMMAND.search(line)]
    if not lines:
        return ""
    squares = "▣ " * len(_images(message))
    users = environment.discord.state.users
    text = _MENTION.sub(lambda found: users[int(found[1])].name, lines[0])
    return f"{_strip_markup(text)}   {squares}".rstrip()


def _strip_markup(text: str) -> str:
    return _MARKUP.sub("", _TIMESTAMP.sub("", _LINK.sub(r"\1", text)))


def _images(message: Message) -> list[tuple[str, bytes]]:
    """Return the names and contents of the run's images."""
    return [
        (item.filename, item.data)
        for item in message.attachments
        if item.filename.startswith(("generate-", f"{_NEXT_STEM}-", f"{_COG_COMMAND}-"))
    ]


def _save_images(message: Message, out: Path) -> list[Path]:
    """Save the run's images in ``out`` and return their paths."""
    paths = []
    for name, data in _images(message):
        path = out / name
        path.write_bytes(data)
        paths.append(path)
    return paths


def _load_subject(image: Path | None) -> Upload:
    if image is None:
        return Upload("portrait.png", draw_portrait())
    try:
        data = image.read_bytes()
    except OSError as error:
        raise ConfigError(f"Can't read {image}: {error.strerror or error}.") from error
    _check_image(image, data)
    return Upload(image.name, data)


def _check_image(path: Path, data: bytes) -> None:
    """Raise ConfigError unless the whole image can be decoded: the header of one that is cut off is still valid."""
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(io.BytesIO(data)) as opened,
        ):
            opened.load()
    except UnidentifiedImageError as error:
        raise ConfigError(f"{path} is not an image. Choose a JPEG, PNG or WebP.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ConfigError(f"{path} has too many pixels. Choose a smaller image.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow's decoders raise
        raise ConfigError(f"{path} is damaged or incomplete. Save it again, or choose another image.") from error


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
