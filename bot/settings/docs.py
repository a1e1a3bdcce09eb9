"""Write the settings as documents: ``.env.example`` and the README's table.

``python -m bot.settings.docs`` prints both; a test checks that the documents are up to date.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta

from pydantic_core import PydanticUndefined

from bot.settings.settings import Settings, duration_to_text


def env_example() -> str:
    """Return the text of ``.env.example``: every setting with its default and description."""
    lines = ["# Replicord's settings. Copy this file to .env and fill in the two tokens.", ""]
    for name, default, description in _rows():
        lines.append(f"# {description}")
        lines.append(f"{name}=" if default is None else f"#{name}={default}")
        lines.append("")
    return "\n".join(lines)


def table() -> str:
    """Return the README's settings table."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, default, description in _rows():
        text = "required" if default is None else f"`{default}`" if default else "unset"
        lines.append(f"| `{name}` | {text} | {description} |")
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[tuple[str, str | None, str]]:
    """Yield each setting's variable, its default as text (None: required, "": unset) and its description."""
    for name, field in Settings.model_fields.items():
        default = None if field.default is PydanticUndefined else _to_text(field.default)
        yield name.upper(), default, str(field.description)


def _to_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return duration_to_text(value) if isinstance(value, timedelta) else str(value)


if __name__ == "__main__":
    sys.stdout.write(env_example() + "\n" + table())
