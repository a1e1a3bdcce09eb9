"""File names as Discord keeps them: it rewrites all but ASCII letters, digits, dots, dashes and underscores."""

import hashlib
import re

_REWRITTEN = re.compile(r"[^A-Za-z0-9._-]+")
_LENGTH = 80

# The picture that was given; it is ours, so no output of a run may bear its name.
GIVEN = "given.webp"


def upload_name(name: str) -> str:
    """Return the name under which a file is uploaded: the same for the same name, different for different ones."""
    safe = _REWRITTEN.sub("_", name).lstrip("._-")
    # Discord hides files of this prefix behind a spoiler.
    if safe == name and len(safe) <= _LENGTH and safe != GIVEN and not safe.startswith("SPOILER_"):
        return safe
    stem, dot, suffix = safe.rpartition(".")
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    stem = (stem if dot else safe).removeprefix("SPOILER_")[:40] or "file"
    return f"{stem}-{mark}.{suffix[:16]}" if dot and suffix else f"{stem}-{mark}"
