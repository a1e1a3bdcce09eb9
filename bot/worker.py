"""The process in which ``bot.worker_pool`` calls functions: ``python -m bot.worker``.

It reads requests from standard input and answers on standard output, one at a time, each message as a status byte, a
length of eight bytes and a pickle. It ends when standard input does, also in the middle of a call: then the bot is
gone. The limits of a call are the operating system's, so no library can pass them; where there are none (Windows), the
pool's own time limit remains.
"""

import math
import os
import pickle
import struct
import threading
import traceback
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, Final

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

HEADER: Final = struct.Struct(">cQ")
RESULT, ERROR, OUT_OF_MEMORY = b"R", b"E", b"M"

_NICENESS: Final = 10  # the event loop comes first where there is one core
_PAGES_OF_DATA: Final = 5  # the field of /proc/self/statm
_STATM: Final = "/proc/self/statm"


def main() -> None:
    """Answer requests until standard input ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY)):  # what a library prints is no answer
        os.dup2(os.open(os.devnull, flags), number)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    if resource is not None:
        _set_soft_limit(resource.RLIMIT_CORE, 0)
    received: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(requests, received), daemon=True).start()
    while True:
        status, answer = _answer(received.get())
        answers.write(HEADER.pack(status, len(answer)))
        answers.write(answer)
        answers.flush()
        del answer  # it may be large, and the next request long in coming


def _receive(requests: IO[bytes], received: "SimpleQueue[bytes]") -> None:
    """Hand over every request, and end the process with the last."""
    with suppress(OSError):
        while header := requests.read(HEADER.size):
            if len(header) < HEADER.size:
                break
            received.put(requests.read(HEADER.unpack(header)[1]))
    os._exit(0)


def _answer(request: bytes) -> tuple[bytes, bytes]:
    """Make one call; return its status, and its pickled result or error."""
    try:
        function, arguments, seconds, memory = pickle.loads(request)  # noqa: S301  # from the bot itself
        _limit_call(seconds, memory)
        try:
            return RESULT, pickle.dumps(function(*arguments), pickle.HIGHEST_PROTOCOL)
        finally:
            _lift_memory_limit()
    except MemoryError:
        return OUT_OF_MEMORY, b""
    except Exception as error:  # noqa: BLE001  # it is raised again in the bot
        return ERROR, _dump_error(error)


def _dump_error(error: Exception) -> bytes:
    """Return the error with its traceback as a note; an error that cannot travel becomes a RuntimeError."""
    trace = "".join(traceback.format_exception(error))
    error.add_note(trace)
    try:
        dumped = pickle.dumps(error, pickle.HIGHEST_PROTOCOL)
        pickle.loads(dumped)  # noqa: S301  # our own
    except Exception:  # noqa: BLE001  # whatever its constructor raises
        return pickle.dumps(RuntimeError(trace), pickle.HIGHEST_PROTOCOL)
    return dumped


def _limit_call(seconds: float, memory: int) -> None:
    """End the process after so many more seconds of CPU; refuse it more than so many further bytes of memory."""
    if resource is None:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft_limit(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime + seconds))
    _set_soft_limit(resource.RLIMIT_DATA, _data_bytes() + memory)


def _lift_memory_limit() -> None:
    if resource is not None:
        _set_soft_limit(resource.RLIMIT_DATA, resource.RLIM_INFINITY)


def _set_soft_limit(which: int, value: int) -> None:
    """Set a limit of this process, as far as the hard limit allows."""
    _, hard = resource.getrlimit(which)
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _data_bytes() -> int:
    """Return how much memory the process has taken for itself, in bytes; 0 where the system does not say."""
    try:
        with open(_STATM, encoding="ascii") as statm:  # noqa: PTH123  # pathlib is not imported yet
            pages: list[Any] = statm.read().split()
    except OSError:
        return 0
    return int(pages[_PAGES_OF_DATA]) * resource.getpagesize()


if __name__ == "__main__":
    main()
