"""Plugins of troupe-worker: callbacks in C, in the fleet's own workers."""
import os
import signal

import pytest

import callbacks
import remote_cases as cases
from remote_worker import Remote, node_of

RETRY = cases.RETRY


class Plugins(Remote):
    """Workers with the plugin, and no others, so that nothing can be done elsewhere."""

    def __init__(self, stack):
        super().__init__(stack, lambda _directory: [])
        self.plugin = callbacks.plugin(stack.dir)
        stack.migrate()
        stack.start_supervisor()

    def start(self, *args, LEASE=15, DRAIN=30):
        return self.stack.start_worker("--plugin", self.plugin, "--lease", "%ds" % LEASE, "--drain-timeout",
                                       "%ds" % DRAIN, *args, MARKS=self.marks_file)


@pytest.fixture
def plugins(stack):
    return Plugins(stack)


@pytest.fixture
def remote(plugins):
    return plugins


@pytest.fixture(params=["long"])
def patient(request):
    return request.param


class TestPlugin(cases.CallbackCases):
    """A kill of its worker also says that the loop is free while callbacks block."""


def test_callbacks_that_only_return_something(plugins):
    plugins.start()
    error = cases.fails(plugins, node_of("broken", retry=RETRY), {})
    assert (error["code"], error["message"], error["attempt"]) == ("exception", "its callback returned 42", 3)


def test_drains(plugins):
    """What can end in time does; what cannot is given to another."""
    first = plugins.start(DRAIN=2)
    short = plugins.detach(node_of("long"), {"seconds": 1})
    plugins.wait_for_mark("began")
    stuck = plugins.detach(node_of("deaf"), {"seconds": 6})
    plugins.wait_for_mark("began", 2)
    first.send(signal.SIGTERM)
    first.wait_for_log("draining")
    second = plugins.start()
    assert first.wait(5) == 0
    first.fate = "terminated"
    first.wait_for_log("code of a plugin is still running")
    assert plugins.ended(short)["output"] == {"n": first.pid}
    assert plugins.ended(stuck)["output"] == {"n": second.pid}


@pytest.mark.parametrize("threads", [1, 4])
def test_no_more_threads_than_wanted(plugins, threads):
    plugins.start("--plugin-threads", str(threads))
    runs = [plugins.detach(node_of("long"), {"seconds": 1}) for _ in range(6)]
    most = 0
    while plugins.marks()["ended"] < 6:
        marks = plugins.marks()
        most = max(most, marks["began"] - marks["ended"])
    for run in runs:
        assert plugins.ended(run)["status"] == "completed"
    assert 1 <= most <= threads
    assert plugins.marks() == {"began": 6, "ended": 6}


@pytest.mark.timeout_s(180)
def test_a_crash_takes_no_neighbour_along(plugins):
    """Whoever executes the one that crashes is lost; what was re-delivered runs alone, so that only the
    culprit is given up."""
    def crash_and_replace():
        for process in list(plugins.stack.processes):
            if process.status == -signal.SIGABRT and process.fate is None:
                process.fate = "killed"
                plugins.start(LEASE=1)

    plugins.start(LEASE=1)
    plugins.start(LEASE=1)
    fine = [plugins.detach(node_of("crashes"), {"crash": 0, "seconds": 0.5}) for _ in range(8)]
    culprit = plugins.detach(node_of("crashes"), {"crash": 1})
    fine += [plugins.detach(node_of("crashes"), {"crash": 0, "seconds": 0.5}) for _ in range(8)]

    def over():
        crash_and_replace()
        return all(plugins.stack.show(run)["status"] not in ("running", "pending", "queued")
                   for run in [culprit] + fine)

    plugins.stack.wait_until(over, 120)
    error = plugins.ended(culprit)["error"]
    assert error["code"] == "worker_lost"
    assert [plugins.ended(run)["status"] for run in fine] == ["completed"] * len(fine)
    # Once in company, three times alone.
    assert plugins.marks()["crashed"] == 4


BAD = {
    "abi": (["-DABI=99"], "it was built for ABI 99, and this worker has 1"),
    "no entry": (["-Dtroupe_plugin=another_name"], "it does not export troupe_plugin"),
    "no name": (['-DNAME=""'], "its name must have"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_plugins_are_refused(stack, what):
    flags, message = BAD[what]
    path = callbacks.plugin(stack.dir, "bad", callbacks.SOURCE, *flags)
    worker = stack.start_worker("--plugin", path)
    assert worker.wait(10) == 2
    assert message in worker.output() and path in worker.output()
    worker.fate = "killed"


def refused(stack, *paths):
    worker = stack.start_worker(*(word for path in paths for word in ("--plugin", path)))
    assert worker.wait(10) == 2
    worker.fate = "killed"
    return worker.output()


def test_two_plugins_of_one_name(stack):
    first = callbacks.plugin(stack.dir, "first")
    second = callbacks.plugin(stack.dir, "second")
    assert "there is a plugin of the name 'tests' already" in refused(stack, first, second)


def test_two_functions_of_one_name(stack):
    first = callbacks.plugin(stack.dir, "first")
    second = callbacks.plugin(stack.dir, "second", callbacks.SOURCE, '-DNAME="more"')
    assert "the function 'hello' is there already" in refused(stack, first, second)


def test_what_is_no_plugin(stack):
    text = os.path.join(stack.dir, "text.so")
    with open(text, "w") as f:
        f.write("no shared object\n")
    assert "cannot be loaded" in refused(stack, text)
    assert "No such file" in refused(stack, os.path.join(stack.dir, "missing.so"))


# --- Tokens that a worker without the plugin has claimed ---

def parked(plugins, definition, value):
    """A run whose token a worker without the plugin has made a task of."""
    run = plugins.detach(definition, value)
    plugins.stack.wait_until(lambda: plugins.stack.sql(
        "select 1 from event_log where run_id = %s and kind = 'task'", run), what="a task")
    return run


def test_serves_tasks_of_workers_without_it(plugins):
    """It does not matter which worker claims a token."""
    plain = plugins.stack.start_worker()
    runs = [parked(plugins, node_of("long", kind=kind), {"seconds": 0.1}) for kind in ("function",) * 3]
    unserved = "select queue from v_stuck_runs where run_id = %s"
    assert plugins.stack.sql(unserved, runs[0]) == [("function:long",)]
    worker = plugins.start()
    for run in runs:
        done = plugins.ended(run)
        assert (done["status"], done["output"]) == ("completed", {"n": worker.pid})
    (name,), = plugins.stack.wait_until(lambda: plugins.stack.sql(
        "select name from v_workers where kind = 'remote' and 'function:long' = any (string_to_array(queues, ','))"),
        what="a remote worker")
    assert plugins.stack.sql("select kind from v_workers where name = %s order by kind", name) == [
        ("fleet",), ("remote",)], "one worker, of both kinds"
    claims = plugins.stack.sql("select distinct detail from event_log where kind = 'claim'")
    assert claims == [(name,)]
    plain.send(signal.SIGTERM)
    assert plain.wait(20) == 0
    plain.fate = "terminated"
    worker.send(signal.SIGTERM)
    assert worker.wait(20) == 0
    worker.fate = "terminated"


def test_tasks_and_tokens_share_the_threads(plugins):
    plugins.stack.start_worker()
    definition = node_of("long")
    runs = [parked(plugins, definition, {"seconds": 0.5}) for _ in range(4)]
    plugins.start("--plugin-threads", "2")
    runs += [plugins.detach(definition, {"seconds": 0.5}) for _ in range(8)]
    most = 0
    while plugins.marks()["ended"] < len(runs):
        marks = plugins.marks()
        most = max(most, marks["began"] - marks["ended"])
    assert [plugins.ended(run)["status"] for run in runs] == ["completed"] * len(runs)
    assert 1 <= most <= 2 and plugins.marks() == {"began": len(runs), "ended": len(runs)}


def test_draining_hands_tasks_back(plugins):
    plugins.stack.start_worker()
    run = parked(plugins, node_of("deaf"), {"seconds": 8})
    first = plugins.start(DRAIN=1)
    plugins.wait_for_mark("began")
    first.send(signal.SIGTERM)
    first.wait_for_log("handed back")
    second = plugins.start()
    assert first.wait(10) == 0
    first.fate = "terminated"
    assert plugins.ended(run)["output"] == {"n": second.pid}
    assert plugins.stack.sql("select count(*) from event_log where kind = 'release'") == [(1,)]


def test_tasks_of_killed_workers_are_taken_over(plugins):
    plugins.stack.start_worker()
    run = parked(plugins, node_of("long"), {"seconds": 4})
    first = plugins.start(LEASE=1)
    plugins.wait_for_mark("began")
    second = plugins.start(LEASE=1)
    first.kill()
    assert plugins.ended(run)["output"] == {"n": second.pid}
    assert plugins.stack.sql("select count(*) from event_log where kind = 'lapse'") == [(1,)]
