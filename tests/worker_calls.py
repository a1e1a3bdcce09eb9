"""What tests call in worker processes, in a module that imports nothing else: each process imports it anew."""

import os
import signal
import sys
import time
from pathlib import Path


def echo(value: bytes) -> bytes:
    return value


def fail(sentence: str) -> None:
    raise ValueError(sentence)


class _Unpicklable(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def fail_unpicklably() -> None:
    raise _Unpicklable("both", "are needed")


def spin() -> None:
    while True:
        pass


def take_memory(size: int) -> int:
    return len(bytearray(size))


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def environment() -> list[str]:
    return sorted(os.environ)


def process_id() -> int:
    return os.getpid()


def speak() -> str:
    sys.stdout.write("a library says something")
    sys.stdout.flush()
    return "silence"


def wait_for_file(started: str, path: str) -> str:
    Path(f"{started}.part").write_text(str(os.getpid()), encoding="ascii")
    Path(f"{started}.part").rename(started)
    while not Path(path).exists():
        time.sleep(0.01)
    return path
