"""The demo: two runs played in the terminal, one to its end, one that is stopped."""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bot.errors import ConfigError
from sandbox.discord.world.attachment import Upload
from sandbox.discord.world.message import Message
from sandbox.house import House
from sandbox.portrait import portrait
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


async def demo(image: Path | None, *, out: Path) -> int:
    """Play both runs with ``image`` (or a drawn portrait) and save the pictures in ``out``; return the exit code."""
    subject = _subject(image)
    _say("Replicord between a stand-in Discord and a stand-in Replicate: no accounts, no money.")
    with tempfile.TemporaryDirectory(prefix="replicord-") as folder:
        async with House(Path(folder), pace=_PACE) as house:
            await house.start_bot()
            first = await _play_to_the_end(house, subject, out)
            second = await _play_and_stop(house, subject)
            runs, predictions = 2, len(house.replicate.predictions)
    if not (first and second and predictions == runs):
        _say("\nThis is not how it should go; please report it.")
        return _FAILED
    _say(f"\n{runs} runs, {predictions} predictions, one message each. `python -m bot sandbox` opens it as a page.")
    return _DONE


async def _play_to_the_end(house: House, subject: Upload, out: Path) -> bool:
    message = await _generate(house, subject)
    await _watch(house, message, until=lambda: "Again" in message.buttons)
    saved = _save(message, out)
    _say(f"{'':>9}  saved {', '.join(str(path) for path in saved)}")
    return len(saved) == _IMAGES


async def _play_and_stop(house: House, subject: Upload) -> bool:
    message = await _generate(house, subject)
    await _watch(house, message, until=lambda: _images(message) >= _STOP_AFTER)
    _say("\nmia puts a ❌ under it")
    await house.discord.person("mia").react(message, "❌")
    await _watch(house, message, until=lambda: "Again" in message.buttons)
    kept = _images(message)
    return _STOP_AFTER <= kept < _IMAGES and "Stopped" in message.text


async def _generate(house: House, subject: Upload) -> Message:
    mia, pictures = house.discord.person("mia"), house.discord.world.channel("pictures")
    _say(f"\nmia in #pictures: /generate prompt:{_PROMPT} subject:{subject.name} number_of_outputs:{_IMAGES}\n")
    exchange = await mia.slash(
        pictures, "generate", {"prompt": _PROMPT, "subject": subject, "number_of_outputs": _IMAGES}
    )
    if exchange.message is None:
        raise ConfigError("The bot did not answer the command.")
    return exchange.message


async def _watch(house: House, message: Message, *, until: Callable[[], bool]) -> None:
    """Write each new state of the message down until ``until`` is true."""
    began = message.created_at
    told = ""

    def look() -> bool:
        nonlocal told
        now = _status(message)
        if now and now != told:
            told = now
            elapsed = (house.discord.world.now() - began).total_seconds()
            _say(f"{elapsed:7.1f} s  {now}")
        return until()

    await house.discord.world.wait_for(look, timeout=_LIMIT)


def _status(message: Message) -> str:
    """Return the card's status line with the number of pictures, as plain text."""
    lines = [line for line in message.text.splitlines() if line.startswith("**") and "/generate" not in line]
    if not lines:
        return ""
    pictures = "▣ " * _images(message)
    return f"{_plain(lines[0])}   {pictures}".rstrip()


def _plain(text: str) -> str:
    return _MARKUP.sub("", _TIMESTAMP.sub("", _LINK.sub(r"\1", text)))


def _save(message: Message, out: Path) -> list[Path]:
    """Write the run's pictures to ``out``, made if need be, and return where they are."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in message.attachments:
        if picture.filename.startswith("generate-"):
            paths.append(out / picture.filename)
            paths[-1].write_bytes(picture.data)
    return paths


def _images(message: Message) -> int:
    return sum(picture.filename.startswith("generate-") for picture in message.attachments)


def _subject(image: Path | None) -> Upload:
    if image is None:
        return Upload("portrait.png", portrait())
    try:
        return Upload(image.name, image.read_bytes())
    except OSError as error:
        raise ConfigError(f"{image} cannot be read: {error.strerror}.") from error


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
