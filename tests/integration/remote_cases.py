"""What remote workers must do, whatever the language: test_remote_python.py, test_remote_node.py, test_libtroupe.py
and test_plugin.py have a class that inherits these cases, and two fixtures: `remote`, a Remote with a running
stack and the workers of theirs, and `patient`, the names of functions that run until they are told."""
import os
import re
import signal
import time

import pytest

from remote_worker import node_of
from stack import ROOT

# Fail attempts at once, and few.
RETRY = {"max_attempts": 3, "backoff_ms": 10}
COUNT = 2000  # tasks of which none may be lost or repeated


def outcome(remote, definition, input=None, status=0):
    """The run, waited for."""
    return remote.stack.run(definition, input, status=status).json


def fails(remote, definition, input=None):
    return outcome(remote, definition, input, status=1)["error"]


def costs(remote, run):
    """What its executions used, as the record has it."""
    rows = remote.stack.wait_until(lambda: remote.stack.sql(
        "select measure, amount from v_costs where run_id = %s", run["run_id"]))
    return {measure: float(amount) for measure, amount in rows}


def exceptions_say_where(remote, pattern):
    worker = remote.start()
    error = fails(remote, node_of("broken", retry=RETRY), {})
    assert (error["code"], error["attempt"]) == ("exception", 3)
    assert re.search(pattern, error["message"]), error["message"]
    worker.wait_for_log(pattern.split(":")[0])


class CallbackCases:
    """Wherever functions are called."""

    def test_executes_functions_agents_and_tools(self, remote):
        remote.start()
        done = outcome(remote, node_of("hello", config={"model": "m-${input.name}", "n": 3}), {"name": "world"})
        output = done["output"]["n"]
        assert output.pop("key")
        assert output == {"hello": "world", "config": {"model": "m-world", "n": 3}, "node": "n"}
        assert outcome(remote, node_of("hello_async"), {"name": "you"})["output"] == {"n": {"hello": "you"}}
        done = outcome(remote, node_of("writer", "agent"), {"topic": "ants"})
        assert done["output"] == {"n": "about ants"} and costs(remote, done) == {"tokens": 812, "cost": 0.25}
        assert outcome(remote, node_of("search", "tool"), {"query": "q"})["output"] == {"n": ["q", "q"]}

    def test_failures_and_retries(self, remote):
        remote.start()
        done = outcome(remote, node_of("flaky", retry=RETRY), {"until": 3})
        assert done["output"] == {"n": 3}
        error = fails(remote, node_of("flaky", retry=RETRY), {"until": 9})
        assert (error["code"], error["message"], error["attempt"]) == ("not_yet", "attempt 3", 3)
        done = outcome(remote, node_of("hopeless", retry=RETRY), status=1)
        error = done["error"]
        assert costs(remote, done) == {"tokens": 5}
        assert (error["code"], error["attempt"]) == ("hopeless", 1)
        assert error["message"] == "no use in trying again"
        error = fails(remote, node_of("no_json", retry=RETRY))
        assert (error["code"], error["attempt"]) == ("bad_output", 1)
        assert remote.marks() == {"flaky": 6, "hopeless": 1, "no_json": 1}

    def test_large_outputs(self, remote):
        remote.start()
        done = outcome(remote, node_of("big"), {"bytes": 3 << 20})
        assert len(done["output"]["n"]) == 3 << 20
        assert fails(remote, node_of("big"), {"bytes": 17 << 20})["code"] == "too_large"

    def test_cancellation_reaches(self, remote, patient):
        remote.start(LEASE=1)
        run = remote.detach(node_of(patient), {"seconds": 60})
        remote.wait_for_mark("began")
        remote.stack.troupe("cancel", run, status=0)
        remote.wait_for_mark("cancelled", timeout_s=10)
        assert remote.marks() == {"began": 1, "cancelled": 1}
        outcome(remote, node_of("hello"), {"name": "its place is free"})

    def test_timeouts_reach(self, remote, patient):
        remote.start(LEASE=1)
        error = fails(remote, node_of(patient, timeout_ms=500), {"seconds": 60})
        assert error["code"] == "timeout"
        remote.wait_for_mark("cancelled", timeout_s=10)

    @pytest.mark.parametrize("function", ["long", "deaf"])
    def test_beats_keep_long_tasks(self, remote, function):
        """Three leases long, and another worker that would take it."""
        remote.start(LEASE=1)
        remote.start(LEASE=1)
        outcome(remote, node_of(function), {"seconds": 3.5})
        assert remote.marks() == {"began": 1, "ended": 1}

    def test_killed_workers_are_replaced(self, remote):
        first = remote.start(LEASE=1)
        run = remote.detach(node_of("long"), {"seconds": 4})
        remote.wait_for_mark("began")
        second = remote.start(LEASE=1)
        first.kill()
        done = remote.ended(run)
        assert done["status"] == "completed" and done["output"] == {"n": second.pid}
        assert remote.marks() == {"began": 2, "ended": 1}

    def test_progress_and_logs_arrive(self, remote):
        remote.start()
        run = outcome(remote, node_of("talks"))["run_id"]
        events = remote.stack.troupe("events", run, "-o", "json", status=0).json
        told = [e for e in events if e["kind"] == "progress"]
        text = " ".join(str(e["detail"]) for e in told)
        for part in ("step 1", "step 3", "line 1", "line 3", "last words"):
            assert part in text, (part, events)

    def test_counts_once_each(self, remote):
        """COUNT tasks, two workers, one of them restarted in the middle."""
        first = remote.start()
        remote.start()
        definition = {"metadata": {"name": "many"}, "nodes": [
            {"id": "n%d" % i, "type": "function", "config": {"function_name": "hello", "input": {"name": i}}}
            for i in range(100)]}
        remote.stack.deploy(definition)
        runs = [remote.detach("many") for _ in range(COUNT // 100)]
        remote.wait_for_mark("hello", COUNT // 4)
        assert first.terminate() == 0
        remote.start()
        for run in runs:
            done = remote.ended(run, 90)
            assert done["status"] == "completed"
            assert [done["output"]["n%d" % i]["hello"] for i in range(100)] == list(range(100))
        assert remote.marks() == {"hello": COUNT}


class Cases(CallbackCases):
    """Of workers that are programs of their own, too."""

    def test_serves_queues_of_nodes(self, remote):
        """The node names the queue. What else comes there fails, and does not go round in circles."""
        remote.start()
        assert outcome(remote, node_of("sorter", "tool", queue="gpu"), ["b", "a"])["output"] == {"n": ["a", "b"]}
        assert fails(remote, node_of("unknown", "agent", queue="gpu"))["code"] == "not_served"

    def test_waits_for_work(self, remote):
        """A run from before the worker came, and one after it had nothing to do for a while."""
        run = remote.detach(node_of("hello"), {"name": "early"})
        worker = remote.start()
        assert remote.ended(run)["status"] == "completed"
        worker.wait_for_log("in [0-9]+ partitions")
        began = time.monotonic()
        outcome(remote, node_of("hello"), {"name": "late"})
        assert time.monotonic() - began < 4, "the bell was not heard"

    def test_paused_workers_are_told(self, remote):
        """One that was paused past its lease: its task was given to another, and its result is refused."""
        first = remote.start(LEASE=1)
        run = remote.detach(node_of("deaf"), {"seconds": 2})
        remote.wait_for_mark("began")
        first.pause()
        second = remote.start(LEASE=1)
        remote.wait_for_mark("began", 2)
        first.unpause()
        done = remote.ended(run)
        assert done["output"] == {"n": second.pid}
        first.wait_for_log("unwanted|not taken: stale")

    def test_lost_connections_repeat_nothing(self, remote):
        remote.start()
        client = remote.stack.redis_client()
        runs = []
        remote.stack.deploy(node_of("hello"))
        for i in range(30):
            runs.append(remote.detach("remote-hello", {"name": i}))
            if i % 3 == 0:
                client.client_kill_filter(_type="normal", skipme=True)
            if i % 10 == 5:
                client.script_flush()
        for i, run in enumerate(runs):
            done = remote.ended(run, 60)
            assert done["status"] == "completed" and done["output"]["n"]["hello"] == i
        counts = remote.marks()["hello"]
        # A claim whose answer was lost begins nothing; a result whose answer was lost is said again.
        assert counts == 30, counts

    def test_redis_may_be_away(self, remote):
        worker = remote.start(LEASE=2)
        run = remote.detach(node_of("long"), {"seconds": 2})
        remote.wait_for_mark("began")
        remote.stack.redis.stop()
        remote.wait_for_mark("ended")
        worker.wait_for_log("lost Redis")
        remote.stack.redis.start()
        done = remote.ended(run, 60)
        assert done["status"] == "completed" and done["output"] == {"n": worker.pid}
        assert remote.marks() == {"began": 1, "ended": 1}

    def test_a_user_of_its_own(self, remote):
        """As docs/remote-workers.md says: this is all that a worker must be allowed."""
        with open(os.path.join(ROOT, "docs", "remote-workers.md")) as f:
            rules = re.search(r"ACL SETUSER remote on >SECRET ([^`]+)`", f.read()).group(1)
        client = remote.stack.redis_client()
        client.execute_command("ACL", "SETUSER", "remote", "on", ">secret", *rules.split())
        try:
            remote.start(TROUPE_REDIS_URL=remote.stack.redis.url.replace("//", "//remote:secret@"))
            outcome(remote, node_of("talks"))
            outcome(remote, node_of("hello"), {"name": "x"})
            remote.stack.processes[-1].terminate()
        finally:
            client.execute_command("ACL", "DELUSER", "remote")

    def test_drains(self, remote):
        """What can end in time does, what cannot is handed back, and nothing new is begun."""
        first = remote.start(CONCURRENCY=8, DRAIN=3)
        short = remote.detach(node_of("long"), {"seconds": 1.5})
        remote.wait_for_mark("began")
        stuck = remote.detach(node_of("deaf"), {"seconds": 8})
        remote.wait_for_mark("began", 2)
        first.send(signal.SIGTERM)
        first.wait_for_log("draining")
        second = remote.start(CONCURRENCY=8)
        began = time.monotonic()
        assert first.wait(10) == 0
        first.fate = "terminated"
        assert time.monotonic() - began < 7, "it waited for what ignores it"
        assert remote.ended(short)["output"] == {"n": first.pid}
        # The lease is 15 s: only what was handed back begins anew so soon.
        remote.wait_for_mark("began", 3, timeout_s=8)
        assert remote.ended(stuck)["output"] == {"n": second.pid}
