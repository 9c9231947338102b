"""troupe as its users meet it: start, look, cancel, and what a run leaves behind."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import uuid

import pytest

import load
from processes import wait_until

RUN_MEMBERS = ["run_id", "workflow", "version", "status", "input", "output", "error", "labels",
               "submitted_at", "started_at", "ended_at", "duration_ms"]
NODE_MEMBERS = ["node_id", "scope", "type", "status", "attempts", "started_at", "ended_at",
                "duration_ms", "output", "error", "worker"]
DECISION_MEMBERS = ["node_id", "scope", "taken", "dead", "reason"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FINAL = {"completed", "failed", "cancelled"}

HELLO = {"metadata": {"name": "hello"},
         "nodes": [{"id": "a", "type": "noop"},
                   {"id": "b", "type": "transform", "config": {"expression": "{'n': input.n + 1}"}}],
         "edges": [{"from": "a", "to": "b"}]}
# Long enough that a test can look at it while it runs.
LONG = load.chain_definition("long", 2000)
FAILING = {"metadata": {"name": "failing"},
           "nodes": [{"id": "f", "type": "function", "config": {
               "function_name": "fail", "input": {"code": "oh_no", "message": "as asked"}}}]}


def detach(stack, workflow, value, *args):
    """The id of a run that is accepted, and nothing more."""
    result = stack.troupe("run", workflow, "--input", json.dumps(value), "--detach", "-o", "json",
                          *args, status=0)
    run = result.json["run_id"]
    assert UUID.fullmatch(run), repr(result)
    return run


def in_redis(stack, run):
    return stack.redis_client().keys("troupe:{*}:run:" + run)


def inbox_is_empty(client):
    if client.xlen("troupe:runs") != 0:
        return False
    return all(g["pending"] == 0 for g in client.xinfo_groups("troupe:runs"))


def wait_for_status(stack, run, *statuses, timeout_s=30):
    def reached():
        result = stack.troupe("show", run, "-o", "json")
        return result.status == 0 and result.json["status"] in statuses and result.json
    return stack.wait_until(reached, timeout_s, "run %s %s" % (run, " or ".join(statuses)))


def check_shape(run, shown=True):
    names = RUN_MEMBERS + (["nodes", "decisions"] if shown else [])
    assert list(run) == names
    assert UUID.fullmatch(run["run_id"]) and isinstance(run["version"], int)
    assert isinstance(run["labels"], dict)
    assert TIME.fullmatch(run["submitted_at"])
    final = run["status"] in FINAL
    for name in ("started_at", "ended_at"):
        assert run[name] is None or TIME.fullmatch(run[name])
    assert (run["ended_at"] is not None) == final
    if final and run["started_at"]:
        assert type(run["duration_ms"]) is int and run["duration_ms"] >= 0
        assert run["submitted_at"] <= run["started_at"] <= run["ended_at"]
    for node in run.get("nodes", []):
        assert list(node) == NODE_MEMBERS
        assert node["status"] in FINAL | {"waiting", "queued", "running", "skipped"}
        if node["status"] in ("completed", "failed"):
            assert TIME.fullmatch(node["started_at"]) and TIME.fullmatch(node["ended_at"])
            assert type(node["duration_ms"]) is int and node["worker"] and node["attempts"] == 1
            assert run["started_at"] <= node["started_at"] <= node["ended_at"] <= run["ended_at"] \
                if final else True
    for decision in run.get("decisions", []):
        assert list(decision) == DECISION_MEMBERS


# --- A run's life ---


def test_a_run_waits_for_a_worker(stack):
    stack.up(workers=0)
    stack.deploy(HELLO)
    run = detach(stack, "hello", {"n": 1})
    stack.wait_until(lambda: in_redis(stack, run), what="the run in Redis")
    shown = stack.show(run)
    check_shape(shown)
    assert shown["status"] == "queued" and shown["ended_at"] is None and shown["output"] is None
    assert {n["node_id"]: n["status"] for n in shown["nodes"]}["a"] == "queued"
    assert all(n["status"] in ("queued", "waiting") for n in shown["nodes"])
    timed_out = stack.troupe("run", "hello", "--input", '{"n": 1}', "--id", run, "--wait",
                             "--timeout", "1", "-o", "json")
    assert timed_out.status == 124, repr(timed_out)
    assert stack.sql("select count(*) from v_run_timeline") == [(0,)]
    assert stack.troupe("workers", "-o", "json", status=0).json == []
    stack.start_worker()
    shown = wait_for_status(stack, run, "completed")
    check_shape(shown)
    assert shown["output"] == {"b": {"n": 2}}


def test_the_documents_of_run_and_show(running_stack):
    result = running_stack.run(HELLO, {"n": 41}, "--label", "team=data", "--label", "k=v=w",
                               status=0)
    run = result.json
    check_shape(run, shown=False)
    assert {k: run[k] for k in RUN_MEMBERS[1:8]} == {
        "workflow": "hello", "version": 1, "status": "completed", "input": {"n": 41},
        "output": {"b": {"n": 42}}, "error": None, "labels": {"team": "data", "k": "v=w"}}
    shown = running_stack.show(run["run_id"])
    check_shape(shown)
    assert {k: shown[k] for k in RUN_MEMBERS} == run
    assert [(n["node_id"], n["scope"], n["type"], n["status"], n["output"], n["error"])
            for n in shown["nodes"]] == [
        ("a", "", "noop", "completed", {"n": 41}, None),
        ("b", "", "transform", "completed", {"n": 42}, None)]
    listed = running_stack.troupe("ps", "-o", "json", status=0).json
    assert [r["run_id"] for r in listed] == [run["run_id"]]


def test_a_failing_run(running_stack):
    run = running_stack.run(FAILING, None, status=1).json
    check_shape(run, shown=False)
    assert run["status"] == "failed" and run["output"] is None
    assert {k: run["error"][k] for k in ("code", "message", "node", "attempt")} == {
        "code": "oh_no", "message": "as asked", "node": "f", "attempt": 1}
    shown = running_stack.show(run["run_id"])
    check_shape(shown)
    assert [(n["status"], n["error"]["code"]) for n in shown["nodes"]] == [("failed", "oh_no")]


def test_decisions_of_a_choice(running_stack):
    run = running_stack.run(load.CHOICE, {"n": 4}, status=0).json["run_id"]
    shown = running_stack.show(run)
    check_shape(shown)
    assert {n["node_id"]: n["status"] for n in shown["nodes"]} == {
        "c": "completed", "x": "skipped", "y": "completed", "z": "skipped", "x2": "skipped",
        "j": "completed"}
    decided = {d["node_id"]: (d["taken"], d["dead"]) for d in shown["decisions"]}
    assert decided["c"] == (["y"], ["x", "z"])
    reason = [d["reason"] for d in shown["decisions"] if d["node_id"] == "c"][0]
    assert isinstance(reason, str) and reason
    asked = running_stack.troupe("decisions", run, "-o", "json", status=0).json
    assert asked == shown["decisions"]


def test_a_version_that_was_accepted_is_the_one_that_runs(stack):
    stack.up(workers=0)
    stack.deploy(HELLO)
    old = detach(stack, "hello", {"n": 1})
    again = stack.deploy(HELLO)
    assert "1" in again.stdout + again.stderr
    changed = json.loads(json.dumps(HELLO).replace("+ 1", "+ 100"))
    stack.deploy(changed)
    new = detach(stack, "hello", {"n": 1})
    stack.start_worker()
    old, new = (wait_for_status(stack, run, "completed") for run in (old, new))
    assert (old["version"], old["output"]) == (1, {"b": {"n": 2}})
    assert (new["version"], new["output"]) == (2, {"b": {"n": 101}})


def test_a_used_id(running_stack):
    running_stack.deploy(HELLO)
    used = str(uuid.uuid4())
    first = running_stack.run("hello", {"n": 1}, "--id", used, status=0)
    assert first.json["run_id"] == used
    same = running_stack.run("hello", {"n": 1}, "--id", used, status=0)
    assert same.stdout == first.stdout
    other = running_stack.run("hello", {"n": 2}, "--id", used)
    assert other.status == 6 and used in other.stderr and other.stdout == "", repr(other)
    assert running_stack.sql("select count(*) from v_runs") == [(1,)]
    no_id = running_stack.run("hello", {"n": 2}, "--id", "not-an-id")
    assert no_id.status == 2, repr(no_id)


def test_a_successor_never_starts_before_its_predecessor_ended(stack):
    stack.up(workers=3)
    runs = load.Load(stack)
    runs.deploy()
    runs.submit_by_stream(60)
    runs.wait_for_end()
    runs.check()


# --- Producers that speak to Redis ---


def redis_cli(stack, *args):
    done = subprocess.run(["redis-cli", "-u", stack.redis.url, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=20)
    assert done.returncode == 0, done.stdout
    return done.stdout.decode().strip()


def test_a_run_by_redis_cli(running_stack):
    running_stack.deploy(HELLO)
    redis_cli(running_stack, "XADD", "troupe:runs", "*", "workflow", "hello", "input", '{"n": 6}')
    rows = running_stack.wait_until(lambda: running_stack.sql(
        "select run_id::text from v_runs where status = 'completed'"))
    shown = running_stack.show(rows[0][0])
    check_shape(shown)
    assert shown["output"] == {"b": {"n": 7}} and shown["input"] == {"n": 6}
    assert shown["labels"] == {}
    running_stack.wait_until(lambda: inbox_is_empty(running_stack.redis_client()))


def test_labels_version_and_id_of_a_producer(running_stack):
    running_stack.deploy(HELLO)
    running_stack.deploy(json.loads(json.dumps(HELLO).replace("+ 1", "+ 100")))
    run = str(uuid.uuid4())
    client = running_stack.redis_client()
    client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 1}', "run_id": run,
                                "version": "1", "labels": '{"from": "shop", "ü": "ö"}'})
    running_stack.wait_until(lambda: running_stack.sql(
        "select 1 from v_runs where run_id = %s and status = 'completed'", run))
    shown = running_stack.show(run)
    assert shown["labels"] == {"from": "shop", "ü": "ö"}
    assert (shown["version"], shown["output"]) == (1, {"b": {"n": 2}})


def test_requests_that_come_twice(running_stack):
    running_stack.deploy(HELLO)
    client = running_stack.redis_client()
    run = str(uuid.uuid4())
    for _ in range(3):
        client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 1}', "run_id": run})
        client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 2}', "dedup_key": "k1"})
        client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 3}', "dedup_key": "k2"})
    running_stack.wait_until(lambda: inbox_is_empty(client), what="an empty inbox")
    # Long after the first ones have ended, too.
    running_stack.wait_until(lambda: running_stack.sql(
        "select count(*) from v_runs where status = 'completed'") == [(3,)])
    client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 1}', "run_id": run})
    client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 2}', "dedup_key": "k1"})
    client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 4}'})
    running_stack.wait_until(lambda: running_stack.sql(
        "select count(*) from v_runs where status = 'completed'") == [(4,)])
    running_stack.wait_until(lambda: inbox_is_empty(client), what="an empty inbox")
    rows = running_stack.sql("select run_id::text, (input->>'n')::int from v_runs order by 2")
    assert [n for _, n in rows] == [1, 2, 3, 4] and rows[0][0] == run
    load.check_record(running_stack)


def test_an_id_that_only_the_record_remembers(running_stack):
    """The batch that begins such a run is refused; made again, it leaves out what is not allowed."""
    running_stack.deploy(HELLO)
    client = running_stack.redis_client()
    run = str(uuid.uuid4())
    client.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 1}', "run_id": run})
    running_stack.wait_until(lambda: running_stack.sql(
        "select status from v_runs") == [("completed",)])
    before = running_stack.show(run)
    running_stack.wait_until(lambda: list(client.scan_iter("troupe:{*}:ended")))
    for key in client.scan_iter("troupe:{*}:ended"):
        client.delete(key)
    pipe = client.pipeline()
    pipe.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 2}', "run_id": run})
    for n in range(20):
        pipe.xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 3}'})
    pipe.execute()
    running_stack.wait_until(lambda: running_stack.sql(
        "select count(*) from v_runs where status = 'completed'") == [(21,)])
    running_stack.wait_until(lambda: "does not allow" in str(running_stack.logs()))
    running_stack.wait_until(lambda: inbox_is_empty(client), what="an empty inbox")
    assert running_stack.show(run) == before
    assert "something is in the way" not in str(running_stack.logs())
    load.check_record(running_stack)


def test_what_is_shown_does_not_need_redis(running_stack):
    stack = running_stack
    run = stack.run(HELLO, {"n": 1}, status=0).json["run_id"]
    failed = stack.run(FAILING, None, status=1).json["run_id"]
    before = [stack.troupe("show", r, "-o", "json", status=0).stdout for r in (run, failed)]
    stack.redis_client().flushall()
    assert before == [stack.troupe("show", r, "-o", "json", status=0).stdout for r in (run, failed)]
    assert stack.run("hello", {"n": 2}, status=0).json["output"] == {"b": {"n": 3}}
    stack.redis_client().xadd("troupe:runs", {"workflow": "hello", "input": '{"n": 3}'})
    stack.wait_until(lambda: stack.sql(
        "select count(*) from v_runs where workflow = 'hello' and status = 'completed'") == [(3,)])
    assert before == [stack.troupe("show", r, "-o", "json", status=0).stdout for r in (run, failed)]


# --- Cancelling ---


def test_cancel_of_a_queued_run(stack):
    stack.up(workers=0)
    stack.deploy(HELLO)
    run = detach(stack, "hello", {"n": 1})
    stack.wait_until(lambda: in_redis(stack, run), what="the run in Redis")
    assert stack.troupe("cancel", run).status == 0
    shown = wait_for_status(stack, run, "cancelled")
    check_shape(shown)
    assert shown["output"] is None
    assert not [n for n in shown["nodes"] if n["status"] not in ("cancelled",)]
    again = stack.troupe("cancel", run)
    assert again.status == 6 and again.stderr, repr(again)
    assert stack.troupe("cancel", str(uuid.uuid4())).status == 4
    waited = stack.troupe("run", "hello", "--input", '{"n": 1}', "--id", run, "--wait")
    assert waited.status == 1, repr(waited)
    # Its token is still in the queue: whoever takes it must drop it.
    stack.start_worker()
    assert stack.run("hello", {"n": 5}, status=0).json["output"] == {"b": {"n": 6}}
    assert stack.show(run)["status"] == "cancelled"
    stack.wait_until(lambda: load.redis_is_empty(stack))
    load.check_record(stack)


def test_cancel_of_a_live_run(stack):
    stack.migrate()
    stack.start_supervisor()
    worker = stack.start_worker()
    stack.deploy(LONG)
    stack.deploy(HELLO)
    run = detach(stack, "long", {"n": 0})
    key = stack.wait_until(lambda: in_redis(stack, run), what="the run in Redis")[0]
    client = stack.redis_client()
    stack.wait_until(lambda: int((client.hget(key, "h") or "|||||0").split("|")[5]) > 10,
                     what="some executions")
    worker.pause()
    shown = wait_for_status(stack, run, "running")
    check_shape(shown)
    assert [n["status"] for n in shown["nodes"]].count("completed") < 2000
    assert stack.troupe("cancel", run).status == 0
    shown = wait_for_status(stack, run, "cancelled")
    check_shape(shown)
    executed = [n["node_id"] for n in shown["nodes"] if n["status"] == "completed"]
    assert executed == ["c%d" % i for i in range(len(executed))]
    assert [n["status"] for n in shown["nodes"]].count("cancelled") <= 1
    assert stack.troupe("cancel", run).status == 6
    before = stack.troupe("show", run, "-o", "json").stdout
    worker.unpause()
    assert stack.run("hello", {"n": 5}, status=0).json["status"] == "completed"
    assert stack.troupe("show", run, "-o", "json").stdout == before
    stack.wait_until(lambda: load.redis_is_empty(stack))
    load.check_record(stack)


def test_cancel_of_a_run_that_has_ended(running_stack):
    run = running_stack.run(HELLO, {"n": 1}, status=0).json["run_id"]
    assert running_stack.troupe("cancel", run).status == 6
    assert running_stack.show(run)["status"] == "completed"


# --- Many to choose from ---


def test_waiting_clients_get_their_own_answer(running_stack):
    running_stack.deploy(HELLO)
    command = [running_stack.binary("troupe"), "run", "hello", "--wait", "-o", "json", "--input"]
    clients = [subprocess.Popen([*command, json.dumps({"n": n})], env=running_stack.env(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for n in range(8)]
    for n, client in enumerate(clients):
        out, err = client.communicate(timeout=60)
        assert client.returncode == 0, err
        assert json.loads(out)["output"] == {"b": {"n": n + 1}}


def test_a_drained_worker_leaves_nothing_behind(stack):
    stack.migrate()
    stack.start_supervisor()
    first, second = stack.start_workers(2)
    runs = load.Load(stack)
    runs.deploy()
    runs.submit_by_stream(100)
    stack.wait_until(lambda: runs.settled() > 50, what="some progress")
    assert first.terminate() == 0
    runs.wait_for_end()
    assert second.terminate() == 0
    runs.check()
    client = stack.redis_client()
    assert not [k for k in client.keys("troupe:{*}:workers") if client.hlen(k)]


# --- troupe dev ---


@pytest.fixture
def place():
    """A directory for temporary files that Postgres' user may enter."""
    path = tempfile.mkdtemp(prefix="troupe-test-dev-")
    os.chmod(path, 0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def processes_of(place):
    """Commands of processes whose arguments, directory or environment name the place."""
    found = {}
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline", "rb") as f:
                command = f.read().replace(b"\0", b" ").decode(errors="replace")
            with open(path + "/environ", "rb") as f:
                environment = f.read().decode(errors="replace")
            if place in command or place in environment or place in os.readlink(path + "/cwd"):
                found[int(path[6:])] = command
        except OSError:
            continue  # it ended while we looked
    return found


def start_dev(stack, place, *args, **popen):
    return subprocess.Popen([stack.binary("troupe"), "dev", *args], env=stack.env(TMPDIR=place),
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            stdout=subprocess.PIPE, **popen)


def wait_until_ready(place, dev):
    """The URLs that it tells."""
    told = b""
    while b"Ctrl-C ends" not in told:
        line = dev.stderr.readline()
        assert line, "troupe dev ended: %r" % told
        told += line
    urls = dict(re.findall(r"(TROUPE_[A-Z]+_URL)=(\S+)", told.decode()))
    assert len(processes_of(place)) >= 6
    return urls


def nothing_left(place):
    wait_until(lambda: not processes_of(place), 20, "no process: %s" % processes_of(place))


def test_dev_runs_a_command_and_goes(stack, place):
    path = stack.write(HELLO)
    dev = start_dev(stack, place, "--workers", "1", "--", stack.binary("troupe"), "run", path,
                    "--input", '{"n": 1}', "--wait", "-o", "json")
    out, err = dev.communicate(timeout=90)
    assert dev.returncode == 0, err
    assert json.loads(out)["output"] == {"b": {"n": 2}}
    nothing_left(place)
    assert os.listdir(place) == []


def test_dev_ends_with_its_commands_status(stack, place):
    dev = start_dev(stack, place, "--workers", "0", "--", "sh", "-c",
                    'test -n "$TROUPE_REDIS_URL$TROUPE_DATABASE_URL" && exit 37')
    _, err = dev.communicate(timeout=90)
    assert dev.returncode == 37, err
    nothing_left(place)
    assert os.listdir(place) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dev_until_it_is_told_to_end(stack, place, number):
    dev = start_dev(stack, place, "--workers", "2")
    urls = wait_until_ready(place, dev)
    path = stack.write(HELLO)
    result = stack.troupe("run", path, "--input", '{"n": 1}', "--wait", "-o", "json", **urls)
    assert result.status == 0, repr(result)
    dev.send_signal(number)
    _, err = dev.communicate(timeout=60)
    assert dev.returncode in (0, 128 + number), err
    nothing_left(place)
    assert os.listdir(place) == []


def test_dev_killed(stack, place):
    dev = start_dev(stack, place, "--workers", "2")
    wait_until_ready(place, dev)
    dev.kill()
    dev.communicate(timeout=60)
    nothing_left(place)


def test_dev_keeps_its_data(stack, place):
    data = os.path.join(place, "data")
    path = stack.write(HELLO)
    dev = start_dev(stack, place, "--workers", "1", "--data", data, "--", stack.binary("troupe"),
                    "run", path, "--input", '{"n": 1}', "--wait", "-o", "json")
    out, err = dev.communicate(timeout=90)
    assert dev.returncode == 0, err
    run = json.loads(out)["run_id"]
    nothing_left(place)
    dev = start_dev(stack, place, "--workers", "0", "--data", data, "--", stack.binary("troupe"),
                    "show", run, "-o", "json")
    out, err = dev.communicate(timeout=90)
    assert dev.returncode == 0, err
    assert json.loads(out)["output"] == {"b": {"n": 2}}
    nothing_left(place)
