"""The script `tasks`: how it is called, how it answers. Nothing here reads or writes Redis.

Values of Redis (run, number, incarnation, fence) are handed back as they came.
"""
from typing import Any, List, NamedTuple, Sequence, Tuple, Union

Value = Union[bytes, str, int]
Claim = Tuple[Value, Value, Value, Value]  # run, number, incarnation, fence

SCRIPT_KEY = "troupe:script:tasks"
COMPLETED, FAILED, HANDED_BACK = b"c", b"f", b"b"


class Result(NamedTuple):
    claim: Claim
    kind: bytes
    body: bytes


class Beat(NamedTuple):
    claim: Claim
    progress: bytes  # empty: nothing to say


class Given(NamedTuple):
    """A task that the script gave out."""
    claim: Claim
    text: bytes  # JSON


class Answer(NamedTuple):
    """word: ok, hold, none; with the last two all else is empty."""
    word: str
    results: List[str]
    beats: List[str]
    tasks: List[Given]
    cursor: str


def meta_key(partition: int) -> str:
    return "troupe:{%d}:meta" % partition


def stream_key(partition: int, queue: str) -> str:
    return "troupe:{%d}:q:%s" % (partition, queue)


def arguments(queue: str, worker: str, lease_ms: int, want: int, results: Sequence[Result],
              beats: Sequence[Beat]) -> List[Value]:
    """ARGV of one call."""
    out: List[Value] = [queue, worker, lease_ms, want, len(results)]
    for claim, kind, body in results:
        out += claim
        out.append(kind)
        out.append(body)
    out.append(len(beats))
    for claim, progress in beats:
        out += claim
        out.append(progress)
    return out


def answer_of(reply: Any) -> Answer:
    """ValueError for what is no answer of the script."""
    if not isinstance(reply, (list, tuple)) or not reply:
        raise ValueError("not an answer of the script tasks: %r" % (reply,))
    word = text_of(reply[0])
    if word in ("hold", "none"):
        return Answer(word, [], [], [], "0-0")
    if word != "ok" or len(reply) < 6:
        raise ValueError("not an answer of the script tasks: %r" % (reply[:1],))
    tasks = [Given((t[0], t[1], t[2], t[3]), t[4]) for t in reply[4]]
    return Answer(word, [text_of(w) for w in reply[2]], [text_of(w) for w in reply[3]], tasks,
                  text_of(reply[5]))


def text_of(value: Value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
