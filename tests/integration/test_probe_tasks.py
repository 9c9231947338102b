"""Probes of tasks: who is asked when a remote worker was lost with one, or had it for too long."""
import os

import pytest

from processes import wait_until
from remote import Remote
from remote_worker import Remote as RemoteWorkers
from shop_stub import ALLOW, NOT_DONE, shop  # noqa: F401
from test_end_to_end import wait_for_status
from test_tasks import begin

ANSWERS = {"expression": "{'outcome': input.attempt == 2 ? 'not_done' : 'done', 'output': input}"}


def tool(name, answers, **node):
    return {"metadata": {"name": name}, "edges": [], "nodes": [
        {"id": "t", "type": "tool", "config": {"name": "pay"}, "probe": "ask", **node},
        {"id": "ask", "type": "transform", "config": answers}]}


@pytest.fixture
def payer(running_stack):
    client = running_stack.redis_client()
    running_stack.wait_until(lambda: client.exists("troupe:script:tasks"), what="the script")
    return Remote(client, "tool:pay")


def test_a_task_whose_time_is_over_is_asked_about(running_stack, payer):
    run = begin(running_stack, tool("probe-time", ANSWERS, timeout_ms=400, retry={"max_attempts": 3}), {"n": 1})
    (first,), (second,) = payer.claim(), payer.claim()
    assert (first.data["attempt"], second.data["attempt"]) == (1, 2), "not_done: it is a task once more"
    assert first.data["idempotency_key"] == second.data["idempotency_key"]
    shown = wait_for_status(running_stack, run, "completed", "failed")
    assert shown["output"] == {"t": {"input": {"n": 1}, "attempt": 3, "node": "t",
                                     "idempotency_key": first.data["idempotency_key"]}}
    assert payer.poll() == []
    told = [e["detail"] for e in running_stack.troupe("events", run, "-o", "json", status=0).json
            if e["kind"] == "progress"]
    # The first one may come behind what settles its token: nobody had said anything to this Redis before.
    assert "probe 'ask' was asked: done" in told[-1]


@pytest.mark.parametrize("answer", ["done", "not_done", "unknown"])
def test_a_task_that_a_worker_was_lost_with_is_asked_about(running_stack, payer, answer):
    """At the first loss; three workers may be lost with it, as without a probe, whatever `retry` says."""
    payer.lease_ms = 1000
    run = begin(running_stack, tool("probe-lost", {"template": {"outcome": answer, "output": 7}}))
    tasks = [payer.claim()[0] for _ in range(1 if answer == "done" else 3)]
    assert [t.data["attempt"] for t in tasks] == list(range(1, len(tasks) + 1))
    assert len({t.data["idempotency_key"] for t in tasks}) == 1
    task = tasks[-1]
    shown = wait_for_status(running_stack, run, "completed", "failed")
    assert payer.settle(task, task.completed("late")) in ("stale", "gone")
    assert payer.poll() == [], "nobody else is given it"
    if answer == "done":
        assert (shown["status"], shown["output"]) == ("completed", {"t": 7})
    else:
        assert (shown["status"], shown["error"]["code"]) == ("failed", "worker_lost")
        assert shown["error"].get("outcome") == ("unknown" if answer == "unknown" else None)
        assert ("unknown" in shown["error"]["message"]) == (answer == "unknown")


def test_a_lost_task_is_attempted_as_often_as_its_retry_says(running_stack, payer):
    """What the probe said of one attempt is nothing about the next."""
    payer.lease_ms = 1000
    run = begin(running_stack, tool("probe-lost-often", {"template": {"outcome": "not_done"}},
                                    retry={"max_attempts": 4, "backoff_ms": 1}))
    tasks = [payer.claim()[0] for _ in range(4)]
    assert [(t.data["attempt"], t.fence) for t in tasks] == [(1, "1"), (2, "2"), (3, "3"), (4, "4")]
    assert len({t.data["idempotency_key"] for t in tasks}) == 1
    shown = wait_for_status(running_stack, run, "completed", "failed")
    assert (shown["status"], shown["error"]["code"]) == ("failed", "worker_lost")
    assert "outcome" not in shown["error"]


def test_a_task_stays_in_doubt_until_somebody_knows(running_stack, payer):
    """That the second attempt was refused does not make the first one known."""
    payer.lease_ms = 1000
    answers = {"expression": "{'outcome': input.attempt == 2 ? 'unknown' : 'done', 'output': input.attempt}"}
    run = begin(running_stack, tool("probe-doubt", answers, retry={"max_attempts": 3, "backoff_ms": 1}))
    payer.claim()
    (again,) = payer.claim()
    assert again.data["attempt"] == 2
    assert payer.settle(again, again.failed("refused")) == "ok"
    shown = wait_for_status(running_stack, run, "completed", "failed")
    assert (shown["status"], shown["output"]) == ("completed", {"t": 3})
    assert payer.poll() == []


def test_what_is_handed_back_is_nothing_to_ask_about(running_stack, payer):
    run = begin(running_stack, tool("probe-released", {"template": {"outcome": "done"}}))
    (task,) = payer.claim()
    assert payer.settle(task, task.result("b")) == "ok"
    other = Remote(payer.client, payer.queue, "other")
    (again,) = other.claim()
    assert (again.fence, again.data["attempt"]) == ("2", 1)
    assert other.settle(again, again.completed("by hand")) == "ok"
    shown = wait_for_status(running_stack, run, "completed", "failed")
    assert (shown["status"], shown["output"]) == ("completed", {"t": "by hand"})
    assert "lapse" not in [e["kind"] for e in running_stack.troupe("events", run, "-o", "json", status=0).json]


@pytest.fixture
def asking_stack(stack):
    """Running, with workers whose probes may call the stub."""
    stack.migrate()
    stack.start_supervisor()
    stack.start_workers(2, *ALLOW)
    client = stack.redis_client()
    stack.wait_until(lambda: client.exists("troupe:script:tasks"), what="the script")
    return stack


def asks_http(url, name, **node):
    definition = tool(name, {}, **node)
    definition["nodes"][1] = {"id": "ask", "type": "http", "config": {
        "url": url, "query": {"key": "$input.idempotency_key"}}}
    return definition


def test_a_late_result_is_refused_while_the_probe_is_asked(asking_stack, shop):
    shop.routes["/hold"] = lambda r: NOT_DONE
    payer = Remote(asking_stack.redis_client(), "tool:pay", lease_ms=1000)
    run = begin(asking_stack, asks_http(shop.url("/hold"), "probe-late",
                                        retry={"max_attempts": 2, "backoff_ms": 1}))
    (task,) = payer.claim()
    wait_until(lambda: shop.seen("/hold"), 20, "the question")
    assert payer.beat(task) == payer.settle(task, task.completed("late")) == payer.settle(task, task.result("b")) == "stale"
    assert payer.poll() == []
    shop.let_go()
    payer.lease_ms = 60000
    (again,) = payer.claim()
    assert (again.data["attempt"], again.fence) == (2, "2")
    assert payer.settle(task, task.completed("later")) == "stale"
    assert payer.settle(again, again.completed("in time")) == "ok"
    shown = wait_for_status(asking_stack, run, "completed", "failed")
    assert (shown["status"], shown["output"]) == ("completed", {"t": "in time"})


# A tool that pays, and hangs before or after that as HANG says. Its marks are what the other side knows.
PAYS = """
import os, time
from troupe import Worker

worker = Worker(lease=1, concurrency=1, drain_timeout=float(os.environ.get("DRAIN", "30")))
marks = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def mark(what, task):
    os.write(marks, ("%s %s %d\\n" % (what, task.idempotency_key, task.attempt)).encode())


@worker.tool("pay")
def pay(input, task):
    mark("began", task)
    if os.environ["HANG"] == "before":
        time.sleep(600)
    mark("paid", task)
    if os.environ["HANG"] == "after":
        mark("hangs", task)
        time.sleep(600)
    return {"paid": input["amount"]}


worker.run()
"""


class Paid(RemoteWorkers):
    """The account that the probe looks into."""

    def lines(self, what):
        """Of each time: its key and attempt."""
        if not os.path.exists(self.marks_file):
            return []
        with open(self.marks_file) as f:
            return [line.split()[1:] for line in f if line.split()[0] == what]

    def outcome(self, request):
        keys = [key for key, _ in self.lines("paid")]
        times = keys.count(request.query["key"])
        return (200, {}, {"outcome": "done", "output": {"found": times}} if times else {"outcome": "not_done"})


@pytest.fixture
def paid(asking_stack, shop, tmp_path):
    program = tmp_path / "pays.py"
    program.write_text(PAYS)
    paid = Paid(asking_stack, lambda _: ["/usr/bin/python3", "-B", str(program)])
    shop.routes["/status"] = paid.outcome
    return paid


def kills(paid, hang, after, definition):
    """Starts a run whose worker is killed in the middle of it; then there is another worker."""
    first = paid.start(HANG=hang)
    run = begin(paid.stack, definition, {"amount": 5})
    paid.wait_for_mark(after)
    first.kill()
    paid.start(HANG="never")
    return run, paid.ended(run)


def lapses(stack, run):
    return [e["kind"] for e in stack.troupe("events", run, "-o", "json", status=0).json].count("lapse")


def test_a_killed_remote_worker_had_done_it(paid, shop):
    """Its attempt had its effect: nobody does it again, though there are attempts left and a worker."""
    run, shown = kills(paid, "after", "hangs", asks_http(
        shop.url("/status"), "pay-done", retry={"max_attempts": 3, "backoff_ms": 10}))
    assert (shown["status"], shown["output"]) == ("completed", {"t": {"found": 1}})
    assert paid.marks() == {"began": 1, "paid": 1, "hangs": 1}
    assert len(shop.seen("/status")) == 1 and lapses(paid.stack, run) == 1


def test_a_killed_remote_worker_had_not_done_it(paid, shop):
    """It is attempted again, by another, with the same key."""
    run, shown = kills(paid, "before", "began", asks_http(
        shop.url("/status"), "pay-not-done", retry={"max_attempts": 3, "backoff_ms": 10}))
    assert (shown["status"], shown["output"]) == ("completed", {"t": {"paid": 5}})
    (first, one), (second, two) = paid.lines("began")
    assert first == second and (one, two) == ("1", "2")
    assert paid.lines("paid") == [[second, "2"]]
    assert len(shop.seen("/status")) == 1 and lapses(paid.stack, run) == 1


def test_without_a_probe_a_killed_worker_s_task_is_given_to_the_next_one(paid, shop):
    """As before: the same attempt."""
    definition = {"metadata": {"name": "pay-plain"}, "edges": [], "nodes": [
        {"id": "t", "type": "tool", "config": {"name": "pay"}}]}
    _, shown = kills(paid, "after", "hangs", definition)
    assert (shown["status"], shown["output"]) == ("completed", {"t": {"paid": 5}})
    assert [attempt for _, attempt in paid.lines("paid")] == ["1", "1"] and not shop.requests


def test_a_remote_worker_that_ends_hands_back(paid, shop):
    """What it gave back by itself is not lost: the next one gets it, unasked."""
    first = paid.start(HANG="before", DRAIN=0.2)
    run = begin(paid.stack, asks_http(shop.url("/status"), "pay-released"), {"amount": 5})
    paid.wait_for_mark("began")
    first.terminate()
    paid.start(HANG="never")
    shown = paid.ended(run)
    assert (shown["status"], shown["output"]) == ("completed", {"t": {"paid": 5}})
    assert [attempt for _, attempt in paid.lines("began")] == ["1", "1"]
    assert not shop.requests and lapses(paid.stack, run) == 0
