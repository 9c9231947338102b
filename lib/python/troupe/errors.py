"""How a function says that it failed."""
import json
import os
from typing import Any, Dict, Optional, Union

CODE_MAX, MESSAGE_MAX = 63, 499  # bytes that the fleet keeps


class TaskError(Exception):
    """Raised by a function to fail its execution with a code of its own.

    code     what the workflow's `on_error` and `retry` look at, such as "bad_address"; 63 bytes
    message  for people; 499 bytes of it are kept
    retry    False: another attempt makes no sense, whatever the node's `retry` says
    """

    def __init__(self, code: str, message: str = "", retry: bool = True) -> None:
        super().__init__("%s: %s" % (code, message) if message else code)
        self.code = code
        self.message = message
        self.retry = retry


def failure_of(error: BaseException, usage: Optional[Dict[str, Union[int, float]]] = None) -> bytes:
    """The body of the result that an exception comes to."""
    what: Dict[str, Any]
    if isinstance(error, TaskError):
        what = {"code": _cut(error.code, CODE_MAX) or "error", "message": _cut(error.message, MESSAGE_MAX),
                "retry": bool(error.retry)}
    else:
        what = {"code": "exception", "message": describe(error), "retry": True}
    if usage:
        what["usage"] = usage
    return json.dumps(what, ensure_ascii=False).encode()


def describe(error: BaseException) -> str:
    """Class, text and the innermost place: "ValueError: no such thing (score.py:12)". A long text is cut,
    so that the place is kept."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = " (%s:%d)" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)
        trace = trace.tb_next
    try:
        text = str(error)
    except Exception:  # a __str__ that raises must not end the worker
        text = "(its text cannot be had)"
    place = _cut(place, 100)
    text = type(error).__name__ + (": " + text if text else "")
    return _cut(text, MESSAGE_MAX - len(place.encode())) + place


def _cut(value: Any, most: int) -> str:
    """So many bytes of UTF-8; what is none (half a surrogate pair) is replaced."""
    data = str(value)[:most].encode("utf-8", "replace")
    if len(data) <= most:
        return data.decode()
    return data[:most - 3].decode("utf-8", "ignore") + "…"
