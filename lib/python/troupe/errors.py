"""How a function says that it failed."""
import json
import os

MESSAGE_MAX = 8000  # characters; longer messages are cut


class TaskError(Exception):
    """Raised by a function to fail its execution with a code of its own.

    code     what the workflow's `on_error` and `retry` look at, such as "bad_address"
    message  for people
    retry    False: another attempt makes no sense, whatever the node's `retry` says
    """

    def __init__(self, code: str, message: str = "", retry: bool = True) -> None:
        super().__init__("%s: %s" % (code, message) if message else code)
        self.code = code
        self.message = message
        self.retry = retry


def failure_of(error: BaseException) -> bytes:
    """The body of the result that an exception comes to."""
    if isinstance(error, TaskError):
        return _body(error.code, error.message, error.retry)
    return _body("exception", describe(error), True)


def describe(error: BaseException) -> str:
    """Class, text and the innermost place: "ValueError: no such thing (score.py:12)"."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = " (%s:%d)" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)
        trace = trace.tb_next
    try:
        text = str(error)
    except Exception:  # a __str__ that raises must not end the worker
        text = "(its text cannot be had)"
    return type(error).__name__ + (": " + text[:MESSAGE_MAX] if text else "") + place


def _body(code: str, message: str, retry: bool) -> bytes:
    # What is no UTF-8 (half a surrogate pair) is replaced: a failure must always arrive.
    text = json.dumps({"code": str(code), "message": str(message)[:MESSAGE_MAX + 200],
                       "retry": bool(retry)}, ensure_ascii=False)
    return text.encode("utf-8", "replace")
