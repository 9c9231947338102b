"""The parts of lib/python that need no server."""
import json
import os
import sys
import threading

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "python"))

from troupe import Task, TaskError, Worker  # noqa: E402
from troupe.calls import Answer, Beat, Result, answer_of, arguments  # noqa: E402
from troupe.errors import failure_of  # noqa: E402
from troupe.job import Job  # noqa: E402
from troupe.lane import BEATS_MOST, HOLD, NOTES_EVERY, RESULTS_MOST, Lane  # noqa: E402
from troupe.notes import BODY_MAX, LINE_MAX, WAITING_MAX, Notes, cut  # noqa: E402
from troupe.runner import completed  # noqa: E402
from troupe.threads import Threads  # noqa: E402

TASK = json.dumps({"run_id": "r", "workflow": "w", "version": 3, "node_id": "n", "scope": "", "type": "function",
                   "name": "f", "attempt": 2, "idempotency_key": "k", "input": {"a": 1}})


def claim(number):
    return (b"run", number, b"1", 1)


def job_in(lane, number, now=0.0):
    job = Job(lane, claim(number), TASK, now, lambda job: lane.noted.setdefault(job.claim, job))
    lane.jobs[job.claim] = job
    return job


def ok(call, tasks=(), results=None, beats=None, cursor="5-0"):
    return Answer("ok", results or ["ok"] * len(call.results), beats or ["ok"] * len(call.beats), list(tasks),
                  cursor)


# --- The script ---

def test_arguments_of_a_call():
    assert arguments("q", "w", 1000, 5, [Result((b"r", 1, b"2", 3), b"c", b"{}")],
                     [Beat((b"s", 4, b"5", 6), b"")]) == [
        "q", "w", 1000, 5, 1, b"r", 1, b"2", 3, b"c", b"{}", 1, b"s", 4, b"5", 6, b""]


def test_answers():
    answer = answer_of([b"ok", 17, [b"ok", "stale"], [b"gone"], [[b"r", 1, b"2", 3, b"{}"]], b"9-1"])
    assert answer.results == ["ok", "stale"] and answer.beats == ["gone"] and answer.cursor == "9-1"
    assert answer.tasks[0].claim == (b"r", 1, b"2", 3) and answer.tasks[0].text == b"{}"
    assert answer_of([b"hold"]).word == "hold" and answer_of(["none"]).word == "none"
    for wrong in (None, [], b"ok", [b"ok"], [b"what", 1, [], [], [], "0-0"]):
        with pytest.raises(ValueError):
            answer_of(wrong)


# --- Lanes ---

def test_results_stay_until_they_are_answered():
    lane = Lane("q", 0)
    lane.finish(job_in(lane, 1), b"c", b"{}")
    first, = lane.calls(0, 0, 5)
    assert first.results == lane.calls(1, 0, 5)[0].results
    lane.answered(first, Answer("hold", [], [], [], "0-0"), 10)
    assert lane.results and lane.not_before == 10 + HOLD and lane.next_time(10, 5) == 10 + HOLD
    lane.answered(first, ok(first), 11)
    assert not lane.results and lane.calls(11, 0, 5) == []


def test_one_result_of_many_calls_is_lost_by_none():
    lane = Lane("q", 0)
    for i in range(RESULTS_MOST + 10):
        lane.finish(job_in(lane, i), b"c", b"{}")
    call, = lane.calls(0, 0, 5)
    lane.finish(job_in(lane, 9999), b"c", b"{}")  # while the call is under way
    lane.answered(call, ok(call), 0)
    assert [r.claim[1] for r in lane.results] == [*range(RESULTS_MOST, RESULTS_MOST + 10), 9999]


def test_large_results_go_in_calls_of_their_own():
    lane = Lane("q", 0)
    for i in range(3):
        lane.finish(job_in(lane, i), b"c", b"x" * (3 << 20))
    assert len(lane.calls(0, 0, 5)[0].results) == 1


def test_a_refused_result_ends_as_a_failure():
    lane = Lane("q", 0)
    lane.finish(job_in(lane, 1), b"c", b"\xff")
    call, = lane.calls(0, 0, 5)
    lane.answered(call, ok(call, results=["bad"]), 0)
    assert lane.results[0].kind == b"f" and json.loads(lane.results[0].body)["code"] == "bad_output"


def test_beats_when_they_are_due():
    lane = Lane("q", 0)
    early, late = job_in(lane, 1, now=0.0), job_in(lane, 2, now=3.0)
    assert lane.calls(4.9, 0, 5) == [] and lane.next_time(4.9, 5) == 5.0
    call, = lane.calls(5.0, 0, 5)
    assert call.jobs == [early]
    assert lane.answered(call, ok(call), 5.0) == []
    assert lane.next_time(5.0, 5) == 8.0
    call, = lane.calls(10.0, 0, 5)
    assert call.jobs == [early, late]
    assert lane.answered(call, ok(call, beats=["gone", "stale"]), 10.0) == [early, late] and not lane.jobs


def test_many_beats_are_several_calls():
    lane = Lane("q", 0)
    for i in range(2 * BEATS_MOST + 1):
        job_in(lane, i)
    assert [len(c.beats) for c in lane.calls(9, 3, 5)] == [BEATS_MOST, BEATS_MOST, 1]
    assert [c.want for c in lane.calls(9, 3, 5)] == [0, 0, 3]


def test_words_go_with_beats_and_before_the_result():
    lane = Lane("q", 0)
    job = job_in(lane, 1)
    job.task.progress(0.5, "half")
    assert lane.calls(NOTES_EVERY / 2, 0, 5) == []
    call, = lane.calls(NOTES_EVERY, 0, 5)
    assert json.loads(call.beats[0].progress) == {"progress": 0.5, "message": "half"}
    lane.answered(call, ok(call), NOTES_EVERY)
    assert not lane.noted
    job.task.log("the end")
    lane.finish(job, b"c", b"{}")
    words, result = lane.calls(1, 0, 5)
    assert json.loads(words.beats[0].progress) == {"log": ["the end"]} and not words.results
    assert result.results and not result.beats
    lane.answered(words, ok(words), 1)
    lane.answered(result, ok(result), 1)
    assert lane.calls(1, 0, 5) == []


def test_a_lane_is_asked_again_while_it_gives_what_was_wanted():
    lane = Lane("q", 0)
    call, = lane.calls(0, 1, 5)
    given = answer_of([b"ok", 1, [], [], [[b"r", 1, 1, 1, b"{}"]], b"7-0"]).tasks
    lane.answered(call, ok(call, tasks=given, cursor="7-0"), 0)
    assert lane.ready and not lane.rung and lane.cursor == "7-0"
    call, = lane.calls(0, 2, 5)
    lane.answered(call, ok(call, tasks=given), 0)
    assert not lane.ready


# --- Tasks and what they say ---

def test_a_task():
    task = Task(TASK)
    assert (task.run_id, task.version, task.attempt, task.config, task.timeout_ms) == ("r", 3, 2, {}, None)
    task.usage(tokens=1)
    task.usage(tokens=2, cost=0.5)
    with pytest.raises(TypeError):
        task.usage(tokens="many")
    for wrong in ({"a": 1e16}, {"a": float("nan")}, {"x" * 65: 1}, {"m%d" % i: 1 for i in range(31)}):
        with pytest.raises(ValueError):
            task.usage(**wrong)
    assert task._usage == {"tokens": 3, "cost": 0.5}
    job = Job(Lane("q", 0), claim(1), TASK, 0.0, lambda job: None)
    job.task.usage(tokens=3)
    assert completed(job, {"ä": [1]}) == (b"c", '{"output":{"ä":[1]},"usage":{"tokens":3}}'.encode())
    for wrong in ({1, 2}, float("nan"), "\ud800", {"a": object()}):
        with pytest.raises(TaskError) as e:
            completed(job, wrong)
        assert e.value.code == "bad_output" and not e.value.retry


def test_bodies_of_beats_are_bounded():
    notes = Notes()
    for i in range(WAITING_MAX + 5):
        notes.line("%d %s" % (i, "ä\x01" * 40))
    lines = []
    while notes.waiting:
        body = notes.body()
        assert len(body) <= BODY_MAX and body == notes.body()
        lines += json.loads(body)["log"]
        notes.sent()
    assert lines[0] == "(5 lines left out)" and len(lines) == WAITING_MAX + 1
    assert lines[1].startswith("5 ") and lines[-1].startswith("1004 ")


@pytest.mark.parametrize("text", ["a", "ä", "😀", "\x00", "\"", "\ud800"])
def test_long_lines_are_cut(text):
    short = cut(text * 5000, LINE_MAX)
    assert LINE_MAX * 0.8 < len(json.dumps(short, ensure_ascii=False).encode("utf-8", "replace")) <= LINE_MAX + 2
    assert short.endswith("…") and cut(text, LINE_MAX) == text
    notes = Notes()
    notes.progress(7, text * 5000)
    notes.line(text * 5000)
    body = notes.body()
    assert len(body) <= BODY_MAX and json.loads(body)["progress"] == 1


# --- Failures ---

def raised(error):
    try:
        raise error
    except BaseException as e:
        return json.loads(failure_of(e))


def test_failures():
    assert raised(TaskError("no", "why", retry=False)) == {"code": "no", "message": "why", "retry": False}
    failure = raised(ValueError("bad \ud800"))
    assert failure["code"] == "exception" and failure["retry"]
    assert failure["message"].startswith("ValueError: bad ?") and "(test_library_python.py:" in failure["message"]
    for text in ("x", "ä", "\ud800", "😀"):
        failure = raised(ValueError(text * 100000))
        assert len(failure["message"].encode()) <= 499 and failure["message"].endswith(")")
        failure = raised(TaskError(text * 100, text * 1000))
        assert len(failure["code"].encode()) <= 63 and 400 < len(failure["message"].encode()) <= 499
    assert json.loads(failure_of(TaskError(""), {"tokens": 5})) == {
        "code": "error", "message": "", "retry": True, "usage": {"tokens": 5}}

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    assert "Mute" in raised(Mute())["message"]


# --- Workers ---

def test_what_a_worker_refuses():
    for wrong in ({"concurrency": 0}, {"lease": 0.5}, {"lease": 4000}, {"drain_timeout": -1}, {"name": "a|b"},
                  {"name": "a b"}, {"name": "x" * 129}, {"prefetch": -1}):
        with pytest.raises(ValueError):
            Worker(**wrong)
    worker = Worker(name="!~")
    worker.function("f")(lambda input: input)
    with pytest.raises(ValueError):
        worker.function("f")
    with pytest.raises(TypeError):
        worker.function("g")(lambda: None)
    with pytest.raises(ValueError):
        Worker().run()


def test_functions_and_their_queues():
    worker = Worker()

    @worker.function("one")
    def one(input):
        return input

    @worker.agent("two", queue="gpu")
    async def two(input, task):
        return input

    @worker.tool("three", queue="gpu")
    def three(input, *more):
        return input

    assert worker.queues == ["function:one", "gpu"] and one(5) == 5
    assert [(h.asynchronous, h.with_task) for h in worker.handlers.values()] == [
        (False, False), (True, True), (False, True)]


def test_threads_are_as_many_as_needed():
    threads, gate, done = Threads(3, "t"), threading.Event(), []
    ended = threading.Semaphore(0)

    def work():
        gate.wait()
        done.append(threading.current_thread().name)
        ended.release()

    for _ in range(10):
        threads.submit(work)
    gate.set()
    for _ in range(10):
        assert ended.acquire(timeout=10)
    assert set(done) <= {"t-1", "t-2", "t-3"}
    threads.close()
