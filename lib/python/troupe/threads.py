"""Threads for plain functions.

They are daemons: a function that does not end within the drain timeout has its task handed back,
and must not keep the process. (The pool of concurrent.futures waits for its threads at exit.)
"""
import queue
import threading
from typing import Callable, Optional


class Threads:
    """At most `most` threads, started when all others are busy."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._work: "queue.SimpleQueue[Optional[Callable[[], None]]]" = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    def submit(self, work: Callable[[], None]) -> None:
        """Runs it on a thread. It must not raise. Called by one thread only."""
        if not self._idle.acquire(blocking=False) and self._started < self._most:
            self._started += 1
            threading.Thread(target=self._loop, daemon=True,
                             name="%s-%d" % (self._name, self._started)).start()
        self._work.put(work)

    def close(self) -> None:
        """The threads end when they have done what they are at."""
        for _ in range(self._started):
            self._work.put(None)

    def _loop(self) -> None:
        while True:
            work = self._work.get()
            if work is None:
                return
            work()
            self._idle.release()
