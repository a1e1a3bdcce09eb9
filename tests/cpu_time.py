"""How long the processor works on a call. The time does not depend on what else the machine does."""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def cpu_seconds(call: Callable[[], T], *, times: int = 3) -> tuple[T, float]:
    """Return the result of the call and the CPU seconds that it took in this thread, at best of ``times``.

    The rule that bounds hold for is that the event loop never stands still for over 0.1 s. As in the bot, the objects
    that are there already are kept from the garbage collector, which would walk through all of the tests' own. They
    stay so: to take them back would include what ``conftest.py`` has put out of its sight.
    """
    seconds = []
    gc.collect()
    gc.freeze()
    for _ in range(times):
        began = time.thread_time()
        result = call()
        seconds.append(time.thread_time() - began)
    return result, min(seconds)
