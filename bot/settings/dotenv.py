"""The file ``.env``: whether it can be read, by whom, and which names, there and in the environment, are misspelt."""

import difflib
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from bot.errors import ConfigError
from bot.settings.text import read_text

DOTENV: Final = Path(".env")
_SIMILAR: Final = 0.8
_SIMILAR_ELSEWHERE: Final = 0.86  # the environment has names of many other programs
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def check_dotenv(path: Path = DOTENV) -> None:
    """Raise ConfigError if ``path`` is a file that cannot be read as UTF-8; it may be missing."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            read_text(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(str(error)) from None


def find_misspelt_names(
    known: Collection[str], path: Path = DOTENV, environment: Collection[str] | None = None
) -> Mapping[str, str]:
    """Return the names that are no setting but almost one, each with the setting that it resembles.

    They are looked for in ``path`` and in ``environment`` (the process's own if None). Other names are left alone: both
    serve other programs too.
    """
    in_file = dotenv_values(path, encoding="utf-8-sig") if path.is_file() else {}
    in_environment = os.environ if environment is None else environment
    return _find_similar(in_environment, known, _SIMILAR_ELSEWHERE) | _find_similar(in_file, known, _SIMILAR)


def describe_misspelt_names(known: Collection[str], path: Path = DOTENV) -> list[str]:
    """Return a sentence for each misspelt name."""
    found = find_misspelt_names(known, path)
    return [f"{name} is not a setting. Did you mean {meant}?" for name, meant in found.items()]


def _find_similar(names: Iterable[str], known: Collection[str], similarity: float) -> dict[str, str]:
    found = {}
    for name in names:
        similar = difflib.get_close_matches(name.upper(), known, n=1, cutoff=similarity)
        if similar and name.upper() not in known:
            found[name] = similar[0]
    return found


def is_readable_by_others(path: Path = DOTENV) -> bool:
    """Return whether other users of the machine may read or change ``path``."""
    return os.name == "posix" and path.is_file() and bool(path.stat().st_mode & _OTHERS)
