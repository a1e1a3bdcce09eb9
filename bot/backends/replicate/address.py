"""Where Replicate's API is, from the address that the operator entered."""

import re
from typing import Final

import httpx

_VERSION: Final = "v1"
_VERSION_SEGMENT: Final = re.compile(r"v\d+", re.ASCII)


def api_roots(base_url: str) -> tuple[str, ...]:
    """Return the URLs that the API's resources may be below, the likeliest first.

    There is one for a bare host (``/v1`` is added, as Replicate's own clients do) and for a path that ends in a
    version. Any other path may be a proxy's in front of ``/v1``, or a gateway's that stands in for ``https://host/v1``
    as a whole (Cloudflare's AI Gateway: ``/v1/<account>/<gateway>/replicate``).
    """
    base = base_url.rstrip("/")
    segments = [segment for segment in httpx.URL(base).path.split("/") if segment]
    if not segments:
        return (f"{base}/{_VERSION}",)
    if _VERSION_SEGMENT.fullmatch(segments[-1]):
        return (base,)
    versioned = any(_VERSION_SEGMENT.fullmatch(segment) for segment in segments)
    return (base, f"{base}/{_VERSION}") if versioned else (f"{base}/{_VERSION}", base)
