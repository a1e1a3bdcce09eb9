"""A process of its own that watches a bot: how long ``/healthz`` takes, and how memory and disk grow.

``python -m tests.hostile.probe PORT PID FOLDER`` prints "ready" once the bot has answered, then asks every 50 ms over a
new connection, until its standard input closes; then it prints the figures as JSON. It runs outside of the test's
process, whose own work (two stand-ins, the attack) must not count.
"""

import json
import os
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_INTERVAL = 0.05
_GIVE_UP = 60.0
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class Figures:
    """What an attack did to the bot, at its worst.

    ``stall`` is the longest answer of ``/healthz`` in seconds, without the time in which the kernel let other
    processes run instead; ``unanswered`` counts the requests without a 200. ``memory`` and ``disk`` are the growth, in
    bytes, of the bot's and its children's own resident memory, and of everything in its folder, its log included.
    """

    stall: float = 0.0
    unanswered: int = 0
    asked: int = 0
    memory: int = 0
    disk: int = 0


def waits_for_cpu(pid: int) -> dict[str, float]:
    """Return the seconds in which each thread of a process was ready to run, but another process ran (Linux)."""
    waits = {}
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # only the names
        try:
            waited = Path(f"/proc/{pid}/task/{task}/schedstat").read_text(encoding="ascii").split()[1]
        except OSError:
            continue  # the thread has ended
        waits[task] = int(waited) / 1e9
    return waits


def held_up(pid: int, before: dict[str, float], after: dict[str, float]) -> float:
    """Return the seconds in which the kernel, not the program, kept a process from going on.

    Besides the wait of the main thread, it is the longest of another one: if that one has the interpreter's lock, the
    main thread waits for it without being ready to run.
    """
    waits = {task: waited - before.get(task, 0.0) for task, waited in after.items()}
    return waits.pop(str(pid), 0.0) + max(waits.values(), default=0.0)


def own_memory(pid: int) -> int:
    """Return the resident bytes of a process and its descendants, without pages of files: those of libraries are
    shared, and counted anew for every process that starts they made the figure one of how many run."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = " ".join((task / "children").read_text(encoding="ascii") for task in tasks).split()
    except OSError:
        return 0
    pages = dict(line.split(":") for line in status.splitlines() if line.startswith(("RssAnon", "RssShmem")))
    kilobytes = sum(int(value.split()[0]) for value in pages.values())
    return kilobytes * 1024 + sum(own_memory(int(child)) for child in children)


def disk_use(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    total = 0
    for place, folders, files in os.walk(folder):  # it passes over folders that are deleted meanwhile
        for name in (*folders, *files):
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue  # deleted meanwhile
    return total


def ask(port: int) -> bool:
    """Ask ``/healthz`` over a new connection; return whether the answer is 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_GIVE_UP) as connection:
            connection.sendall(_REQUEST)
            return b" 200 " in connection.recv(4096).partition(b"\r\n")[0]
    except OSError:
        return False


def watch(port: int, pid: int, folder: Path) -> Figures:
    """Ask until the standard input closes, and once more then."""
    figures = Figures()
    memory, disk = own_memory(pid), disk_use(folder)
    own = int(Path("/proc/self").resolve().name)
    closed = False
    while not closed:
        closed = bool(select.select([sys.stdin], [], [], _INTERVAL)[0])
        waits, own_waits, began = waits_for_cpu(pid), waits_for_cpu(own), time.monotonic()
        answered = ask(port)
        taken = time.monotonic() - began
        busy = held_up(pid, waits, waits_for_cpu(pid)) + held_up(own, own_waits, waits_for_cpu(own))
        figures.asked += 1
        figures.unanswered += not answered
        figures.stall = max(figures.stall, taken - busy)
        figures.memory = max(figures.memory, own_memory(pid) - memory)
        figures.disk = max(figures.disk, disk_use(folder) - disk)
    return figures


if __name__ == "__main__":
    bot_port, bot_pid, bot_folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    ready = ask(bot_port)
    sys.stdout.write("ready\n" if ready else "the bot does not answer\n")
    sys.stdout.flush()
    if ready:
        sys.stdout.write(json.dumps(asdict(watch(bot_port, bot_pid, bot_folder))) + "\n")
