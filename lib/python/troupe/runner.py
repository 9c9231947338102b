"""Runs functions: async ones on the loop, plain ones on threads; their outcome as a result's body."""
import asyncio
import json
import logging
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Deque, Tuple

from .calls import COMPLETED, FAILED
from .errors import TaskError, failure_of
from .job import Job
from .threads import Threads

if TYPE_CHECKING:
    from .worker import Handler, Worker

Outcome = Tuple[bytes, bytes]  # kind, body
BODY_MOST = 32 << 20  # bytes: sent; the fleet refuses what is larger than it stores values
WEIGHT = 0.05  # of the newest duration in their mean

log = logging.getLogger("troupe")


class Runner:
    """`finished(job, kind, body)` is called in the loop, once for every job that was started, also
    for those that were dropped meanwhile."""

    def __init__(self, worker: "Worker", loop: asyncio.AbstractEventLoop,
                 finished: Callable[[Job, bytes, bytes], None]) -> None:
        self.running = 0
        self._handlers = worker.handlers
        self._concurrency = worker.concurrency
        self._loop = loop
        self._finished = finished
        self._threads = Threads(worker.concurrency, "troupe")
        self._done: "Deque[Tuple[Job, bytes, bytes, float]]" = deque()  # of threads
        self._told = False
        self._mean = 1.0  # seconds that a function takes

    def work_of(self, seconds: float) -> int:
        """How many tasks are done in that time."""
        return int(self._concurrency * seconds / max(self._mean, 1e-6))

    def start(self, job: Job) -> None:
        self.running += 1
        handler = self._handlers.get((job.task.type, job.task.name))
        if handler is None:
            error = TaskError("not_served", "the worker has no %s %r, although it serves the queue"
                              % (job.task.type, job.task.name))
            self._loop.call_soon(self._end, job, FAILED, failure_of(error), self._mean)
        elif handler.asynchronous:
            job.running = self._loop.create_task(self._run_async(job, handler))
        else:
            self._threads.submit(partial(self._run_plain, job, handler))

    def close(self) -> None:
        self._threads.close()

    async def _run_async(self, job: Job, handler: "Handler") -> None:
        began = time.perf_counter()
        job.started = True
        try:
            if job.dropped:
                raise asyncio.CancelledError
            task = job.task
            output = await (handler.call(task.input, task) if handler.with_task
                            else handler.call(task.input))
            kind, body = completed(job, output)
        except (Exception, asyncio.CancelledError) as e:
            kind, body = failed(job, e)
        self._end(job, kind, body, time.perf_counter() - began)

    def _run_plain(self, job: Job, handler: "Handler") -> None:
        """On a thread."""
        began = time.perf_counter()
        try:
            task = job.task
            output = (handler.call(task.input, task) if handler.with_task
                      else handler.call(task.input))
            kind, body = completed(job, output)
        except BaseException as e:  # also SystemExit: the thread must live, and the task be answered
            kind, body = failed(job, e)
        self._done.append((job, kind, body, time.perf_counter() - began))
        if not self._told:  # one wake-up of the loop for all that end meanwhile
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self._take_done)
            except RuntimeError:  # the loop is closed: the task was handed back
                log.info("ended too late: %r", job.task)

    def _take_done(self) -> None:
        self._told = False  # before looking: what ends from here on tells again
        while self._done:
            self._end(*self._done.popleft())

    def _end(self, job: Job, kind: bytes, body: bytes, took: float) -> None:
        self.running -= 1
        self._mean += (took - self._mean) * WEIGHT
        self._finished(job, kind, body)


def completed(job: Job, output: Any) -> Outcome:
    result = {"output": output}
    if job.task._usage is not None:
        result["usage"] = job.task._usage
    try:
        body = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as e:
        raise TaskError("bad_output", "what it returned is no JSON: %s" % e, retry=False) from e
    if len(body) > BODY_MOST:
        raise TaskError("too_large", "what it returned has %d bytes" % len(body), retry=False)
    return COMPLETED, body


def failed(job: Job, error: BaseException) -> Outcome:
    if not job.dropped:
        if isinstance(error, TaskError):
            log.info("%r failed: %s", job.task, error)
        else:
            log.error("%r failed", job.task, exc_info=error)
    return FAILED, failure_of(error, job.task._usage)
