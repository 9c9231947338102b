"""Workers against a real Redis and the real scripts, without a supervisor: the tests open partitions,
publish graphs, start runs, and read the ledgers themselves."""
import hashlib
import json
import os
import signal
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta

import pytest

from lua_calls import TEXTS, Partition, read_netstring
from processes import Process, free_port, wait_until
from stack import ROOT, SANITIZERS

BIN = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"), "troupe-worker")
LEASE_MS = 1000


def netstrings(text):
    out, at = [], 0
    while at < len(text):
        part, at = read_netstring(text, at)
        out.append(part)
    return out


class Execution:
    """An `x` or `o` record."""

    def __init__(self, kind, callers, scripts):
        (self.run, self.node, self.scope, self.attempt, self.status, self.started, self.ended,
         self.worker, self.taken, self.reason, output, error) = netstrings(callers)
        self.kind = kind
        self.output = json.loads(output) if output else None
        self.error = json.loads(error) if error else None
        (self.event, self.number, self.delta, self.first, self.last, self.run_status,
         self.joins) = scripts.split("|")
        self.started, self.ended = int(self.started), int(self.ended)


class Fleet:
    """Open partitions in an empty Redis, and the workers of one test."""

    def __init__(self, redis_server, directory, partitions=4):
        self.redis = redis_server
        self.redis.reset()
        self.client = redis_server.client()
        self.dir = directory
        self.parts = [Partition(self.client, n, texts=TEXTS) for n in range(partitions)]
        self.workers = []
        self.graphs = {}

    def open(self, epoch="1"):
        for part in self.parts:
            part.epoch = epoch
            reply = part.raw("open", epoch, 1, len(self.parts), "default")
            assert reply[0] == "ok", reply
        if not self.client.exists("troupe:runs"):
            self.client.xgroup_create("troupe:runs", "fleet", "0", mkstream=True)
        return self

    def publish(self, definition, store=True):
        """Puts a definition where deploy and the supervisor put it; returns its digest."""
        text = json.dumps(definition, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(b"troupe-graph 1\n" + text.encode()).hexdigest()
        name = definition["metadata"]["name"]
        if store:
            self.client.set("troupe:graph:" + digest, text)
        self.graphs[digest] = text
        self.client.hset("troupe:workflows", mapping={
            name: "1 " + digest, name + "@1": digest, "!published": int(time.time() * 1000)})
        return digest

    def worker(self, *args, url=None, lease_ms=LEASE_MS, **env):
        name = "worker-%d" % (len(self.workers) + 1)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
        for key, value in SANITIZERS.items():
            environment.setdefault(key, value)
        environment.update({"TROUPE_REDIS_URL": url or self.redis.url,
                            "TROUPE_LEASE": "%dms" % lease_ms}, **env)
        process = Process(name, [BIN, "--name", name, "--log-level", "debug", *args],
                          str(self.dir / (name + ".log")), env=environment, cwd=str(self.dir))
        self.workers.append(process)
        return process

    def request(self, workflow, input=None, **fields):
        """Asks for a run through the inbox; returns its id."""
        run = str(uuid.uuid4())
        self.client.xadd("troupe:runs", {"workflow": workflow, "input": json.dumps(input),
                                         "run_id": run, **fields})
        return run

    def part_of(self, run):
        return self.parts[int(run[-4:], 16) % len(self.parts)]

    def status(self, run):
        head = self.part_of(run).head(run)
        return head and head["status"]

    def wait_for(self, run, status="c", timeout_s=30):
        try:
            wait_until(lambda: self.status(run) in ("c", "f"), timeout_s, "the end of run " + run)
        except AssertionError as e:
            raise AssertionError("%s; it is %s" % (e, self.part_of(run).dump())) from None
        assert self.status(run) == status
        return self.executions(run)

    def executions(self, run):
        return [Execution(*r) for r in self.part_of(run).records()
                if r[0] in "xo" and netstrings(r[1])[0] == run]

    def check(self, runs):
        """Counters at zero, deltas that add up, nothing left in queues, every node once."""
        for part in self.parts:
            mine = [run for run in runs if self.part_of(run) is part]
            entries = self.client.xrange(part.key("q:default"))
            assert not entries, entries
            assert part.client.xpending(part.key("q:default"), "fleet")["pending"] == 0
            sums, done = {}, set()
            for kind, callers, scripts in part.records():
                if kind in "xon":
                    run = netstrings(callers)[0]
                    sums[run] += int(scripts.split("|")[2])
                elif kind == "s":
                    run = netstrings(callers)[0]
                    assert run not in sums, "started twice"
                    sums[run] = int(scripts.split("|")[1])
                if kind in "xo":
                    once = tuple(netstrings(callers)[:4])
                    assert once not in done, "recorded twice: %s" % (once,)
                    done.add(once)
            for run in mine:
                assert part.head(run)["counter"] == 0 and sums[run] == 0

    def close(self):
        problems = []
        for process in self.workers:
            if process.alive:
                process.terminate()
            problems += process.problems()
        assert not problems, "\n".join(problems)


@pytest.fixture
def fleet(redis_server, tmp_path):
    fleet = Fleet(redis_server, tmp_path)
    yield fleet
    for process in fleet.workers:  # shown when the test failed
        print("--- %s ---\n%s" % (process.name, process.output()[-6000:]))
    fleet.redis.reset()
    fleet.close()


def chain(name, length, **node):
    nodes = [{"id": "n%d" % i, "type": "transform",
              "config": {"expression": "{'v': input.v + 1}"}} for i in range(length)]
    edges = [{"from": "n%d" % i, "to": "n%d" % (i + 1)} for i in range(length - 1)]
    return {"metadata": {"name": name}, "nodes": nodes, "edges": edges}


DIAMOND = {
    "metadata": {"name": "diamond"},
    "nodes": [
        {"id": "a", "type": "noop"},
        {"id": "b", "type": "transform", "config": {"expression": "input.v * 2"}},
        {"id": "c", "type": "transform", "config": {"template": {"was": "$input.v"}}},
        {"id": "skipped", "type": "noop"},
        {"id": "d", "type": "join"},
    ],
    "edges": [{"from": "a", "to": "b"}, {"from": "a", "to": "c"},
              {"from": "a", "to": "skipped", "condition": "output.v > 100"},
              {"from": "skipped", "to": "d"}, {"from": "b", "to": "d"}, {"from": "c", "to": "d"}],
    "output": {"sum": "${ctx.d.output.b + ctx.c.output.was}", "run": "${run.id}",
               "from": "$input.v"},
}
# About ten milliseconds a node, so that there is a middle to interfere with.
SLOW = {
    "metadata": {"name": "slow"},
    "nodes": [{"id": "n%d" % i, "type": "transform",
               "config": {"expression": "{'l': input.l.map(x, input.l.filter(y, x > y).size() > -1 ?"
                                        " x : 0)}"}} for i in range(5)],
    "edges": [{"from": "n%d" % i, "to": "n%d" % (i + 1)} for i in range(4)],
}
SLOW_INPUT = {"l": list(range(150))}


# --- running ---


def test_a_chain_runs_to_zero(fleet):
    fleet.open().publish(chain("chain", 5))
    fleet.worker()
    run = fleet.request("chain", {"v": 0})
    executions = fleet.wait_for(run)
    assert [e.node for e in executions] == ["0", "1", "2", "3", "4"]
    assert executions[-1].output == {"v": 5}
    for before, after in zip(executions, executions[1:]):
        assert before.started <= before.ended <= after.started
    fleet.check([run])


def test_a_diamond_with_a_dead_path_and_an_output_mapping(fleet):
    fleet.open().publish(DIAMOND)
    fleet.worker()
    run = fleet.request("diamond", {"v": 21})
    executions = {e.node: e for e in fleet.wait_for(run)}
    assert executions["0"].taken == "110" and "no condition" in executions["0"].reason
    assert executions["4"].output == {"b": 42, "c": {"was": 21}}
    assert executions["o"].kind == "o"
    assert executions["o"].output == {"sum": 63, "run": run, "from": 21}
    assert "3" not in executions
    fleet.check([run])


def test_a_failure_ends_the_run_with_its_error(fleet):
    fleet.open().publish({
        "metadata": {"name": "fails"},
        "nodes": [{"id": "a", "type": "function", "config": {
            "function_name": "fail", "input": {"code": "boom", "message": "on $input.x"}}},
            {"id": "b", "type": "noop"}],
        "edges": [{"from": "a", "to": "b"}]})
    fleet.worker()
    run = fleet.request("fails", {"x": 1})
    (execution,) = fleet.wait_for(run, "f")
    assert execution.status == "f" and execution.output is None
    assert execution.error == {"code": "boom", "message": "on $input.x", "node": "a", "attempt": 1}
    fleet.check([run])


def test_many_runs_on_three_workers(fleet):
    fleet.open().publish(DIAMOND)
    fleet.publish(chain("chain", 8))
    for _ in range(3):
        fleet.worker()
    runs = [fleet.request(("chain", "diamond")[i % 2], {"v": i}) for i in range(300)]
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    fleet.check(runs)
    assert len({e.worker for run in runs for e in fleet.executions(run)}) > 1


def test_a_wide_fan_goes_through_continuations(fleet):
    width = 1200
    fleet.open().publish({
        "metadata": {"name": "fan"},
        "nodes": [{"id": "a", "type": "noop"}, {"id": "z", "type": "join"}]
        + [{"id": "b%d" % i, "type": "noop"} for i in range(width)],
        "edges": [{"from": "a", "to": "b%d" % i} for i in range(width)]
        + [{"from": "b%d" % i, "to": "z"} for i in range(width)]})
    fleet.worker()
    run = fleet.request("fan", 7)
    executions = fleet.wait_for(run, timeout_s=60)
    assert len(executions) == width + 2
    assert executions[-1].output == {"b%d" % i: 7 for i in range(width)}
    assert any(r[0] == "n" for r in fleet.part_of(run).records())
    fleet.check([run])


def test_too_large_outputs_fail(fleet):
    fleet.open().publish({
        "metadata": {"name": "large"},
        "nodes": [{"id": "a", "type": "transform", "config": {"template": ["$input", "$input"]}}],
        "edges": []})
    fleet.worker("--max-value", "4KiB")
    run = fleet.request("large", "x" * 3000)
    (execution,) = fleet.wait_for(run, "f")
    assert execution.error["code"] == "too_large"


def greedy():
    """What would make gigabytes: maps in maps, a text that doubles; and what never ends."""
    doubled = "x39.size()"
    for i in range(39, 0, -1):
        doubled = f"cel.bind(x{i}, x{i - 1} + x{i - 1}, {doubled})"
    nested = "[a, b, c, d]"
    for name in "dcba":
        nested = f"input.map({name}, {nested})"
    return {"doubled": {"expression": f"cel.bind(x0, 'hello', {doubled})"},
            "nested": {"expression": nested},
            "bound": {"template": {"n": "${%s}" % nested}},
            "steps": {"expression": "input.map(a, input.map(b, input.filter(c, c > 60))).size()"}}


@pytest.mark.parametrize("kind", list(greedy()))
def test_greedy_expressions_fail_and_the_worker_goes_on(fleet, kind):
    fleet.open()
    for name, config in {kind: greedy()[kind], "modest": {"expression": "input.size()"}}.items():
        fleet.publish({"metadata": {"name": name}, "edges": [],
                       "nodes": [{"id": "a", "type": "transform", "config": config}]})
    steps = "20000" if kind == "steps" else "100000000"
    worker = fleet.worker("--expression-steps", steps, "--expression-memory", "8MiB")
    runs = [fleet.request(kind, list(range(60))) for _ in range(20)]
    for run in runs:
        (execution,) = fleet.wait_for(run, "f")
        assert execution.error["code"] == "expression_cost"
        assert ("steps" if kind == "steps" else "memory") in execution.error["message"]
    fleet.wait_for(fleet.request("modest", [1, 2]), "c")
    with open(f"/proc/{worker.pid}/status", encoding="utf-8") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 500 * 1024, peak  # with a sanitizer's quarantine; it would be gigabytes


# --- crashes and sessions ---


def stop_holding(fleet, worker):
    """Pauses a worker at a moment at which it holds tokens."""
    def holding():
        worker.pause()
        if any(p.client.xpending_range(p.key("q:default"), "fleet", "-", "+", 1, worker.name)
               for p in fleet.parts):
            return True
        worker.unpause()
        return False
    wait_until(holding, what="tokens held by " + worker.name)


def test_tokens_of_a_killed_worker_are_taken_over_within_the_lease(fleet):
    fleet.open().publish(SLOW)
    first = fleet.worker("--batch", "4")
    runs = [fleet.request("slow", SLOW_INPUT) for _ in range(20)]
    wait_until(lambda: all(fleet.status(run) for run in runs), what="all runs started")
    stop_holding(fleet, first)
    first.kill()
    killed = time.monotonic()
    port = free_port()
    second = fleet.worker("--http-port", str(port))
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    second.wait_for_log("executing a re-delivered token", timeout_s=1)
    assert metric(port, "reclaimed_total") >= 1
    fleet.check(runs)
    for part in fleet.parts:  # tidied away 30 s after it lapsed; until then it holds nothing
        assert not part.client.xpending_range(part.key("q:default"), "fleet", "-", "+", 1, "worker-1")
    assert time.monotonic() - killed < 30


def test_a_paused_worker_comes_back_and_counts_nothing_twice(fleet):
    fleet.open().publish(SLOW)
    first = fleet.worker("--batch", "4")
    runs = [fleet.request("slow", SLOW_INPUT) for _ in range(20)]
    wait_until(lambda: all(fleet.status(run) for run in runs), what="all runs started")
    stop_holding(fleet, first)
    fleet.worker()
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    first.unpause()
    first.wait_for_log("our own lease may have lapsed|saying hello again")
    more = [fleet.request("slow", SLOW_INPUT) for _ in range(10)]
    for run in more:
        fleet.wait_for(run, timeout_s=60)
    fleet.check(runs + more)


def test_what_kills_three_workers_in_turn_is_given_up(fleet):
    """The token is claimed by hand under names that lapse, as workers that it kills would."""
    fleet.open().publish(chain("chain", 2))
    part = fleet.parts[0]
    run = "00000000-0000-7000-8000-000000000000"
    digest = fleet.client.hget("troupe:workflows", "chain@1")
    assert part.start(run, [(0, "default", "in;")], digest=digest, data='{"v":1}') == "started"
    holder, session = "victim-0", part.hello("victim-0")[0]
    assert len(part.claim(holder, session)) == 1
    for i in range(1, 4):
        part.lapse(holder)
        session = part.hello("victim-%d" % i)[0]
        (claim,) = part.reclaim("victim-%d" % i, session, holder)
        holder = "victim-%d" % i
    assert claim.deliveries == 2  # the worker's is the third
    part.lapse(holder)
    fleet.worker()
    (execution,) = fleet.wait_for(run, "f")
    assert execution.error["code"] == "worker_lost"


def test_a_session_taken_by_somebody_else_means_hello(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    for part in fleet.parts:
        part.hello("worker-1")
    worker.wait_for_log("another session of this name")
    runs = [fleet.request("chain", {"v": 0}) for _ in range(8)]
    for run in runs:
        fleet.wait_for(run)
    fleet.check(runs)


def test_a_failure_of_an_older_generation_is_asked_for_again(fleet):
    """Answered `held`, and nobody else has the token: what is ours, hello tells, without a restart;
    but not more often than once a lease."""
    lease_ms = 3000
    fleet.open()
    worker = fleet.worker(lease_ms=lease_ms)
    part, ids = fleet.parts[0], ["00000000-0000-7000-8000-0000000000%02x" % (4 * i) for i in range(4)]

    def fail_with(code, runs):
        """Holds their tokens until there is the graph, and meanwhile makes them older than they were."""
        digest = fleet.publish({
            "metadata": {"name": code}, "edges": [],
            "nodes": [{"id": "a", "type": "task",
                       "config": {"function_name": "fail", "input": {"code": code}}}]}, store=False)
        for run in runs:
            assert part.start(run, [("0", "default", "in;")], digest=digest) == "started"
        wait_until(lambda: len(part.pending("default", worker.name)) == len(runs), what="claimed tokens")
        for run in runs:
            (live,) = part.tokens(run).values()
            node, scope, attempt, generation, rest = live.split("|", 4)
            assert generation == "0"
            fleet.client.hset(part.key("run:" + run), "t1", "|".join((node, scope, attempt, "1", rest)))
        fleet.client.set("troupe:graph:" + digest, fleet.graphs[digest])
        for run in runs:
            assert [e.error["code"] for e in fleet.wait_for(run, "f")] == [code]

    fail_with("boom", ids[:2])
    fail_with("bang", ids[2:])
    said = [datetime.fromisoformat(line["ts"].replace("Z", "+00:00"))
            for line in map(json.loads, worker.output().splitlines()) if line["msg"] == "saying hello again"]
    assert len(said) == 2
    # The worker counts from when it looked at its clock, a line's time is of its writing.
    assert said[1] - said[0] >= timedelta(milliseconds=lease_ms - 100)
    fleet.check(ids)


def test_a_raised_epoch_is_followed(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    fleet.open("2")
    worker.wait_for_log("the epoch changed")
    run = fleet.request("chain", {"v": 0})
    fleet.wait_for(run)


def test_a_held_partition_is_waited_for(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    worker.wait_for_log("partition open")
    for part in fleet.parts:
        fleet.client.hset(part.key("meta"), "hold", "a test")
    run = fleet.request("chain", {"v": 0})
    wait_until(lambda: fleet.client.xpending("troupe:runs", "fleet")["pending"] == 1)
    assert fleet.status(run) is None
    for part in fleet.parts:
        fleet.client.hdel(part.key("meta"), "hold")
    fleet.wait_for(run)


def test_cut_connections_lose_nothing(fleet):
    fleet.open().publish(chain("chain", 60))
    workers = [fleet.worker("--batch", "4") for _ in range(2)]
    runs = [fleet.request("chain", {"v": i}) for i in range(100)]
    deadline = time.monotonic() + 60
    while not all(fleet.status(run) == "c" for run in runs):
        assert time.monotonic() < deadline
        fleet.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_until(lambda: len(fleet.client.client_list()) > 1)
        time.sleep(0.1)  # between two cuts
    assert any("a call whose outcome is unknown" in w.output() for w in workers)
    wait_until(lambda: not any(fleet.client.xlen(p.key("q:default")) for p in fleet.parts))
    fleet.check(runs)


def test_a_restarted_redis_is_waited_for(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    fleet.redis.stop()
    worker.wait_for_log("connection to Redis is down")
    fleet.redis.start()
    fleet.client = fleet.redis.client()
    for part in fleet.parts:
        part.client = fleet.client
    run = fleet.request("chain", {"v": 0})
    fleet.wait_for(run)
    fleet.check([run])


def test_a_flushed_redis_is_waited_for_until_it_is_opened_again(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    fleet.client.flushall()
    worker.wait_for_log("waiting for a supervisor to open")
    fleet.open("2").publish(chain("chain", 3))
    fleet.wait_for(fleet.request("chain", {"v": 0}))


def test_without_memory_for_new_runs_those_that_run_go_on(fleet):
    fleet.open().publish(chain("chain", 3))
    fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    run = fleet.request("chain", {"v": 0})
    fleet.wait_for(run)
    late = str(uuid.uuid4())
    fleet.client.xadd("troupe:runs", {"workflow": "nothing-yet", "run_id": late})
    fleet.client.config_set("maxmemory", "1mb")
    fleet.workers[0].wait_for_log("cannot be started now|a request cannot start")
    fleet.client.config_set("maxmemory", "0")
    fleet.wait_for(fleet.request("chain", {"v": 0}))


# --- tokens that cannot be settled ---


@pytest.mark.parametrize("damage", ["bad", "call"])
def test_a_token_that_cannot_be_settled_fails_alone(fleet, damage):
    """Its join table lacks a row (`bad`), or is no hash, so that every call with it fails."""
    fleet.open().publish(chain("chain", 12))
    table = "troupe:{0}:g:" + fleet.publish(DIAMOND)
    if damage == "bad":
        fleet.client.hset(table, "9", "nonsense")
    else:
        fleet.client.set(table, "nonsense")
    ids = ["00000000-0000-7000-8000-0000000000%02x" % (4 * i) for i in range(12)]
    for i, run in enumerate(ids):
        fleet.request("diamond" if i == 6 else "chain", {"v": 1}, run_id=run)
    worker = fleet.worker()
    failed = fleet.wait_for(ids[6], "f")
    assert failed[-1].error["code"] == "internal"
    worker.wait_for_log("cannot be settled: failing it", timeout_s=0)
    for run in ids[:6] + ids[7:]:
        fleet.wait_for(run)
    fleet.check(ids)


# --- graphs ---


def test_a_graph_that_is_not_there_is_asked_for(fleet):
    digest = fleet.open().publish(DIAMOND, store=False)
    fleet.worker()
    run = fleet.request("diamond", {"v": 1})
    wait_until(lambda: fleet.client.sismember("troupe:graph:wanted", digest))
    assert fleet.status(run) is None
    fleet.client.set("troupe:graph:" + digest, fleet.graphs[digest])
    fleet.wait_for(run)


def test_a_join_table_that_expired_is_loaded_again(fleet):
    digest = fleet.open().publish(DIAMOND)
    fleet.worker()
    run = "00000000-0000-7000-8000-000000000001"
    fleet.request("diamond", {"v": 1}, run_id=run)
    fleet.wait_for(run)
    assert fleet.client.delete("troupe:{1}:g:" + digest) == 1
    run = "00000000-0000-7000-8000-000000000005"
    fleet.request("diamond", {"v": 1}, run_id=run)
    fleet.wait_for(run)


# --- the inbox ---


@pytest.mark.parametrize("fields, reason", [
    ({"workflow": "none"}, "there is no workflow 'none'"),
    ({"workflow": "chain", "version": "7"}, "has no version 7"),
    ({"workflow": "chain", "version": "x"}, "version: 'x' is no number"),
    ({"input": "1"}, "workflow: is missing"),
    ({"workflow": "chain", "input": "{]"}, "input: line 1, column 2"),
    ({"workflow": "chain", "run_id": "x"}, "run_id: 'x' is no UUID"),
    ({"workflow": "chain", "labels": '{"a":1}'}, "labels: must be a JSON object of strings"),
    ({"workflow": "chain", "priority": "1"}, "priority: not supported yet"),
    ({"workflow": "chain", "deadline_ms": "0"}, "deadline_ms: '0' is no number of milliseconds"),
    ({"workflow": "chain", "priority": "high"}, "priority: not supported yet"),
    ({"workflow": "chain", "lables": "{}"}, "lables: unknown field, did you mean 'labels'?"),
])
def test_what_is_no_request_is_rejected_with_the_reason(fleet, fields, reason):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    entry = fleet.client.xadd("troupe:runs", fields)
    rejected = wait_until(lambda: [netstrings(r[1]) for p in fleet.parts for r in p.records()
                                   if r[0] == "r"])
    ((_, inbox, text, request),) = rejected
    assert inbox == entry and reason in text
    assert json.loads(request) == fields


def test_an_unknown_workflow_is_decided_only_once_the_table_is_complete(fleet):
    fleet.open()
    worker = fleet.worker()
    run = fleet.request("chain", {"v": 0})
    wait_until(lambda: fleet.client.xpending("troupe:runs", "fleet")["pending"] == 1)
    worker.wait_for_log("partition open")
    fleet.publish(chain("chain", 1))
    fleet.wait_for(run)
    assert not [r for p in fleet.parts for r in p.records() if r[0] == "r"]


def test_requests_without_an_id_start_once_and_by_key_once_ever(fleet):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    for _ in range(3):
        fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}', "dedup_key": "k"})
    fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}'})
    fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}'})

    def kinds():
        found = "".join(r[0] for p in fleet.parts for r in p.records())
        return found.count("x") == 3 and found.count("d") == 2 and found
    assert wait_until(kinds, what="3 executions and 2 duplicates").count("s") == 3


def test_the_start_record_says_everything(fleet):
    digest = fleet.open().publish(chain("chain", 1))
    fleet.worker()
    run = fleet.request("chain", {"v": 1}, labels='{"a":"b"}', version="1")
    fleet.wait_for(run)
    (start,) = [netstrings(r[1]) for r in fleet.part_of(run).records() if r[0] == "s"]
    assert start[:6] == [run, "chain", "1", digest, '{"v": 1}', '{"a":"b"}']
    (entry,) = fleet.client.xrange("troupe:runs")
    assert start[6] == entry[0].split("-")[0] + "000" and start[7] == entry[0]
    said = json.loads(start[8])
    assert said["id"] == run and said["labels"] == {"a": "b"} and said["version"] == 1


def test_requests_of_a_reader_that_died_are_taken_over(fleet):
    fleet.open().publish(chain("chain", 1))
    run = fleet.request("chain", {"v": 1})
    ((_, entries),) = fleet.client.xreadgroup("fleet", "dead", {"troupe:runs": ">"})
    # As if it had read the entry 31 s ago.
    fleet.client.execute_command("XCLAIM", "troupe:runs", "fleet", "dead", 0, entries[0][0], "IDLE",
                                 31000, "JUSTID")
    fleet.worker()
    fleet.wait_for(run)


def test_requests_that_an_earlier_process_of_the_name_read_are_started(fleet):
    fleet.open().publish(chain("chain", 1))
    runs = [fleet.request("chain", {"v": 1}) for _ in range(100)]
    fleet.client.xreadgroup("fleet", "worker-1", {"troupe:runs": ">"})
    fleet.worker()
    for run in runs:
        fleet.wait_for(run)
    fleet.check(runs)


def lose_start(fleet, run):
    """As a Redis that starts again without its last writes: it has the delivery, but not the start."""
    part = fleet.part_of(run)
    (entry,) = [i for i, records in part.ledger()
                if any(k == "s" and netstrings(c)[0] == run for k, c, _ in records)]
    fleet.client.xdel(part.key("ledger"), entry)
    fleet.client.delete(part.key("run:" + run))


def duplicates(fleet):
    return [r for p in fleet.parts for r in p.records() if r[0] == "d"]


@pytest.mark.parametrize("how", ["connection", "epoch"])
def test_a_start_that_redis_lost_is_made_again_by_who_made_it(fleet, how):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    runs = [fleet.request("chain", {"v": 1}) for _ in range(20)]
    for run in runs:
        fleet.wait_for(run)
    for run in runs[:5]:
        lose_start(fleet, run)
    if how == "connection":
        fleet.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    else:
        fleet.open(epoch="2")
    for run in runs[:5]:
        wait_until(lambda run=run: fleet.status(run) == "c", what="a run that was lost")
    # Those that were not lost are found where they are, and acknowledged once more.
    wait_until(lambda: len(duplicates(fleet)) >= 15, what="15 duplicates")
    starts = [netstrings(r[1])[0] for p in fleet.parts for r in p.records() if r[0] == "s"]
    assert sorted(starts) == sorted(runs)


def test_a_request_without_an_id_keeps_its_run_in_a_later_epoch(fleet):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    for _ in range(8):
        fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}'})

    def count(kind):
        return sum(r[0] == kind for p in fleet.parts for r in p.records())

    wait_until(lambda: count("x") == 8, what="8 executions")
    fleet.open(epoch="2")
    wait_until(lambda: len(duplicates(fleet)) >= 8, what="8 duplicates")
    assert count("s") == 8 and len(fleet.client.keys("troupe:{*}:run:*")) == 8


# --- the process ---


def metric(port, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port) as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("troupe_worker_%s " % name):
                return int(line.split()[1])
    raise AssertionError("no metric " + name)


def http_status(port, path):
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path)) as reply:
            return reply.status
    except urllib.error.HTTPError as e:
        return e.code


def test_draining_finishes_what_is_held_and_leaves(fleet):
    fleet.open().publish(SLOW)
    worker = fleet.worker()
    runs = [fleet.request("slow", SLOW_INPUT) for _ in range(30)]
    wait_until(lambda: any(fleet.executions(run) for run in runs))
    assert worker.terminate() == 0
    for part in fleet.parts:
        assert part.client.xpending(part.key("q:default"), "fleet")["pending"] == 0
        assert part.client.hlen(part.key("workers")) == 0
    fleet.worker()
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    fleet.check(runs)


def test_a_second_signal_forces(fleet):
    fleet.open().publish(SLOW)
    worker = fleet.worker()
    wait_until(lambda: fleet.client.hlen("troupe:{0}:workers"))
    fleet.redis.process.pause()
    try:
        worker.send(signal.SIGTERM)
        worker.wait_for_log("draining")
        worker.send(signal.SIGTERM)
        assert worker.wait() == 1
    finally:
        fleet.redis.process.unpause()
    fleet.workers.remove(worker)


def test_health_and_metrics(fleet):
    port = free_port()
    fleet.open().publish(chain("chain", 4))
    worker = fleet.worker("--http-port", str(port))
    worker.wait_for_log("partition open")
    assert http_status(port, "/healthz") == 200
    assert http_status(port, "/readyz") == 200
    assert http_status(port, "/other") == 404
    fleet.wait_for(fleet.request("chain", {"v": 1}))
    wait_until(lambda: metric(port, "settled_total") == 4)
    assert metric(port, "started_total") == 1
    fleet.redis.stop()
    wait_until(lambda: http_status(port, "/readyz") == 503)
    assert http_status(port, "/healthz") == 200
    fleet.redis.start()
    wait_until(lambda: http_status(port, "/readyz") == 200)


def test_waits_for_a_redis_and_a_supervisor_that_come_later(fleet):
    fleet.redis.stop()
    worker = fleet.worker()
    worker.wait_for_log("cannot reach Redis|waiting for Redis")
    fleet.redis.start()
    fleet.client = fleet.redis.client()
    worker.wait_for_log("waiting for a supervisor")
    for part in fleet.parts:
        part.client = fleet.client
    fleet.open().publish(chain("chain", 2))
    fleet.wait_for(fleet.request("chain", {"v": 1}))


def test_wrong_settings_end_with_a_reason(fleet):
    url = fleet.redis.url
    fleet.client.config_set("requirepass", "right")
    fleet.client = fleet.redis.client(password="right")
    try:
        wrong_settings(fleet, url)
    finally:
        fleet.client.config_set("requirepass", "")


def wrong_settings(fleet, url):
    for args, env, status, message in [
        ([], {"TROUPE_REDIS_URL": "http://x"}, 2, "redis"),
        (["--conccurrency", "3"], {}, 2, "concurrency"),
        (["--queues", "other"], {}, 2, "'default' must be among them"),
        (["--log-level", "loud"], {}, 2, "log-level"),
        (["--name", "a|b"], {}, 2, "name"),
        (["extra"], {}, 2, "extra"),
        ([], {"TROUPE_REDIS_URL": url.replace("//", "//:wrong@")}, 5, "WRONGPASS"),
        ([], {"TROUPE_REDIS_URL": url}, 5, "NOAUTH"),
    ]:
        worker = fleet.worker(*args, **env)
        assert worker.wait() == status, worker.output()
        worker.wait_for_log(message, timeout_s=0)
        fleet.workers.remove(worker)


def test_hangup_reads_the_log_level_again(fleet):
    config = fleet.dir / "worker.yaml"
    config.write_text("drain-timeout: 10s\n")
    fleet.open()
    worker = fleet.worker("--config", str(config))
    worker.wait_for_log("partition open")
    worker.send(signal.SIGHUP)
    worker.wait_for_log("settings read again")
