"""Heavy work on other people's bytes, in processes with limits: decoding, re-encoding, parsing megabytes.

::

    data = await pool.run(convert_image, path, owner=user_id, seconds=DECODE_SECONDS)

``function`` is one of a module (it travels by name), and its arguments and result are pickled. Both are copied on the
event loop, so large ones are bytes or paths of files, never large trees of objects. Each call has its own bounds on
time and memory; a call that passes them ends with its process, and so does a call that is cancelled. A person has one
call at a time: further calls wait, and a free process goes to somebody else. Processes start when they are needed and
end when they are idle, when the pool is closed, and when the bot is killed; they inherit no secrets.
"""

import asyncio
import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar, TypeVarTuple

import structlog

from bot.aio import cancel_and_wait, race
from bot.clock import Clock
from bot.errors import ReplicordError
from bot.language import _
from bot.limits import WORK_MEMORY_BYTES, WORK_RESULT_BYTES, WORK_WAITING, WORK_WAITING_PER_OWNER, WORKERS
from bot.worker import ERROR, HEADER, OUT_OF_MEMORY, RESULT

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = structlog.get_logger(__name__)

_IDLE_SECONDS: Final = 10.0  # a process takes some 30 MB and starts in a fifth of a second
_WAIT_SECONDS: Final = 120.0  # for a free process
# Seconds on the clock for each second of CPU that a call may take: the machine is shared, but nobody waits for ever.
_CLOCK_FACTOR: Final = 3.0
_START_SECONDS: Final = 10.0
_CHUNK: Final = 256 * 1024
_INHERITED: Final = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP")


class WorkTooHeavy(ReplicordError):
    """A call took too much time or memory, or ended its process."""

    def __init__(self, sentence: str = _("It takes too much work to read. Use something smaller or simpler.")) -> None:
        super().__init__(sentence)


class WorkersBusy(WorkTooHeavy):
    """Too many calls are waiting, or one waited for too long; nothing is wrong with this one."""

    def __init__(self) -> None:
        super().__init__(_("The bot is busy right now. Try again in a minute."))


class WorkerPool:
    """A few processes that call functions, in turn between people."""

    def __init__(self, *, clock: Clock, workers: int = WORKERS) -> None:
        self._clock = clock
        self._size = workers
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}  # by owner, who is next first
        self._running: set[int] = set()  # owners
        self._workers: set[_Worker] = set()
        self._idle: list[tuple[_Worker, float]] = []  # the longest idle first
        self._reaper: asyncio.Task[None] | None = None
        self._changes: set[asyncio.Task[Any]] = set()  # starts and ends of processes, which no cancel interrupts
        self._closed = False

    async def run(
        self, function: Callable[[*Ts], T], *args: *Ts, owner: int, seconds: float, memory: int = WORK_MEMORY_BYTES
    ) -> T:
        """Return what the function returns, or raise what it raises.

        ``owner`` is whose work it is (a Discord user's id). ``seconds`` of CPU and ``memory`` in bytes are what the
        call may take. Raises WorkTooHeavy beyond them, WorkersBusy if too much work is waiting.
        """
        request = pickle.dumps((function, args, seconds, memory), pickle.HIGHEST_PROTOCOL)
        turn = self._enqueue(owner)
        try:
            if not turn.done():
                await race(asyncio.shield(turn), self._clock.sleep(_WAIT_SECONDS))
            if not turn.done():
                raise WorkersBusy
            result: T = await self._call(function.__name__, request, seconds)
            return result
        finally:
            self._end_turn(owner, turn)

    async def close(self) -> None:
        """End every process; calls that wait or are in progress raise WorkersBusy."""
        self._closed = True
        if self._reaper is not None:
            await cancel_and_wait([self._reaper])
        for turn in chain.from_iterable(self._waiting.values()):
            if not turn.done():
                turn.set_exception(WorkersBusy())
        self._idle.clear()
        while self._workers or self._changes:
            for worker in tuple(self._workers):
                await self._end(worker)
            if self._changes:
                await asyncio.wait(tuple(self._changes))

    @property
    def processes(self) -> int:
        """How many processes there are now."""
        return len(self._workers)

    def _enqueue(self, owner: int) -> asyncio.Future[None]:
        """Return a future that is done when its owner may make a call."""
        own, total = len(self._waiting.get(owner, ())), sum(map(len, self._waiting.values()))
        if self._closed or own >= WORK_WAITING_PER_OWNER or total >= WORK_WAITING:
            raise WorkersBusy
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._give_turns()
        return turn

    def _end_turn(self, owner: int, turn: asyncio.Future[None]) -> None:
        """End a turn, whether it came or not."""
        if turn in self._waiting.get(owner, ()):
            self._waiting[owner].remove(turn)
            if not self._waiting[owner]:
                del self._waiting[owner]
        else:
            self._running.discard(owner)
            self._give_turns()

    def _give_turns(self) -> None:
        """Give the next turns, to owners who have no call in progress."""
        for owner in tuple(self._waiting):
            if self._closed or len(self._running) >= self._size:
                return
            if owner not in self._running:
                turns = self._waiting.pop(owner)
                turn = turns.popleft()
                if turns:
                    self._waiting[owner] = turns  # behind the others
                self._running.add(owner)
                turn.set_result(None)

    async def _call(self, name: str, request: bytes, seconds: float) -> Any:
        worker = await self._take_worker()
        reusable = False
        try:
            limit = _START_SECONDS + _CLOCK_FACTOR * seconds
            answer = await race(worker.exchange(request), self._clock.sleep(limit))
            if answer is None or answer.status == OUT_OF_MEMORY:
                log.warning("work_stopped", function=name, reason="time" if answer is None else "memory")
                raise WorkTooHeavy
            reusable = True
        except (EOFError, ConnectionError) as error:  # the time limit of the system, or a crash
            log.warning("work_stopped", function=name, reason="process ended", code=await worker.ended())
            raise (WorkersBusy() if self._closed else WorkTooHeavy()) from error
        finally:
            if reusable and not self._closed:
                self._idle.append((worker, self._clock.monotonic()))
                if self._reaper is None or self._reaper.done():
                    self._reaper = asyncio.create_task(self._reap(), name="idle workers")
            else:
                await self._end(worker)
        value = pickle.loads(answer.body)  # noqa: S301  # made by our own code, of values that it made
        if answer.status == ERROR:
            raise value
        return value

    async def _take_worker(self) -> "_Worker":
        while self._idle:
            worker, _ = self._idle.pop()
            if worker.is_alive:
                return worker
            await self._end(worker)
        starting = self._begin(self._start())
        try:
            worker = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._begin(self._end_once_started(starting))
            raise
        if self._closed:
            await self._end(worker)
            raise WorkersBusy
        return worker

    async def _start(self) -> "_Worker":
        worker = await _Worker.start()
        self._workers.add(worker)
        return worker

    async def _end(self, worker: "_Worker") -> None:
        if worker in self._workers:
            self._workers.discard(worker)
            await asyncio.shield(self._begin(worker.kill()))

    async def _end_once_started(self, starting: "asyncio.Task[_Worker]") -> None:
        with suppress(OSError):  # there is no process
            await self._end(await starting)

    def _begin(self, change: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start or end a process in a task of its own; ``close`` waits for it."""
        task = asyncio.create_task(change, name="worker process")
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return task

    async def _reap(self) -> None:
        """End processes that are idle for long enough, until none is idle."""
        while self._idle:
            wait = self._idle[0][1] + _IDLE_SECONDS - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            else:
                worker, _ = self._idle.pop(0)
                await self._end(worker)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: bytes
    body: bytes


class _Worker:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout

    @classmethod
    async def start(cls) -> "_Worker":
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(part or os.curdir for part in sys.path)
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "bot.worker",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                env=environment,
            )
        )  # fmt: skip

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def exchange(self, request: bytes) -> _Answer:
        """Send a request and return its answer. EOFError or ConnectionError if the process ends instead."""
        self._requests.write(HEADER.pack(RESULT, len(request)))
        for start in range(0, len(request), _CHUNK):
            self._requests.write(request[start : start + _CHUNK])
            await self._requests.drain()
        status, length = HEADER.unpack(await self._answers.readexactly(HEADER.size))
        if length > WORK_RESULT_BYTES:
            raise EOFError("The result is too large.")
        return _Answer(status, await self._answers.readexactly(length))

    async def ended(self) -> int:
        """Return the exit code of a process that closed its pipe, or is of no more use."""
        with suppress(ProcessLookupError):
            self._process.kill()
        code = await self._process.wait()
        with suppress(ConnectionError):
            await self._answers.read()  # to its end, which closes the transport
        return code

    async def kill(self) -> None:
        self._requests.close()
        await self.ended()
