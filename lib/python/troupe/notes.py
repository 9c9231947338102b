"""What a running task has to say: progress, log lines; from any thread, sent with its beats."""
import json
import threading
from collections import deque
from typing import Any, Deque, Dict, List, Optional

BODY_MAX = 4096  # bytes that a beat may bring
ROOM = 64  # of them, for the braces and names around
MESSAGE_MAX = 800  # bytes
LINE_MAX = 3000  # bytes; longer lines are cut
WAITING_MAX = 1000  # lines; then the oldest make room


def cut(text: str, most: int) -> str:
    """As many characters as fit into so many bytes of JSON."""
    size = len(_json(text))
    if size <= most:
        return text
    while size > most:
        text = text[:max(1, len(text) * (most - 8) // size)]
        size = len(_json(text)) + 5
        if len(text) == 1:
            break
    return text + "…"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


class Notes:
    """`waiting` and `body` are for the worker, which holds no lock: it looks, then takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Optional[float] = None
        self._message: Optional[str] = None
        self._lines: Deque[str] = deque()
        self._left_out = 0
        self._body = b""

    def progress(self, value: float, message: Optional[str]) -> None:
        with self._lock:
            self._progress = min(1.0, max(0.0, float(value)))
            if message is not None:
                self._message = cut(str(message), MESSAGE_MAX)

    def line(self, text: str) -> None:
        with self._lock:
            if len(self._lines) >= WAITING_MAX:
                self._lines.popleft()
                self._left_out += 1
            self._lines.append(cut(text, LINE_MAX))

    @property
    def waiting(self) -> bool:
        return bool(self._body or self._progress is not None or self._lines)

    def body(self) -> bytes:
        """The next body for a beat; the same again until `sent` was called."""
        if not self._body and self.waiting:
            with self._lock:
                self._body = self._take()
        return self._body

    def sent(self) -> None:
        self._body = b""

    def _take(self) -> bytes:
        what: Dict[str, Any] = {}
        if self._progress is not None:
            what["progress"] = self._progress
            self._progress = None
        if self._message is not None:
            what["message"] = self._message
            self._message = None
        if self._left_out:
            self._lines.appendleft("(%d lines left out)" % self._left_out)
            self._left_out = 0
        size = len(_json(what)) + ROOM
        lines: List[str] = []
        while self._lines:
            size += len(_json(self._lines[0])) + 2
            if size > BODY_MAX and lines:
                break
            lines.append(self._lines.popleft())
        if lines:
            what["log"] = lines
        return _json(what)
