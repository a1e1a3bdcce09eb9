"""The stand-in's base URLs."""

from dataclasses import dataclass


@dataclass(slots=True)
class BaseUrls:
    """``http://127.0.0.1:<port>`` of the API, the streams and the output files; empty until the stand-in starts."""

    api: str = ""
    stream: str = ""
    delivery: str = ""
