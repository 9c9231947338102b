"""Tasks from end to end: the fleet, the record, and a remote worker that is told what to do when (docs/tasks.md)."""
import pytest

from remote import Remote
from test_end_to_end import detach, in_redis, wait_for_status


def score(**node):
    config = {"function_name": "score", **node.pop("config", {})}
    return {"id": "score", "type": "function", "config": config, **node}


def definition(name, node=None, *more):
    nodes = [{"id": "a", "type": "noop"}, node or score(), *more]
    edges = [{"from": a["id"], "to": b["id"]} for a, b in zip(nodes, nodes[1:])]
    return {"metadata": {"name": name}, "nodes": nodes, "edges": edges}


@pytest.fixture
def remote(running_stack):
    client = running_stack.redis_client()
    running_stack.wait_until(lambda: client.exists("troupe:script:tasks"), what="the script")
    return Remote(client, "function:score")


def begin(running_stack, definition, value=None):
    running_stack.deploy(definition)
    return detach(running_stack, definition["metadata"]["name"], value)


def test_a_remote_worker_completes_an_execution(running_stack, remote):
    node = score(config={"model": "m-$input.n", "depth": "${ input.n + 1 }", "plain": [1, {"a": None}]})
    node["config"]["model"] = "$input.model"
    run = begin(running_stack, definition("tasks-plain", node, {"id": "z", "type": "transform", "config": {
        "expression": "input.points * 2"}}), {"n": 4, "model": "big"})
    task, = remote.claim()
    assert task.data == {
        "run_id": run, "workflow": "tasks-plain", "version": 1, "node_id": "score", "scope": "", "type": "function",
        "name": "score", "attempt": 1, "idempotency_key": run + "/score/", "input": {"n": 4, "model": "big"},
        "config": {"model": "big", "depth": 5, "plain": [1, {"a": None}]}}
    assert task.fence == "1" and remote.poll() == []
    assert remote.settle(task, task.completed({"points": 21})) == "ok"
    shown = wait_for_status(running_stack, run, "completed", "failed")
    assert shown["output"] == {"z": 42}, shown
    nodes = {n["node_id"]: n for n in shown["nodes"]}
    assert (nodes["score"]["worker"], nodes["score"]["output"]) == ("r1", {"points": 21})


def events(stack, run):
    return stack.troupe("events", run, "-o", "json", status=0).json


def node_of(shown, name="score"):
    return next(n for n in shown["nodes"] if n["node_id"] == name)


def ends(stack, run, status):
    shown = wait_for_status(stack, run, "completed", "failed", "cancelled")
    assert shown["status"] == status, shown
    return shown


def test_agents_and_tools_have_queues_of_their_own(running_stack, remote):
    nodes = [{"id": "t", "type": "tool", "config": {"name": "search", "query": "$input.q"}},
             {"id": "g", "type": "agent_call", "queue": "gpu", "config": {"name": "writer", "input": {"of": "$t.found"}},
              "timeout_ms": 60000, "input_schema": {"required": ["of"]}, "output_schema": {"type": "string"}}]
    run = begin(running_stack, {"metadata": {"name": "tasks-types"}, "nodes": nodes,
                                "edges": [{"from": "t", "to": "g"}]}, {"q": "x"})
    tools, agents = Remote(remote.client, "tool:search", "t1"), Remote(remote.client, "gpu", "g1")
    task, = tools.claim()
    assert (task.data["type"], task.data["name"], task.data["config"]) == ("tool", "search", {"query": "x"})
    assert tools.settle(task, task.completed({"found": 3})) == "ok"
    task, = agents.claim()
    assert (task.data["type"], task.data["input"], task.data["config"]) == ("agent", {"of": 3}, {})
    assert task.data["timeout_ms"] == 60000
    assert agents.settle(task, task.completed("text")) == "ok"
    assert ends(running_stack, run, "completed")["output"] == {"g": "text"}


def test_a_failure_is_tried_again_and_fails_with_its_code(running_stack, remote):
    run = begin(running_stack, definition("tasks-retry", score(retry={"max_attempts": 2, "backoff_ms": 1})))
    task, = remote.claim()
    assert remote.settle(task, task.failed("no_luck", "the first", usage={"tokens": 7, "cost": 0.5})) == "ok"
    again, = remote.claim()
    assert (again.data["attempt"], again.fence) == (2, "2")
    assert again.data["idempotency_key"] == task.data["idempotency_key"]
    assert remote.settle(task, task.completed(1)) == "stale"
    assert remote.settle(again, again.failed("no_luck", "the second", usage={"tokens": 5, "model": "m", "odd": 1e300})) == "ok"
    shown = ends(running_stack, run, "failed")
    assert (shown["error"]["code"], shown["error"]["message"]) == ("no_luck", "the second")
    assert (node_of(shown)["attempts"], node_of(shown)["worker"]) == (2, "r1")
    assert running_stack.sql("select measure, amount::float from v_costs where run_id = %s and node_id = 'score'"
                             " order by 1", run) == [("cost", 0.5), ("odd", 1e300), ("tokens", 12)]
    assert [e["kind"] for e in events(running_stack, run)] == [
        "start", "execution", "task", "claim", "retry", "task", "claim", "execution"]


def test_a_failure_that_makes_no_sense_to_repeat(running_stack, remote):
    run = begin(running_stack, definition("tasks-final", score(
        retry={"max_attempts": 5, "backoff_ms": 1}, on_error="continue"), {"id": "z", "type": "noop"}))
    task, = remote.claim()
    assert remote.settle(task, task.failed("broken", retry=False)) == "ok"
    shown = ends(running_stack, run, "completed")
    assert node_of(shown)["attempts"] == 1 and shown["output"]["z"]["error"]["code"] == "broken"


def test_an_output_that_does_not_fit(running_stack, remote):
    run = begin(running_stack, definition("tasks-fit", score(output_schema={"type": "object"})))
    task, = remote.claim()
    assert remote.settle(task, task.completed(5)) == "ok"
    shown = ends(running_stack, run, "failed")
    assert shown["error"]["code"] == "type" and node_of(shown)["worker"] == "r1"


def test_a_large_result_that_cannot_be_read(running_stack, remote):
    run = begin(running_stack, definition("tasks-unreadable"))
    task, = remote.claim()
    assert remote.settle(task, task.result("c", '{"output":')) == "bad"
    assert remote.settle(task, task.result("c", '{"output":"' + "x" * 70000 + "}")) == "ok"
    assert ends(running_stack, run, "failed")["error"]["code"] == "type"


def test_too_large(running_stack, remote):
    run = begin(running_stack, definition("tasks-large"))
    task, = remote.claim()
    assert remote.settle(task, task.completed("x" * (16 << 20))) == "too_large"
    assert ends(running_stack, run, "failed")["error"]["code"] == "too_large"


def test_a_timeout(running_stack, remote):
    run = begin(running_stack, definition("tasks-slow", score(timeout_ms=1200, retry={
        "max_attempts": 2, "backoff_ms": 1})))
    task, = remote.claim()
    again, = remote.claim()  # the next attempt
    assert again.data["attempt"] == 2
    assert remote.beat(task) == remote.settle(task, task.completed(1)) == "stale"
    shown = ends(running_stack, run, "failed")
    assert (shown["error"]["code"], node_of(shown)["worker"]) == ("timeout", "r1")
    assert 1200 <= node_of(shown)["duration_ms"] < 20000


def test_a_lapsed_claim_and_a_late_result(running_stack, remote):
    run = begin(running_stack, definition("tasks-lapse"))
    first = Remote(remote.client, remote.queue, "first", lease_ms=1000)
    task, = first.claim()
    again, = remote.claim()
    assert (task.fence, again.fence) == ("1", "2") and again.text == task.text
    assert first.beat(task) == first.settle(task, task.completed("late")) == "stale"
    assert remote.beat(again, {"progress": 0.5, "log": ["half"]}) == "ok"
    running_stack.wait_until(lambda: [e["node_id"] for e in events(running_stack, run)
                                      if e["kind"] == "progress"] == ["score"], what="progress, before it has ended")
    assert remote.settle(again, again.completed("in time")) == "ok"
    shown = ends(running_stack, run, "completed")
    assert shown["output"] == {"score": "in time"} and node_of(shown)["worker"] == "r1"
    told = [(e["kind"], e["detail"]) for e in events(running_stack, run)[2:-1]]
    assert told == [("task", "function:score"), ("claim", "first"), ("lapse", "first"), ("claim", "r1"),
                    ("progress", '{"progress": 0.5, "log": ["half"]}')]


def test_beats_keep_a_claim(running_stack, remote):
    run = begin(running_stack, definition("tasks-beats"))
    remote.lease_ms = 1500
    task, = remote.claim()
    until = remote.client.time()[0] + 5
    while remote.client.time()[0] < until:
        assert remote.beat(task) == "ok"
        remote.client.blpop("nothing", timeout=0.4)
    assert remote.settle(task, task.completed(1)) == "ok"
    assert "lapse" not in [e["kind"] for e in events(running_stack, run)]
    ends(running_stack, run, "completed")


def test_three_lapses_are_a_lost_worker(running_stack, remote):
    run = begin(running_stack, definition("tasks-lost"))
    remote.lease_ms = 1000
    assert [remote.claim()[0].fence for _ in range(3)] == ["1", "2", "3"]
    shown = ends(running_stack, run, "failed")
    assert (shown["error"]["code"], node_of(shown)["worker"]) == ("worker_lost", "r1")


def test_a_cancelled_run(running_stack, remote):
    running = begin(running_stack, definition("tasks-cancel"))
    task, = remote.claim()
    waiting = detach(running_stack, "tasks-cancel", None)
    running_stack.wait_until(lambda: any(e["kind"] == "task" for e in events(running_stack, waiting)))
    for run in (running, waiting):
        running_stack.troupe("cancel", run, status=0)
        assert node_of(ends(running_stack, run, "cancelled"))["status"] == "cancelled"
        running_stack.wait_until(lambda: not in_redis(running_stack, run))
    assert remote.poll() == []
    assert remote.beat(task) == remote.settle(task, task.completed(1)) == "gone"


def test_a_usage_that_postgres_cannot_read(running_stack, remote):
    run = begin(running_stack, definition("tasks-odd", score(config={"text": "\u0000"})))
    task, = remote.claim()
    assert task.data["config"] == {"text": "\u0000"}
    running_stack.wait_until(lambda: "claim" in [e["kind"] for e in events(running_stack, run)])
    body = '{"output": 1, "usage": {"a": 1e400000, "b": 2, "\\u0000": 3}}'
    assert remote.settle(task, task.result("c", body)) == "ok"
    ends(running_stack, run, "completed")
    assert running_stack.sql("select measure from v_costs where run_id = %s", run) == []


def test_hand_back(running_stack, remote):
    run = begin(running_stack, definition("tasks-back"))
    for fence in "1234":
        task, = remote.claim()
        assert task.fence == fence and remote.settle(task, task.result("b")) == "ok"
    task, = remote.claim()
    assert remote.settle(task, task.completed(1)) == "ok"
    ends(running_stack, run, "completed")


def test_a_result_is_repeated_after_a_lost_reply(running_stack, remote):
    run = begin(running_stack, definition("tasks-again"))
    task, = remote.claim()
    assert remote.settle(task, task.completed({"n": 1})) == "ok"
    assert remote.settle(task, task.completed({"n": 2})) in ("ok", "stale", "gone")
    assert ends(running_stack, run, "completed")["output"] == {"score": {"n": 1}}


def test_loops_and_joins(running_stack, remote):
    nodes = [{"id": "a", "type": "noop"},
             score(config={"round": "${ run.id }"}, loop={"condition": "output < 3", "max_iterations": 5}),
             {"id": "b", "type": "agent", "config": {"name": "other"}},
             {"id": "j", "type": "function", "config": {"function_name": "score"}, "when": "input.score == 3"}]
    edges = [{"from": "a", "to": "b"}, {"from": "b", "to": "j"}]
    nodes[1]["loop"]["break_path"] = ["j"]
    run = begin(running_stack, {"metadata": {"name": "tasks-loop"}, "nodes": nodes,
                                "edges": edges + [{"from": "a", "to": "score"}]}, 5)
    other, = Remote(remote.client, "agent:other", "o").claim()
    assert Remote(remote.client, "agent:other").settle(other, other.completed("b")) == "ok"
    keys = set()
    for i in (1, 2, 3):
        task, = remote.claim()
        assert task.data["config"] == {"round": run} and task.data["scope"] != ""
        keys.add(task.data["idempotency_key"])
        assert remote.settle(task, task.completed(i)) == "ok"
    assert len(keys) == 3
    task, = remote.claim()
    assert (task.data["node_id"], task.data["input"]) == ("j", {"b": "b", "score": 3})
    assert remote.settle(task, task.completed("end")) == "ok"
    assert ends(running_stack, run, "completed")["output"] == {"j": "end"}


@pytest.mark.timeout_s(180)
def test_workers_of_the_fleet_and_the_supervisor_come_and_go(stack):
    supervisor, workers = stack.up(1)
    client = stack.redis_client()
    stack.wait_until(lambda: client.exists("troupe:script:tasks"), what="the script")
    remote = Remote(client, "function:score", lease_ms=2000)
    runs = [begin(stack, definition("tasks-fleet"), 0)] + [detach(stack, "tasks-fleet", i) for i in range(1, 20)]
    tasks = []
    while len(tasks) < 20:
        tasks += remote.claim(want=20)
    for process in workers:
        process.kill()
    for task in tasks[:10]:
        assert remote.settle(task, task.completed(task.data["input"] * 2)) == "ok"
    supervisor.kill()
    stack.processes = [p for p in stack.processes if p.alive]
    client.script_flush()
    stack.start_supervisor()
    stack.start_worker()
    done = 10
    while done < 20:  # those that nobody beat for
        for task in remote.claim(want=20, timeout_s=60):
            assert task.fence != "1"
            assert remote.settle(task, task.completed(task.data["input"] * 2)) == "ok"
            done += 1
    for i, run in enumerate(runs):
        assert ends(stack, run, "completed")["output"] == {"score": 2 * i}


def test_an_empty_redis_has_no_partitions(redis_server):
    redis_server.reset()
    client = redis_server.client()
    from lua_calls import TEXTS
    client.set("troupe:script:tasks", TEXTS["tasks"])
    client.hset("troupe:{0}:meta", "partitions", 1)
    remote = Remote(client, "function:score")
    client.delete("troupe:{0}:meta")
    assert remote.call(0, want=1) is None


# --- Seen ---

def queue_row(stack, name="function:score"):
    """ready, held, workers and the kind of the queue; None: it is in no list."""
    rows = stack.sql("select ready, held, workers, kind from v_queues where queue = %s", name)
    return rows[0] if rows else None


def test_queues_of_tasks_are_listed(running_stack, remote):
    """What waits, what is claimed, and who serves: nobody, then one, then nobody again."""
    runs = [begin(running_stack, definition("tasks-listed"), {}) for _ in range(2)]
    running_stack.wait_until(lambda: queue_row(running_stack) == (2, 0, 0, "task"), what="two tasks and nobody")
    listed, = [q for q in running_stack.troupe("queues", "-o", "json", status=0).json if q["kind"] == "task"]
    assert (listed["queue"], listed["ready"], listed["workers"]) == ("function:score", 2, 0)
    assert listed["oldest_at"]
    text = running_stack.troupe("queues", status=0).stdout
    line, = [line for line in text.splitlines() if line.startswith("function:score")]
    assert line.split()[:4] == ["function:score", "2", "0", "nobody"] and line.endswith("remote workers"), text
    oldest = running_stack.sql("select oldest_at from v_queues where queue = 'function:score'")[0][0]
    assert oldest == min(row[0] for row in running_stack.sql("select at from event_log where kind = 'task'"))

    task, = remote.claim()
    running_stack.wait_until(lambda: queue_row(running_stack) == (1, 1, 1, "task"), what="one claimed by one")
    held = "select queues, held, status, kind from v_workers where name = 'r1'"
    running_stack.wait_until(lambda: running_stack.sql(held) == [("function:score", 1, "alive", "remote")],
                             what="who holds it")
    assert running_stack.sql("select count(*) from v_workers where kind = 'fleet' and name = 'r1'") == [(0,)]
    shown = running_stack.troupe("workers", "-o", "json", status=0).json
    assert [w["kind"] for w in shown if w["name"] == "r1"] == ["remote"]
    assert sorted(w["kind"] for w in shown) == ["fleet", "fleet", "remote"]

    other, = remote.claim()
    for each in (task, other):
        assert remote.settle(each, each.completed(1)) == "ok"
    for run in runs:
        ends(running_stack, run, "completed")
    running_stack.wait_until(lambda: queue_row(running_stack) == (0, 0, 1, "task"), what="served and empty")


def test_a_worker_is_known_by_all_its_queues(running_stack, remote):
    """Also by those that it has no room to ask for now."""
    second = Remote(remote.client, "tool:look", name="r1", lease_ms=1000)
    third = Remote(remote.client, "tool:look", name="r2", lease_ms=1000)
    remote.poll()
    second.poll()
    third.poll()
    wanted = {"function:score": (0, 0, 1, "task"), "tool:look": (0, 0, 2, "task")}
    running_stack.wait_until(lambda: {q: queue_row(running_stack, q) for q in wanted} == wanted, what="both queues")


def test_workers_that_went_are_not_counted(running_stack, remote):
    """After 15 s, or their lease; cancelled runs' tasks are not counted either, though nobody takes them away."""
    remote.lease_ms = 1000
    remote.poll()
    running_stack.wait_until(lambda: queue_row(running_stack) == (0, 0, 1, "task"), what="a worker")
    run = begin(running_stack, definition("tasks-unserved"), {})
    running_stack.wait_until(lambda: queue_row(running_stack) == (1, 0, 0, "task"), 40, what="its end")
    served, = running_stack.sql("select served_at from task_queue where queue = 'function:score'")
    assert running_stack.sql("select unserved_since from pending_tasks where run_id = %s", run) == [served]
    running_stack.troupe("cancel", run, status=0)
    running_stack.wait_until(lambda: queue_row(running_stack) is None, what="no queue")
    assert running_stack.sql("select count(*) from pending_tasks") == [(0,)]


def shown_lines(stack, run):
    return stack.troupe("show", run, status=0).stdout.splitlines()


def test_show_says_who_has_a_task(running_stack, remote):
    running_stack.wait_until(lambda: running_stack.sql(
        "select count(*) from v_workers where kind = 'fleet' and status = 'alive'") == [(2,)], what="the fleet")
    run = begin(running_stack, definition("tasks-shown"), {})

    def state():
        node = node_of(running_stack.show(run))
        return (node["status"], node.get("task") and node["task"]["workers"], node["worker"])
    running_stack.wait_until(lambda: state() == ("queued", 0, None), what="nobody serves it")
    node = node_of(running_stack.show(run))
    since, = running_stack.sql("select to_char(unserved_since at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') "
                               "from pending_tasks where run_id = %s", run)[0]
    assert node["task"] == {"queue": "function:score", "workers": 0, "unserved_since": since}
    lines = shown_lines(running_stack, run)
    at, = [i for i, x in enumerate(lines) if " score " in x]
    assert "queued" in lines[at]  # the note stands beside it, or below when there is no room
    assert "nobody serves queue function:score, for " in " ".join(lines[at:at + 2])

    stuck, = running_stack.sql("select workflow, version, node_id, scope, reason, queue from v_stuck_runs "
                               "where run_id = %s", run)
    assert stuck == ("tasks-shown", 1, "score", "", "queue function:score: nobody serves it, since %sZ" % since[:19],
                     "function:score")

    task, = remote.claim()
    running_stack.wait_until(lambda: state()[::2] == ("running", "r1"), what="that r1 has it")
    lines = shown_lines(running_stack, run)
    at, = [i for i, x in enumerate(lines) if " score " in x]
    assert "running" in lines[at] and lines[at + 1].strip(" `\u2514") == "by remote worker r1", lines
    assert running_stack.sql("select count(*) from v_stuck_runs") == [(0,)]

    assert remote.settle(task, task.result("b")) == "ok"
    running_stack.wait_until(lambda: state() == ("queued", 1, None), what="that it was handed back")
    assert "in queue function:score, served by 1" in "\n".join(shown_lines(running_stack, run))
    task, = remote.claim()
    assert remote.settle(task, task.completed(1)) == "ok"
    assert "task" not in node_of(ends(running_stack, run, "completed"))


def test_tasks_that_are_tried_again_are_one(running_stack, remote):
    """The second attempt waits; the first one's task is through."""
    node = score(retry={"max_attempts": 2, "backoff_ms": 1})
    run = begin(running_stack, definition("tasks-again", node), {})
    task, = remote.claim()
    assert remote.settle(task, task.failed("later")) == "ok"
    wanted = [(2, "waiting", "score", None)]
    running_stack.wait_until(lambda: running_stack.sql(
        "select attempt, state, node_id, worker from pending_tasks where run_id = %s", run) == wanted, what="one")
    running_stack.troupe("cancel", run, status=0)
    ends(running_stack, run, "cancelled")


def test_watching_says_that_nobody_serves(running_stack, remote):
    import subprocess
    name = "tasks-watched"
    running_stack.deploy(definition(name))
    watching = subprocess.Popen([running_stack.binary("troupe"), "run", name, "--watch"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=running_stack.env())
    try:
        lines = []
        while not any("nobody serves queue function:score" in line for line in lines):
            lines.append(watching.stdout.readline())
            assert lines[-1], lines
        task, = remote.claim()
        assert remote.settle(task, task.completed(1)) == "ok"
        rest = watching.communicate(timeout=30)[0]
        assert watching.returncode == 0 and "nobody" not in rest, rest
        assert sum("nobody" in line for line in lines) == 1 and (rest + "".join(lines)).count("score  started") <= 1
    finally:
        watching.kill()
        watching.wait()


def test_runs_past_their_deadline_are_stuck(stack):
    """When nobody ends them: there is no supervisor."""
    stack.migrate()
    stack.deploy(definition("tasks-late"))
    run = detach(stack, "tasks-late", {}, "--deadline", "3600")
    assert stack.sql("select count(*) from v_stuck_runs") == [(0,)]
    stack.sql("update run set deadline_at = now() - interval '1 minute' returning 1")
    row, = stack.sql("select run_id::text, reason, node_id, queue from v_stuck_runs")
    assert row[0] == run and row[1].startswith("deadline: it passed") and row[2:] == (None, None)


# --- Loops ---

def looping(name, function, **config):
    """Goes back to itself until its output's n is 3; every iteration is a call."""
    loop = {"id": "score", "type": "loop", "config": {
        "function_name": function, "condition": "output.n < 3", "max_iterations": 9, "break_path": ["z"], **config}}
    return {"metadata": {"name": name}, "nodes": [loop, {"id": "z", "type": "noop"}], "edges": []}


def test_a_loop_calls_a_remote_function(running_stack, remote):
    run = begin(running_stack, looping("tasks-loop", "score", input={"sent": "$input.n"}), {"n": 0})
    for turn in range(1, 4):
        task, = remote.claim()
        assert (task.data["type"], task.data["name"], task.data["scope"]) == ("function", "score", "score#%d" % turn)
        assert task.data["input"] == {"sent": turn - 1} and task.data["config"] == {}
        assert remote.settle(task, task.completed({"n": turn})) == "ok"
    shown = ends(running_stack, run, "completed")
    assert shown["output"] == {"z": {"n": 3}}
    assert [n["worker"] for n in shown["nodes"] if n["node_id"] == "score"] == ["r1"] * 3


def test_a_loop_calls_a_built_in_function(running_stack):
    definition = looping("tasks-loop-inside", "sha256", input="x", condition="output == 'x'")
    shown = running_stack.run(definition, None, status=0).json
    assert shown["output"] == {"z": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
    slow = looping("tasks-loop-slow", "sleep", input={"ms": 20}, condition="iteration < 3")
    shown = running_stack.run(slow, None, status=0).json
    assert len([n for n in running_stack.show(shown["run_id"])["nodes"] if n["node_id"] == "score"]) == 3
    fails = looping("tasks-loop-fails", "fail", input={"code": "no_luck", "message": "none"})
    assert running_stack.run(fails, None).json["error"]["code"] == "no_luck"


def test_a_loop_makes_its_output_in_one_way(running_stack):
    both = looping("tasks-loop-both", "score", expression="1")
    result = running_stack.troupe("validate", running_stack.write(both))
    assert result.status != 0 and "the loop has 'function_name' already" in result.stdout + result.stderr, result
