"""A task as its function sees it."""
import json
import threading
from typing import Any, Callable, Dict, Optional, Union

from .notes import Notes

Number = Union[int, float]
AMOUNT_MOST, MEASURES_MOST, NAME_MOST = 1e15, 32, 64  # of usage: 4 KiB of JSON


class Task:
    """The second argument of a function that has two. Its methods may be called from any thread.

    run_id, workflow, version, node_id, scope, type, name
                      what is executed: which node of which run
    attempt           1 for the first
    idempotency_key   the same for every attempt and every claim of this execution: hand it to
                      whatever must not do a thing twice
    timeout_ms        how long an attempt may take, from its first claim; None: no limit
    input, config     the node's input, and the further fields of its config
    cancelled         a threading.Event, set when nobody wants the result any more: the run was
                      cancelled, the attempt timed out, another worker has the task, or this one
                      ends. An `async` function is cancelled besides; a plain one should look at it,
                      or wait with `task.cancelled.wait(seconds)` instead of sleeping.
    """

    __slots__ = ("run_id", "workflow", "version", "node_id", "scope", "type", "name", "attempt",
                 "idempotency_key", "timeout_ms", "input", "config", "cancelled", "_notes",
                 "_usage", "_on_note", "_lock")

    def __init__(self, text: Union[bytes, str],
                 on_note: Callable[[], None] = lambda: None) -> None:
        what: Dict[str, Any] = json.loads(text)
        self.run_id: str = what["run_id"]
        self.workflow: str = what.get("workflow", "")
        self.version: int = what.get("version", 0)
        self.node_id: str = what.get("node_id", "")
        self.scope: str = what.get("scope", "")
        self.type: str = what["type"]
        self.name: str = what["name"]
        self.attempt: int = what.get("attempt", 1)
        self.idempotency_key: str = what.get("idempotency_key", "")
        self.timeout_ms: Optional[int] = what.get("timeout_ms")
        self.input: Any = what.get("input")
        self.config: Dict[str, Any] = what.get("config") or {}
        self.cancelled = threading.Event()
        self._notes: Optional[Notes] = None
        self._usage: Optional[Dict[str, Number]] = None
        self._on_note = on_note
        self._lock = threading.Lock()

    def progress(self, value: Number, message: Optional[str] = None) -> None:
        """How far it is, 0 to 1. Of several in quick succession, the last is sent."""
        self._noted().progress(value, message)
        self._on_note()

    def log(self, *values: Any) -> None:
        """A line for the run's events; arguments as `print` takes them. Lines are cut at 3,000
        bytes, and the oldest left out when more than 1,000 wait."""
        self._noted().line(" ".join(str(value) for value in values))
        self._on_note()

    def usage(self, **amounts: Number) -> None:
        """What it used, such as `tokens=812, cost=0.003`; several calls add up. It goes with the
        result, also of an attempt that fails, and the view v_costs adds it up. At most 32 measures,
        names of up to 64 characters, amounts of up to 1e15; else ValueError."""
        for name, amount in amounts.items():
            if isinstance(amount, bool) or not isinstance(amount, (int, float)):
                raise TypeError("usage %s must be a number, not %r" % (name, amount))
            if not abs(amount) <= AMOUNT_MOST or len(name.encode()) > NAME_MOST:
                raise ValueError("usage %.80s: %r" % (name, amount))
        with self._lock:
            if len({**(self._usage or {}), **amounts}) > MEASURES_MOST:
                raise ValueError("more than %d measures of usage" % MEASURES_MOST)
            if self._usage is None:
                self._usage = {}
            for name, amount in amounts.items():
                self._usage[name] = self._usage.get(name, 0) + amount

    def _noted(self) -> Notes:
        with self._lock:
            if self._notes is None:
                self._notes = Notes()
            return self._notes

    def __repr__(self) -> str:
        return "<Task %s:%s run %s node %s attempt %d>" % (self.type, self.name, self.run_id,
                                                           self.node_id, self.attempt)
