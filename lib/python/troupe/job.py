"""A claimed task inside the worker: waiting for its turn, running, or unwanted."""
import asyncio
from typing import TYPE_CHECKING, Callable, Optional

from .calls import Claim
from .task import Task

if TYPE_CHECKING:
    from .lane import Lane


class Job:
    __slots__ = ("lane", "claim", "task", "beaten", "dropped", "running", "started")

    def __init__(self, lane: "Lane", claim: Claim, text: bytes, now: float,
                 on_note: "Callable[[Job], None]") -> None:
        self.lane = lane
        self.claim = claim
        self.task = Task(text, lambda: on_note(self))
        self.beaten = now  # seconds of the loop's clock
        self.dropped = False  # nobody wants its result
        self.running: "Optional[asyncio.Task[None]]" = None
        self.started = False  # its coroutine has: one cancelled before would never run at all

    def words(self) -> bytes:
        """What to say with the next beat; empty for nothing."""
        notes = self.task._notes
        return notes.body() if notes is not None else b""

    def said(self) -> None:
        notes = self.task._notes
        if notes is not None:
            notes.sent()

    def has_words(self) -> bool:
        notes = self.task._notes
        return notes is not None and notes.waiting

    def drop(self) -> None:
        """Nobody wants it: what runs is told."""
        self.dropped = True
        self.task.cancelled.set()
        if self.running is not None and self.started:
            self.running.cancel()
