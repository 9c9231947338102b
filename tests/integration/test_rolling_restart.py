"""A rolling restart under load: workers that are told to end finish what they execute, and others go on.

Nothing fails and nothing is done twice: neither in the record, nor before the eyes of a server that is called,
nor by the workers' own count of what they executed.
"""
import collections
import json
import threading
import time
import uuid

import pytest

from http_stub import Stub
from load import PARTITIONS, check_record, check_redis_is_empty, edge, transform

WORKERS = 4
ROUNDS = 2
IN_FLIGHT = 300  # runs that have begun and not ended, all the time
HELD = 20  # tokens that a worker holds when it is told to end
DRAIN_S = 10
ENDED = "('completed', 'failed', 'cancelled')"


def sleep(node, ms):
    return {"id": node, "type": "function",
            "config": {"function_name": "sleep", "input": {"ms": ms, "n": "${input.n}"}}}


def call(node, url, ms):
    return {"id": node, "type": "http", "config": {"url": url, "query": {"ms": ms, "n": "${context.n}"}}}


def definitions(url):
    """Name -> (definition, nodes that each of its runs executes, calls of these, sleeps of these, its output for
    n)."""
    chain = {"nodes": [transform("a", "{'n': input.n + 1}"), sleep("b", 400), call("c", url, 400),
                       transform("d", "{'n': input.body.n + ctx.b.output.n}"), sleep("e", 100),
                       transform("f", "{'n': input.n}")],
             "edges": [edge("a", "b"), edge("b", "c"), edge("c", "d"), edge("d", "e"), edge("e", "f")]}
    arms = ["h0", "h1", "h2", "s0", "t0"]
    fork = {"nodes": [{"id": "p", "type": "parallel"}, *(call("h%d" % i, url, 200 + 100 * i) for i in range(3)),
                      sleep("s0", 500), transform("t0", "{'n': input.n * 5}"),
                      transform("j", "{'n': input.h0.body.n + input.h1.body.n + input.h2.body.n + "
                                     "input.s0.n + input.t0.n}")],
            "edges": [edge("p", arm) for arm in arms] + [edge(arm, "j") for arm in arms]}
    loop = {"nodes": [transform("first", "{'n': input.n}"), call("again", url, 200),
                      transform("add", "{'n': input.body.n * 10 + iteration}"),
                      {**sleep("end", 120), "loop": {"condition": "iteration < 3", "max_iterations": 5,
                                                    "loop_back_to": "again", "break_path": ["out"]}},
                      transform("out", "{'n': input.n}")],
            "edges": [edge("first", "again"), edge("again", "add"), edge("add", "end")]}
    plain = {"nodes": [transform("n%d" % i, "{'n': input.n + 1}") for i in range(8)],
             "edges": [edge("n%d" % i, "n%d" % (i + 1)) for i in range(7)]}
    made = {"chain": (chain, 6, 1, 2, lambda n: {"f": {"n": 2 * n + 1}}),
            "fork": (fork, 7, 3, 1, lambda n: {"j": {"n": 9 * n}}),
            "loop": (loop, 11, 3, 3, lambda n: {"out": {"n": 10 * n + 3}}),
            "plain": (plain, 8, 0, 0, lambda n: {"n7": {"n": n + 8}})}
    for name, (definition, *_) in made.items():
        definition["metadata"] = {"name": name}
    return made


class Feeder(threading.Thread):
    """Keeps IN_FLIGHT runs under way until it is told to stop."""

    def __init__(self, stack, shapes):
        super().__init__(daemon=True)
        self.stack, self.shapes = stack, shapes
        self.runs = {}  # id -> (shape, n)
        self.stopping = threading.Event()
        self.error = None

    def ended(self):
        return self.stack.sql("select count(*) from v_runs where status in " + ENDED)[0][0]

    def submit(self, count):
        pipe = self.stack.redis_client().pipeline(transaction=False)
        for _ in range(count):
            n, run = len(self.runs), str(uuid.uuid4())
            shape = self.shapes[n % len(self.shapes)]
            self.runs[run] = (shape, n)
            pipe.xadd("troupe:runs", {"workflow": shape, "input": json.dumps({"n": n}), "run_id": run})
        pipe.execute()

    def run(self):
        try:
            while not self.stopping.is_set():
                missing = IN_FLIGHT - (len(self.runs) - self.ended())
                if missing > 0:
                    self.submit(missing)
                self.stopping.wait(.02)
        except Exception as e:  # shown by `stop`
            self.error = e

    def stop(self):
        self.stopping.set()
        self.join(30)
        if self.error:
            raise self.error


@pytest.fixture
def stub():
    server = Stub()
    server.routes["/slow"] = lambda r: (200, {}, {"n": int(r.query["n"])})
    yield server
    server.close()


def names_in_redis(stack):
    """Every worker that Redis knows: by a session, as a consumer, or by a connection."""
    client, names = stack.redis_client(), set()
    for p in range(PARTITIONS):
        names |= set(client.hkeys("troupe:{%d}:workers" % p)) | set(client.hkeys("troupe:{%d}:serves" % p))
    for queue in [*client.keys("troupe:{*}:q:*"), "troupe:runs"]:
        for group in client.xinfo_groups(queue):
            names |= {consumer["name"] for consumer in client.xinfo_consumers(queue, group["name"])}
    return names | {c["name"] for c in client.client_list() if c["name"]}


def held(stack, worker):
    """How many tokens Redis says that a worker has."""
    pipe = stack.redis_client().pipeline(transaction=False)
    for p in range(PARTITIONS):
        pipe.xpending_range("troupe:{%d}:q:default" % p, "fleet", "-", "+", 1000, worker.fleet_name)
    return sum(len(entries) for entries in pipe.execute())


def start_worker(stack, name, *args):
    worker = stack.start_worker("--name", name, "--drain-timeout", "%ds" % DRAIN_S, "--http-allow", "127.0.0.1", *args)
    worker.fleet_name = name
    worker.wait_for_log("joining the fleet")
    return worker


def field(worker, message, name):
    """A number that the worker's log has beside a message."""
    lines = [json.loads(line) for line in worker.output().splitlines()]
    (value,) = [line[name] for line in lines if line["msg"] == message]
    return value


def check(stack, stub, shapes, runs, workers):
    rows = stack.sql("select run_id::text, workflow, status, output::text, error::text from v_runs")
    assert len(rows) == len(runs)
    for run, workflow, status, output, error in rows:
        shape, n = runs[run]
        assert (workflow, status, output and json.loads(output)) == (shape, "completed", shapes[shape][-1](n)), error
    executed = dict(stack.sql("select run_id::text, count(*) from node_executions where status = 'completed' "
                              "group by 1"))
    assert executed == {run: shapes[shape][1] for run, (shape, _) in runs.items()}
    repeated = stack.sql("select run_id::text, node_id, scope, count(*), max(attempt) from node_executions "
                         "group by 1, 2, 3 having count(*) > 1 or max(attempt) > 1")
    assert not repeated
    keys = collections.Counter(request.headers["idempotency-key"] for request in stub.requests)
    assert [key for key, count in keys.items() if count > 1] == []
    assert len(keys) == sum(shapes[shape][2] for shape, _ in runs.values())
    # What the workers themselves say to have executed, each at its end: a sleep twice, before and after it.
    sleeps = sum(shapes[shape][3] for shape, _ in runs.values())
    assert sum(field(w, "drained", "executed") for w in workers) == sum(executed.values()) + sleeps
    assert [field(w, "drained", "stale") for w in workers] == [0] * len(workers)
    check_record(stack)
    check_redis_is_empty(stack)


@pytest.mark.timeout_s(300)
def test_a_rolling_restart_fails_nothing_and_repeats_nothing(stack, stub):
    shapes = definitions(stub.url("/slow"))
    stack.up(workers=0)
    stack.troupe("deploy", *(stack.write(definition) for definition, *_ in shapes.values()), status=0)
    workers = [start_worker(stack, "worker-%d" % i) for i in range(WORKERS)]
    every = list(workers)
    feeder, under_way = Feeder(stack, list(shapes)), []
    feeder.start()
    try:
        for _ in range(ROUNDS):
            for i in range(WORKERS):
                worker = workers[i]
                stack.wait_until(lambda: len(feeder.runs) - feeder.ended() > IN_FLIGHT / 2
                                 and held(stack, worker) >= HELD, what="enough under way")
                began = time.monotonic()
                assert worker.terminate(DRAIN_S + 5) == 0, worker.output()[-3000:]
                took = time.monotonic() - began
                workers[i] = start_worker(stack, "worker-%d" % len(every))
                every.append(workers[i])
                running = field(worker, "draining", "running")
                print("%s: %d executions under way at SIGTERM, %d tokens held, ended after %.2f s" % (
                    worker.fleet_name, running, field(worker, "draining", "held"), took))
                under_way.append(running)
                assert took < DRAIN_S and "the time for draining is over" not in worker.output()
    finally:
        feeder.stop()
    stack.wait_until(lambda: feeder.ended() == len(feeder.runs), 120, "the end of all runs")
    assert min(under_way) > 0 and sum(under_way) > HELD * len(under_way) / 2, "inconclusive: %s" % under_way
    began = time.monotonic()
    gone = {worker.fleet_name for worker in every} - {worker.fleet_name for worker in workers}
    stack.wait_until(lambda: not names_in_redis(stack) & gone, 60,
                     lambda: "Redis without %s" % (names_in_redis(stack) & gone))
    (longest,) = stack.sql("select extract(epoch from max(ended_at - started_at)) from v_runs")[0]
    print("nothing is left of them after %.1f s; the longest of %d runs took %.2f s" % (
        time.monotonic() - began, len(feeder.runs), longest))
    for worker in workers:
        assert worker.terminate(DRAIN_S + 5) == 0
    check(stack, stub, shapes, feeder.runs, every)


@pytest.mark.timeout_s(120)
def test_what_cannot_end_in_time_is_begun_elsewhere_at_once(stack, stub):
    """The lease is far longer than what the next worker may take to begin."""
    stack.up(workers=0)
    stack.deploy({"metadata": {"name": "long"}, "edges": [edge("p", "held"), edge("p", "s")],
                  "nodes": [{"id": "p", "type": "noop"}, sleep("s", 4000),
                            {"id": "held", "type": "http", "config": {"url": stub.url("/hold")}}]})
    lease = ["--lease", "60s", "--drain-timeout", "1s"]
    first = start_worker(stack, "first", *lease)
    run = stack.troupe("run", "long", "--input", '{"n": 1}', "--detach", "-o", "json", status=0).json
    stack.wait_until(lambda: stub.seen("/hold"), what="a call")
    second = start_worker(stack, "second", *lease)
    began = time.monotonic()
    assert first.terminate(10) == 0
    ended = time.monotonic()
    assert 1 <= ended - began < 4
    assert field(first, "draining", "running") >= 1 and "left tokens to the others" in first.output()
    stack.wait_until(lambda: len(stub.seen("/hold")) == 2, 10, "the call of the next worker")
    assert time.monotonic() - ended < 5
    stub.let_go()
    stack.wait_until(lambda: stack.show(run["run_id"])["status"] == "completed", 30, "the run's end")
    rows = stack.sql("select node_id, status, attempt, worker from node_executions order by 1")
    assert rows[0] == ("held", "completed", 1, "second") and rows[2] == ("s", "completed", 1, "second")
    assert len(rows) == 3
    calls = stub.seen("/hold")
    assert calls[0].headers["idempotency-key"] == calls[1].headers["idempotency-key"]
    assert calls[0].closed and calls[0].closed < calls[1].began, "both had it at the same time"
    stack.wait_until(lambda: "first" not in names_in_redis(stack), 60, "Redis without the first one")
    assert second.alive
    check_record(stack)
    check_redis_is_empty(stack)
