"""The file ``.env``: whether it can be read, by whom, and which of its names are misspelt."""

import difflib
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from bot.errors import ConfigError
from bot.settings.text import read_text

DOTENV: Final = Path(".env")
_SIMILAR: Final = 0.8
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


def find_misspelt_names(known: Collection[str], path: Path = DOTENV) -> Mapping[str, str]:
    """Return the names in ``path`` that are no setting but almost one, each with the setting that it resembles.

    Other names are left alone: the file may serve other programs too.
    """
    if not path.is_file():
        return {}
    names = [name for name in dotenv_values(path, encoding="utf-8-sig") if name.upper() not in known]
    similar = {name: difflib.get_close_matches(name.upper(), known, n=1, cutoff=_SIMILAR) for name in names}
    return {name: meant[0] for name, meant in similar.items() if meant}


def is_readable_by_others(path: Path = DOTENV) -> bool:
    """Return whether other users of the machine may read or change ``path``."""
    return os.name == "posix" and path.is_file() and bool(path.stat().st_mode & _OTHERS)
