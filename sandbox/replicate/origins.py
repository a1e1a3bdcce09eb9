"""Origins: the three addresses that the stand-in answers at."""

from dataclasses import dataclass


@dataclass(slots=True)
class Origins:
    """``http://127.0.0.1:<port>`` of the API, the streams and the delivered files; empty until it is started."""

    api: str = ""
    stream: str = ""
    delivery: str = ""
